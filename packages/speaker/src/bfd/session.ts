/**
 * One BFD session in asynchronous mode (RFC 5880 section 6.8): a pure machine. Decoded packets and `now` come in,
 * packets and state changes go out through its sink; {@link BfdSession.deadline} says when it wants to be asked again.
 *
 * Intervals are milliseconds here and microseconds on the wire. Our own demand mode and the echo function are not
 * used (both are optional); a peer's demand mode is honoured. Authentication happens before a packet gets here.
 */
import { type BfdState, type ControlPacket, Diagnostic } from './packet.js'

export interface SessionOptions {
  /** Desired Min TX and Required Min RX Interval, milliseconds. */
  readonly interval: number
  readonly multiplier: number
  /** Says nothing before the peer does (section 6.1). */
  readonly passive: boolean
}

export interface SessionSink {
  transmit(packet: ControlPacket): void
  changed(from: BfdState, to: BfdState, diagnostic: number): void
}

/** Section 6.8.3: slower than one packet per second while the session is not Up. */
export const SLOW_INTERVAL = 1000
const NEVER = Number.POSITIVE_INFINITY

type Outcome = readonly [next: BfdState, diagnostic: number]
type Received = Readonly<Record<BfdState, Outcome>>

const stay = (state: BfdState): Outcome => [state, -1]
const SIGNALED = Diagnostic.neighborSignaledDown

/** Section 6.8.6: what a received state does in each of ours; diagnostic -1 leaves ours as it is. */
export const TRANSITIONS: Readonly<Record<BfdState, Received>> = {
  AdminDown: { AdminDown: stay('AdminDown'), Down: stay('AdminDown'), Init: stay('AdminDown'), Up: stay('AdminDown') },
  Down: { AdminDown: stay('Down'), Down: ['Init', -1], Init: ['Up', 0], Up: stay('Down') },
  Init: { AdminDown: ['Down', SIGNALED], Down: stay('Init'), Init: ['Up', 0], Up: ['Up', 0] },
  Up: { AdminDown: ['Down', SIGNALED], Down: ['Down', SIGNALED], Init: stay('Up'), Up: stay('Up') },
}

/** Section 6.8.4: what a passed Detection Time does. */
export const EXPIRY: Readonly<Record<BfdState, BfdState>> = {
  AdminDown: 'AdminDown',
  Down: 'Down',
  Init: 'Down',
  Up: 'Down',
}

export class BfdSession {
  readonly discriminator: number
  state: BfdState = 'Down'
  diagnostic: number = Diagnostic.none
  remoteState: BfdState = 'Down'
  remoteDiagnostic = 0
  remoteDiscriminator = 0
  remoteMultiplier = 0
  /** Milliseconds; the initial 1 us of section 6.8.1 lets the first packets out. */
  remoteMinRx = 0.001
  remoteMinTx = 0
  /** In Detection Times without a packet: since when nothing was heard. */
  heardAt: number
  received = 0
  sent = 0
  #options: SessionOptions
  #remoteDemand = false
  #polling = false
  /** The transmit interval stays until the peer has answered our poll (section 6.8.3). */
  #heldTx: number | undefined
  #heldRx: number | undefined
  #nextTransmit: number
  readonly #random: () => number
  readonly #sink: SessionSink

  constructor(discriminator: number, options: SessionOptions, sink: SessionSink, random: () => number, now: number) {
    this.discriminator = discriminator
    this.#options = options
    this.#sink = sink
    this.#random = random
    this.heardAt = now
    // Sessions made in one moment do not send in one moment.
    this.#nextTransmit = now + random() * Math.min(SLOW_INTERVAL, 100)
  }

  // --- time

  /** Between two of our packets, before jitter (section 6.8.7). */
  get transmitInterval(): number {
    return Math.max(this.#heldTx ?? this.#desiredMinTx, this.remoteMinRx)
  }

  get #desiredMinTx(): number {
    return this.state === 'Up' ? this.#options.interval : Math.max(this.#options.interval, SLOW_INTERVAL)
  }

  /** Section 6.8.4; 0 before the first packet. */
  get detectionTime(): number {
    return this.remoteMultiplier * Math.max(this.#heldRx ?? this.#options.interval, this.remoteMinTx)
  }

  /** Section 6.8.7: who may not send at all. */
  get #silent(): boolean {
    if (this.remoteDiscriminator === 0 && this.#options.passive && this.state !== 'AdminDown') return true
    if (this.remoteMinRx === 0) return true
    return this.#remoteDemand && this.state === 'Up' && this.remoteState === 'Up' && !this.#polling
  }

  get #expiresAt(): number {
    return this.remoteDiscriminator === 0 ? NEVER : this.heardAt + this.detectionTime
  }

  deadline(): number {
    return Math.min(this.#silent ? NEVER : this.#nextTransmit, this.#expiresAt)
  }

  tick(now: number): void {
    this.transmitDue(now)
    this.expire(now)
  }

  transmitDue(now: number): void {
    if (now >= this.#nextTransmit && !this.#silent) this.#send(now, false)
  }

  /** The Detection Time has passed: the path, or the peer, is gone. */
  expire(now: number): void {
    if (now < this.#expiresAt) return
    // Section 6.8.1: forgotten, so that a peer that restarted is heard again.
    this.remoteDiscriminator = 0
    this.remoteMultiplier = 0
    this.remoteMinRx = 0.001
    this.#remoteDemand = false
    const next = EXPIRY[this.state]
    if (next !== this.state) this.#change(next, Diagnostic.detectionTimeExpired, now)
  }

  // --- packets

  receive(packet: ControlPacket, now: number): void {
    this.received++
    this.heardAt = now
    this.remoteDiscriminator = packet.myDiscriminator
    this.remoteState = packet.state
    this.remoteDiagnostic = packet.diagnostic
    this.#remoteDemand = packet.demand
    this.remoteMultiplier = packet.detectMultiplier
    this.remoteMinTx = packet.desiredMinTx / 1000
    this.#hearMinRx(packet.requiredMinRx / 1000, now)
    if (packet.final && this.#polling) this.#pollAnswered(now)
    const [next, diagnostic] = TRANSITIONS[this.state][packet.state]
    if (next !== this.state) this.#change(next, diagnostic < 0 ? this.diagnostic : diagnostic, now)
    if (packet.poll) this.#send(now, true)
  }

  /** A shorter interval is used at once, not after the long wait that is already running. */
  #hearMinRx(interval: number, now: number): void {
    const before = this.transmitInterval
    this.remoteMinRx = interval
    if (this.transmitInterval < before) this.#nextTransmit = Math.min(this.#nextTransmit, now + this.#jittered())
  }

  #pollAnswered(now: number): void {
    this.#polling = false
    const before = this.transmitInterval
    this.#heldTx = undefined
    this.#heldRx = undefined
    if (this.transmitInterval < before) this.#nextTransmit = Math.min(this.#nextTransmit, now + this.#jittered())
  }

  #send(now: number, final: boolean): void {
    this.sent++
    this.#sink.transmit({
      diagnostic: this.diagnostic,
      state: this.state,
      // Section 6.8.7: never both bits in one packet.
      poll: this.#polling && !final,
      final,
      authenticated: false,
      demand: false,
      detectMultiplier: this.#options.multiplier,
      myDiscriminator: this.discriminator,
      yourDiscriminator: this.remoteDiscriminator,
      desiredMinTx: Math.round(this.#desiredMinTx * 1000),
      requiredMinRx: Math.round(this.#options.interval * 1000),
    })
    if (!final) this.#nextTransmit = now + this.#jittered()
  }

  /** Section 6.8.7: 75 to 100 % of the interval; with a multiplier of 1 at most 90 %, or one packet could miss it. */
  #jittered(): number {
    const most = this.#options.multiplier === 1 ? 0.9 : 1
    return this.transmitInterval * (0.75 + this.#random() * (most - 0.75))
  }

  // --- states

  #change(next: BfdState, diagnostic: number, now: number): void {
    const from = this.state
    this.state = next
    this.diagnostic = diagnostic
    if (next === 'Up') {
      // From the slow interval to ours: the peer must agree to hear us faster (section 6.8.3).
      this.#polling = true
    } else {
      this.#polling = false
      this.#heldTx = undefined
      this.#heldRx = undefined
    }
    this.#sink.changed(from, next, diagnostic)
    // What changed is said at once, not with the next periodic packet.
    if (!this.#silent) this.#send(now, false)
  }

  /** Parameters change while the session stays: a poll sequence, and nobody falls (section 6.8.3). */
  configure(options: SessionOptions, now: number): void {
    const before = this.#options
    if (before.interval === options.interval && before.multiplier === options.multiplier) {
      this.#options = options
      return
    }
    if (this.state === 'Up') {
      this.#polling = true
      if (options.interval > before.interval) this.#heldTx ??= before.interval
      if (options.interval < before.interval) this.#heldRx ??= before.interval
    }
    this.#options = options
    if (!this.#silent) this.#send(now, false)
  }

  /** Section 6.8.16. */
  disable(now: number): void {
    if (this.state !== 'AdminDown') this.#change('AdminDown', Diagnostic.administrativelyDown, now)
  }

  enable(now: number): void {
    if (this.state === 'AdminDown') this.#change('Down', Diagnostic.none, now)
  }
}
