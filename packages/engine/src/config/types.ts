/**
 * What the engine is configured with: one immutable value that says everything about who to speak to and how.
 *
 * `intent` (or a command line) builds it; `Engine.configure` compares it with the one in force and applies the smallest
 * sufficient effect (`impact.ts`). Addresses are canonical text here, because configuration is read by people; the
 * engine turns them into bytes once. Times are milliseconds unless the name says otherwise.
 */
import type { PolicyTerm } from '../policy/types.js'
import type { FamilyName, Why } from './words.js'

export { FAMILIES, type FamilyName, type Why } from './words.js'

/**
 * A peering's identity: its address, plus the port when it is not 179 and the zone when it is link-local. Never the
 * name of the resource that asked for it (calico.md 10.3; issue 3819 of Calico is what a name costs).
 */
export type PeerKey = string
export function peerKey(remoteAddress: string, remotePort = 179): PeerKey {
  return remotePort === 179 || remotePort === 0 ? remoteAddress : `${remoteAddress} port ${remotePort}`
}

/**
 * An unnumbered peer is the router behind an interface, whatever its address is today: its identity, and its
 * `remoteAddress` until it is found, is the zone alone (`%eth0`). Who finds it (`speaker`) fills the address in, so that
 * another neighbour is a new connection of that one session.
 */
export const unnumberedAddress = (name: string): string => `%${name}`
export const isUnnumbered = ({ key }: Pick<PeerConfig, 'key'>): boolean => key.startsWith('%')

export type PeerKind = 'mesh' | 'global' | 'node' | 'local-workload' | 'dynamic' | 'static'

/** ADD-PATH (RFC 7911) per direction: 0 none, otherwise how many paths at most (`Infinity`: all). */
export interface AddPathConfig {
  readonly receive: boolean
  readonly send: number
}

export interface PrefixLimit {
  readonly maximum: number
  /** Fraction of `maximum` at which an event warns. */
  readonly warnAt: number
  /** `warn` only reports; `idle` stays down until an operator acts; `restart` comes back after `restartAfter`. */
  readonly action: 'warn' | 'idle' | 'restart'
  readonly restartAfter: number
}

export interface PeerFamilyConfig {
  readonly family: FamilyName
  readonly addPath: AddPathConfig
  /** RFC 8950: IPv4 routes may carry IPv6 next hops. Meaningful for `ipv4` only. */
  readonly extendedNextHop: boolean
  /** Long-lived stale time of this family, seconds; absent = the one of {@link GracefulRestartConfig}. */
  readonly longLivedStaleTime?: number
  readonly importLimit?: PrefixLimit
  readonly exportLimit?: PrefixLimit
}

export interface GracefulRestartConfig {
  readonly enabled: boolean
  /** Advertised restart time, seconds (0..4095): how long the peer keeps our routes (RFC 4724 section 3). */
  readonly restartTime: number
  /** RFC 8538: NOTIFICATIONs other than a hard reset keep routes too. */
  readonly notification: boolean
  /** Long-lived stale time, seconds (RFC 9494); 0 = not offered. */
  readonly longLivedStaleTime: number
}

export interface PeerTimers {
  /** Offered hold time, seconds: 0 or at least 3. */
  readonly holdTime: number
  /** Seconds; absent = a third of the negotiated hold time. */
  readonly keepaliveTime?: number
  readonly connectRetryTime: number
  /** DelayOpen (RFC 4271 8.1.1), 0 = off. */
  readonly delayOpenTime: number
  /** Idle hold after an error: doubles from the first to the second, returns to the first after stable time. */
  readonly idleHoldTime: readonly [minimum: number, maximum: number]
  /** RFC 9687; 0 = the larger of 8 minutes and twice the hold time. */
  readonly sendHoldTime: number
  /** Least time between two advertisements of one peer; 0 = as soon as the flush gate opens. */
  readonly advertisementInterval: number
}

/** What the kernel is told about the TCP connection. In force from the next connection on. */
export interface TransportConfig {
  /** Differentiated services code point of what we send, 0 to 63; routing traffic is CS6 = 48 (RFC 2474, RFC 4594). */
  readonly dscp: number
  /** Milliseconds unacknowledged octets may wait (RFC 5482); 0 = the kernel's retransmission limit. */
  readonly userTimeout: number
  /** Largest segment we ask for and send; 0 = what the path allows. */
  readonly maximumSegment: number
}

/** RFC 9234 roles; the OTC attribute rules follow from the pair. */
export type BgpRole = 'provider' | 'rs' | 'rs-client' | 'customer' | 'peer'

export interface PeerConfig {
  readonly key: PeerKey
  /** BIRD's protocol name (`Mesh_10_0_0_12`): a label, never an identity. */
  readonly name: string
  readonly kind: PeerKind
  readonly description: string
  readonly why: Why

  /** Canonical text; a link-local address carries its zone (`fe80::1%eth0`); `%eth0` of a router not found yet. */
  readonly remoteAddress: string
  readonly remotePort: number
  /** Source of outgoing and required destination of incoming connections; absent = any. */
  readonly localAddress?: string
  /** Bind to this device (unnumbered peers, VRFs). */
  readonly interface?: string
  /** `any` takes whatever AS the OPEN says, `external`/`internal` the ones that differ from / equal ours. */
  readonly remoteAs: number | 'external' | 'internal' | 'any'
  /** The AS we present to this peer; decides iBGP or eBGP (calico.md 2.6). */
  readonly localAs: number
  /** Never dial, only listen. */
  readonly passive: boolean
  /** Administrative state; `false` closes with CEASE/2 and `shutdownMessage`. */
  readonly enabled: boolean
  readonly shutdownMessage?: string
  /** A reason to stay down that is not the operator's wish: `secret bgp-secrets/rack1 is missing`. */
  readonly heldDown?: string
  /** TCP MD5 key (RFC 2385). Never logged, printed or exported. */
  readonly password?: string
  /** GTSM (RFC 5082): hops allowed; 0 = off, TTL 64 multihop. */
  readonly ttlSecurity: number
  readonly transport: TransportConfig

  readonly families: readonly PeerFamilyConfig[]
  readonly timers: PeerTimers
  readonly gracefulRestart: GracefulRestartConfig
  readonly routeRefresh: boolean
  readonly extendedMessages: boolean
  readonly fourOctetAs: boolean
  readonly role?: BgpRole

  /** RFC 4456: the peer is our client, in this cluster. */
  readonly routeReflectorClient: boolean
  /** u32; 0 = the speaker's own cluster id. */
  readonly clusterId: number
  /** `auto`: unchanged on iBGP, self on eBGP (table of calico.md 2.6). `keep-ebgp`: the deprecated keepOriginalNextHop. */
  readonly nextHop: 'auto' | 'self' | 'keep' | 'keep-ebgp'
  /** How often our own AS may stand in a received AS_PATH. */
  readonly allowOwnAs: number
  /** eBGP: the AS_PATH must begin with the peer's own AS (RFC 4271 section 6.3). A route server's do not. */
  readonly enforceFirstAs: boolean
  readonly asOverride: boolean
  readonly removePrivateAs: boolean
  readonly importPolicy: readonly PolicyTerm[]
  readonly exportPolicy: readonly PolicyTerm[]
  /** Verdict where no term decided. */
  readonly importDefault: 'accept' | 'reject'
  readonly exportDefault: 'accept' | 'reject'
  /** RFC 7606 attribute codes to drop on sight, and those that withdraw the route (operator's emergency list). */
  readonly discardAttributes: readonly number[]
  readonly withdrawOnAttributes: readonly number[]
  /** The session waits for BFD Up before it may leave Idle, and falls with it (`speaker` runs BFD). */
  readonly bfdStrict: boolean
}

/** Peers taken from a range of addresses: the first connection from inside creates one from the template. */
export interface DynamicNeighbors {
  /** Canonical prefix text. */
  readonly range: string
  readonly maximum: number
  readonly template: Omit<PeerConfig, 'key' | 'name' | 'kind' | 'remoteAddress' | 'remotePort' | 'passive'>
}

export interface DecisionConfig {
  readonly alwaysCompareMed: boolean
  readonly deterministicMed: boolean
  /** Largest multipath set; 1 = single path. */
  readonly maximumPaths: number
  /** Multipath over paths whose AS_PATHs have equal length but different content. */
  readonly multipathRelax: boolean
}

export interface EngineConfig {
  /** Who we are to everybody without a `localAs` of their own. */
  readonly asNumber: number
  /** u32, never 0 (RFC 6286). */
  readonly routerId: number
  /** u32; 0 = not a reflector. */
  readonly clusterId: number
  /** Reflect between clients (RFC 4456 section 4: clients that are fully meshed do not want it). */
  readonly clientToClient: boolean
  readonly peers: ReadonlyMap<PeerKey, PeerConfig>
  readonly dynamicNeighbors: readonly DynamicNeighbors[]
  /** `tracked`: a next hop counts once `nextHopChanged` says so. `assumed`: every one is reachable (a reflector). */
  readonly nextHopResolution: 'tracked' | 'assumed'
  readonly decision: DecisionConfig
  /** LOCAL_PREF of routes that come without one (eBGP, statics); calico.md 2.8 step 1 has its own arithmetic. */
  readonly defaultLocalPref: number
  /** RFC 4724: wait at most this long for End-of-RIB of peers that answer before deletions and first advertisement. */
  readonly gracefulRestartDeferral: number
}
