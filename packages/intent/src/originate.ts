/**
 * What this node originates by itself: its own blocks and the routes of services (calico.md 2.9, 2.10).
 *
 * Every origination is a blackhole: the prefix is announced as one, and addresses in it that nobody uses end here.
 */
import type { FamilyName, Why } from '@starling/engine'
import { Prefix } from '@starling/inet'
import {
  type Cidr,
  type EndpointSliceResource,
  isSingleAddress,
  parseAddress,
  parseCidr,
  type ResourceOf,
  type ServiceResource,
} from '@starling/resources'
import type { Settings } from './settings.js'
import type { ClusterState } from './state.js'
import type { Circumstances, PlannedRoute, PlanProblem } from './types.js'

export interface OwnBlock {
  readonly cidr: string
  readonly family: FamilyName
  readonly single: boolean
  readonly why: Why
}

/**
 * Own blocks: confirmed, and those being given up until their key goes (calico.md 10.2 point 3). `pending` is nothing yet.
 */
export function ownBlocks(state: ClusterState, node: string): readonly OwnBlock[] {
  return state
    .affinities(node)
    .filter(({ affinityType, state: claim }) => affinityType === 'host' && claim !== 'pending')
    .map(({ cidr, state: claim }) => ({
      cidr: cidr.network,
      family: cidr.family,
      single: isSingleAddress(cidr),
      why: {
        resource: `BlockAffinity/${node}/${cidr.network}`,
        field: 'state',
        rule: claim === 'confirmed' ? 'own block' : 'own block, until its affinity is deleted',
      },
    }))
}

export function blockRoutes(blocks: readonly OwnBlock[]): PlannedRoute[] {
  return blocks
    .filter(({ single }) => !single)
    .map(({ cidr, family, why }) => blackhole(cidr, family, 'own block', why))
}

function blackhole(prefix: string, family: FamilyName, label: string, why: Why): PlannedRoute {
  return { prefix, family, source: 'static', target: { kind: 'blackhole' }, label, why }
}

export interface ServiceRoutes {
  readonly routes: readonly PlannedRoute[]
  /** Ranges the kernel must never get a route for (calico.md 2.12 step 1). */
  readonly rejectCidrs: readonly { readonly family: FamilyName; readonly cidr: string; readonly why: Why }[]
}

const EXCLUDE_LABEL = 'node.kubernetes.io/exclude-from-external-load-balancers'
const ADVERTISED_TYPES: ReadonlySet<string> = new Set(['ClusterIP', 'NodePort', 'LoadBalancer'])

interface Range {
  readonly cidr: Cidr
  readonly prefix: Prefix
  readonly why: Why
}

/** The three lists of addresses that may be advertised, parsed. */
interface Ranges {
  readonly cluster: readonly Range[]
  readonly external: readonly Range[]
  readonly loadBalancer: readonly Range[]
  readonly aggregate: boolean
}

export function serviceRoutes(
  state: ClusterState,
  settings: Settings,
  node: string,
  options: Circumstances,
  problems: PlanProblem[],
): ServiceRoutes {
  const ranges = rangesOf(settings, options, problems)
  const kubernetesName = options.kubernetesNodeName ?? node
  const labels = [state.nodes.get(node)?.labels, state.named('KubernetesNode', kubernetesName)?.metadata.labels]
  const excluded = labels.some((set) => set !== undefined && EXCLUDE_LABEL in set)
  const aggregated = [
    ...ranges.cluster,
    ...ranges.external.filter(({ cidr }) => !isSingleAddress(cidr)),
    ...(ranges.aggregate ? ranges.loadBalancer.filter(({ cidr }) => !isSingleAddress(cidr)) : []),
  ]
  const rejectCidrs = aggregated.map(({ cidr, why }) => ({ family: cidr.family, cidr: cidr.network, why }))
  if (excluded) return { routes: [], rejectCidrs }
  const routes = new Map<string, PlannedRoute>()
  for (const { cidr, why } of aggregated)
    routes.set(cidr.network, blackhole(cidr.network, cidr.family, `service range ${cidr.network}`, why))
  const slices = slicesByService(state)
  for (const service of state.all('Service')) {
    const name = `${service.metadata.namespace ?? 'default'}/${service.metadata.name}`
    const rule = advertiseRule(service, slices.get(name) ?? [], ranges, kubernetesName)
    if (rule === undefined) continue
    for (const address of advertisedAddresses(service, ranges)) {
      const host = Prefix.parseOrHost(address)?.toString()
      if (host === undefined || routes.has(host)) continue
      const family = address.includes(':') ? 'ipv6' : 'ipv4'
      routes.set(host, blackhole(host, family, `service ${name}`, { resource: `Service/${name}`, rule }))
    }
  }
  return { routes: [...routes.values()], rejectCidrs }
}

function rangesOf(settings: Settings, options: Circumstances, problems: PlanProblem[]): Ranges {
  const list = (field: 'serviceClusterIPs' | 'serviceExternalIPs' | 'serviceLoadBalancerIPs', rule: string): Range[] =>
    (settings.global?.[field] ?? []).map(({ cidr }, i) =>
      range(cidr, { resource: 'BGPConfiguration/default', field: `spec.${field}[${i}]`, rule }),
    )
  let cluster = list('serviceClusterIPs', 'service cluster IP range')
  const { advertiseClusterIps: override } = options
  if (override !== undefined && override !== '') {
    const why = { resource: 'CALICO_ADVERTISE_CLUSTER_IPS', rule: 'replaces serviceClusterIPs' }
    const cidr = parseCidr(override)
    cluster = cidr === undefined ? [] : [range(cidr, why)]
    if (cidr === undefined)
      problems.push({ severity: 'error', resource: why.resource, message: `'${override}' is not a CIDR` })
  }
  return {
    cluster,
    external: list('serviceExternalIPs', 'service external IP range'),
    loadBalancer: list('serviceLoadBalancerIPs', 'service load balancer IP range'),
    aggregate: settings.global?.serviceLoadBalancerAggregation !== 'Disabled',
  }
}

const range = (cidr: Cidr, why: Why): Range => ({ cidr, prefix: Prefix.parse(cidr.network) as Prefix, why })

function slicesByService(state: ClusterState): Map<string, EndpointSliceResource[]> {
  const slices = new Map<string, EndpointSliceResource[]>()
  for (const slice of state.all('EndpointSlice')) {
    const service = slice.metadata.labels['kubernetes.io/service-name']
    if (service === undefined) continue
    const name = `${slice.metadata.namespace ?? 'default'}/${service}`
    const list = slices.get(name)
    if (list === undefined) slices.set(name, [slice])
    else list.push(slice)
  }
  return slices
}

type Spec = ResourceOf<'Service'>['spec']

/** Why this node advertises the service by its own addresses; undefined when it does not. */
function advertiseRule(
  { spec, status }: ServiceResource,
  slices: readonly EndpointSliceResource[],
  ranges: Ranges,
  node: string,
): string | undefined {
  if (!ADVERTISED_TYPES.has(spec.type) || clusterIps(spec).length === 0) return undefined
  const local = spec.externalTrafficPolicy === 'Local'
  if (!local) {
    if (spec.type === 'LoadBalancer') {
      const addresses = [spec.loadBalancerIP, ...(status?.loadBalancer.ingress.map(({ ip }) => ip) ?? [])]
      if (addresses.some((ip) => ip !== undefined && isListedAlone(ip, ranges.loadBalancer)))
        return 'its load balancer IP is listed by itself'
    }
    if (spec.externalIPs.some((ip) => isListedAlone(ip, ranges.external))) return 'its external IP is listed by itself'
    if (ranges.aggregate) return undefined
    return hasReadyEndpoint(spec, slices, undefined) ? 'aggregation is disabled and an endpoint is ready' : undefined
  }
  return hasReadyEndpoint(spec, slices, node) ? 'externalTrafficPolicy Local and a ready endpoint here' : undefined
}

function clusterIps(spec: Spec): readonly string[] {
  const all = spec.clusterIPs.length > 0 ? spec.clusterIPs : spec.clusterIP === undefined ? [] : [spec.clusterIP]
  return all.filter((ip) => ip !== '' && ip !== 'None')
}

/** The address stands in the list as a CIDR of exactly one address. */
function isListedAlone(ip: string, ranges: readonly Range[]): boolean {
  const address = parseAddress(ip)?.address
  return ranges.some(({ cidr }) => isSingleAddress(cidr) && cidr.address === address)
}

/** A ready endpoint of a family the service has, on `node` where one is given. */
function hasReadyEndpoint(spec: Spec, slices: readonly EndpointSliceResource[], node: string | undefined): boolean {
  const families = new Set(clusterIps(spec).map((ip) => ip.includes(':')))
  return slices.some((slice) =>
    slice.endpoints.some(
      ({ addresses, nodeName, conditions }) =>
        conditions?.ready !== false &&
        (node === undefined || nodeName === node) &&
        addresses.some((address) => families.has(address.includes(':'))),
    ),
  )
}

function advertisedAddresses({ spec, status }: ServiceResource, ranges: Ranges): readonly string[] {
  const inside = (ip: string, list: readonly Range[]): boolean => {
    const host = Prefix.parseOrHost(ip)
    return host !== undefined && list.some(({ prefix }) => prefix.contains(host))
  }
  const ingress = status?.loadBalancer.ingress.flatMap(({ ip }) => (ip === undefined ? [] : [ip])) ?? []
  return [
    ...(ranges.cluster.length > 0 ? clusterIps(spec) : []),
    ...spec.externalIPs.filter((ip) => inside(ip, ranges.external)),
    ...ingress.filter((ip) => inside(ip, ranges.loadBalancer)),
  ]
}
