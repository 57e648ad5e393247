/**
 * All sessions of this machine: which exist, whose packet this is, when each wants to be called (RFC 5880 section 6.3).
 * No sockets and no clock: the worker lends both, and tests lend others.
 *
 * A session that is no longer wanted says AdminDown for one Detection Time, so that the peer does not take the end for a
 * broken path (section 6.8.16).
 */
import { authenticationLength, newSequences, type Sequences, sign, verify } from './authentication.js'
import type { BfdSessionReport, BfdTarget } from './messages.js'
import { type BfdState, type ControlPacket, decodeControl, encodeControl } from './packet.js'
import { BfdSession, SLOW_INTERVAL } from './session.js'
import { type Timed, TimerWheel } from './wheel.js'

export interface PoolSink {
  send(target: BfdTarget, bytes: Uint8Array): void
  changed(from: BfdState, report: BfdSessionReport): void
  /** It has said its last packet. */
  closed(target: BfdTarget): void
}

/** Shortest time for which AdminDown is said. */
const FAREWELL = 300
const SHORTEST_INTERVAL = 10

class Entry implements Timed {
  target: BfdTarget
  readonly session: BfdSession
  slot = -1
  since: number
  downs = 0
  discarded = 0
  lastDiscard = ''
  problem = ''
  sequences: Sequences
  /** Not wanted any more; gone at this time. */
  leaves = Number.POSITIVE_INFINITY

  constructor(target: BfdTarget, session: BfdSession, sequences: Sequences, now: number) {
    this.target = target
    this.session = session
    this.sequences = sequences
    this.since = now
  }

  deadline(): number {
    return Math.min(this.session.deadline(), this.leaves)
  }

  report(now: number): BfdSessionReport {
    const { session } = this
    return {
      key: this.target.key,
      state: session.state,
      diagnostic: session.diagnostic,
      remoteState: session.remoteState,
      remoteDiagnostic: session.remoteDiagnostic,
      localDiscriminator: session.discriminator,
      remoteDiscriminator: session.remoteDiscriminator,
      age: now - this.since,
      transmitInterval: session.transmitInterval,
      detectionTime: session.detectionTime,
      packetsReceived: session.received,
      packetsSent: session.sent,
      packetsDiscarded: this.discarded,
      lastDiscard: this.lastDiscard,
      downs: this.downs,
      problem: this.problem,
    }
  }
}

export class SessionPool {
  readonly #sink: PoolSink
  readonly #random: () => number
  readonly #byKey = new Map<string, Entry>()
  readonly #byDiscriminator = new Map<number, Entry>()
  /** Sessions not wanted any more, still saying goodbye; a new one of the same key may exist beside them. */
  readonly #leaving = new Set<Entry>()
  readonly #byAddress = new Map<string, Entry>()
  readonly #wheel: TimerWheel<Entry>
  #now: number
  /** Packets for no session. */
  strangers = 0

  constructor(sink: PoolSink, random: () => number, now: number) {
    this.#sink = sink
    this.#random = random
    this.#now = now
    this.#wheel = new TimerWheel(now)
  }

  /** The complete desired set. What is not in it leaves; what is in it keeps its session and takes new parameters. */
  set(targets: readonly BfdTarget[], now: number): void {
    this.#now = now
    const wanted = new Map(targets.map((target) => [target.key, target]))
    for (const [key, entry] of this.#byKey) if (!wanted.has(key)) this.#leave(entry)
    for (const target of wanted.values()) {
      const entry = this.#byKey.get(target.key)
      if (entry === undefined) this.#add(target)
      else this.#change(entry, target)
    }
  }

  #add(target: BfdTarget): void {
    const now = this.#now
    const sink = {
      transmit: (packet: ControlPacket) => this.#transmit(entry, packet),
      changed: (from: BfdState) => this.#changed(entry, from),
    }
    const session = new BfdSession(this.#discriminator(), optionsOf(target), sink, this.#random, now)
    const entry = new Entry(target, session, newSequences(this.#random), now)
    this.#byKey.set(target.key, entry)
    this.#byAddress.set(addressKey(target.remoteAddress, target.multihop), entry)
    this.#byDiscriminator.set(session.discriminator, entry)
    this.#wheel.schedule(entry)
  }

  #change(entry: Entry, target: BfdTarget): void {
    entry.target = target
    entry.session.configure(optionsOf(target), this.#now)
    this.#wheel.schedule(entry)
  }

  #leave(entry: Entry): void {
    const { target, session } = entry
    this.#byKey.delete(target.key)
    const address = addressKey(target.remoteAddress, target.multihop)
    if (this.#byAddress.get(address) === entry) this.#byAddress.delete(address)
    this.#leaving.add(entry)
    entry.leaves = this.#now + Math.min(Math.max(session.detectionTime, FAREWELL), 3 * SLOW_INTERVAL)
    session.disable(this.#now)
    this.#wheel.schedule(entry)
  }

  /** Nonzero and unique (section 6.8.1), and not to be guessed. */
  #discriminator(): number {
    for (;;) {
      const value = Math.floor(this.#random() * 0xffff_ffff) + 1
      if (!this.#byDiscriminator.has(value)) return value
    }
  }

  /** A datagram from this address, as the kernel names it: `fe80::1%eth0`. */
  receive(bytes: Uint8Array, from: string, multihop: boolean, now: number): void {
    this.#now = now
    const packet = decodeControl(bytes)
    if (typeof packet === 'string') {
      this.#discard(this.#byAddress.get(addressKey(from, multihop)), `malformed: ${packet}`)
      return
    }
    const entry =
      packet.yourDiscriminator === 0
        ? this.#byAddress.get(addressKey(from, multihop))
        : this.#byDiscriminator.get(packet.yourDiscriminator)
    // The kind too: whoever may come with any TTL must not speak for a single-hop session.
    if (
      entry === undefined ||
      addressKey(entry.target.remoteAddress, entry.target.multihop) !== addressKey(from, multihop)
    ) {
      this.#discard(undefined, '')
      return
    }
    const refusal = this.#authenticate(entry, packet, bytes)
    if (refusal !== undefined) {
      this.#discard(entry, refusal)
      return
    }
    entry.session.receive(packet, now)
    this.#wheel.schedule(entry)
  }

  #authenticate(entry: Entry, packet: ControlPacket, bytes: Uint8Array): string | undefined {
    const { authentication } = entry.target
    if (authentication === undefined) return packet.authenticated ? 'authenticated, none is configured' : undefined
    if (!packet.authenticated) return 'not authenticated'
    // Section 6.8.1 (bfd.AuthSeqKnown): after two Detection Times of silence the peer may have restarted.
    const { session, sequences } = entry
    if (this.#now - session.heardAt > 2 * Math.max(session.detectionTime, SLOW_INTERVAL)) sequences.known = false
    return verify(bytes, authentication, sequences, packet.detectMultiplier)
  }

  #discard(entry: Entry | undefined, reason: string): void {
    if (entry === undefined) {
      this.strangers++
      return
    }
    entry.discarded++
    entry.lastDiscard = reason
  }

  #transmit({ target, sequences }: Entry, packet: ControlPacket): void {
    const { authentication } = target
    if (authentication === undefined) {
      this.#sink.send(target, encodeControl(packet))
      return
    }
    const bytes = encodeControl({ ...packet, authenticated: true }, authenticationLength(authentication))
    sign(bytes, authentication, sequences)
    this.#sink.send(target, bytes)
  }

  #changed(entry: Entry, from: BfdState): void {
    entry.since = this.#now
    if (from === 'Up') entry.downs++
    if (!this.#leaving.has(entry)) this.#sink.changed(from, entry.report(this.#now))
  }

  /** Why the last packet did not leave; empty when it did. */
  problem(key: string, text: string): void {
    const entry = this.#byKey.get(key)
    if (entry !== undefined) entry.problem = text
  }

  /** Packets that are due leave; Detection Times are only judged by {@link expire}. */
  transmitDue(now: number): void {
    this.#now = now
    this.#wheel.advance(now, (entry) => {
      if (entry.leaves <= now) this.#gone(entry)
      else {
        entry.session.transmitDue(now)
        if (entry.session.deadline() <= now) this.#expiring.add(entry)
      }
    })
  }

  readonly #expiring = new Set<Entry>()

  /** After the sockets were read: who has still not been heard is down. */
  expire(now: number): void {
    this.#now = now
    for (const entry of this.#expiring) {
      entry.session.expire(now)
      this.#wheel.schedule(entry)
    }
    this.#expiring.clear()
  }

  get expiring(): boolean {
    return this.#expiring.size > 0
  }

  #gone(entry: Entry): void {
    entry.leaves = Number.POSITIVE_INFINITY
    entry.slot = Number.MAX_SAFE_INTEGER
    this.#leaving.delete(entry)
    this.#byDiscriminator.delete(entry.session.discriminator)
    this.#sink.closed(entry.target)
  }

  /** When {@link transmitDue} is to be called next. */
  nextDeadline(): number {
    return this.#wheel.next()
  }

  reports(now: number): BfdSessionReport[] {
    this.#now = now
    return [...this.#byKey.values()].map((entry) => entry.report(this.#now))
  }
}

function optionsOf({ interval, multiplier, passive }: BfdTarget) {
  return { interval: Math.max(interval, SHORTEST_INTERVAL), multiplier, passive }
}

/** Addresses are compared as the kernel writes them; the zone is part of a link-local one. */
function addressKey(address: string, multihop: boolean): string {
  return `${multihop ? 'multihop' : 'single'} ${address.toLowerCase()}`
}
