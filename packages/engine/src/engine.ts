/**
 * The engine: the closed list of inputs of design section 4, each with `now`, and the read-only views.
 *
 * It owns no socket, clock or randomness: they enter here. One input, then everything it causes, then the caller waits
 * for I/O or `nextDeadline()`. Sessions are `session/`, routes are the tables behind `rib/contract.ts`; this file only
 * routes inputs to them and holds what belongs to neither: connection ids, the sweep, the restart deferral.
 * A throw while one peer's bytes are handled is our bug: it costs that session, is counted, and nobody else notices.
 */
import { CeaseError } from '@starling/bgp-packet'
import { KEEPALIVE_SLACK } from './config/limits.js'
import type { EngineConfig, PeerConfig, PeerKey, PrefixLimit } from './config/types.js'
import type { EngineEvent } from './events.js'
import type { FamilyIndex, LocalRoute, PeerSlot, Tables, TablesHost } from './rib/contract.js'
import { RibTables } from './rib/tables.js'
import { type Cause, cease } from './session/cause.js'
import type { Connection, Endpoints } from './session/connection.js'
import { Deferral } from './session/deferral.js'
import { Directory } from './session/directory.js'
import { admitDynamic, forgetDynamic } from './session/dynamic.js'
import { evidenceOf, type SessionEvidence } from './session/evidence.js'
import { AFI_OF, BOTH_FAMILIES, familyNameOf } from './session/families.js'
import type { PeerHost } from './session/host.js'
import { limitData, MessageCounter } from './session/messages.js'
import { OpenMemo } from './session/open.js'
import type { Peer } from './session/peer.js'
import { peerView, reasonOf } from './session/peer-view.js'
import { addPeer, type Reconfiguration, reconfigure } from './session/reconfigure.js'
import { Refusals } from './session/refusals.js'
import type { Signature } from './session/signatures.js'
import { Slots } from './session/slots.js'
import type { ConnectionId, Sink } from './sink.js'
import type { Explanation, GroupView, PeerView, RoutePage, RouteQuery } from './view.js'

export interface EngineOptions {
  readonly now: number
  /** Uniform in [0, 1). */
  readonly random: () => number
  /** This process restarted and forwarding state was kept (RFC 4724 section 4.1). */
  readonly restarting: boolean
  /** Another implementation of the tables, for tests of sessions alone. */
  readonly tables?: (config: EngineConfig, host: TablesHost) => Tables
}

export type AdminAction = 'enable' | 'disable' | 'restart' | 'refresh-in' | 'refresh-out'

/** The answer to an incoming connection; a refused one is closed by the transport, unread. */
export type Admission = { readonly accepted: true } | { readonly accepted: false; readonly reason: string }

interface Attached {
  readonly peer: Peer
  readonly connection: Connection
}

const ACCEPTED: Admission = { accepted: true }
/** Peers whose deadline lies this close are served by the same sweep. */
const SWEEP_AHEAD = KEEPALIVE_SLACK

export class Engine implements PeerHost<Peer>, TablesHost {
  readonly sink: Sink
  readonly random: () => number
  readonly tables: Tables
  readonly deferral: Deferral
  readonly opens = new OpenMemo()
  config: EngineConfig
  now: number
  /** Throws caught at the border of one peer's input: always our bug. */
  internalErrors = 0
  lastInternalError = ''
  readonly #directory = new Directory()
  readonly #refusals = new Refusals()
  readonly #slots = new Slots<Peer>()
  readonly #connections = new Map<ConnectionId, Attached>()
  readonly #counter = new MessageCounter()
  /** What tables asked for during an input: done after it, never inside their own call. */
  readonly #afterwards: (() => void)[] = []
  /** The deferral is over, what it held back is not all through yet. */
  #restartSettling = false
  #lastConnection = 0
  /** No integer, not even before the first tick: V8 keeps those otherwise, and warm code would meet an engine of another shape. */
  #wakeAt = Number.NEGATIVE_INFINITY
  #sweptAt = Number.NEGATIVE_INFINITY

  constructor(config: EngineConfig, sink: Sink, options: EngineOptions) {
    this.config = config
    this.sink = sink
    this.now = options.now
    this.random = options.random
    const hashSeed = Math.floor(options.random() * 0x100000000)
    this.tables = options.tables?.(config, this) ?? new RibTables(config, this, { hashSeed })
    const waitedFor = options.restarting ? config.peers.keys() : []
    const dynamic = options.restarting && config.dynamicNeighbors.length > 0
    this.deferral = new Deferral(waitedFor, { dynamic, limit: config.gracefulRestartDeferral, now: options.now })
    if (!this.deferral.finished(options.now)) {
      this.tables.setDeferred(true, options.now)
      this.#reportDeferral('deferral-started', options.now + config.gracefulRestartDeferral)
    }
    this.#directory.setRanges(config.dynamicNeighbors)
    for (const peer of config.peers.values()) addPeer(peer, this, this.#directory, options.now)
  }

  // --- inputs: configuration and administration

  /** Make `config` true with the smallest sufficient effect on every peering. */
  configure(config: EngineConfig, now: number): Reconfiguration {
    this.now = now
    const before = this.config
    this.config = config
    this.tables.configure(config)
    const result = reconfigure(before, config, this, this.#directory, now)
    this.#settle(now)
    return result
  }

  /** False when there is no such peer, or it cannot do what is asked. */
  admin(key: PeerKey, action: AdminAction, options: { readonly reason?: string }, now: number): boolean {
    this.now = now
    const peer = this.#directory.peers.get(key)
    if (peer === undefined) return false
    const done = this.#admin(peer, action, options.reason ?? '', now)
    this.#settle(now)
    return done
  }

  #admin(peer: Peer, action: AdminAction, reason: string, now: number): boolean {
    if (action === 'refresh-in')
      return BOTH_FAMILIES.map((each) => peer.requestRefresh(each, now)).some((asked) => asked)
    if (action === 'refresh-out') return this.#refreshOut(peer, now)
    if (action === 'disable') peer.disable(reason, now)
    else if (action === 'enable') peer.enable(now)
    else peer.restart(cease('restarted by hand', CeaseError.administrativeReset, { text: reason }), now)
    this.wake(peer.deadline())
    return true
  }

  #refreshOut(peer: Peer, now: number): boolean {
    const families = peer.current?.negotiated?.families
    if (families === undefined) return false
    for (const family of BOTH_FAMILIES) if (families[family]) this.tables.routeRefresh(peer.slot, family, 0, now)
    return true
  }

  /** Say goodbye to everybody: CEASE/2 (as a Hard Reset where RFC 8538 applies). Nothing is dialled any more. */
  shutdown(reason: string, now: number): void {
    this.now = now
    for (const peer of this.#directory.peers.values()) peer.disable(reason, now)
    this.#settle(now)
  }

  /** BFD's verdict on the path to a peer (RFC 5882); `administrative`: there is none, BFD was switched off. */
  bfdChanged(key: PeerKey, up: boolean, now: number, administrative = false): void {
    this.now = now
    this.#directory.peers.get(key)?.bfdChanged(up, now, administrative)
    this.#settle(now)
  }

  // --- inputs: connections

  incoming(id: ConnectionId, endpoints: Endpoints, now: number): Admission {
    this.now = now
    const peer = this.#directory.find(endpoints) ?? admitDynamic(endpoints.remoteAddress, this, this.#directory, now)
    const reason = typeof peer === 'string' ? peer : peer.accept(id, endpoints, now)
    this.#settle(now)
    if (reason === undefined) return ACCEPTED
    this.wake(now)
    const more = this.#refusals.tell(now)
    const { remoteAddress } = endpoints
    if (more !== undefined) this.event({ type: 'connection-refused', remoteAddress, reason, more })
    return { accepted: false, reason }
  }

  /** A dial was answered. */
  opened(id: ConnectionId, endpoints: Endpoints, now: number): void {
    this.now = now
    const attached = this.#connections.get(id)
    if (attached === undefined) return
    this.deferral.answered(attached.peer.key)
    attached.connection.attached(id, endpoints, now)
    this.#settle(now, attached.peer)
  }

  /** A dial did not succeed; `error` is an errno name or a text with one. */
  failed(id: ConnectionId, error: string, now: number): void {
    this.closed(id, error, now)
  }

  /** The transport lost the connection; `reason` as in {@link failed}, or empty for an orderly end by the peer. */
  closed(id: ConnectionId, reason: string, now: number): void {
    this.now = now
    const attached = this.#connections.get(id)
    if (attached === undefined) return
    this.#connections.delete(id)
    attached.connection.detached(reason, now)
    this.#settle(now, attached.peer)
  }

  received(id: ConnectionId, bytes: Uint8Array, now: number): void {
    this.now = now
    const attached = this.#connections.get(id)
    if (attached === undefined) return
    const { connection, peer } = attached
    const { state } = connection
    try {
      connection.received(bytes, now)
    } catch (error) {
      this.#internalError(connection, error, now)
    }
    if (connection.state !== state || this.#afterwards.length > 0) this.#settle(now, peer)
  }

  /** Everything handed over was taken by the kernel. */
  writable(id: ConnectionId, now: number): void {
    this.now = now
    const attached = this.#connections.get(id)
    if (attached === undefined) return
    attached.connection.blockedSince = -1
    if (attached.peer.current === attached.connection) this.tables.writable(attached.peer.slot, now)
  }

  /** The transport saw a SYN or SYN-ACK of a peer: evidence for the reason why no connection comes of it. */
  signatureSeen(remoteAddress: string, signature: Signature, now: number): void {
    this.now = now
    this.#directory.at(remoteAddress)?.signatureSeen(signature, now)
  }

  // --- inputs: routes of our own, next hops, time

  setLocalRoute(route: LocalRoute, now: number): void {
    this.now = now
    this.tables.setLocalRoute(route, now)
  }

  removeLocalRoute(source: LocalRoute['source'], prefix: string, now: number): void {
    this.now = now
    this.tables.removeLocalRoute(source, prefix, now)
  }

  nextHopChanged(address: string, reachable: boolean, metric: number, now: number, device?: string): void {
    this.now = now
    this.tables.nextHopChanged(address, reachable, metric, now, device)
  }

  /** One sweep over all peers: no timer object exists. Spurious calls are harmless and cheap. */
  tick(now: number): void {
    this.now = now
    if (now < this.nextDeadline()) return
    this.#sweptAt = now
    this.#wakeAt = Number.POSITIVE_INFINITY
    for (const peer of this.#directory.peers.values()) {
      if (peer.deadline() <= now + SWEEP_AHEAD) peer.tick(now)
      if (peer.config.kind === 'dynamic' && forgetDynamic(peer, this, this.#directory, now)) continue
      this.wake(peer.deadline())
    }
    if (now >= this.tables.nextDeadline()) this.tables.tick(now)
    this.#settle(now)
    this.wake(this.deferral.deadline())
    this.wake(this.tables.nextDeadline())
  }

  /**
   * Of hundreds of peers with a deadline each, many are served by one sweep: the next one keeps a distance of a
   * millisecond for every 64 of them (none below that), or a lost cluster would cost peers times peers.
   */
  nextDeadline(): number {
    return Math.max(this.#wakeAt, this.#sweptAt + (this.#directory.peers.size >>> 6))
  }

  /** Decide, pack and send for about `limit` prefixes; true = more to do. */
  work(limit: number, now: number): boolean {
    this.now = now
    const more = this.tables.work(limit, now)
    if (this.#afterwards.length > 0) this.#settle(now)
    if (!more) this.#reportSettledRestart()
    this.wake(this.tables.nextDeadline())
    return more
  }

  get pending(): boolean {
    return this.tables.pending
  }

  // --- views

  peers(): PeerView[] {
    return [...this.#directory.peers.values()].map((peer) => peerView(peer, this))
  }

  peer(key: PeerKey): PeerView | undefined {
    const peer = this.#directory.peers.get(key)
    return peer === undefined ? undefined : peerView(peer, this)
  }

  /** The configuration in force for an address: of a peer, or of a dynamic neighbour that is known. */
  peerConfig(remoteAddress: string): PeerConfig | undefined {
    return this.#directory.at(remoteAddress)?.config
  }

  /** The range a dynamic neighbour with this address comes from. */
  dynamicRange(remoteAddress: string): string | undefined {
    return this.#directory.range(remoteAddress)?.range
  }

  /** The octets that would have made the present session of a peer; undefined while none is Established. */
  evidence(key: PeerKey): SessionEvidence | undefined {
    const peer = this.#directory.peers.get(key)
    return peer === undefined ? undefined : evidenceOf(peer, this.tables)
  }

  /** Is a session with this address up? The transport asks before it hands over another connection from there. */
  hasSession(remoteAddress: string): boolean {
    return this.#directory.at(remoteAddress)?.current !== undefined
  }

  routes(query: RouteQuery): RoutePage {
    return this.tables.routes(query)
  }

  explain(prefix: string, to?: PeerKey): Explanation {
    const none = (peer: Peer): Explanation['exports'][number] => {
      const reason = `session not Established: ${reasonOf(peer, this.now)}`
      return { peer: peer.key, name: peer.config.name, sent: false, reason }
    }
    const asked = to === undefined ? undefined : this.#directory.peers.get(to)
    if (asked !== undefined) {
      return asked.slot >= 0
        ? this.tables.explain(prefix, asked.slot)
        : { ...this.tables.explain(prefix), exports: [none(asked)] }
    }
    const told = this.tables.explain(prefix)
    const down = [...this.#directory.peers.values()].filter(({ slot }) => slot < 0)
    return { ...told, exports: [...told.exports, ...down.map(none)] }
  }

  groups(): readonly GroupView[] {
    return this.tables.groups()
  }

  memory(): ReturnType<Tables['memory']> {
    return this.tables.memory()
  }

  /** Prefixes and paths per family. */
  sizes(): ReturnType<Tables['sizes']> {
    return this.tables.sizes()
  }

  /** Broken invariants in words; empty when sound. For tests. */
  audit(): readonly string[] {
    const problems = [...this.tables.audit()]
    for (const [id, { peer, connection }] of this.#connections) {
      if (connection.id !== id) problems.push(`connection ${id} of ${peer.key} is ${connection.id} to its machine`)
    }
    return problems
  }

  // --- PeerHost

  get restarting(): boolean {
    return this.deferral.active
  }

  allocate(peer: Peer, connection: Connection): ConnectionId {
    // Even ids are the engine's dials, odd ones the transport's accepts: they cannot meet.
    this.#lastConnection += 2
    this.#connections.set(this.#lastConnection, { peer, connection })
    return this.#lastConnection
  }

  adopt(id: ConnectionId, peer: Peer, connection: Connection): void {
    this.#connections.set(id, { peer, connection })
  }

  forget(id: ConnectionId): void {
    this.#connections.delete(id)
  }

  acquireSlot(peer: Peer): PeerSlot {
    return this.#slots.acquire(peer)
  }

  departSlot(slot: PeerSlot): void {
    this.#slots.depart(slot)
  }

  wake(at: number): void {
    if (at < this.#wakeAt) this.#wakeAt = at
  }

  // --- TablesHost (and event, which both have)

  event(event: EngineEvent): void {
    if (event.type === 'bad-update') this.#countBadUpdate(event.peer, event.verdict)
    this.sink.event(event)
  }

  #countBadUpdate(key: PeerKey, verdict: 'attribute-discard' | 'treat-as-withdraw' | 'session-reset'): void {
    const counts = this.#directory.peers.get(key)?.badUpdates
    if (counts === undefined) return
    if (verdict === 'attribute-discard') counts.discarded++
    else if (verdict === 'treat-as-withdraw') counts.withdrawn++
    else counts.reset++
  }

  transmit(slot: PeerSlot, bytes: Uint8Array): boolean {
    const peer = this.#slots.owner(slot)
    const connection = peer?.current
    if (peer === undefined || connection === undefined) return false
    this.#counter.add(bytes, peer.messagesSent)
    const free = connection.send(bytes, this.now)
    if (!free) this.wake(connection.deadline())
    return free
  }

  endOfRib(slot: PeerSlot, family: FamilyIndex, _now: number): void {
    const peer = this.#slots.owner(slot)
    if (peer === undefined) return
    this.#afterwards.push(() => peer.endOfRib(family))
  }

  limitReached(slot: PeerSlot, family: FamilyIndex, limit: PrefixLimit, way: 'import' | 'export', now: number): void {
    const peer = this.#slots.owner(slot)
    if (peer === undefined) return
    const { maximum, action, restartAfter } = limit
    const words = `prefix limit reached: more than ${maximum} ${familyNameOf(family)} prefixes ${way === 'import' ? 'from' : 'for'} the peer`
    const session = peer.current
    this.#afterwards.push(() => {
      if (peer.current !== session) return
      peer.limitReached(words, limitData(AFI_OF[family], maximum), action === 'restart' ? restartAfter : undefined, now)
    })
  }

  requestRefresh(slot: PeerSlot, family: FamilyIndex): void {
    this.#slots.owner(slot)?.requestRefresh(family, this.now)
  }

  slotFree(slot: PeerSlot): void {
    this.#slots.freed(slot)
  }

  nameOf(slot: PeerSlot): string {
    return this.#slots.name(slot)
  }

  // --- after an input

  #settle(now: number, peer?: Peer): void {
    for (let next = this.#afterwards.shift(); next !== undefined; next = this.#afterwards.shift()) next()
    if (peer !== undefined) this.wake(peer.deadline())
    if (this.deferral.active && this.deferral.finished(now)) {
      this.tables.setDeferred(false, now)
      this.#restartSettling = true
      if (!this.tables.pending) this.#reportSettledRestart()
    }
  }

  /** Not before everything that waited is decided and installed: who hears it may delete what was not claimed by then. */
  #reportSettledRestart(): void {
    if (!this.#restartSettling) return
    this.#restartSettling = false
    this.#reportDeferral('deferral-ended')
  }

  #reportDeferral(phase: 'deferral-started' | 'deferral-ended', until?: number): void {
    for (const { key, name } of this.config.peers.values()) {
      this.event({ type: 'graceful-restart', peer: key, name, phase, ...(until !== undefined && { until }) })
    }
  }

  #internalError(connection: Connection, error: unknown, now: number): void {
    this.internalErrors++
    this.lastInternalError = error instanceof Error ? (error.stack ?? error.message) : String(error)
    const reason = `internal error: ${error instanceof Error ? error.message : String(error)}`
    const cause: Cause = { ...cease(reason, CeaseError.administrativeReset), orderly: false }
    try {
      connection.fire('AutomaticStop', now, cause)
    } catch {
      // The tables are not sound for this peer either: cut the connection, whatever else fails.
      const id = connection.id
      this.forget(id)
      if (id !== 0) this.sink.close(id, 'abort')
    }
  }
}
