/**
 * `show route ...`: routes in BIRD 1.6's lines, page by page, so that a table of any size costs one page of memory.
 *
 * Forms that parsers know (calico.md 6.1): `via A on IF [`, `dev IF [`, `blackhole [`, `unreachable [`; `] *` marks the
 * best; a row without prefix goes on with the previous one.
 */
import type { FamilyName, PeerKey, RouteQuery, RouteView } from '@starling/engine'
import { splitCommunities } from '../communities.js'
import { parsePrefix } from '../input.js'
import type { DaemonPorts, KernelRouteView } from '../ports.js'
import { escapeText } from '../text.js'
import { protocolsOf } from './protocols.js'
import { CODE, end, type Row, row, shortTime } from './reply.js'

export interface RouteCommand {
  readonly match?: NonNullable<RouteQuery['match']>
  readonly view: RouteQuery['view']
  readonly peer?: PeerKey
  /** Only routes of this helper protocol (static1, kernel1, direct1). */
  readonly source?: RouteView['source']
  readonly detail: boolean
  readonly primary: boolean
  readonly count: boolean
}

export type RouteParse = { readonly command: RouteCommand } | { readonly error: string; readonly code?: '8003' }

const HELPERS: Readonly<Record<string, RouteView['source']>> = {
  kernel1: 'kernel',
  direct1: 'direct',
  static1: 'static',
  device1: 'direct',
}

const PAGE = 500
const TABLES = new Set(['master', 'master4', 'master6'])

/** Words behind `show route`. `where` understands protocol and prefix conditions; anything else is refused in words. */
export function parseRouteCommand(words: readonly string[], ports: DaemonPorts, family: FamilyName): RouteParse {
  const state: { -readonly [K in keyof RouteCommand]: RouteCommand[K] } = {
    view: 'all',
    detail: false,
    primary: false,
    count: false,
  }
  const queue = [...words]
  const protocol = (name: string | undefined, view?: RouteQuery['view']): string | undefined => {
    const bare = (name ?? '').replace(/^"(.*)"$/, '$1')
    const source = HELPERS[bare]
    if (source !== undefined) {
      state.source = source
      return undefined
    }
    const peer = protocolsOf(ports, family).find((item) => item.name === bare)?.peer
    if (peer === undefined) return `${escapeText(bare, 60)} is not a known protocol`
    state.peer = peer.key
    if (view !== undefined) state.view = view
    return undefined
  }
  const prefix = (kind: 'exact' | 'in' | 'for', text: string | undefined): string | undefined => {
    const parsed = parsePrefix((text ?? '').replace(/^\[\s*(.*?)\+?\s*\]$/, '$1'))
    if (parsed === undefined) return 'IP address or prefix expected'
    if (parsed.family !== family) return 'Incompatible type of prefix/ip with table'
    state.match = { kind, prefix: parsed.text }
    return undefined
  }
  while (queue.length > 0) {
    const word = queue.shift() ?? ''
    const error = ((): string | undefined => {
      switch (word) {
        case 'all':
          state.detail = true
          return undefined
        case 'primary':
          state.primary = true
          return undefined
        case 'count':
        case 'stats':
          state.count = true
          return undefined
        case 'filtered':
          state.view = 'filtered'
          return undefined
        case 'table':
          return TABLES.has(queue.shift() ?? '') ? undefined : 'No such table'
        case 'for':
          return prefix('for', queue.shift())
        case 'in':
          return prefix('in', queue.shift())
        case 'protocol':
          return protocol(queue.shift())
        case 'export':
          return protocol(queue.shift(), 'exported')
        case 'where':
          return where(queue.splice(0), protocol, prefix)
        default:
          return prefix('exact', word)
      }
    })()
    if (error !== undefined) return { error }
  }
  if (state.view === 'filtered' && state.peer === undefined) return { error: 'filtered needs a protocol' }
  return { command: state }
}

function where(
  words: readonly string[],
  protocol: (name: string) => string | undefined,
  prefix: (kind: 'in' | 'exact', text: string) => string | undefined,
): string | undefined {
  const expression = words.join(' ')
  const byProtocol = /^(?:proto|protocol)\s*=\s*"?([A-Za-z0-9_]+)"?$/.exec(expression)
  if (byProtocol?.[1] !== undefined) return protocol(byProtocol[1])
  const within = /^net\s*~\s*\[?\s*([0-9a-fA-F.:/]+)\+?\s*\]?$/.exec(expression)
  if (within?.[1] !== undefined) return prefix('in', within[1])
  const exact = /^net\s*=\s*([0-9a-fA-F.:/]+)$/.exec(expression)
  if (exact?.[1] !== undefined) return prefix('exact', exact[1])
  return 'where understands: proto = "NAME", net = PREFIX, net ~ [ PREFIX+ ]'
}

export function* routeReply(command: RouteCommand, ports: DaemonPorts, family: FamilyName): Generator<Row> {
  if (command.count) {
    yield count(command, ports, family)
    return
  }
  const interfaces = new Interfaces(ports)
  let previous = ''
  let shown = 0
  for (const route of select(command, ports, family)) {
    shown++
    yield row(CODE.routeRow, routeText(route, route.prefix === previous, ports, interfaces))
    if (command.detail) yield* routeDetails(route)
    previous = route.prefix
  }
  // A listing that finds nothing ends well; a question about one network does not.
  const asked = command.match?.kind
  if (shown === 0 && (asked === 'exact' || asked === 'for')) yield end(CODE.networkMissing, 'Network not in table')
  else yield end()
}

function* select(command: RouteCommand, ports: DaemonPorts, family: FamilyName): Generator<RouteView> {
  let cursor: string | undefined
  do {
    const { match, view, peer } = command
    const page = ports.routes({
      family,
      view: command.primary && view === 'all' ? 'best' : view,
      limit: PAGE,
      ...(match === undefined ? {} : { match }),
      ...(peer === undefined ? {} : { peer }),
      ...(cursor === undefined ? {} : { cursor }),
    })
    for (const route of page.routes) {
      const wanted = command.source === undefined || command.source === route.source
      if (wanted && (!command.primary || route.best)) yield route
    }
    cursor = page.next
  } while (cursor !== undefined)
}

function count(command: RouteCommand, ports: DaemonPorts, family: FamilyName): Row {
  const table = ports.tables().find((item) => item.family === family)
  const total = table?.paths ?? 0
  const whole = command.match === undefined && command.peer === undefined && command.source === undefined
  let routes = 0
  const networks = new Set<string>()
  if (!whole || command.primary) {
    for (const route of select(command, ports, family)) {
      routes++
      networks.add(route.prefix)
    }
  }
  const [shown, distinct] = whole && !command.primary ? [total, table?.prefixes ?? 0] : [routes, networks.size]
  return end(CODE.routeCount, `${shown} of ${total} routes for ${distinct} networks`)
}

/** Outgoing interfaces come from the kernel's own routes, asked for one prefix at a time. */
class Interfaces {
  readonly #ports: DaemonPorts
  readonly #kernel: boolean
  constructor(ports: DaemonPorts) {
    this.#ports = ports
    this.#kernel = ports.kernel() !== undefined
  }

  of(prefix: string): KernelRouteView | undefined {
    if (!this.#kernel) return undefined
    return this.#ports.kernelRoutes({ match: { kind: 'exact', prefix }, limit: 1 }).routes[0]
  }
}

function protocolName(route: RouteView): string {
  if (route.source === 'bgp') return escapeText(route.from, 64).replace(/\s/g, '_')
  return route.source === 'static' ? 'static1' : route.source === 'kernel' ? 'kernel1' : 'direct1'
}

function via(route: RouteView, kernel: KernelRouteView | undefined): string {
  const shape = kernel?.actual ?? kernel?.desired
  const hops = shape?.nextHops ?? []
  if (route.nextHop !== undefined) {
    const hop = hops.find((item) => item.gateway === route.nextHop) ?? hops[0]
    return `via ${route.nextHop} on ${hop?.interface ?? 'unknown'}`
  }
  if (shape?.kind === 'unicast' && hops[0]?.interface !== undefined) return `dev ${hops[0].interface}`
  if (route.source === 'direct' || route.source === 'kernel') return `dev ${escapeText(route.from, 32)}`
  return shape?.kind === 'unreachable' ? 'unreachable' : 'blackhole'
}

const ORIGIN = { IGP: 'i', EGP: 'e', INCOMPLETE: '?' } as const

function routeText(route: RouteView, repeated: boolean, ports: DaemonPorts, interfaces: Interfaces): string {
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
  return `${prefix} ${via(route, interfaces.of(route.prefix))} [${name} ${time}${from}]${best} (${route.preference}${metric})${origin}`
}

/** A peer key is its address, possibly with a port behind it. */
function addressOfName(route: RouteView): string | undefined {
  return route.peer?.split(' ')[0]
}

function* routeDetails(route: RouteView): Generator<Row> {
  const detail = (text: string): Row => row(CODE.routeDetail, `\t${text}`)
  yield detail(`Type: ${route.source === 'bgp' ? 'BGP' : route.source} unicast univ`)
  if (route.source !== 'bgp') return
  yield detail(`BGP.origin: ${route.origin === 'INCOMPLETE' ? 'Incomplete' : route.origin}`)
  yield detail(`BGP.as_path: ${route.asPath}`)
  if (route.nextHop !== undefined) yield detail(`BGP.next_hop: ${route.nextHop}`)
  if (route.med !== undefined) yield detail(`BGP.med: ${route.med}`)
  if (route.localPref !== undefined) yield detail(`BGP.local_pref: ${route.localPref}`)
  const { plain, large, extended } = splitCommunities(route.communities)
  if (plain.length > 0) yield detail(`BGP.community: ${listed(plain, ',')}`)
  if (large.length > 0) yield detail(`BGP.large_community: ${listed(large, ', ')}`)
  if (extended.length > 0) yield detail(`BGP.ext_community: ${listed(extended, ', ')}`)
  if (route.originatorId !== undefined) yield detail(`BGP.originator_id: ${route.originatorId}`)
  if (route.clusterList.length > 0) yield detail(`BGP.cluster_list: ${route.clusterList.join(' ')}`)
}

/** `(64601,1) (64601,2)`; BIRD leaves a blank after the comma where there are three. */
const listed = (all: readonly (readonly (number | string)[])[], separator: string): string =>
  all.map((parts) => `(${parts.join(separator)})`).join(' ')
