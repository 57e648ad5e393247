/**
 * The commands of the control socket: one line in, rows out (calico.md 6.1). No abbreviations here: `birdc` expands
 * them before it sends. Whatever is not understood gets BIRD's 9001, never silence.
 */
import type { FamilyName } from '@starling/engine'
import type { AdminResult, DaemonPorts, PeerOperation } from '../ports.js'
import { escapeText } from '../text.js'
import { glob } from './glob.js'
import { type Protocol, protocolDetails, protocolHeader, protocolRow, protocolsOf } from './protocols.js'
import { CODE, type Code, dateTime, end, type Row, row } from './reply.js'
import { parseRouteCommand } from './route-command.js'
import { routeReply, staticRoutes } from './routes.js'

/** What readers of the fork expect to see; health checks look for the word at its beginning. */
export const BIRD_VERSION = 'v0.3.3+birdv1.6.8'

export interface Session {
  readonly ports: DaemonPorts
  readonly family: FamilyName
  restricted: boolean
}

export type Reply = AsyncIterable<Row> | Iterable<Row>

/** Words, with quoted text kept in one piece (quotes stay: a pattern is not a name). */
export function splitWords(line: string): string[] {
  return line.match(/"[^"]*"|\S+/g) ?? []
}

export function execute(line: string, session: Session): Reply {
  const words = splitWords(line)
  const [verb = '', ...rest] = words
  switch (verb) {
    case 'show':
      return show(rest, session)
    case 'restrict':
      session.restricted = true
      return [end(CODE.restricted, 'Access restricted')]
    case 'enable':
    case 'disable':
    case 'restart':
    case 'reload':
      return session.restricted ? denied() : act(verb, rest, session)
    case 'configure':
      return session.restricted ? denied() : configure(rest, session)
    case 'debug':
    case 'mrtdump':
      // Nothing to switch: logs have levels (`starling log-level`), recordings a command of their own.
      return session.restricted ? denied() : [end()]
    case 'down':
    case 'graceful':
      // Stopping the daemon is the service manager's business.
      return denied()
    case 'echo':
      return [end()]
    default:
      return syntaxError(verb)
  }
}

const denied = (): Row[] => [end(CODE.accessDenied, 'Access denied')]

function syntaxError(word: string): Row[] {
  const at = word === '' ? 'unexpected END' : `unexpected ${escapeText(word, 60)}`
  return [end(CODE.error, `syntax error, ${at}`)]
}

function show(words: readonly string[], session: Session): Reply {
  const [what = '', ...rest] = words
  const { ports, family } = session
  switch (what) {
    case 'status':
      return status(ports)
    case 'protocols':
      return protocols(rest, session)
    case 'route': {
      const parsed = parseRouteCommand(rest, ports, family)
      return 'error' in parsed ? [end(CODE.error, parsed.error)] : routeReply(parsed.command, ports, family)
    }
    case 'memory':
      return memory(ports)
    case 'interfaces':
      return interfaces()
    case 'static':
      return staticRoutes(ports, family)
    case 'bfd':
      return [end(CODE.error, 'There is no BFD protocol running')]
    default:
      return syntaxError(what)
  }
}

function* status(ports: DaemonPorts): Generator<Row> {
  const identity = ports.identity()
  const { graceful } = ports.health()
  yield row(CODE.version, `BIRD ${BIRD_VERSION}`)
  yield row(CODE.routerId, `Router ID is ${identity.routerId}`)
  yield row(CODE.routerId, `Current server time is ${dateTime(ports.toEpoch(ports.now()))}`)
  yield row(CODE.routerId, `Last reboot on ${dateTime(ports.toEpoch(identity.startedAt))}`)
  yield row(CODE.routerId, `Last reconfiguration on ${dateTime(ports.toEpoch(identity.configuredAt))}`)
  if (graceful.recovering) {
    const left = Math.max(0, Math.round(((graceful.until ?? ports.now()) - ports.now()) / 1000))
    yield row(CODE.gracefulRestart, 'Graceful restart recovery in progress')
    yield row(CODE.gracefulRestart, `  Waiting for ${graceful.waitingFor.length} protocols to recover`)
    yield row(CODE.gracefulRestart, `  Wait timer is ${left}/240`)
  }
  yield end(CODE.daemonUp, 'Daemon is up and running')
}

/** A name, a quoted pattern with `*` and `?`, or everything. */
function matching(target: string | undefined, session: Session): readonly Protocol[] | undefined {
  const all = protocolsOf(session.ports, session.family)
  if (target === undefined || target === 'all') return all
  if (!target.startsWith('"')) {
    const found = all.filter(({ name }) => name === target)
    return found.length === 0 ? undefined : found
  }
  const pattern = target.slice(1, -1)
  return all.filter(({ name }) => glob(pattern, name))
}

function* protocols(words: readonly string[], session: Session): Generator<Row> {
  const all = words[0] === 'all'
  const target = words[all ? 1 : 0]
  const found = matching(target, session)
  if (found === undefined) {
    yield* syntaxError(target ?? '')
    return
  }
  if (found.length === 0) {
    yield end(CODE.protocolsMissing, 'No protocols match')
    return
  }
  yield protocolHeader()
  for (const protocol of found) {
    yield protocolRow(protocol, session.ports)
    if (all) yield* protocolDetails(protocol, session.family)
  }
  yield end()
}

function* memory(ports: DaemonPorts): Generator<Row> {
  yield row(CODE.memory, 'BIRD memory usage')
  let total = 0
  for (const { name, bytes } of ports.memory().structures) {
    total += bytes
    yield row(CODE.memory, `${`${name}:`.padEnd(18)} ${Math.ceil(bytes / 1024)} kB`)
  }
  yield row(CODE.memory, `${'Total:'.padEnd(18)} ${Math.ceil(total / 1024)} kB`)
  yield end()
}

function* interfaces(): Generator<Row> {
  yield row(CODE.interfaceHeader, 'interface state address')
  yield end()
}

const OPERATIONS: Readonly<Record<string, PeerOperation>> = {
  enable: 'enable',
  disable: 'disable',
  restart: 'restart',
  reload: 'refresh-in',
  'reload out': 'refresh-out',
}

async function* act(verb: string, words: readonly string[], session: Session): AsyncGenerator<Row> {
  const direction = verb === 'reload' && (words[0] === 'in' || words[0] === 'out') ? words[0] : undefined
  const [target, message] = direction === undefined ? words : words.slice(1)
  const operation = OPERATIONS[direction === 'out' ? 'reload out' : verb]
  const found = target === undefined ? undefined : matching(target, session)
  if (operation === undefined || found === undefined) {
    yield* syntaxError(target ?? '')
    return
  }
  const peers = found.filter(({ peer }) => peer !== undefined)
  if (peers.length === 0) {
    yield end(CODE.protocolsMissing, 'No protocols match')
    return
  }
  const reason = message?.startsWith('"') === true ? { reason: escapeText(message.slice(1, -1), 128) } : {}
  let failed: string | undefined
  for (const { name, peer } of peers) {
    if (peer === undefined) continue
    if (verb === 'reload' && peer.state !== 'Established') {
      // A session that is not up has nothing to reload: BIRD passes over it.
      if (!peer.enabled) yield row(CODE.alreadyDisabled, `${name}: already disabled`)
      continue
    }
    const result = await session.ports.admin({ action: 'peer', operation, peer: peer.key, ...reason })
    if (!result.ok) failed = `${name}: ${escapeText(result.detail, 200)}`
    else yield outcome(verb, name, result)
  }
  yield failed === undefined ? end() : end(CODE.error, failed)
}

function outcome(verb: string, name: string, result: AdminResult & { ok: true }): Row {
  const table: Readonly<Record<string, readonly [done: Code, doneWord: string, idle: Code, idleWord: string]>> = {
    enable: [CODE.enabled, 'enabled', CODE.alreadyEnabled, 'already enabled'],
    disable: [CODE.disabled, 'disabled', CODE.alreadyDisabled, 'already disabled'],
    restart: [CODE.restarted, 'restarted', CODE.alreadyDisabled, 'already disabled'],
    reload: [CODE.reloading, 'reloading', CODE.alreadyDisabled, 'already disabled'],
  }
  const [done, doneWord, idle, idleWord] = table[verb] ?? [CODE.ok, '', CODE.ok, '']
  return result.changed ? row(done, `${name}: ${doneWord}`) : row(idle, `${name}: ${idleWord}`)
}

/** Our configuration is the cluster's state and always in force: `configure` reads it again and says yes. */
async function* configure(words: readonly string[], { ports }: Session): AsyncGenerator<Row> {
  const [what] = words
  if (what === 'status') {
    yield row(CODE.reconfigured, 'Daemon is up and running')
    yield end()
    return
  }
  if (what === 'confirm') {
    yield end(CODE.confirmed, 'Reconfiguration confirmed')
    return
  }
  if (what === 'undo') {
    yield end(CODE.undoNothing, 'Nothing to do')
    return
  }
  yield row(CODE.readingConfiguration, `Reading configuration from ${ports.datastoreStatus().description}`)
  if (what === 'check') {
    yield end(CODE.configurationOk, 'Configuration OK')
    return
  }
  await ports.admin({ action: 'reload' })
  yield end(CODE.reconfigured, 'Reconfigured')
}
