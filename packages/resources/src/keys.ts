/**
 * Datastore keys and what they name, in both directions (calico.md 1.2, 1.9 to 1.11).
 *
 * Three spaces: Calico's v3 resources, Calico's IPAM data, and our own. Ours holds StarlingPeerOptions and the Kubernetes
 * objects that a plan needs (Service, EndpointSlice, Secret, Node), so that one snapshot can carry everything. Nothing
 * of ours ever stands below `/calico/`.
 */
import { parseCidr } from './values/address.js'

export const RESOURCE_PREFIX = '/calico/resources/v3/projectcalico.org/'
export const IPAM_PREFIX = '/calico/ipam/v2/'
export const IPAM_CONFIG_KEY = '/calico/ipam/v2/config'
export const STARLING_PREFIX = '/starling/v1/'
export const KUBERNETES_PREFIX = '/starling/v1/kubernetes/'

/** Every kind that is a resource with metadata: where it lives, and whether it has a namespace. */
const KINDS = {
  Node: { prefix: `${RESOURCE_PREFIX}nodes/`, namespaced: false },
  BGPConfiguration: { prefix: `${RESOURCE_PREFIX}bgpconfigurations/`, namespaced: false },
  BGPPeer: { prefix: `${RESOURCE_PREFIX}bgppeers/`, namespaced: false },
  BGPFilter: { prefix: `${RESOURCE_PREFIX}bgpfilters/`, namespaced: false },
  IPPool: { prefix: `${RESOURCE_PREFIX}ippools/`, namespaced: false },
  IPReservation: { prefix: `${RESOURCE_PREFIX}ipreservations/`, namespaced: false },
  CalicoNodeStatus: { prefix: `${RESOURCE_PREFIX}caliconodestatuses/`, namespaced: false },
  ClusterInformation: { prefix: `${RESOURCE_PREFIX}clusterinformations/`, namespaced: false },
  FelixConfiguration: { prefix: `${RESOURCE_PREFIX}felixconfigurations/`, namespaced: false },
  KubeControllersConfiguration: { prefix: `${RESOURCE_PREFIX}kubecontrollersconfigurations/`, namespaced: false },
  IPAMConfiguration: { prefix: `${RESOURCE_PREFIX}ipamconfigurations/`, namespaced: false },
  BlockAffinity: { prefix: `${RESOURCE_PREFIX}blockaffinities/`, namespaced: false },
  WorkloadEndpoint: { prefix: `${RESOURCE_PREFIX}workloadendpoints/`, namespaced: true },
  // Carried, never read: policy is Felix's.
  GlobalNetworkPolicy: { prefix: `${RESOURCE_PREFIX}globalnetworkpolicies/`, namespaced: false },
  NetworkPolicy: { prefix: `${RESOURCE_PREFIX}networkpolicies/`, namespaced: true },
  StagedGlobalNetworkPolicy: { prefix: `${RESOURCE_PREFIX}stagedglobalnetworkpolicies/`, namespaced: false },
  StagedNetworkPolicy: { prefix: `${RESOURCE_PREFIX}stagednetworkpolicies/`, namespaced: true },
  StagedKubernetesNetworkPolicy: { prefix: `${RESOURCE_PREFIX}stagedkubernetesnetworkpolicies/`, namespaced: true },
  GlobalNetworkSet: { prefix: `${RESOURCE_PREFIX}globalnetworksets/`, namespaced: false },
  NetworkSet: { prefix: `${RESOURCE_PREFIX}networksets/`, namespaced: true },
  HostEndpoint: { prefix: `${RESOURCE_PREFIX}hostendpoints/`, namespaced: false },
  Profile: { prefix: `${RESOURCE_PREFIX}profiles/`, namespaced: false },
  Tier: { prefix: `${RESOURCE_PREFIX}tiers/`, namespaced: false },
  StarlingPeerOptions: { prefix: `${STARLING_PREFIX}peeroptions/`, namespaced: false },
  KubernetesNode: { prefix: `${KUBERNETES_PREFIX}nodes/`, namespaced: false },
  Service: { prefix: `${KUBERNETES_PREFIX}services/`, namespaced: true },
  EndpointSlice: { prefix: `${KUBERNETES_PREFIX}endpointslices/`, namespaced: true },
  Secret: { prefix: `${KUBERNETES_PREFIX}secrets/`, namespaced: true },
} as const satisfies Record<string, { prefix: string; namespaced: boolean }>

export type ResourceKind = keyof typeof KINDS
export const RESOURCE_KINDS = Object.keys(KINDS) as readonly ResourceKind[]

export type KeyName =
  | { readonly type: 'resource'; readonly kind: ResourceKind; readonly namespace: string; readonly name: string }
  | {
      readonly type: 'affinity'
      /** `host` or `virtual`. */
      readonly affinityType: string
      readonly owner: string
      readonly cidr: string
    }
  | { readonly type: 'block'; readonly cidr: string }
  | { readonly type: 'handle'; readonly id: string }
  | { readonly type: 'ipam-host'; readonly node: string }
  | { readonly type: 'ipam-config' }

export function isResourceKind(kind: string): kind is ResourceKind {
  return Object.hasOwn(KINDS, kind)
}

export function isNamespaced(kind: ResourceKind): boolean {
  return KINDS[kind].namespaced
}

/** The prefix that all resources of a kind share. */
export function kindPrefix(kind: ResourceKind): string {
  return KINDS[kind].prefix
}

export function resourceKey(kind: ResourceKind, name: string, namespace = ''): string {
  const { prefix, namespaced } = KINDS[kind]
  return namespaced ? `${prefix}${namespace}/${name}` : prefix + name
}

/** `10.244.1.0/26` as a path element, masked and canonical. */
function cidrElement(cidr: string): string {
  const parsed = parseCidr(cidr)
  return (parsed?.network ?? cidr).replace('/', '-')
}

const familyElement = (cidr: string): string => (cidr.includes(':') ? 'ipv6' : 'ipv4')

export function affinityKey(owner: string, cidr: string, affinityType = 'host'): string {
  return `${IPAM_PREFIX}${affinityType}/${owner}/${familyElement(cidr)}/block/${cidrElement(cidr)}`
}

/** The prefix of one node's affinities of one family. */
export function affinityPrefix(owner: string, family: 'ipv4' | 'ipv6', affinityType = 'host'): string {
  return `${IPAM_PREFIX}${affinityType}/${owner}/${family}/block/`
}

export function blockKey(cidr: string): string {
  return `${IPAM_PREFIX}assignment/${familyElement(cidr)}/block/${cidrElement(cidr)}`
}

export function handleKey(id: string): string {
  return `${IPAM_PREFIX}handle/${id}`
}

export function ipamHostKey(node: string): string {
  return `${IPAM_PREFIX}host/${node}`
}

/** What a key names; undefined for keys that are none of our business. */
export function parseKey(key: string): KeyName | undefined {
  if (key.startsWith(IPAM_PREFIX)) return parseIpamKey(key)
  for (const kind of RESOURCE_KINDS) {
    const { prefix, namespaced } = KINDS[kind]
    if (!key.startsWith(prefix)) continue
    const rest = key.slice(prefix.length)
    const slash = rest.indexOf('/')
    if (namespaced ? slash < 1 || slash === rest.length - 1 : slash >= 0 || rest === '') return undefined
    return { type: 'resource', kind, namespace: namespaced ? rest.slice(0, slash) : '', name: rest.slice(slash + 1) }
  }
  return undefined
}

/** The separator after an address may also be `@` (calico.md 1.9). */
const IPAM_BLOCK = /^(assignment|([^/]+)\/(.+))\/ipv[46]\/block\/([^/]+?)[-@](\d{1,3})$/

function parseIpamKey(key: string): KeyName | undefined {
  const rest = key.slice(IPAM_PREFIX.length)
  if (rest === 'config') return { type: 'ipam-config' }
  const block = IPAM_BLOCK.exec(rest)
  if (block !== null) {
    const cidr = `${block[4]}/${block[5]}`
    if (block[1] === 'assignment') return { type: 'block', cidr }
    return { type: 'affinity', affinityType: block[2] as string, owner: block[3] as string, cidr }
  }
  if (rest.startsWith('handle/') && rest.length > 7) return { type: 'handle', id: rest.slice(7) }
  if (rest.startsWith('host/') && rest.length > 5 && !rest.includes('/', 5))
    return { type: 'ipam-host', node: rest.slice(5) }
  return undefined
}

/** As people name it: `BGPPeer/rack1-tor`, `Service/default/web`, `BlockAffinity/worker-1/10.244.1.0/26`. */
export function describeKey(key: string): string {
  const name = parseKey(key)
  switch (name?.type) {
    case 'resource':
      return name.namespace === '' ? `${name.kind}/${name.name}` : `${name.kind}/${name.namespace}/${name.name}`
    case 'affinity':
      return `BlockAffinity/${name.owner}/${name.cidr}`
    case 'block':
      return `IPAMBlock/${name.cidr}`
    case 'handle':
      return `IPAMHandle/${name.id}`
    case 'ipam-host':
      return `IPAMHost/${name.node}`
    case 'ipam-config':
      return 'IPAMConfig'
    default:
      return key
  }
}
