/**
 * The parts of a plan (`Plan` in `plan.ts`), each with the resource, field and rule it comes from, and what the caller
 * knows that the cluster's state does not say.
 */
import type { DynamicNeighbors, FamilyName, LocalRoute, PeerConfig, PeerKind, PolicyTerm, Why } from '@starling/engine'
import type { BfdOptions, Cidr } from '@starling/resources'
import type { Makings } from './reuse.js'

/** One JSON file of `/var/run/calico/endpoint-status/` (calico.md 2.13), as far as peering needs it. */
export interface WorkloadFile {
  readonly ifaceName: string
  readonly ipv4Nets?: readonly string[]
  readonly ipv6Nets?: readonly string[]
  readonly bgpPeerName?: string
}

/** What is known beside the snapshot. */
export interface Circumstances {
  /** CALICO_ROUTER_ID: `hash`, or a router id used literally (calico.md 2.2). */
  readonly routerId?: string
  /** Values of secrets by `name/key`; they win over Secret documents of the snapshot. */
  readonly secrets?: ReadonlyMap<string, string>
  /** Namespace of Secret documents; `kube-system` by default. */
  readonly namespace?: string
  readonly workloads?: readonly WorkloadFile[]
  /** What is wrong with what was read beside the datastore: it belongs to the plan made without it. */
  readonly problems?: readonly PlanProblem[]
  /** CALICO_K8S_NODE_REF; the node name by default. */
  readonly kubernetesNodeName?: string
  /** CALICO_ADVERTISE_CLUSTER_IPS: replaces serviceClusterIPs entirely. */
  readonly advertiseClusterIps?: string
  /** A reflector programs no kernel: every next hop counts as reachable. */
  readonly role?: 'node' | 'reflector'
}

export interface PlanProblem {
  readonly severity: 'error' | 'warning'
  /** `BGPPeer/rack1-tor`. */
  readonly resource: string
  readonly field?: string
  readonly message: string
}

/** A session and what is known about it beyond the engine's needs. */
export interface PlannedPeer {
  readonly config: PeerConfig
  readonly reachableBy: string | undefined
  /** BGPFilter names in order, unknown ones left out. */
  readonly filters: readonly string[]
  readonly sourceAddress: 'UseNodeIP' | 'None'
  /** A password is asked for, whether its secret is there or the session waits for it. */
  readonly wantsPassword: boolean
  /** u32 cluster id of the remote node, where it is known. */
  readonly remoteClusterId: number | undefined
  readonly bfd: BfdOptions | undefined
  /** Key of BFD authentication. Never logged, printed or exported. */
  readonly bfdKey: string | undefined
  /** Whose word its options are: `StarlingPeerOptions/tors` to `bfd, holdTime`. */
  readonly optionsFrom: Readonly<Record<string, string>>
  /** Others that wanted the same session and lost: `BGPPeer/b (global)`. */
  readonly shadowed: readonly string[]
  /** What it was made from, for the next plan; not for reading. */
  readonly makings: Makings
}

export interface PlannedRoute extends LocalRoute {
  readonly family: FamilyName
  readonly why: Why
}

export interface PlannedCommunities {
  readonly prefix: string
  readonly communities: readonly string[]
  readonly why: Why
}

export interface ListenPlan {
  readonly port: number
  /** `0.0.0.0` or the node's address; absent when the node takes no part in the family. */
  readonly ipv4?: string
  readonly ipv6?: string
  readonly why: Why
}

/** A pool as the kernel sees it (calico.md 2.12 step 4). */
export interface PoolRule {
  readonly pool: string
  readonly family: FamilyName
  readonly cidr: string
  readonly encapsulation: 'vxlan' | 'ipip' | 'none'
  readonly action: 'accept' | 'reject' | 'tunnel' | 'tunnel-across-subnets'
  readonly why: Why
}

export interface KernelRules {
  readonly rejectCidrs: readonly { readonly family: FamilyName; readonly cidr: string; readonly why: Why }[]
  /** In the order of their evaluation. */
  readonly pools: readonly PoolRule[]
  readonly normalPriority: { readonly ipv4: number; readonly ipv6: number }
  /** LOCAL_PREF of a BGP route that has none. */
  readonly defaultLocalPref: number
  readonly localSubnet: { readonly ipv4?: string; readonly ipv6?: string }
  readonly tunnelDevice: string
  /** IPIP routes, and with them `tunl0`, are BGP's to keep (programClusterRoutes). */
  readonly ownsIpip: boolean
  /** BGP addresses of nodes reached by WireGuard; empty unless this node has WireGuard too. */
  readonly wireguardNextHops: { readonly ipv4: ReadonlySet<string>; readonly ipv6: ReadonlySet<string> }
}

/** Peers that may connect from a range, with what is no business of the engine. */
export interface PlannedRange {
  readonly neighbors: DynamicNeighbors
  readonly bfd: BfdOptions | undefined
  readonly bfdKey: string | undefined
}

export interface Identity {
  readonly node: string
  readonly asNumber: number
  readonly asNumberWhy: Why
  /** u32. */
  readonly routerId: number
  readonly routerIdWhy: Why
  readonly ipv4: Cidr | undefined
  readonly ipv6: Cidr | undefined
  /** u32; 0 = not a reflector. */
  readonly clusterId: number
}

export type { PeerKind, PolicyTerm, Why }
