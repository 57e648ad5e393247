/**
 * One peering: up to two connection machines, and everything that outlives a connection.
 *
 * The dialling machine always exists; an accepted connection gets a machine of its own. Collisions between them are
 * resolved on the second OPEN (RFC 4271 section 6.8), also against an Established session (RFC 4724 section 4.2: the
 * peer that restarted is back before we noticed it went). The machine that reaches Established becomes `current`.
 * Idle hold, back-off, shutdown reasons, graceful restart and the slot in the tables live here.
 */
import { type Capability, CeaseError, NotificationCode } from '@starling/bgp-packet'
import { PATIENCE, PATIENT_FAILURES, RETURN_TIME } from '../config/limits.js'
import type { PeerConfig, PeerKey } from '../config/types.js'
import type { NotificationInfo, SessionState } from '../events.js'
import type { FamilyIndex, PeerSlot, SessionParameters, UpdateError } from '../rib/contract.js'
import type { ConnectionId } from '../sink.js'
import { Backoff } from './backoff.js'
import { type Cause, COLLISION, hardened, notificationInfo } from './cause.js'
import { collisionLoser } from './collision.js'
import { Connection, type ConnectionOwner, type Endpoints, NO_ANSWER } from './connection.js'
import { Failure } from './failure.js'
import { familyNameOf } from './families.js'
import { Helper, type HelperActions } from './helper.js'
import { BFD_DOWN, Hold } from './hold.js'
import type { PeerHost } from './host.js'
import type { Negotiated } from './negotiated.js'
import { judgeOpen, NO_OMISSIONS, omissionsAfter } from './open.js'
import { sessionParameters } from './parameters.js'
import { dialReason, lossReason, receivedReason } from './reasons.js'
import { decodeRefresh, encodeRefresh } from './refresh.js'
import { PeerSignatures, type Signature } from './signatures.js'

const NEVER = Number.POSITIVE_INFINITY
const NO_SLOT = -1
const RANK: Record<SessionState, number> = {
  Idle: 0,
  Active: 1,
  Connect: 2,
  OpenSent: 3,
  OpenConfirm: 4,
  Established: 5,
}
/** A session younger than this may still be one half of a collision; an older one was lost when its peer comes again. */
const COLLISION_WINDOW = 10_000

export interface LastError extends NotificationInfo {
  readonly direction: 'sent' | 'received'
  readonly at: number
}

export class Peer implements ConnectionOwner, HelperActions {
  config: PeerConfig
  readonly key: PeerKey
  readonly random: () => number
  slot: PeerSlot = NO_SLOT
  outgoing: Connection
  incoming: Connection | undefined
  /** The Established one. */
  current: Connection | undefined
  parameters: SessionParameters | undefined
  state: SessionState = 'Idle'
  since: number
  idleUntil = NEVER
  readonly failure = new Failure()
  lastError: LastError | undefined
  established = 0
  flaps = 0
  readonly signatures = new PeerSignatures()
  readonly hold = new Hold()
  readonly backoff: Backoff
  readonly helper: Helper
  readonly messagesReceived = new Uint32Array(8)
  readonly messagesSent = new Uint32Array(8)
  /** RFC 7606 verdicts, counted from the tables' events. */
  readonly badUpdates = { discarded: 0, withdrawn: 0, reset: 0 }
  readonly endOfRibReceived: [boolean, boolean] = [false, false]
  omissions = NO_OMISSIONS
  readonly #host: PeerHost<Peer>
  #sessionStart = 0
  /** Looked at once more then, so that views can say it is silent. */
  #patientUntil = NEVER

  constructor(config: PeerConfig, host: PeerHost<Peer>) {
    this.config = config
    this.key = config.key
    this.#host = host
    this.random = host.random
    this.since = host.now
    this.backoff = new Backoff(host.random)
    this.helper = new Helper(this)
    this.outgoing = new Connection(this, true)
  }

  // --- what keeps it down

  /** A reason not to speak to this peer at all, in words. */
  blocked(now: number): string | undefined {
    return this.hold.reason(this.config, this.current !== undefined, now)
  }

  start(now: number): void {
    this.idleUntil = NEVER
    if (this.current !== undefined || this.outgoing.state !== 'Idle' || this.blocked(now) !== undefined) return
    this.outgoing.fire(this.config.passive ? 'AutomaticStart_with_PassiveTcpEstablishment' : 'AutomaticStart', now)
  }

  /** End every connection; `cause` says with which NOTIFICATION, and whether routes may stay. */
  stop(cause: Cause, now: number): void {
    for (const connection of [this.incoming, this.outgoing, this.current]) {
      if (connection !== undefined && connection.state !== 'Idle') {
        connection.fire('ManualStop', now, hardened(cause, connection.negotiated?.restart?.notification === true))
      }
    }
    if (cause.final === true) this.helper.end()
    this.idleUntil = NEVER
  }

  /**
   * Administrative wishes in the configuration just changed: obey. True when that is all there is to do, because the
   * peer is down on purpose.
   */
  settle(now: number): boolean {
    const blocked = this.blocked(now)
    if (blocked === undefined) {
      if (this.state === 'Idle' && this.idleUntil === NEVER) this.schedule(now, 0)
      return false
    }
    if (this.state !== 'Idle') this.stop(this.hold.cause(this.config, blocked), now)
    this.idleUntil = NEVER
    return true
  }

  /** Start again after `delay`, unless something keeps it down. */
  schedule(now: number, delay: number): void {
    if (this.current !== undefined || this.blocked(now) !== undefined) return
    this.idleUntil = now + delay
    this.#host.wake(this.idleUntil)
  }

  // --- connections

  /** Take an accepted connection, or say why not. */
  accept(id: ConnectionId, endpoints: Endpoints, now: number): string | undefined {
    const blocked = this.blocked(now)
    if (blocked !== undefined) return blocked
    const holding = this.current === undefined && this.outgoing.state === 'Idle' && this.idleUntil > now
    if (holding && this.backoff.failures > PATIENT_FAILURES) {
      return `in idle hold after ${this.backoff.failures} failures in a row`
    }
    // A second one in the same direction: the peer gave the first one up, whatever TCP says.
    this.incoming?.fire('OpenCollisionDump', now, COLLISION)
    const connection = new Connection(this, false)
    connection.state = 'Active'
    this.incoming = connection
    this.#host.deferral.answered(this.key)
    this.#host.adopt(id, this, connection)
    connection.attached(id, endpoints, now)
    this.#host.wake(connection.deadline())
    return undefined
  }

  dial(connection: Connection): ConnectionId {
    const { config } = this
    const id = this.#host.allocate(this, connection)
    this.#host.sink.connect(id, {
      peer: this.key,
      remoteAddress: config.remoteAddress,
      remotePort: config.remotePort,
      ttlSecurity: config.ttlSecurity,
      transport: config.transport,
      ...(config.localAddress !== undefined && { localAddress: config.localAddress }),
      ...(config.interface !== undefined && { interface: config.interface }),
      ...(config.password !== undefined && { password: config.password }),
    })
    return id
  }

  close(id: ConnectionId, how: 'flush' | 'abort'): void {
    this.#host.forget(id)
    this.#host.sink.close(id, how)
  }

  transmit(id: ConnectionId, bytes: Uint8Array): boolean {
    return this.#host.sink.send(id, bytes)
  }

  private pause(range: readonly [minimum: number, maximum: number]): number {
    const wait = this.backoff.delay(range)
    return this.helper.restarting ? Math.min(wait, RETURN_TIME) : wait
  }

  redialDelay(): number {
    const maximum = this.config.timers.connectRetryTime
    const range = [Math.min(this.config.timers.idleHoldTime[0], maximum), maximum] as const
    return Math.max(100, this.pause(range))
  }

  dialFailed(reason: string, opened: boolean): void {
    this.backoff.failed()
    const words = opened ? lossReason(this.config, reason, false) : dialReason(this.config, reason)
    this.failure.happened(words, this.#host.now)
    // A refusal is an answer: nobody is there. Silence may end, and has its own limit.
    if (reason !== NO_ANSWER) this.#host.deferral.gone(this.key)
  }

  openMessage(connection: Connection): Uint8Array {
    return this.#host.opens.octets(this.config, this.#host.config, this.#offer(connection))
  }

  /** What this connection offers; decided once, so that OPEN and judgement cannot differ. */
  #offer(connection: Connection): Capability[] {
    connection.advertised ??= this.#host.opens.capabilities(this.config, this.omissions, {
      restarting: this.#host.restarting,
      // RFC 4724 section 3: nothing of an earlier life is preserved by a first, cold start.
      preserved: this.#host.restarting || this.established > 0,
    })
    return connection.advertised
  }

  judgeOpen(connection: Connection, start: number, end: number, now: number): Negotiated | Cause | undefined {
    const { config } = this
    const host = this.#host
    const verdict = judgeOpen(connection.framer.buffer, start, end, config, host.config, this.#offer(connection))
    if ('reason' in verdict) return verdict
    const current = this.current
    if (current !== undefined) {
      const lost = current.negotiated?.restart !== undefined && now - this.#sessionStart > COLLISION_WINDOW
      if (!lost) return undefined
      this.#replaced(current, now)
      return verdict
    }
    const other = connection.outgoing ? this.incoming : this.outgoing
    // OpenSent too: the OPEN just read tells the identifier section 6.8 asks for, and deciding only in OpenConfirm lets
    // both sides drop different connections when KEEPALIVE and the second OPEN cross on the wire.
    if (other?.state === 'OpenConfirm' || other?.state === 'OpenSent') {
      if (collisionLoser(connection, verdict, host.config.routerId, config.localAs)) return undefined
      other.fire('OpenCollisionDump', now, COLLISION)
    }
    return verdict
  }

  /** RFC 4724 section 4.2: a new connection under graceful restart means the old one is dead. */
  #replaced(current: Connection, now: number): void {
    const id = current.id
    this.#host.forget(id)
    current.detached('the peer opened a new connection: it has restarted', now)
    this.#host.sink.close(id, 'abort')
    this.idleUntil = NEVER
  }

  // --- Established

  establish(connection: Connection, now: number): void {
    const negotiated = connection.negotiated
    const endpoints = connection.endpoints
    if (negotiated === undefined || endpoints === undefined) return
    this.current = connection
    if (connection === this.outgoing) this.outgoing = new Connection(this, true)
    else this.incoming = undefined
    this.incoming?.fire('OpenCollisionDump', now, COLLISION)
    if (this.outgoing.state !== 'Idle') this.outgoing.fire('OpenCollisionDump', now, COLLISION)
    this.idleUntil = NEVER
    this.failure.clear()
    this.established++
    this.#sessionStart = now
    this.endOfRibReceived.fill(false)
    const host = this.#host
    if (this.slot === NO_SLOT) this.slot = host.acquireSlot(this)
    this.parameters = sessionParameters(this.config, negotiated, endpoints, endpoints.localAddresses ?? {})
    host.tables.peerUp(this.slot, this.parameters, now)
    this.helper.returned(negotiated, now)
    host.deferral.established(this.key, negotiated)
    host.wake(Math.min(connection.deadline(), this.helper.deadline()))
  }

  update(buffer: Uint8Array, bodyStart: number, bodyEnd: number, now: number): UpdateError | undefined {
    return this.#host.tables.update(this.slot, buffer, bodyStart, bodyEnd, now)
  }

  refresh(connection: Connection, start: number, end: number, now: number): Cause | undefined {
    const { framer, negotiated } = connection
    const request = decodeRefresh(framer.buffer, start, end, negotiated?.enhancedRefresh === true)
    if ('reason' in request) return request
    const { family, subtype } = request
    if (family === undefined || negotiated?.families[family] !== true) return undefined
    this.#host.tables.routeRefresh(this.slot, family, subtype, now)
    return undefined
  }

  /** Ask for everything again (RFC 2918); false when the peer cannot. */
  requestRefresh(family: FamilyIndex, now: number): boolean {
    const current = this.current
    if (current?.negotiated?.routeRefresh !== true || !current.negotiated.families[family]) return false
    const message = encodeRefresh(family)
    this.counted('sent', message[18])
    current.send(message, now)
    return true
  }

  endOfRib(family: FamilyIndex): void {
    this.endOfRibReceived[family] = true
    const { name } = this.config
    const direction = 'received'
    this.#host.event({ type: 'end-of-rib', peer: this.key, name, family: familyNameOf(family), direction })
    this.helper.endOfRib(family)
    this.#host.deferral.endOfRib(this.key, family)
  }

  /** Bring it down for reaching a prefix limit: CEASE/1, routes go. */
  limitReached(reason: string, data: Uint8Array, restartAfter: number | undefined, now: number): void {
    this.hold.limit.begin(reason, restartAfter, now)
    const notification = notificationInfo(NotificationCode.cease, CeaseError.maximumPrefixes, data)
    this.stop({ kind: 'sent', reason, notification, final: true }, now)
    this.failure.said(reason, now)
    this.#host.wake(this.hold.limit.deadline)
  }

  signatureSeen(signature: Signature, now: number): void {
    if (this.current === undefined) this.signatures.seen(signature, now)
  }

  tcpOpened(now: number): void {
    this.signatures.taken(now)
  }

  disable(reason: string, now: number): void {
    this.hold.adminDown = { reason }
    this.settle(now)
    this.failure.clear()
  }

  enable(now: number): void {
    this.hold.adminDown = undefined
    this.hold.limit.end()
    this.backoff.clear()
    this.failure.clear()
    this.idleUntil = NEVER
    this.settle(now)
  }

  /** Close and come back at once, as a human would: without back-off, and trying every capability again. */
  restart(cause: Cause, now: number): void {
    this.stop(cause, now)
    this.omissions = NO_OMISSIONS
    this.enable(now)
  }

  bfdChanged(up: boolean, now: number, administrative: boolean): void {
    const broke = this.hold.bfd(up, administrative)
    if (this.current === undefined) {
      // Strict mode: what was still opening waits, what waited may start.
      if (this.config.bfdStrict) this.settle(now)
    } else if (broke) {
      this.stop(BFD_DOWN, now)
      this.failure.said(BFD_DOWN.reason, now)
      this.schedule(now, this.config.timers.idleHoldTime[0])
    }
  }

  // --- what connections report

  stateChanged(_connection: Connection, _from: SessionState, cause: Cause | undefined, now: number): void {
    let state: SessionState = 'Idle'
    for (const each of [this.current, this.incoming, this.outgoing]) {
      if (each !== undefined && RANK[each.state] > RANK[state]) state = each.state
    }
    if (state === this.state) return
    const from = this.state
    this.state = state
    if (state === 'OpenSent' || state === 'OpenConfirm') this.#patientUntil = now + PATIENCE
    // Connect and Active take turns while nobody answers; how long it has been down is what people ask.
    if (state === 'Established' || from === 'Established') this.since = now
    const reason = cause === undefined ? '' : this.#words(cause, from === 'Established')
    this.#host.event({ type: 'session-state', peer: this.key, name: this.config.name, from, to: state, reason })
  }

  released(connection: Connection, from: SessionState, cause: Cause, now: number): void {
    if (connection === this.incoming) this.incoming = undefined
    const session = connection === this.current ? connection.negotiated : undefined
    if (connection === this.current) {
      this.current = undefined
      this.flaps++
      this.backoff.ended(now - this.#sessionStart)
    }
    if (session !== undefined) this.#down(session, cause, now)
    connection.negotiated = undefined
    if (cause.orderly !== true) {
      this.backoff.failed()
      const words = this.#words(cause, from === 'Established')
      if (cause.kind === 'transport') this.failure.happened(words, now)
      else this.failure.said(words, now)
      if (cause.notification !== undefined) this.omissions = omissionsAfter(this.omissions, cause)
    } else if (cause !== COLLISION) {
      this.failure.said(cause.reason, now)
    }
    const quiet = this.outgoing.state === 'Idle' && this.incoming === undefined && this.current === undefined
    if (quiet) this.schedule(now, this.pause(this.config.timers.idleHoldTime))
  }

  #down(session: Negotiated, cause: Cause, now: number): void {
    const host = this.#host
    const retention = this.helper.lost(session, this.config, cause, now)
    const slot = this.slot
    const kept = retention.stale[0] || retention.stale[1]
    if (!kept) {
      this.slot = NO_SLOT
      host.departSlot(slot)
    }
    this.parameters = undefined
    host.tables.peerDown(slot, retention, now)
    if (kept) host.wake(this.helper.deadline())
    host.deferral.gone(this.key)
  }

  #words(cause: Cause, wasEstablished: boolean): string {
    if (cause.kind === 'transport') return lossReason(this.config, cause.reason, wasEstablished)
    if (cause.kind === 'received' && cause.notification !== undefined) {
      return receivedReason(this.config, cause.notification)
    }
    return cause.reason
  }

  notified(direction: 'sent' | 'received', info: NotificationInfo, now: number): void {
    // A collision is everyday life, not an error anybody should look at.
    const collision = info.code === NotificationCode.cease && info.subcode === CeaseError.connectionCollision
    if (!collision) this.lastError = { ...info, direction, at: now }
    const type = direction === 'sent' ? 'notification-sent' : 'notification-received'
    this.#host.event({ type, peer: this.key, name: this.config.name, notification: info })
  }

  counted(direction: 'sent' | 'received', type: number): void {
    const counts = direction === 'sent' ? this.messagesSent : this.messagesReceived
    counts[type & 7]++
  }

  // --- graceful restart (HelperActions)

  sweep(family: FamilyIndex): void {
    const slot = this.slot
    if (slot === NO_SLOT) return
    // Before the sweep: the tables may say at once that the slot is free.
    if (this.current === undefined && !this.helper.active) {
      this.slot = NO_SLOT
      this.#host.departSlot(slot)
    }
    this.#host.tables.sweepStale(slot, family, this.#host.now)
  }

  markLongLived(family: FamilyIndex): void {
    if (this.slot !== NO_SLOT) this.#host.tables.markLongLivedStale(this.slot, family, this.#host.now)
  }

  report(phase: 'stale-kept' | 'stale-expired' | 'recovered', until?: number): void {
    const name = this.config.name
    this.#host.event({ type: 'graceful-restart', peer: this.key, name, phase, ...(until !== undefined && { until }) })
  }

  // --- time

  deadline(): number {
    let at = Math.min(this.idleUntil, this.outgoing.deadline(), this.helper.deadline())
    if (this.incoming !== undefined) at = Math.min(at, this.incoming.deadline())
    if (this.current !== undefined) at = Math.min(at, this.current.deadline())
    return Math.min(at, this.hold.limit.deadline, this.#patientUntil)
  }

  tick(now: number): void {
    if (now >= this.#patientUntil) this.#patientUntil = NEVER
    this.current?.tick(now)
    this.incoming?.tick(now)
    this.outgoing.tick(now)
    this.helper.tick(now)
    if (now >= this.hold.limit.deadline && this.hold.limit.end()) this.schedule(now, 0)
    if (now >= this.idleUntil) this.start(now)
  }
}
