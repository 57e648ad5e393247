/**
 * Read-only views for people and programs: `show`, `explain`, metrics, the API. Built per request, never kept.
 *
 * Field names are the JSON of the API and of `-o json`: stable. Times are milliseconds of the same clock as `now`;
 * the API turns them into RFC 3339.
 */
import type { FamilyName, PeerKey, PeerKind, Why } from './config/types.js'
import type { NotificationInfo, SessionState } from './events.js'

export interface PeerFamilyView {
  readonly family: FamilyName
  /** Prefixes in Adj-RIB-In, those that import policy accepted, those chosen best, those in Adj-RIB-Out. */
  readonly received: number
  readonly accepted: number
  readonly preferred: number
  readonly sent: number
  readonly stale: number
  readonly addPathReceive: boolean
  readonly addPathSend: boolean
  readonly endOfRibReceived: boolean
  readonly endOfRibSent: boolean
}

export interface MessageCounts {
  readonly open: number
  readonly update: number
  readonly notification: number
  readonly keepalive: number
  readonly routeRefresh: number
  readonly total: number
}

export interface PeerView {
  readonly key: PeerKey
  readonly name: string
  readonly kind: PeerKind
  readonly description: string
  readonly why: Why
  /** `%eth0` of an unnumbered peer whose router is not found (yet). */
  readonly remoteAddress: string
  readonly remotePort: number
  /** The device it is bound to. */
  readonly interface?: string
  readonly localAddress?: string
  readonly remoteAs: number | undefined
  readonly localAs: number
  readonly type: 'internal' | 'external' | 'unknown'
  readonly remoteRouterId?: string
  readonly state: SessionState
  /** Why it is not Established, in words with a hint; empty when it is. */
  readonly reason: string
  /** What is worth knowing while it is Established: families that do not travel, and why. */
  readonly notes: readonly string[]
  /** Since when it is Established, or not: steps below Established leave it alone. */
  readonly since: number
  readonly passive: boolean
  readonly enabled: boolean
  readonly routeReflectorClient: boolean
  readonly families: readonly PeerFamilyView[]
  /** Seconds as negotiated; configured beside them. */
  readonly holdTime: number
  readonly keepaliveTime: number
  readonly configuredHoldTime: number
  /** Seconds until they run out, while the session is up and they run. */
  readonly holdTimeLeft?: number
  readonly keepaliveTimeLeft?: number
  /** Names of the capabilities we sent and those we received, in words. */
  readonly capabilities: { readonly advertised: readonly string[]; readonly received: readonly string[] }
  readonly messagesReceived: MessageCounts
  readonly messagesSent: MessageCounts
  readonly established: number
  readonly flaps: number
  readonly lastError?: NotificationInfo & { readonly direction: 'sent' | 'received'; readonly at: number }
  readonly nextRetry?: number
  readonly badUpdates: { readonly discarded: number; readonly withdrawn: number; readonly reset: number }
  readonly gracefulRestart: {
    readonly peerCapable: boolean
    readonly staleUntil?: number
    readonly waitingForEndOfRib: boolean
  }
  readonly group: number | undefined
  readonly lagging: boolean
  readonly outputQueueBytes: number
  /** Added by whoever runs BFD; absent: none is configured. */
  readonly bfd?: BfdView
  /** Added by whoever looks for routers; absent: the peer has an address of its own. */
  readonly discovery?: DiscoveryView
}

/** What was heard on the link of an unnumbered peer (RFC 4861). */
export interface DiscoveryView {
  readonly interface: string
  /** The router that is the peer, with its zone. */
  readonly neighbor?: string
  /** Why there is none; empty when there is one. */
  readonly reason: string
  /** Every router heard, and how many milliseconds ago. */
  readonly routers: readonly { readonly address: string; readonly age: number }[]
  readonly advertisementsSent: number
  readonly advertisementsReceived: number
  readonly solicitationsSent: number
  readonly solicitationsReceived: number
  readonly discarded: number
  readonly lastDiscard: string
}

/** A BFD session beside a peering (RFC 5880); intervals in milliseconds. */
export interface BfdView {
  readonly state: 'AdminDown' | 'Down' | 'Init' | 'Up'
  readonly since: number
  readonly remoteState: 'AdminDown' | 'Down' | 'Init' | 'Up'
  /** In the words of RFC 5880 section 4.1. */
  readonly diagnostic: string
  readonly remoteDiagnostic: string
  readonly multihop: boolean
  readonly transmitInterval: number
  readonly detectionTime: number
  readonly packetsReceived: number
  readonly packetsSent: number
  readonly packetsDiscarded: number
  /** Times it left Up. */
  readonly downs: number
  /** Why packets do not leave, or were discarded; empty when all is well. */
  readonly problem: string
}

/** One path of one prefix. */
export interface RouteView {
  readonly prefix: string
  readonly family: FamilyName
  readonly source: 'bgp' | 'static' | 'kernel' | 'direct'
  /** Peer name, or `own block`, `service`, interface name. */
  readonly from: string
  readonly peer?: PeerKey
  readonly pathId?: number
  readonly best: boolean
  readonly multipath: boolean
  readonly stale: boolean
  readonly eligible: boolean
  /** Why not eligible or not best: `import policy: BGPFilter/tor-import spec.importV4[1]`, `lost at as-path-length to Mesh_10_0_0_12`. */
  readonly reason: string
  readonly nextHop?: string
  readonly origin: 'IGP' | 'EGP' | 'INCOMPLETE'
  readonly asPath: string
  readonly localPref?: number
  readonly med?: number
  readonly communities: readonly string[]
  readonly originatorId?: string
  readonly clusterList: readonly string[]
  readonly metric?: number
  readonly preference: number
  readonly since: number
}

export interface RouteQuery {
  readonly family?: FamilyName
  /** Exact prefix, or those inside it (`in`), or the longest match for an address (`for`). */
  readonly match?: { readonly kind: 'exact' | 'in' | 'for'; readonly prefix: string }
  readonly peer?: PeerKey
  /** `accepted`: what import policy let in, from peers and from here; `all` has the rejected ones too. */
  readonly view: 'best' | 'all' | 'accepted' | 'received' | 'filtered' | 'exported'
  readonly limit: number
  /** Opaque, from the page before. */
  readonly cursor?: string
}

export interface RoutePage {
  readonly routes: readonly RouteView[]
  /** Present when there is more, or more to look at: a page of a rare view may be short, or empty. */
  readonly next?: string
}

/** The road of one prefix through this speaker. */
export interface Explanation {
  readonly prefix: string
  readonly paths: readonly RouteView[]
  readonly decision: readonly {
    readonly step: string
    readonly winner: string
    readonly loser: string
    readonly detail: string
  }[]
  readonly exports: readonly {
    readonly peer: PeerKey
    readonly name: string
    readonly sent: boolean
    /** `split horizon`, `not a client`, `export policy: ...`, `session not Established`. */
    readonly reason: string
    readonly nextHop?: string
    /** With ADD-PATH: how many paths it is told. `nextHop` is of the best one among them. */
    readonly pathCount?: number
    /** Those paths, where one peer was asked about; at most EXPLAINED_PATHS. */
    readonly paths?: readonly { readonly pathId: number; readonly from: string; readonly nextHop?: string }[]
  }[]
}

export interface GroupView {
  readonly id: number
  readonly members: readonly string[]
  readonly prefixes: number
  readonly logBytes: number
  readonly lagging: readonly string[]
}
