/**
 * `show route ...`: routes in BIRD 1.6's lines, page by page, so that a table of any size costs one page of memory.
 *
 * Forms that parsers know (calico.md 6.1): `via A on IF [`, `dev IF [`, `blackhole [`, `unreachable [`; `] *` marks the
 * best; a row without prefix goes on with the previous one.
 */
import type { FamilyName, RouteView } from '@starling/engine'
import { splitCommunities } from '../communities.js'
import type { DaemonPorts, KernelRouteView } from '../ports.js'
import { escapeText } from '../text.js'
import { CODE, end, type Row, row, shortTime } from './reply.js'
import type { RouteCommand } from './route-command.js'
import { Subject } from './where.js'

const PAGE = 500

type Asked = Pick<RouteCommand, 'exports' | 'view'>

/** Between two pages others get their turn: a table of any size is walked, and no session waits for it. */
const breath = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

export async function* routeReply(command: RouteCommand, ports: DaemonPorts, family: FamilyName): AsyncGenerator<Row> {
  if (command.count) {
    yield await count(command, ports, family)
    return
  }
  const interfaces = new Interfaces(ports)
  let previous = ''
  let shown = 0
  let networks = 0
  for await (const page of select(command, ports, family)) {
    for (const route of page) {
      shown++
      if (route.prefix !== previous) networks++
      yield row(CODE.routeRow, routeText(route, route.prefix === previous, command, ports, interfaces))
      if (command.detail) yield* routeDetails(route)
      previous = route.prefix
    }
  }
  if (command.stats) {
    yield end(CODE.routeCount, `${shown} of ${await total(ports, family)} routes for ${networks} networks`)
    return
  }
  // A listing that finds nothing ends well; a question about one network does not.
  const asked = command.match?.kind
  if (shown === 0 && (asked === 'exact' || asked === 'for') && !known(command, ports, family))
    yield end(CODE.networkMissing, 'Network not in table')
  else yield end()
}

/** The network is there; what was asked of it beyond that left nothing. */
function known({ match }: RouteCommand, ports: DaemonPorts, family: FamilyName): boolean {
  return match !== undefined && ports.routes({ family, view: 'accepted', match, limit: 1 }).routes.length > 0
}

async function* select(
  command: RouteCommand,
  ports: DaemonPorts,
  family: FamilyName,
): AsyncGenerator<readonly RouteView[]> {
  const { match, view, peer, exports, condition, source, primary } = command
  if (command.nothing === true) return
  let cursor: string | undefined
  do {
    const page = ports.routes({
      family,
      view: primary && view === 'accepted' ? 'best' : view,
      limit: PAGE,
      ...(match === undefined ? {} : { match }),
      ...(peer === undefined || exports === 'considered' || exports === 'withheld' ? {} : { peer }),
      ...(cursor === undefined ? {} : { cursor }),
    })
    yield page.routes.filter(
      (route) =>
        (source === undefined || source === route.source) &&
        (!primary || route.best) &&
        (exports === undefined || exports === 'exported' || leaves(route, command, ports)) &&
        (condition === undefined || condition(new Subject(route, protocolName(route)))),
    )
    cursor = page.next
    if (cursor !== undefined) await breath()
  } while (cursor !== undefined)
}

/** `preexport`: best and not the peer's own. `noexport`: of those, what the peer is not told. */
function leaves(route: RouteView, { peer, exports }: RouteCommand, ports: DaemonPorts): boolean {
  if (peer === undefined || route.peer === peer) return false
  if (exports === 'considered') return true
  const match = { kind: 'exact', prefix: route.prefix } as const
  return ports.routes({ family: route.family, view: 'exported', peer, match, limit: 1 }).routes.length === 0
}

async function total(ports: DaemonPorts, family: FamilyName): Promise<number> {
  let routes = 0
  const everything: RouteCommand = { view: 'accepted', detail: false, primary: false, count: true, stats: false }
  for await (const page of select(everything, ports, family)) routes += page.length
  return routes
}

async function count(command: RouteCommand, ports: DaemonPorts, family: FamilyName): Promise<Row> {
  let routes = 0
  let networks = 0
  let previous = ''
  for await (const page of select(command, ports, family)) {
    routes += page.length
    for (const { prefix } of page) {
      if (prefix !== previous) networks++
      previous = prefix
    }
  }
  const { match, peer, source, condition, primary, view } = command
  const whole = view === 'accepted' && !primary && [match, peer, source, condition].every((one) => one === undefined)
  return end(
    CODE.routeCount,
    `${routes} of ${whole ? routes : await total(ports, family)} routes for ${networks} networks`,
  )
}

/** Outgoing interfaces: of what is written, the kernel's own route; of what is not, the link its next hop is on. */
class Interfaces {
  readonly #ports: DaemonPorts
  readonly #kernel: boolean
  readonly #links = new Map<string, string>()
  constructor(ports: DaemonPorts) {
    this.#ports = ports
    this.#kernel = ports.kernel() !== undefined
  }

  of(prefix: string): KernelRouteView | undefined {
    if (!this.#kernel) return undefined
    return this.#ports.kernelRoutes({ match: { kind: 'exact', prefix }, limit: 1 }).routes[0]
  }

  /** Readers want a name there, whatever we know. */
  towards(address: string): string {
    const known = this.#links.get(address) ?? this.#link(address)
    this.#links.set(address, known)
    return known
  }

  #link(address: string): string {
    const [, zone] = address.split('%')
    if (zone !== undefined) return escapeText(zone, 32)
    const [route] = this.#ports.routes({ view: 'best', match: { kind: 'for', prefix: address }, limit: 1 }).routes
    return route?.source === 'direct' ? deviceOf(route) : 'unknown'
  }
}

function protocolName(route: RouteView): string {
  if (route.source === 'bgp') return escapeText(route.from, 64).replace(/\s/g, '_')
  return route.source === 'static' ? 'static1' : route.source === 'kernel' ? 'kernel1' : 'direct1'
}

/** A host's own route is labelled with where it comes from and ends with its device: `connected eth0`. */
const deviceOf = (route: RouteView): string => escapeText(route.from.slice(route.from.lastIndexOf(' ') + 1), 32)

function via(route: RouteView, { exports, view }: Asked, interfaces: Interfaces): string {
  if (route.source === 'direct' || route.source === 'kernel') return `dev ${deviceOf(route)}`
  const kernel = interfaces.of(route.prefix)
  const shape = kernel?.actual ?? kernel?.desired
  const hops = shape?.nextHops ?? []
  // What a peer is told has the next hop that it is told; the way from here is the kernel's.
  if (route.nextHop !== undefined && (route.source === 'bgp' || exports === undefined)) {
    if (!route.eligible && exports === undefined && view !== 'filtered') return 'unreachable'
    const hop = hops.find((item) => item.gateway === route.nextHop) ?? (route.best ? hops[0] : undefined)
    const gateway = exports === 'exported' ? (hop?.gateway ?? route.nextHop) : route.nextHop
    const device = hop?.gateway === gateway ? hop.interface : undefined
    return `via ${gateway} on ${device ?? interfaces.towards(gateway)}`
  }
  if (shape?.kind === 'unicast' && hops[0]?.interface !== undefined) return `dev ${hops[0].interface}`
  return shape?.kind === 'unreachable' ? 'unreachable' : 'blackhole'
}

const ORIGIN = { IGP: 'i', EGP: 'e', INCOMPLETE: '?' } as const

function routeText(
  route: RouteView,
  repeated: boolean,
  asked: Asked,
  ports: DaemonPorts,
  interfaces: Interfaces,
): string {
  const name = protocolName(route)
  const time = shortTime(ports.toEpoch(route.since), ports.toEpoch(ports.now()))
  const peer = route.source === 'bgp' ? addressOfName(route) : undefined
  const from = peer !== undefined && route.nextHop !== undefined && peer !== route.nextHop ? ` from ${peer}` : ''
  const best = route.best ? ' *' : ''
  const bgp = route.source === 'bgp'
  const lastAs = /(\d+)[^\d]*$/.exec(route.asPath)?.[1]
  const origin = bgp ? ` [${lastAs === undefined ? '' : `AS${lastAs}`}${ORIGIN[route.origin]}]` : ''
  const metric = bgp ? `/${route.metric ?? 0}` : ''
  const prefix = repeated ? ''.padEnd(18) : route.prefix.padEnd(18)
  return `${prefix} ${via(route, asked, interfaces)} [${name} ${time}${from}]${best} (${route.preference}${metric})${origin}`
}

/** A peer key is its address, possibly with a port behind it. */
function addressOfName(route: RouteView): string | undefined {
  return route.peer?.split(' ')[0]
}

function* routeDetails(route: RouteView): Generator<Row> {
  const detail = (text: string): Row => row(CODE.routeDetail, `\t${text}`)
  const attribute = (text: string): Row => row(CODE.routeAttribute, `\t${text}`)
  yield detail(`Type: ${route.source === 'bgp' ? 'BGP' : route.source} unicast univ`)
  if (route.source !== 'bgp') return
  yield attribute(`BGP.origin: ${route.origin === 'INCOMPLETE' ? 'Incomplete' : route.origin}`)
  yield attribute(`BGP.as_path: ${route.asPath}`)
  if (route.nextHop !== undefined) yield attribute(`BGP.next_hop: ${route.nextHop}`)
  if (route.med !== undefined) yield attribute(`BGP.med: ${route.med}`)
  if (route.localPref !== undefined) yield attribute(`BGP.local_pref: ${route.localPref}`)
  const { plain, large, extended } = splitCommunities(route.communities)
  if (plain.length > 0) yield attribute(`BGP.community: ${listed(plain, ',')}`)
  if (large.length > 0) yield attribute(`BGP.large_community: ${listed(large, ', ')}`)
  if (extended.length > 0) yield attribute(`BGP.ext_community: ${listed(extended, ', ')}`)
  if (route.originatorId !== undefined) yield attribute(`BGP.originator_id: ${route.originatorId}`)
  if (route.clusterList.length > 0) yield attribute(`BGP.cluster_list: ${route.clusterList.join(' ')}`)
}

/** `(64601,1) (64601,2)`; BIRD leaves a blank after the comma where there are three. */
const listed = (all: readonly (readonly (number | string)[])[], separator: string): string =>
  all.map((parts) => `(${parts.join(separator)})`).join(' ')

/** `show static`: what this node originates itself. */
export async function* staticRoutes(ports: DaemonPorts, family: FamilyName): AsyncGenerator<Row> {
  const command: RouteCommand = {
    ...{ view: 'accepted', source: 'static' },
    ...{ detail: false, primary: false, count: false, stats: false },
  }
  const interfaces = new Interfaces(ports)
  for await (const page of select(command, ports, family)) {
    for (const route of page) {
      yield row(CODE.staticRoute, `${route.prefix} ${via(route, command, interfaces)}`)
    }
  }
  yield end()
}
