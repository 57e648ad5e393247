/**
 * What of the best routes goes into the kernel, and how (calico.md 2.12): rules as data, and the verdict for one route.
 *
 * Pools decide: those whose routes Felix programs are rejected, those of ours are written plainly or through `tunl0`.
 * What lies in no pool is written as it is. Other than in the reference, every next hop of a multipath route through
 * `tunl0` is a tunnel next hop (calico.md 10.3).
 */
import { formatAddress, parseAddress } from '@starling/bgp-packet/address'
import type { FamilyName, InstallView } from '@starling/engine'
import { Prefix } from '@starling/inet'
import { type ProgramClusterRoutes, poolEncapsulation } from '@starling/resources'
import type { DesiredRoute, NextHop } from '@starling/route-programmer'
import type { ServiceRoutes } from './originate.js'
import { PRIORITY_CEILING } from './policy/terms.js'
import { ownsRoutes, type Settings } from './settings.js'
import type { ClusterState } from './state.js'
import type { Identity, KernelRules, PoolRule, Why } from './types.js'

export const TUNNEL_DEVICE = 'tunl0'
/** BIRD's value where a route comes without LOCAL_PREF. */
export const DEFAULT_LOCAL_PREF = 100

export function kernelRules(
  state: ClusterState,
  settings: Settings,
  identity: Identity,
  services: ServiceRoutes,
): KernelRules {
  const { ipv4, ipv6 } = identity
  return {
    rejectCidrs: services.rejectCidrs,
    pools: poolRules(state, settings, identity),
    normalPriority: settings.normalPriority,
    defaultLocalPref: DEFAULT_LOCAL_PREF,
    localSubnet: {
      ...(ipv4 === undefined ? {} : { ipv4: ipv4.network }),
      ...(ipv6 === undefined ? {} : { ipv6: ipv6.network }),
    },
    tunnelDevice: TUNNEL_DEVICE,
    ownsIpip: ownsRoutes(settings.programClusterRoutes).ipip,
    wireguardNextHops: wireguardNextHops(state, identity.node),
  }
}

/** Sorted by the text of their CIDR, as the reference sorts its statements. */
function poolRules(state: ClusterState, settings: Settings, identity: Identity): readonly PoolRule[] {
  const rules: PoolRule[] = []
  for (const { metadata, spec } of state.all('IPPool')) {
    const { family, network } = spec.cidr
    // Without a subnet of its own a node cannot tell near from far: no IPv4 pool rule at all (calico.md 2.12).
    if (family === 'ipv4' && identity.ipv4 === undefined) continue
    const encapsulation = poolEncapsulation(spec)
    const [action, why] = actionOf(encapsulation, spec.ipipMode, settings.programClusterRoutes)
    const resource = `IPPool/${metadata.name}`
    rules.push({ pool: metadata.name, family, cidr: network, encapsulation, action, why: { resource, ...why } })
  }
  return rules.sort((a, b) => (a.cidr < b.cidr ? -1 : a.cidr > b.cidr ? 1 : 0))
}

function actionOf(
  encapsulation: PoolRule['encapsulation'],
  ipipMode: string,
  program: ProgramClusterRoutes,
): [PoolRule['action'], Omit<Why, 'resource'>] {
  const owns = ownsRoutes(program)
  if (encapsulation === 'vxlan') return ['reject', { field: 'spec.vxlanMode', rule: 'VXLAN routes are Felix’s' }]
  const ours = encapsulation === 'ipip' ? owns.ipip : owns.noEncap
  const field = 'spec.ipipMode'
  if (!ours) return ['reject', { field, rule: `programClusterRoutes ${program}: Felix programs it` }]
  if (encapsulation === 'none') return ['accept', { field, rule: 'not encapsulated' }]
  return ipipMode === 'Always'
    ? ['tunnel', { field, rule: 'IPIP Always: through tunl0' }]
    : ['tunnel-across-subnets', { field, rule: 'IPIP CrossSubnet: through tunl0 unless in the own subnet' }]
}

function wireguardNextHops(state: ClusterState, name: string): KernelRules['wireguardNextHops'] {
  const own = state.nodes.get(name)
  const ipv4 = new Set<string>()
  const ipv6 = new Set<string>()
  if (own?.wireguardIPv4 === undefined && own?.wireguardIPv6 === undefined) return { ipv4, ipv6 }
  for (const node of state.nodes.all) {
    if (node.name === name) continue
    if (own.wireguardIPv4 !== undefined && node.wireguardIPv4 !== undefined && node.ipv4 !== undefined)
      ipv4.add(node.ipv4.address)
    if (own.wireguardIPv6 !== undefined && node.wireguardIPv6 !== undefined && node.ipv6 !== undefined)
      ipv6.add(node.ipv6.address)
  }
  return { ipv4, ipv6 }
}

/** Rules with their prefixes parsed once. */
interface Parsed {
  readonly reject: readonly { readonly prefix: Prefix; readonly why: Why }[]
  readonly pools: readonly { readonly prefix: Prefix; readonly rule: PoolRule }[]
  readonly subnet: Readonly<Record<FamilyName, Prefix | undefined>>
}
const parsed = new WeakMap<KernelRules, Parsed>()

function parseRules(rules: KernelRules): Parsed {
  let result = parsed.get(rules)
  if (result === undefined) {
    const of = (text: string | undefined): Prefix | undefined => (text === undefined ? undefined : Prefix.parse(text))
    result = {
      reject: rules.rejectCidrs.map(({ cidr, why }) => ({ prefix: Prefix.parse(cidr) as Prefix, why })),
      pools: rules.pools.map((rule) => ({ prefix: Prefix.parse(rule.cidr) as Prefix, rule })),
      subnet: { ipv4: of(rules.localSubnet.ipv4), ipv6: of(rules.localSubnet.ipv6) },
    }
    parsed.set(rules, result)
  }
  return result
}

export type KernelVerdict = { readonly route: DesiredRoute; readonly why: Why } | { readonly reject: Why }

/** The part of an {@link InstallView} that the verdict needs. */
export type KernelCandidate = Pick<
  InstallView,
  'family' | 'address' | 'length' | 'source' | 'from' | 'nextHops' | 'localPref' | 'metric' | 'local'
>

export function kernelRoute(rules: KernelRules, route: KernelCandidate): KernelVerdict {
  if (route.source === 'kernel' || route.source === 'direct')
    return { reject: { resource: 'kernel', rule: 'the route is the kernel’s own' } }
  const destination = Prefix.from(route.address, route.length) as Prefix
  const { reject, pools, subnet } = parseRules(rules)
  for (const { prefix, why } of reject) if (prefix.contains(destination)) return { reject: why }
  const wireguard = rules.wireguardNextHops[route.family]
  if (wireguard.size > 0 && route.source === 'bgp') {
    const reached = route.nextHops.some(({ address }) => wireguard.has(formatAddress(address)))
    if (reached) return { reject: { resource: 'WireGuard', rule: 'the next hop is reached through WireGuard' } }
  }
  const pool = pools.find(({ prefix }) => prefix.contains(destination))?.rule
  if (pool?.action === 'reject') return { reject: pool.why }
  const tunnel = pool?.action === 'tunnel' || pool?.action === 'tunnel-across-subnets' ? pool.action : undefined
  const plainSubnet = tunnel === 'tunnel-across-subnets' ? subnet[route.family] : undefined
  const metric = metricOf(rules, route)
  return {
    route: {
      destination: { family: route.family === 'ipv4' ? 4 : 6, address: destination.bytes, length: destination.length },
      why: route.from,
      ...waysOut(rules, route, tunnel === undefined ? undefined : { plainSubnet }),
      ...(metric === undefined ? {} : { metric }),
    },
    why: pool?.why ?? { resource: 'built-in', rule: 'in no pool: written as it is' },
  }
}

/** 2.12 step 2: for BGP routes the mirror image of LOCAL_PREF, or the metric policy gave them. */
function metricOf(rules: KernelRules, { source, localPref, metric }: KernelCandidate): number | undefined {
  if (source !== 'bgp' || metric !== undefined) return metric
  return Math.max(0, PRIORITY_CEILING - (localPref ?? rules.defaultLocalPref))
}

function waysOut(
  rules: KernelRules,
  { nextHops, local }: KernelCandidate,
  tunnel: { readonly plainSubnet: Prefix | undefined } | undefined,
): Pick<DesiredRoute, 'kind' | 'nextHops'> {
  if (local?.kind === 'blackhole' || (local === undefined && nextHops.length === 0))
    return { kind: 'blackhole', nextHops: [] }
  if (local?.kind === 'via')
    return { kind: 'unicast', nextHops: [{ gateway: parseAddress(local.gateway) as Uint8Array }] }
  if (local?.kind === 'device') {
    const gateway = local.gateway === undefined ? undefined : parseAddress(local.gateway)
    return { kind: 'unicast', nextHops: [{ device: local.interface, ...(gateway === undefined ? {} : { gateway }) }] }
  }
  return {
    kind: 'unicast',
    nextHops: nextHops.map(({ address, device, weight }): NextHop => {
      const gateway = address.slice()
      const share = nextHops.length > 1 ? { weight } : {}
      // A router on a link of ours, for either family: it is there and nowhere else, and it is no node with a tunnel.
      if (device !== undefined) return { gateway, device, ...share }
      if (tunnel === undefined || tunnel.plainSubnet?.containsAddress(gateway) === true) return { gateway, ...share }
      return { gateway, device: rules.tunnelDevice, onlink: true, ...share }
    }),
  }
}
