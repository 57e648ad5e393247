/**
 * `show protocols [all]`: peers as BIRD's protocols, with the helper protocols its readers expect around them.
 *
 * The six headings and the column order are a contract with calicoctl, health checks, the status reporter and
 * bird_exporter (calico.md 6.1); the detail rows are those of BIRD 1.6, down to `BGP state:` and `Neighbor address:`.
 */
import type { FamilyName, PeerView } from '@starling/engine'
import { familyOf } from '../health/rules.js'
import type { DaemonPorts } from '../ports.js'
import { escapeText } from '../text.js'
import { glob } from './glob.js'
import { CODE, type Row, row, type Session, shortTime } from './reply.js'

type Cell = number | '---'

/**
 * BIRD's "Route change stats": received, rejected, filtered, ignored, accepted. It counts changes since the session
 * began; we count routes, so the rows say what is there, and withdrawals are not counted. `---` stands where BIRD has it.
 */
export function routeChanges({ received, accepted, sent }: PeerView['families'][number]) {
  const filtered = Math.max(0, received - accepted)
  return {
    'Import updates': [received, 0, filtered, 0, accepted],
    'Import withdraws': [0, 0, '---', 0, 0],
    'Export updates': [sent, 0, 0, '---', sent],
    'Export withdraws': [0, '---', '---', '---', 0],
  } as const satisfies Record<string, readonly Cell[]>
}

export interface Protocol {
  readonly name: string
  readonly proto: 'Kernel' | 'Device' | 'Direct' | 'Static' | 'BGP'
  readonly state: 'up' | 'start' | 'down'
  readonly since: number
  readonly info: string
  readonly peer?: PeerView
}

/** BGP state as BIRD words it: a peer that only listens is `Passive` while nobody called. */
function stateWord(peer: PeerView): string {
  return peer.passive && (peer.state === 'Idle' || peer.state === 'Active') ? 'Passive' : peer.state
}

function bgpInfo(peer: PeerView): string {
  if (peer.state === 'Established') return 'Established'
  if (!peer.enabled) return ''
  const reason = escapeText(peer.reason, 120)
  return reason === '' ? stateWord(peer) : `${stateWord(peer).padEnd(14)}${reason}`
}

function bgpProtocol(peer: PeerView): Protocol {
  const state = peer.state === 'Established' ? 'up' : peer.enabled ? 'start' : 'down'
  return { name: peer.name, proto: 'BGP', state, since: peer.since, info: bgpInfo(peer), peer }
}

export function protocolsOf(ports: DaemonPorts, family: FamilyName): readonly Protocol[] {
  const since = ports.identity().startedAt
  const helper = (name: string, proto: Protocol['proto']): Protocol => ({ name, proto, state: 'up', since, info: '' })
  const helpers = [
    ...(ports.kernel() === undefined ? [] : [helper('kernel1', 'Kernel')]),
    helper('device1', 'Device'),
    helper('direct1', 'Direct'),
    helper('static1', 'Static'),
  ]
  const peers = ports
    .peers()
    .filter((peer) => familyOf(peer) === family)
    .map(bgpProtocol)
    .sort((a, b) => (a.name < b.name ? -1 : 1))
  return [...helpers, ...peers]
}

/** A name, a quoted pattern with `*` and `?`, or everything; undefined: no such name. */
export function matching(target: string | undefined, session: Session): readonly Protocol[] | undefined {
  const all = protocolsOf(session.ports, session.family)
  if (target === undefined || target === 'all') return all
  if (!target.startsWith('"')) {
    const found = all.filter(({ name }) => name === target)
    return found.length === 0 ? undefined : found
  }
  const pattern = target.slice(1, -1)
  return all.filter(({ name }) => glob(pattern, name))
}

export function protocolHeader(): Row {
  return row(CODE.protocolHeader, 'name     proto    table    state  since       info')
}

export function protocolRow(protocol: Protocol, ports: DaemonPorts): Row {
  const { name, proto, state, since, info } = protocol
  const time = shortTime(ports.toEpoch(since), ports.toEpoch(ports.now()))
  const text = `${name.padEnd(8)} ${proto.padEnd(8)} ${'master'.padEnd(8)} ${state.padEnd(6)} ${time.padEnd(11)} ${info}`
  return row(CODE.protocolRow, text.trimEnd())
}

export function* protocolDetails(protocol: Protocol, family: FamilyName): Generator<Row> {
  const { peer } = protocol
  const detail = (text: string): Row => row(CODE.protocolDetail, text)
  yield detail(`  Preference:     ${protocol.proto === 'BGP' ? 100 : protocol.proto === 'Static' ? 200 : 10}`)
  yield detail('  Input filter:   ACCEPT')
  yield detail('  Output filter:  ACCEPT')
  if (peer !== undefined) yield* bgpDetails(peer, family)
  yield detail('')
}

function* bgpDetails(peer: PeerView, family: FamilyName): Generator<Row> {
  const detail = (text: string): Row => row(CODE.protocolDetail, text)
  const field = (name: string, value: string | number): Row => detail(`    ${`${name}:`.padEnd(17)} ${value}`)
  const counts = peer.families.find((item) => item.family === family) ?? peer.families[0]
  if (counts !== undefined) {
    const { received, accepted, sent, preferred } = counts
    const filtered = Math.max(0, received - accepted)
    yield detail(
      `  Routes:         ${accepted} imported, ${filtered} filtered, ${sent} exported, ${preferred} preferred`,
    )
    yield detail('  Route change stats:     received   rejected   filtered    ignored   accepted')
    for (const [name, cells] of Object.entries(routeChanges(counts))) {
      yield detail(`    ${`${name}:`.padEnd(18)}${cells.map((cell) => String(cell).padStart(11)).join('')}`.trimEnd())
    }
  }
  yield detail(`  ${'BGP state:'.padEnd(19)} ${stateWord(peer)}`)
  yield field('Neighbor address', peer.remoteAddress)
  yield field('Neighbor AS', peer.remoteAs ?? 0)
  if (peer.state === 'Established') {
    if (peer.remoteRouterId !== undefined) yield field('Neighbor ID', peer.remoteRouterId)
    yield field('Neighbor caps', neighborCapabilities(peer))
    yield field('Session', sessionFlags(peer))
    if (peer.localAddress !== undefined) yield field('Source address', peer.localAddress)
    yield field('Hold timer', timer(peer.holdTimeLeft, peer.holdTime))
    yield field('Keepalive timer', timer(peer.keepaliveTimeLeft, peer.keepaliveTime))
  } else if (peer.lastError !== undefined) {
    const direction = peer.lastError.direction === 'received' ? 'Received: ' : ''
    yield field('Last error', `${direction}${escapeText(peer.lastError.name, 120)}`)
  }
}

const timer = (left: number | undefined, whole: number): string => `${Math.round(left ?? whole)}/${whole}`

/** The words of BIRD 1.6, in its order; it has none for the rest. */
function neighborCapabilities({ capabilities, families }: PeerView): string {
  const has = (name: string) => capabilities.received.some((text) => text.startsWith(name))
  const add = families.filter(({ addPathReceive, addPathSend }) => addPathReceive || addPathSend)
  const words = [
    has('route-refresh') && 'refresh',
    has('enhanced-route-refresh') && 'enhanced-refresh',
    has('graceful-restart') && (capabilities.received.some(restarts) ? 'restart-able' : 'restart-aware'),
    has('long-lived-graceful-restart') && 'llgr-aware',
    has('four-octet-as') && 'AS4',
    add.some(({ addPathSend }) => addPathSend) && 'add-path-rx',
    add.some(({ addPathReceive }) => addPathReceive) && 'add-path-tx',
    has('extended-message') && 'ext-messages',
  ]
  return words.filter((word) => word !== false).join(' ')
}

/** It names families, so it keeps routes itself; without any it only knows what a restart is. */
const restarts = (text: string): boolean => text.startsWith('graceful-restart') && text.includes(': ')

function sessionFlags(peer: PeerView): string {
  const flags: string[] = [peer.type, 'multihop']
  if (peer.routeReflectorClient) flags.push('route-reflector')
  flags.push('AS4')
  if (peer.families.some((item) => item.addPathReceive)) flags.push('add-path-rx')
  if (peer.families.some((item) => item.addPathSend)) flags.push('add-path-tx')
  return flags.join(' ')
}
