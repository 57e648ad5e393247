/**
 * The seam inside the engine between sessions (`session/`, `engine.ts`) and tables (`rib/`, `decision/`, `policy/`, `out/`).
 *
 * Sessions own connections, timers and negotiation; tables own routes, policy and what is sent. Sessions call
 * {@link Tables}; tables call back through {@link TablesHost}. Nothing else crosses.
 */
import type { EngineConfig, FamilyName, PeerConfig, PrefixLimit } from '../config/types.js'
import type { EngineEvent } from '../events.js'
import type { LocalRouteTarget, Sink } from '../sink.js'
import type { Explanation, GroupView, PeerFamilyView, RoutePage, RouteQuery } from '../view.js'

/** Dense index of a peer, assigned by `session/`; reusable once {@link TablesHost.slotFree} was called for it. */
export type PeerSlot = number
/** 0 = ipv4, 1 = ipv6: array index everywhere inside the tables. */
export type FamilyIndex = 0 | 1
export const familyIndex: Record<FamilyName, FamilyIndex> = { ipv4: 0, ipv6: 1 }

/** What OPEN negotiated with one peer. Constant for the life of the session. */
export interface SessionParameters {
  readonly config: PeerConfig
  readonly remoteAs: number
  readonly remoteRouterId: number
  readonly external: boolean
  readonly fourOctetAs: boolean
  /** 4096 or 65535. */
  readonly maximumMessage: number
  /** By FamilyIndex. */
  readonly families: readonly [boolean, boolean]
  readonly addPathReceive: readonly [boolean, boolean]
  /** Paths per prefix we may send: 0 without ADD-PATH. */
  readonly addPathSend: readonly [number, number]
  /** Enhanced route refresh (RFC 7313) on both sides: a refresh is framed by BoRR and EoRR. Absent = no. */
  readonly enhancedRefresh?: boolean
  /** The peer understands long-lived stale routes (RFC 9494): it may be told of them. Absent = no. */
  readonly longLived?: boolean
  /** RFC 8950 negotiated for IPv4. */
  readonly extendedNextHop: boolean
  /** Addresses of the TCP session, 4 or 16 bytes, for next-hop-self and the decision's last step. */
  readonly localAddress: Uint8Array
  readonly remoteAddress: Uint8Array
  /** Second address families of ourselves, for next-hop-self in the other family; absent = cannot announce it. */
  readonly localAddresses: { readonly ipv4?: Uint8Array; readonly ipv6?: Uint8Array; readonly linkLocal?: Uint8Array }
  /** The interface that the peer is directly behind: where link-local next hops of a numbered session live. */
  readonly link?: string
}

/** After a session went: which families' routes stay as stale (graceful restart helper), until the host sweeps them. */
export interface Retention {
  readonly stale: readonly [boolean, boolean]
}

export interface LocalRoute {
  readonly prefix: string
  readonly source: 'static' | 'kernel' | 'direct'
  readonly target: LocalRouteTarget
  /** Kernel priority; absent = none. */
  readonly metric?: number
  /** Outgoing interface, where there is one (policy looks at it). */
  readonly interface?: string
  /** `own block`, `service default/web`, `kernel cali123`. */
  readonly label: string
}

export interface UpdateError {
  readonly code: number
  readonly subcode: number
  readonly data: Uint8Array
  readonly reason: string
}

export interface Tables {
  /** Decision options, cluster id, default LOCAL_PREF... changed; policies of peers are in their own configs. */
  configure(config: EngineConfig): void
  peerUp(slot: PeerSlot, session: SessionParameters, now: number): void
  /** Same session, new policy or export-relevant fields: re-run import on stored routes and/or recompute the export. */
  peerReconfigured(
    slot: PeerSlot,
    session: SessionParameters,
    effect: { readonly import: boolean; readonly export: boolean },
    now: number,
  ): void
  peerDown(slot: PeerSlot, retention: Retention, now: number): void
  /** Stale routes of the family become long-lived stale (RFC 9494), or go. */
  markLongLivedStale(slot: PeerSlot, family: FamilyIndex, now: number): void
  sweepStale(slot: PeerSlot, family: FamilyIndex, now: number): void
  /**
   * One UPDATE's body (after the 19-byte header) of an Established session. `undefined` = done (7606 verdicts short of
   * a reset are handled inside and reported as events). Must not decide or send: marks dirty only.
   */
  update(slot: PeerSlot, buffer: Uint8Array, bodyStart: number, bodyEnd: number, now: number): UpdateError | undefined
  /** ROUTE-REFRESH asked by the peer (subtype 0), or enhanced begin/end (1, 2) announced by it. */
  routeRefresh(slot: PeerSlot, family: FamilyIndex, subtype: 0 | 1 | 2, now: number): void
  /** The peer's transport took everything: go on sending. */
  writable(slot: PeerSlot, now: number): void
  setLocalRoute(route: LocalRoute, now: number): void
  removeLocalRoute(source: LocalRoute['source'], prefix: string, now: number): void
  /** Reachability of a tracked next hop; `metric` is the IGP cost for the decision. */
  nextHopChanged(address: string, reachable: boolean, metric: number, now: number, device?: string): void
  /** Deferral of RFC 4724 4.1: while set, nothing is advertised, installed or removed. */
  setDeferred(deferred: boolean, now: number): void
  /** When {@link tick} has something to do (a peer's advertisement interval is over); Infinity = never. */
  nextDeadline(): number
  /** Due things become pending work. */
  tick(now: number): void
  /** Decide, pack and send for about `limit` prefixes; `true` = more to do. */
  work(limit: number, now: number): boolean
  readonly pending: boolean

  familyViews(slot: PeerSlot): readonly PeerFamilyView[]
  group(slot: PeerSlot): { readonly id: number | undefined; readonly lagging: boolean; readonly queuedBytes: number }
  routes(query: RouteQuery): RoutePage
  explain(prefix: string, toSlot?: PeerSlot): Explanation
  groups(): readonly GroupView[]
  /** UPDATEs that would fill this peer's Adj-RIB-In as it is now. */
  receivedMessages(slot: PeerSlot): readonly Uint8Array[]
  memory(): {
    readonly prefixes: number
    readonly paths: number
    readonly attributeSets: number
    readonly bytes: number
  }
  /** Per family; from counters. */
  sizes(): readonly { readonly family: FamilyName; readonly prefixes: number; readonly paths: number }[]
  /** For tests: broken invariants in words (leaked rows, references); empty when sound. */
  audit(): readonly string[]
}

export interface TablesHost {
  readonly sink: Sink
  /** Uniform in [0, 1); absent = no jitter. */
  readonly random?: () => number
  /** Send on the Established connection of the slot; same promise as {@link Sink.send}. */
  transmit(slot: PeerSlot, bytes: Uint8Array): boolean
  event(event: EngineEvent): void
  /** Tables found an End-of-RIB marker. */
  endOfRib(slot: PeerSlot, family: FamilyIndex, now: number): void
  /** A prefix limit with an action other than `warn` was reached: close with CEASE/1. */
  limitReached(slot: PeerSlot, family: FamilyIndex, limit: PrefixLimit, way: 'import' | 'export', now: number): void
  /** Ask the peer for its routes again (policy change needs routes that were not kept): only when it is impossible locally. */
  requestRefresh(slot: PeerSlot, family: FamilyIndex): void
  /** The last row of a departed peer is gone. */
  slotFree(slot: PeerSlot): void
  nameOf(slot: PeerSlot): string
}
