/**
 * Everything the engine can do to the world: a closed list of calls, executed by `speaker` (or a recorder in tests).
 *
 * No call may re-enter the engine. Views passed in are valid during the call only.
 */
import type { FamilyName, PeerKey, TransportConfig } from './config/types.js'
import type { EngineEvent } from './events.js'

/** A TCP connection's handle, unique while the process lives; chosen by the engine for dials, by the speaker for accepts. */
export type ConnectionId = number

export interface ConnectTarget {
  readonly peer: PeerKey
  readonly remoteAddress: string
  readonly remotePort: number
  readonly localAddress?: string
  readonly interface?: string
  readonly password?: string
  /** GTSM hops; 0 = off. */
  readonly ttlSecurity: number
  readonly transport: TransportConfig
}

/** One best route (with its multipath set) for the kernel; a reused view. */
export interface InstallView {
  readonly family: FamilyName
  /** 4 or 16 bytes; do not keep. */
  readonly address: Uint8Array
  readonly length: number
  readonly source: 'bgp' | 'static' | 'kernel' | 'direct'
  /** Of the best path; for multipath see {@link nextHops}. Peer name for BGP. */
  readonly from: string
  /** BGP next hops, copies are the receiver's business; empty for blackholes. */
  readonly nextHops: readonly NextHopView[]
  readonly localPref: number | undefined
  readonly metric: number | undefined
  readonly ebgp: boolean
  /** What a local route asked for (`blackhole`, or a static via); absent for BGP routes. */
  readonly local?: LocalRouteTarget
}

export interface NextHopView {
  /** 4 or 16 bytes. */
  readonly address: Uint8Array
  /** The interface a link-local address is meant on: that of the session it came over. */
  readonly device?: string
  readonly weight: number
}

export type LocalRouteTarget =
  | { readonly kind: 'blackhole' }
  | { readonly kind: 'via'; readonly gateway: string }
  | { readonly kind: 'device'; readonly interface: string; readonly gateway?: string }

export interface Sink {
  connect(connection: ConnectionId, target: ConnectTarget): void
  /** `flush`: what was sent goes out first (a NOTIFICATION); `abort`: at once. The engine forgets the id at once. */
  close(connection: ConnectionId, how: 'flush' | 'abort'): void
  /**
   * Hand over bytes. They may be shared between connections and must not be changed. `false` = no more until
   * `Engine.writable(connection)`. The engine reuses a buffer only after the transport reported it drained.
   */
  send(connection: ConnectionId, bytes: Uint8Array): boolean
  /** False: there is no kernel, and neither {@link installRoute} nor {@link removeRoute} is called. */
  readonly installs?: boolean
  installRoute(route: InstallView): void
  removeRoute(family: FamilyName, address: Uint8Array, length: number): void
  /** Ask for reachability; answered by `Engine.nextHopChanged`, at once or later, until untracked. */
  trackNextHop(address: string): void
  untrackNextHop(address: string): void
  event(event: EngineEvent): void
}
