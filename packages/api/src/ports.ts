/**
 * The ports: everything the API, the metrics, the health checks and the BIRD control socket may ask of a daemon.
 *
 * A daemon (node or reflector) implements {@link DaemonPorts} over its engine, route programmer and snapshot; nothing
 * here can reach inside them. Calls are synchronous, cheap and build their answer per request; only `admin` waits.
 * Nothing heavy may be counted here: totals come from counters kept as things happen (ux.md 8).
 *
 * Times are milliseconds of the daemon's own clock; `toEpoch` turns them into wall-clock time at the very edge.
 */
import type {
  EngineEvent,
  Explanation,
  FamilyName,
  GroupView,
  PeerKey,
  PeerView,
  RoutePage,
  RouteQuery,
} from '@starling/engine'

export interface Identity {
  /** `node` programs a kernel, `reflector` does not. */
  readonly role: 'node' | 'reflector'
  /** Node name (calico.md 1.3) or the reflector's own name. */
  readonly name: string
  readonly version: string
  readonly asNumber: number
  /** Dotted quad. */
  readonly routerId: string
  /** Dotted quad; absent when not a reflector. */
  readonly clusterId?: string
  readonly ipv4Address?: string
  readonly ipv6Address?: string
  readonly listen: readonly string[]
  /** Process start and last applied configuration, on the daemon's clock. */
  readonly startedAt: number
  readonly configuredAt: number
  /** Grows with every applied configuration. */
  readonly configGeneration: number
}

export interface DatastoreStatus {
  /** `etcd https://10.0.0.1:2379`; never a secret. */
  readonly description: string
  readonly status: 'waiting' | 'resync' | 'in-sync'
  readonly detail: string
  readonly since: number
  readonly revision: number
  readonly keys: number
  /** Keys whose newest value is refused; the last good one stays in force. */
  readonly problems: readonly { readonly key: string; readonly problem: string }[]
}

/** What the health rules judge; the rules themselves live in `health/`. */
export interface HealthFacts {
  readonly graceful: { readonly recovering: boolean; readonly until?: number; readonly waitingFor: readonly string[] }
  /** First plan applied and, on a node, the kernel read. */
  readonly started: boolean
  /** Another process has the BGP port, and nothing begins before it has gone: `0.0.0.0 port 179`. */
  readonly portHeld?: string
  /** The engine broke an invariant and stopped; the kernel keeps its routes. */
  readonly stopped?: string
  /** Peers that count for `required`; names or addresses. */
  readonly requiredPeers: readonly string[]
  /** Peers on nodes known to be down (Node NotReady): they never make this one unready. */
  readonly excusedPeers: readonly PeerKey[]
  readonly draining?: string
}

/** What the BFD worker says of itself. */
export interface BfdSummary {
  readonly sessions: number
  /** How late its timers fire, milliseconds. */
  readonly lateness: { readonly p50: number; readonly p99: number; readonly maximum: number }
  /** Packets that belong to no session. */
  readonly strangers: number
}

/** Loc-RIB sizes, from counters. */
export interface TableView {
  readonly family: FamilyName
  readonly prefixes: number
  readonly paths: number
}

export interface KernelHopView {
  readonly gateway?: string
  readonly interface?: string
  readonly onlink: boolean
  readonly weight: number
}

export interface KernelRouteShape {
  /** `throw`, `local` and `other`: another program's, on a key of ours. */
  readonly kind: 'unicast' | 'blackhole' | 'unreachable' | 'prohibit' | 'throw' | 'local' | 'other'
  readonly metric: number
  readonly table: number
  readonly nextHops: readonly KernelHopView[]
}

/**
 * `installed`: desired and actual agree. `pending`: asked for, not yet written. `removing`: no longer desired, still
 * there. `waiting`: cannot be written yet (next hop unresolved). `failed`: the kernel refused. `drifted`: somebody
 * changed or removed it and the repair is due. `foreign`: another owner's route stands where ours would; left alone.
 * `adopted`: ours from an earlier life, kept until graceful restart ends.
 */
export type KernelRouteState =
  | 'installed'
  | 'pending'
  | 'removing'
  | 'waiting'
  | 'failed'
  | 'drifted'
  | 'foreign'
  | 'adopted'

export interface KernelRouteView {
  readonly prefix: string
  readonly family: FamilyName
  readonly state: KernelRouteState
  /** Who asked: `Mesh_10_0_0_12`, `own block of worker-1`. */
  readonly why: string
  readonly desired?: KernelRouteShape
  readonly actual?: KernelRouteShape & { readonly protocol: number }
  /** The kernel's last refusal, or what the route waits for; errno 0 when it was never refused. */
  readonly lastError?: { readonly errno: number; readonly text: string }
  /** How often somebody else's change was put right lately. */
  readonly repairs: number
}

export interface KernelView {
  /** `netlink`, `memory`, `remote unix:/run/...`. */
  readonly driver: string
  /** The table was read and events have no gap since. */
  readonly synchronized: boolean
  readonly desired: number
  readonly installed: number
  readonly pending: number
  readonly failed: number
  readonly drifted: number
  readonly repairs: number
  readonly errors: number
  readonly resyncs: number
  readonly lastSync: number
}

export interface KernelQuery {
  readonly family?: FamilyName
  readonly match?: RouteQuery['match']
  /** `drift`: everything that is not `installed`. */
  readonly state?: KernelRouteState | 'drift'
  readonly limit: number
  readonly cursor?: string
}

export interface KernelPage {
  readonly routes: readonly KernelRouteView[]
  readonly next?: string
}

/** A network interface of this host. */
export interface InterfaceView {
  readonly name: string
  readonly index: number
  /** Switched on. */
  readonly up: boolean
  /** With a carrier. */
  readonly running: boolean
  readonly mtu: number
  readonly loopback: boolean
  readonly pointToPoint: boolean
  readonly addresses: readonly { readonly address: string; readonly length: number }[]
}

/** One IPAM block as this daemon's snapshot knows it. */
export interface BlockView {
  readonly cidr: string
  readonly family: FamilyName
  /** Owner by affinity; absent when nobody's. */
  readonly node?: string
  readonly state: 'confirmed' | 'pending' | 'pendingDeletion' | 'none'
  readonly pool?: string
  readonly size: number
  readonly allocated: number
  /** Addresses of this block used on other nodes. */
  readonly borrowed: number
  /** This daemon originates it. */
  readonly originated: boolean
}

export interface NodeView {
  readonly name: string
  readonly ipv4Address?: string
  readonly ipv6Address?: string
  readonly asNumber: number
  /** True when the number comes from the cluster default. */
  readonly asNumberInherited: boolean
  readonly routeReflectorClusterId?: string
  readonly labels: Readonly<Record<string, string>>
  readonly blocks: number
  readonly local: boolean
  /** Keys of our own peers on that node. */
  readonly peers: readonly PeerKey[]
}

/** One session of another speaker of the cluster, as far as a drawing needs it. */
export interface SurveyedSession {
  readonly remoteAddress: string
  readonly state: string
  readonly remoteAs?: number
  readonly remoteRouterId?: string
  /** The node at the other end, where the datastore knows whose address it is. */
  readonly node?: string
  readonly description?: string
}

/**
 * What a node's speaker says of its sessions. `here`: this daemon. `api`: asked of the node itself. `node-status`: the
 * newest CalicoNodeStatus it wrote. `none`: nobody could be asked, `problem` says why.
 */
export interface SpeakerReport {
  readonly name: string
  readonly source: 'here' | 'api' | 'node-status' | 'none'
  /** When it said so; absent for `none`. */
  readonly at?: number
  readonly problem?: string
  readonly up: number
  readonly down: number
  /** The first of them: see `complete`. */
  readonly sessions: readonly SurveyedSession[]
  readonly complete: boolean
}

export interface Survey {
  /** Other nodes are asked (`--nodes-port`). */
  readonly asks: boolean
  /** The first nodes by name: see `complete`. */
  readonly speakers: readonly SpeakerReport[]
  readonly complete: boolean
}

/** What the daemon around the engine reports, beside the engine's own events. */
export type HostEvent =
  | { readonly type: 'started'; readonly version: string }
  | { readonly type: 'stopping'; readonly reason: string }
  | { readonly type: 'datastore-status'; readonly status: DatastoreStatus['status']; readonly detail: string }
  | { readonly type: 'datastore-problem'; readonly key: string; readonly problem: string }
  | {
      readonly type: 'config-applied'
      readonly generation: number
      readonly added: number
      readonly changed: number
      readonly removed: number
    }
  | { readonly type: 'block-claimed' | 'block-released'; readonly cidr: string; readonly node: string }
  | {
      readonly type: 'kernel-error'
      readonly prefix: string
      readonly errno: number
      readonly name: string
      readonly text: string
    }
  | { readonly type: 'kernel-conflict'; readonly prefix: string; readonly text: string }
  | { readonly type: 'kernel-tunnel'; readonly device: string; readonly text: string }
  | { readonly type: 'kernel-repair'; readonly prefix: string; readonly detail: string }
  | { readonly type: 'kernel-resync'; readonly reason: string }
  /** `from` absent: nobody has a path any more. */
  | { readonly type: 'best-path'; readonly prefix: string; readonly from?: string; readonly nextHop?: string }
  /** More changes than are told one by one. */
  | { readonly type: 'best-paths'; readonly changes: number }
  | { readonly type: 'admin'; readonly action: string; readonly detail: string }

export type DaemonEvent = EngineEvent | HostEvent

export interface EventRecord {
  /** Grows by one; a gap towards the reader means that the log was too short for him. */
  readonly id: number
  readonly at: number
  readonly event: DaemonEvent
}

export interface EventSource {
  /** Records with an id above `after`, oldest first, at most `limit`. */
  read(after: number, limit: number): readonly EventRecord[]
  /** The newest id; 0 when there is none. */
  readonly last: number
  subscribe(listener: (record: EventRecord) => void): () => void
  /** The newest bad UPDATEs, per peer and bounded. */
  badUpdates(peer?: PeerKey): readonly EventRecord[]
}

/** Milliseconds. */
export interface LoopDelay {
  readonly mean: number
  readonly p50: number
  readonly p99: number
  readonly max: number
}

export interface MemoryView {
  /** One line per structure: `paths`, `attributes`, `prefixes`, `segment log`. */
  readonly structures: readonly { readonly name: string; readonly entries: number; readonly bytes: number }[]
}

export type PeerOperation = 'enable' | 'disable' | 'restart' | 'refresh-in' | 'refresh-out'

export type AdminAction =
  | { readonly action: 'peer'; readonly operation: PeerOperation; readonly peer: PeerKey; readonly reason?: string }
  | {
      readonly action: 'drain'
      readonly enabled: boolean
      readonly reason?: string
      /** Seconds between marking the routes and withdrawing them. */
      readonly timeout?: number
    }
  | { readonly action: 'log-level'; readonly level: string }
  /** Read the datastore again; `birdc configure` ends here and is harmless. */
  | { readonly action: 'reload' }

/** `changed: false` with ok: it was so already. */
export type AdminResult =
  | { readonly ok: true; readonly changed: boolean; readonly detail: string }
  | { readonly ok: false; readonly code: 'not-found' | 'refused' | 'unsupported'; readonly detail: string }

/** `now`: the present session with what made it, or the next one when there is none; `next`: always the next one. */
export type RecordFrom = 'now' | 'next'

export interface RecordListener {
  /** One JSON line, without its end. */
  line(text: string): void
  /** The session is over; nothing follows. */
  ended(reason: string): void
}

export interface DaemonPorts {
  /** The daemon's clock, and what it shows as milliseconds since 1970. */
  now(): number
  toEpoch(at: number): number
  identity(): Identity
  health(): HealthFacts
  datastoreStatus(): DatastoreStatus
  peers(): readonly PeerView[]
  tables(): readonly TableView[]
  routes(query: RouteQuery): RoutePage
  /** `to` narrows the exports to one peer. Undefined: nobody ever spoke of that prefix. */
  explain(prefix: string, to?: PeerKey): Explanation | undefined
  /** Undefined on a reflector. */
  kernel(): KernelView | undefined
  kernelRoutes(query: KernelQuery): KernelPage
  /** Absent or empty where nobody watches the kernel. */
  interfaces?(): readonly InterfaceView[]
  groups(): readonly GroupView[]
  blocks(): readonly BlockView[]
  nodes(): readonly NodeView[]
  /** The node that has this address; undefined for strangers, and where no datastore knows nodes. */
  nodeAt?(address: string): string | undefined
  /** What the speakers of the cluster say of their sessions. */
  survey?(): Promise<Survey>
  readonly events: EventSource
  memory(): MemoryView
  loopDelay(): LoopDelay
  /** The BFD worker; absent where none can run. */
  bfd?(): BfdSummary | undefined
  admin(action: AdminAction): Promise<AdminResult>
  /** The inputs of a peer's session; the result ends it. Undefined: no such peer, or nothing to record. */
  record?(peer: PeerKey, listener: RecordListener, from: RecordFrom): (() => void) | undefined
}
