/**
 * Kernel routes as values: what is asked for, and what is there.
 *
 * The key is the kernel's own: table, destination, metric (`RTA_PRIORITY`) and, for IPv4, TOS (always 0 in what is asked for).
 * Addresses are bytes: 4 for IPv4, 16 for IPv6.
 */

/** `RTPROT_BIRD`: the mark of every route we own (calico.md 3.5). */
export const PROTOCOL_BIRD = 12
export const TABLE_MAIN = 254

export type Family = 4 | 6

export interface Destination {
  readonly family: Family
  /** Network address, host bits zero. */
  readonly address: Uint8Array
  readonly length: number
}

/** One way out. Without a device the gateway is resolved recursively through the kernel's own routes. */
export interface NextHop {
  readonly gateway?: Uint8Array
  /** Interface name; with `onlink` the gateway is reached through it whatever the routes say (tunl0, vxlan.calico). */
  readonly device?: string
  readonly onlink?: boolean
  /** 1..256, relative share in a multipath route; absent means 1. */
  readonly weight?: number
}

export type RouteKind = 'unicast' | 'blackhole' | 'unreachable' | 'prohibit'
/** `throw` ends the search in its table; `local` delivers here; `other` is broadcast, multicast and their like. */
export type KernelRouteKind = RouteKind | 'throw' | 'local' | 'other'

export interface DesiredRoute {
  readonly destination: Destination
  readonly kind: RouteKind
  /** Empty for blackhole and its like; more than one is a multipath route. */
  readonly nextHops: readonly NextHop[]
  /** Absent: the family's default (0 for IPv4, 1024 for IPv6). */
  readonly metric?: number
  readonly table?: number
  readonly sourceAddress?: Uint8Array
  readonly mtu?: number
  /** For people: who asked, e.g. `Mesh_10_0_0_12` or `own block of worker-1`. */
  readonly why: string
}

/** A route as the kernel holds it, next hops already resolved to gateway and interface. */
export interface KernelRoute {
  readonly destination: Destination
  readonly kind: KernelRouteKind
  readonly table: number
  readonly metric: number
  /** IPv4, absent for 0: we never write one, but what we find under our protocol may have it. */
  readonly tos?: number | undefined
  readonly protocol: number
  readonly scope: number
  readonly nextHops: readonly {
    readonly gateway?: Uint8Array | undefined
    readonly ifindex: number
    readonly onlink: boolean
    readonly weight: number
  }[]
  readonly sourceAddress?: Uint8Array | undefined
  readonly mtu?: number | undefined
  /** The nexthop object it goes through (`ip nexthop`); `nextHops` is what the kernel says of it. */
  readonly nexthopId?: number | undefined
  /** It carries what we never write: an encapsulation, a locked MTU, TCP metrics. */
  readonly extras?: boolean | undefined
}

export interface KernelLink {
  readonly index: number
  readonly name: string
  readonly up: boolean
  /** Carrier present (`IFF_LOWER_UP`). */
  readonly running: boolean
  readonly mtu: number
  /** `ipip`, `vxlan`, `veth` ... as `IFLA_INFO_KIND` says; empty for plain devices. */
  readonly kind: string
  readonly mac?: Uint8Array
}

export interface KernelAddress {
  readonly ifindex: number
  readonly family: Family
  readonly address: Uint8Array
  readonly length: number
  readonly scope: number
}
