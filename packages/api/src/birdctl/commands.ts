/**
 * The commands of the control socket: one line in, rows out (calico.md 6.1). No abbreviations here: `birdc` expands
 * them before it sends. Whatever is not understood gets BIRD's 9001, never silence.
 */
import type { AdminResult, PeerOperation } from '../ports.js'
import { escapeText } from '../text.js'
import { matching } from './protocols.js'
import { CODE, type Code, end, type Reply, type Row, row, type Session, syntaxError } from './reply.js'
import { show } from './show.js'

/** Words, with quoted text kept in one piece (quotes stay: a pattern is not a name). */
export function splitWords(line: string): string[] {
  return line.match(/"[^"]*"|\S+/g) ?? []
}

export function execute(line: string, session: Session): Reply {
  if (line.split('"').length % 2 === 0) return [end(CODE.error, 'Unterminated string')]
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
    case 'dump':
      // Nothing to switch: logs have levels (`starling log-level`), recordings a command of their own.
      if (session.restricted) return denied()
      return rest.length === 0 ? syntaxError(undefined) : [end()]
    case 'down':
    case 'graceful':
      // Stopping the daemon is the service manager's business.
      return denied()
    case 'echo':
      return [end()]
    case 'eval':
      return [end(CODE.error, 'There are no filters to evaluate for: show route where CONDITION asks about routes')]
    default:
      return syntaxError(verb)
  }
}

const denied = (): Row[] => [end(CODE.accessDenied, 'Access denied')]

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
    if (!peer.enabled && (verb === 'reload' || verb === 'restart')) {
      yield row(CODE.alreadyDisabled, `${name}: already disabled`)
      continue
    }
    // A session that is not up has nothing to reload: BIRD passes over it.
    if (verb === 'reload' && peer.state !== 'Established') continue
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

const CONFIGURE = new Set(['soft', 'timeout', 'check', 'confirm', 'undo', 'status'])

/** Our configuration is the cluster's state and always in force: `configure` reads it again and says yes. */
async function* configure(words: readonly string[], { ports }: Session): AsyncGenerator<Row> {
  const [what] = words
  if (what !== undefined && !CONFIGURE.has(what) && !what.startsWith('"')) {
    yield* syntaxError(what)
    return
  }
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
