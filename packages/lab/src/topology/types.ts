/**
 * A topology as the lab, the demo and the tests use it: every default filled in, every address assigned, every name
 * checked. `parse.ts` makes it from a file of topology/; nothing else does.
 */

export interface Topology {
  readonly name: string
  readonly description: string
  /** AS of the cluster: its nodes and reflectors. */
  readonly asNumber: number
  /** Every node peers with every other; without it nodes peer with the reflectors. */
  readonly mesh: boolean
  /** Where its resources live unless the command line says otherwise. */
  readonly datastore: 'embedded' | 'etcd'
  readonly pools: readonly Pool[]
  readonly segments: readonly Segment[]
  readonly tors: readonly Tor[]
  readonly reflectors: readonly Reflector[]
  readonly nodes: readonly ClusterNode[]
}

export interface Pool {
  readonly cidr: string
  readonly blockSize: number
}

/** The segment of those addresses that lie on no link: on a device's loopback interface. No rack can have this name. */
export const LOOPBACK = '(loopbacks)'

/** A rack's switch, or a cable between two ToRs: one layer 2 network with its subnet. */
export interface Segment {
  readonly name: string
  readonly subnet: string
  /** Its IPv6 subnet in a dual-stack topology. */
  readonly subnet6?: string
}

/** Who speaks BGP on a device. */
export const DAEMONS = ['starling', 'bird', 'frr', 'gobgp', 'openbgpd'] as const
export type Daemon = (typeof DAEMONS)[number]

export interface Device {
  readonly name: string
  readonly asNumber: number
  readonly daemon: Daemon
}

export interface Tor extends Device {
  /** One leg in each segment. */
  readonly legs: readonly Leg[]
}

export interface Leg {
  readonly segment: string
  readonly address: string
  readonly length: number
  /** Where its segment has an IPv6 subnet. */
  readonly six?: { readonly address: string; readonly length: number }
}

export interface Reflector extends Device {
  readonly leg: Leg
  readonly clusterId: string
}

export interface ClusterNode extends Device {
  readonly leg: Leg
  readonly pods: number
  readonly labels: Readonly<Record<string, string>>
  /** ToRs at the far end of cables without addresses; its leg is then the loopback one. */
  readonly uplinks: readonly string[]
}
