/**
 * One machine of the table in `fsm.ts`: at most one TCP connection, its framer and its timers.
 *
 * It runs the table's actions and turns bytes into events. What concerns the peering as a whole (collisions, back-off,
 * routes, graceful restart) is `peer.ts`, reached through {@link ConnectionOwner}. Timers are plain deadlines in
 * fields, looked at by the engine's one sweep: no timer object exists anywhere.
 */
import {
  type Capability,
  decodeNotification,
  encodeNotification,
  Framer,
  HEADER_LENGTH,
  KEEPALIVE,
  MessageType,
  NotificationCode,
  OpenError,
} from '@starling/bgp-packet'
import { CONNECT_TIMEOUT, JITTER, KEEPALIVE_SLACK, LARGE_HOLD_TIME, SEND_HOLD_MINIMUM } from '../config/limits.js'
import type { PeerConfig } from '../config/types.js'
import type { NotificationInfo, SessionState } from '../events.js'
import type { SessionParameters, UpdateError } from '../rib/contract.js'
import type { ConnectionId } from '../sink.js'
import { type Cause, COLLISION, notificationInfo, sent, transport } from './cause.js'
import { FSM, FSM_ERROR_SUBCODE, type FsmAction, type FsmEvent, fsmError } from './fsm.js'
import type { Negotiated } from './negotiated.js'
import { silence } from './reasons.js'

/** Addresses of the TCP connection, canonical text. */
export interface Endpoints {
  readonly remoteAddress: string
  readonly remotePort: number
  readonly localAddress: string
  readonly localPort: number
  /** Our other addresses on the same interface: next-hop-self in the other family needs them. */
  readonly localAddresses?: SessionParameters['localAddresses']
  /** The interface with a network that both ends are on, where there is exactly one. */
  readonly link?: string
}

/** What a machine needs of its peering. */
export interface ConnectionOwner {
  readonly config: PeerConfig
  readonly random: () => number
  /** Allocate an id and ask the transport to dial. */
  dial(connection: Connection): ConnectionId
  tcpOpened(now: number): void
  close(id: ConnectionId, how: 'flush' | 'abort'): void
  transmit(id: ConnectionId, bytes: Uint8Array): boolean
  /** Milliseconds until the next dial after one that failed: back-off up to the ConnectRetryTime. */
  redialDelay(): number
  /** A dial was refused, not possible, not answered in time, or (`opened`) answered and let go before an OPEN came. */
  dialFailed(reason: string, opened: boolean): void
  openMessage(connection: Connection): Uint8Array
  /** Judge a received OPEN and resolve collisions; a cause means this connection ends. */
  judgeOpen(connection: Connection, start: number, end: number, now: number): Negotiated | Cause | undefined
  establish(connection: Connection, now: number): void
  update(buffer: Uint8Array, bodyStart: number, bodyEnd: number, now: number): UpdateError | undefined
  refresh(connection: Connection, start: number, end: number, now: number): Cause | undefined
  stateChanged(connection: Connection, from: SessionState, cause: Cause | undefined, now: number): void
  released(connection: Connection, from: SessionState, cause: Cause, now: number): void
  notified(direction: 'sent' | 'received', info: NotificationInfo, now: number): void
  counted(direction: 'sent' | 'received', type: number): void
}

/** Errno name of a SYN without answer; `reasons.ts` has the words. */
export const NO_ANSWER = 'ETIMEDOUT'
const NONE = 0
const NEVER = Number.POSITIVE_INFINITY

export class Connection {
  readonly outgoing: boolean
  state: SessionState = 'Idle'
  /** 0 = no TCP connection. */
  id: ConnectionId = NONE
  endpoints: Endpoints | undefined
  negotiated: Negotiated | undefined
  /** Of our OPEN on this TCP connection. */
  advertised: Capability[] | undefined
  framer = new Framer()
  /** Milliseconds; 0 = the peer wants no HoldTimer. */
  holdTime = 0
  keepaliveTime = 0
  lastReceived = 0
  connectRetryAt = NEVER
  delayOpenAt = NEVER
  keepaliveAt = NEVER
  /** Since when the transport takes no more; -1 = it does. */
  blockedSince = -1
  readonly #owner: ConnectionOwner
  #tcp = false
  #establishedAt = NEVER

  constructor(owner: ConnectionOwner, outgoing: boolean) {
    this.#owner = owner
    this.outgoing = outgoing
  }

  /** A TCP connection is there (not merely being dialled). */
  get connected(): boolean {
    return this.#tcp
  }

  /** The session came up, and nothing arrived since. */
  get #mute(): boolean {
    return this.state === 'Established' && this.lastReceived === this.#establishedAt
  }

  fire(event: FsmEvent, now: number, cause?: Cause): void {
    const from = this.state
    let transition = FSM[from][event]
    let why = cause
    if (transition === undefined) {
      transition = fsmError(from)
      why = sent(`${event} is not expected in ${from}`, NotificationCode.finiteStateMachine, FSM_ERROR_SUBCODE[from])
    }
    this.state = transition.next
    if (transition.next !== from) this.#owner.stateChanged(this, from, why, now)
    for (const action of transition.actions) this.#run(action, from, why, now)
    // An accepted connection that fell back to Active is nothing: only the dialling machine waits there.
    if (!this.outgoing && !this.#tcp && (this.state === 'Active' || this.state === 'Connect')) {
      const active = this.state
      this.state = 'Idle'
      this.#owner.stateChanged(this, active, why, now)
      this.#run('release', from, why, now)
    }
  }

  /** The TCP connection is up: ours was answered, or theirs was accepted. */
  attached(id: ConnectionId, endpoints: Endpoints, now: number): void {
    this.id = id
    this.#tcp = true
    this.endpoints = endpoints
    this.#owner.tcpOpened(now)
    this.framer = new Framer()
    this.advertised = undefined
    this.blockedSince = -1
    const event = this.outgoing ? 'Tcp_CR_Acked' : 'TcpConnectionConfirmed'
    if (this.#owner.config.timers.delayOpenTime > 0) this.fire(`${event}_with_DelayOpen`, now)
    else this.fire(event, now)
  }

  /** The transport lost or never made the connection. */
  detached(reason: string, now: number): void {
    if (this.outgoing && (!this.#tcp || this.state === 'OpenSent')) this.#owner.dialFailed(reason, this.#tcp)
    this.#forget()
    this.fire('TcpConnectionFails', now, transport(reason))
  }

  received(bytes: Uint8Array, now: number): void {
    const id = this.id
    const framer = this.framer
    framer.push(bytes)
    while (framer.next()) {
      this.#message(framer.type, framer.buffer, framer.start, framer.end, now)
      if (this.id !== id) return
    }
    const error = framer.error
    if (error === undefined) return
    this.fire(
      'BGPHeaderErr',
      now,
      sent(`malformed message header: ${error.reason}`, error.code, error.subcode, error.data),
    )
  }

  #message(type: number, buffer: Uint8Array, start: number, end: number, now: number): void {
    this.#owner.counted('received', type)
    if (type === MessageType.update && this.state === 'Established') {
      // The one cell of the table that is entered a million times: restartHold, deliverUpdate.
      this.lastReceived = now
      this.#deliverUpdate(now)
    } else if (type === MessageType.update) this.fire('UpdateMsg', now)
    else if (type === MessageType.keepalive) this.fire('KeepAliveMsg', now)
    else if (type === MessageType.open) this.#open(start, end, now)
    else if (type === MessageType.routeRefresh) this.fire('RouteRefreshMsg', now)
    else this.#notification(buffer, start, end, now)
  }

  #notification(buffer: Uint8Array, start: number, end: number, now: number): void {
    const { code, subcode, data } = decodeNotification(buffer, start, end)
    const notification = notificationInfo(code, subcode, data)
    this.#owner.notified('received', notification, now)
    const version = code === NotificationCode.openMessage && subcode === OpenError.unsupportedVersionNumber
    const reason = `the peer said: ${notification.name}`
    this.fire(version ? 'NotifMsgVerErr' : 'NotifMsg', now, { kind: 'received', reason, notification })
  }

  #open(start: number, end: number, now: number): void {
    const waiting = this.delayOpenAt !== NEVER
    if (this.state !== 'OpenSent' && !waiting) {
      this.fire('BGPOpen', now)
      return
    }
    const id = this.id
    const verdict = this.#owner.judgeOpen(this, start, end, now)
    if (this.id !== id) return
    if (verdict === undefined) {
      this.fire('OpenCollisionDump', now, COLLISION)
    } else if ('reason' in verdict) {
      this.fire('BGPOpenMsgErr', now, verdict)
    } else {
      this.negotiated = verdict
      this.fire(waiting ? 'BGPOpen_with_DelayOpenTimer_running' : 'BGPOpen', now)
    }
  }

  /** Hand bytes to the transport; remembers when it stopped taking them (SendHoldTimer, RFC 9687). */
  send(bytes: Uint8Array, now: number): boolean {
    const free = this.#owner.transmit(this.id, bytes)
    if (!free && this.blockedSince < 0) this.blockedSince = now
    return free
  }

  get sendHoldTime(): number {
    const configured = this.#owner.config.timers.sendHoldTime
    return configured > 0 ? configured : Math.max(SEND_HOLD_MINIMUM, 2 * this.holdTime)
  }

  /** The earliest moment this machine wants to be looked at. */
  deadline(): number {
    let at = Math.min(this.connectRetryAt, this.delayOpenAt, this.keepaliveAt)
    if (this.#tcp && this.holdTime > 0) at = Math.min(at, this.lastReceived + this.holdTime)
    if (this.blockedSince >= 0) at = Math.min(at, this.blockedSince + this.sendHoldTime)
    return at
  }

  tick(now: number): void {
    if (now >= this.connectRetryAt) {
      this.connectRetryAt = NEVER
      if (this.state === 'Connect' && !this.#tcp) this.#owner.dialFailed(NO_ANSWER, false)
      this.fire('ConnectRetryTimer_Expires', now)
    }
    if (now >= this.delayOpenAt) this.fire('DelayOpenTimer_Expires', now)
    if (now + KEEPALIVE_SLACK >= this.keepaliveAt) this.fire('KeepaliveTimer_Expires', now)
    if (this.#tcp && this.holdTime > 0 && now >= this.lastReceived + this.holdTime) {
      const seconds = this.holdTime / 1000
      const reason = `hold timer expired: ${silence(this.#owner.config, this.state, this.#mute, seconds)}`
      this.fire('HoldTimer_Expires', now, sent(reason, NotificationCode.holdTimerExpired, 0))
    }
    if (this.blockedSince >= 0 && now >= this.blockedSince + this.sendHoldTime) {
      const reason = `send hold timer expired: the peer has not read for ${this.sendHoldTime / 1000} s (RFC 9687)`
      if (FSM[this.state].SendHoldTimer_Expires !== undefined) {
        this.fire('SendHoldTimer_Expires', now, sent(reason, NotificationCode.sendHoldTimerExpired, 0))
      }
    }
  }

  #run(action: FsmAction, from: SessionState, cause: Cause | undefined, now: number): void {
    switch (action) {
      case 'dial':
        this.id = this.#owner.dial(this)
        return
      case 'startConnectRetry':
        this.#startConnectRetry(now)
        return
      case 'stopConnectRetry':
        this.connectRetryAt = NEVER
        return
      case 'startDelayOpen':
        this.delayOpenAt = now + this.#owner.config.timers.delayOpenTime
        return
      case 'stopDelayOpen':
        this.delayOpenAt = NEVER
        return
      case 'sendOpen':
        this.#sendMessage(this.#owner.openMessage(this), MessageType.open, now)
        return
      case 'acceptOpen':
        this.#acceptOpen(now)
        return
      case 'sendKeepalive':
        this.#sendKeepalive(now)
        return
      case 'startLargeHold':
        this.holdTime = LARGE_HOLD_TIME
        this.lastReceived = now
        return
      case 'startHold':
      case 'restartHold':
        this.lastReceived = now
        return
      case 'establish':
        this.#establishedAt = now
        this.#owner.establish(this, now)
        return
      case 'deliverUpdate':
        this.#deliverUpdate(now)
        return
      case 'deliverRefresh':
        this.#deliverRefresh(now)
        return
      case 'sendNotification':
        if (this.#tcp && cause?.notification !== undefined && cause.kind === 'sent')
          this.#notify(cause.notification, now)
        return
      case 'dropTcp':
        this.#drop(cause)
        return
      case 'release':
        this.#stopTimers()
        this.#owner.released(this, from, cause ?? transport('the connection ended'), now)
        return
    }
  }

  #startConnectRetry(now: number): void {
    if (!this.outgoing || (this.#owner.config.passive && this.state === 'Active')) return
    const dialling = this.state === 'Connect'
    const limit = Math.min(this.#owner.config.timers.connectRetryTime, CONNECT_TIMEOUT)
    this.connectRetryAt = now + (dialling ? limit : this.#owner.redialDelay())
  }

  #acceptOpen(now: number): void {
    const negotiated = this.negotiated
    if (negotiated === undefined) return
    this.holdTime = negotiated.holdTime * 1000
    this.keepaliveTime = negotiated.keepaliveTime * 1000
    this.framer.setMaximum(negotiated.maximumMessage)
    this.lastReceived = now
  }

  #sendKeepalive(now: number): void {
    this.#sendMessage(KEEPALIVE, MessageType.keepalive, now)
    const jitter = 1 - JITTER * this.#owner.random()
    this.keepaliveAt = this.keepaliveTime > 0 ? now + this.keepaliveTime * jitter : NEVER
  }

  #sendMessage(bytes: Uint8Array, type: number, now: number): void {
    this.#owner.counted('sent', type)
    this.send(bytes, now)
  }

  #notify(info: NotificationInfo, now: number): void {
    this.#sendMessage(encodeNotification(info.code, info.subcode, info.data), MessageType.notification, now)
    this.#owner.notified('sent', info, now)
  }

  #deliverUpdate(now: number): void {
    const { buffer, start, end } = this.framer
    const error = this.#owner.update(buffer, start + HEADER_LENGTH, end, now)
    if (error === undefined) return
    this.fire('UpdateMsgErr', now, sent(`bad UPDATE: ${error.reason}`, error.code, error.subcode, error.data))
  }

  #deliverRefresh(now: number): void {
    const cause = this.#owner.refresh(this, this.framer.start, this.framer.end, now)
    if (cause !== undefined) this.fire('UpdateMsgErr', now, cause)
  }

  /** A NOTIFICATION still has to leave; anything else may be cut. */
  #drop(cause: Cause | undefined): void {
    const id = this.id
    const flush = this.#tcp && cause?.kind === 'sent' && cause.notification !== undefined
    this.#forget()
    if (id !== NONE) this.#owner.close(id, flush ? 'flush' : 'abort')
  }

  #forget(): void {
    this.id = NONE
    this.#tcp = false
    this.blockedSince = -1
    this.delayOpenAt = NEVER
    this.keepaliveAt = NEVER
    this.holdTime = 0
  }

  #stopTimers(): void {
    this.connectRetryAt = NEVER
    this.delayOpenAt = NEVER
    this.keepaliveAt = NEVER
    this.blockedSince = -1
  }
}
