/**
 * `show ...` of the control socket, all but routes: status, protocols, interfaces, symbols, memory (calico.md 6.1).
 *
 * Words behind a question that nobody asked for are refused, as BIRD refuses them: half an answer to two questions
 * would be taken for a whole one.
 */
import { escapeText } from '../text.js'
import { interfaceRows, interfaceSummary } from './interfaces.js'
import { matching, protocolDetails, protocolHeader, protocolRow, protocolsOf } from './protocols.js'
import { BIRD_VERSION, CODE, dateTime, end, type Reply, type Row, row, type Session, syntaxError } from './reply.js'
import { parseRouteCommand } from './route-command.js'
import { routeReply, staticRoutes } from './routes.js'

/** Protocols of BIRD that have no counterpart here; its tools ask for them all the same. */
const ABSENT: Readonly<Record<string, string>> = { bfd: 'BFD', ospf: 'OSPF', rip: 'RIP', babel: 'Babel' }

export function show(words: readonly string[], session: Session): Reply {
  const [what = '', ...rest] = words
  const { ports, family } = session
  switch (what) {
    case 'status':
      return rest.length === 0 ? status(session) : syntaxError(rest[0])
    case 'protocols':
      return protocols(rest, session)
    case 'route': {
      const parsed = parseRouteCommand(rest, ports, family)
      return 'error' in parsed ? [end(CODE.error, parsed.error)] : routeReply(parsed.command, ports, family)
    }
    case 'memory':
      return rest.length === 0 ? memory(session) : syntaxError(rest[0])
    case 'interfaces':
      return interfaces(rest, session)
    case 'symbols':
      return symbols(rest, session)
    case 'static':
      return statics(rest, session)
    default:
      return what in ABSENT ? [end(CODE.error, `There is no ${ABSENT[what]} protocol running`)] : syntaxError(what)
  }
}

function* status({ ports }: Session): Generator<Row> {
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

function* protocols(words: readonly string[], session: Session): Generator<Row> {
  const all = words[0] === 'all'
  const [target, more] = words.slice(all ? 1 : 0)
  const found = matching(target, session)
  if (found === undefined || more !== undefined) {
    yield* syntaxError(more ?? target)
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

/** BIRD's headings; `Routing tables` is what the engine's arrays take, the rest we do not count apart. */
function* memory({ ports }: Session): Generator<Row> {
  const size = (bytes: number): string => `${String(Math.ceil(bytes / 1024)).padStart(6)} kB`
  const total = ports.memory().structures.reduce((sum, { bytes }) => sum + bytes, 0)
  yield row(CODE.memory, 'BIRD memory usage')
  yield row(CODE.memory, `Routing tables:  ${size(total)}`)
  yield row(CODE.memory, `Total:           ${size(total)}`)
  yield end()
}

function interfaces(words: readonly string[], { ports, family }: Session): Reply {
  const [form, more] = words
  if (more !== undefined || (form !== undefined && form !== 'summary')) return syntaxError(more ?? form)
  const all = ports.interfaces?.() ?? []
  return form === undefined ? interfaceRows(all, family) : interfaceSummary(all, family)
}

const KINDS = new Set(['table', 'filter', 'function', 'protocol', 'template', 'roa'])

function* symbols(words: readonly string[], { ports, family }: Session): Generator<Row> {
  const [which, more] = words
  if (more !== undefined) {
    yield* syntaxError(more)
    return
  }
  const all = [
    ...protocolsOf(ports, family).map(({ name }) => ({ name, kind: 'protocol' })),
    { name: 'master', kind: 'routing table' },
  ]
  const line = (name: string, kind: string): string => `${name.padEnd(8)}\t${kind}`
  if (which !== undefined && !KINDS.has(which)) {
    yield end(CODE.symbol, line(escapeText(which, 60), all.find(({ name }) => name === which)?.kind ?? 'undefined'))
    return
  }
  for (const { name, kind } of all)
    if (which === undefined || kind.endsWith(which)) yield row(CODE.symbol, line(name, kind))
  yield end()
}

function statics(words: readonly string[], { ports, family }: Session): Reply {
  const [name, more] = words
  if (more !== undefined || (name !== undefined && name !== 'static1')) return syntaxError(more ?? name)
  return staticRoutes(ports, family)
}
