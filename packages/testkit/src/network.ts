/**
 * A simulated TCP network between engines: latency, chunking, slow readers, lost connections, half-open ones, cut links.
 *
 * What a sender hands over stays a reference until the "kernel" takes it, exactly as with a real socket: an engine that
 * reuses a buffer too early corrupts its own stream here too (hot-path.md trap 1).
 */
import type { SimClock } from './clock.js'
import type { Random } from './random.js'

export interface NetworkOptions {
  /** One-way milliseconds. */
  readonly latency: readonly [minimum: number, maximum: number]
  /** Split what arrives at random places, now and then. */
  readonly chunking: boolean
  /** Octets a connection takes before the sender has to wait. */
  readonly window: number
}

export const DEFAULT_NETWORK: NetworkOptions = { latency: [1, 4], chunking: true, window: 65536 }

/** Milliseconds until TCP tries again. */
const RETRY = 100

/** One end of a connection: what the network tells its owner. */
export interface Host {
  readonly address: string
  /** A peer knocks; undefined = refused, otherwise the callbacks of the accepted end. */
  accept(from: End, remoteAddress: string): boolean
}

export interface EndEvents {
  received(bytes: Uint8Array): void
  drained(): void
  closed(reason: string): void
}

/** One end of a simulated connection. */
export class End {
  peer: End | undefined
  events: EndEvents | undefined
  open = true
  /** Closed with last words: it reads on and throws away, so that no reset overtakes them (as the speaker does). */
  lingering = false
  /** Octets per millisecond this end reads; Infinity = at once, 0 = it does not read. */
  readRate = Number.POSITIVE_INFINITY
  readonly localAddress: string
  readonly remoteAddress: string
  readonly #network: Network
  readonly #outbox: Uint8Array[] = []
  readonly #arrived: (Uint8Array | string)[] = []
  #waiting = false
  #inFlight = 0
  #lastArrival = 0
  #blocked = false

  constructor(network: Network, localAddress: string, remoteAddress: string) {
    this.#network = network
    this.localAddress = localAddress
    this.remoteAddress = remoteAddress
  }

  /** Nothing of this end arrives earlier: the other one is still in its handshake. */
  notBefore(at: number): void {
    this.#lastArrival = at
  }

  /** False = wait for `drained`. */
  send(bytes: Uint8Array): boolean {
    if (!this.open) return false
    this.#outbox.push(bytes)
    this.#pump()
    this.#blocked = this.#outbox.length > 0
    return !this.#blocked
  }

  /** Let the kernel take what fits into the window. */
  #pump(): void {
    const { options } = this.#network
    while (this.#outbox.length > 0 && this.#inFlight < options.window) {
      const bytes = this.#outbox.shift()
      if (bytes === undefined) break
      this.#post(bytes)
    }
    if (this.#blocked && this.#outbox.length === 0) {
      this.#blocked = false
      this.events?.drained()
    }
  }

  #post(bytes: Uint8Array): void {
    this.#inFlight += bytes.length
    for (const piece of this.#network.pieces(this.#network.copyOf(bytes))) this.#travel(piece)
  }

  /** On the wire, in order; an `Uint8Array` or the end of the stream with its reason. */
  #travel(what: Uint8Array | string): void {
    const { clock } = this.#network
    this.#lastArrival = Math.max(this.#lastArrival, clock.now + this.#network.delay())
    clock.at(this.#lastArrival, () => {
      this.#arrived.push(what)
      this.#deliver()
    })
  }

  /** What has arrived is read, unless nobody reads or the link is cut: then TCP tries again, and keeps the order. */
  #deliver(): void {
    const peer = this.peer
    if (this.#waiting || peer === undefined) return
    while (this.#arrived.length > 0) {
      const cut = this.#network.isCut(this.localAddress, this.remoteAddress)
      const reads = peer.readRate > 0 || typeof this.#arrived[0] === 'string'
      if (cut || (peer.open && !reads)) {
        this.#waiting = true
        this.#network.clock.after(RETRY, () => {
          this.#waiting = false
          this.#deliver()
        })
        return
      }
      this.#hand(peer, this.#arrived.shift() ?? '')
    }
  }

  #hand(peer: End, what: Uint8Array | string): void {
    if (typeof what === 'string') {
      peer.remoteClosed(what)
      return
    }
    this.#inFlight -= what.length
    if (peer.open) peer.events?.received(what)
    else if (!peer.lingering) this.#network.clock.after(this.#network.delay(), () => this.remoteClosed('ECONNRESET'))
    if (this.open) this.#pump()
  }

  /** Octets not yet read by the other end. */
  get unread(): number {
    return this.#inFlight
  }

  /** An orderly or hard end by the owner; `flush` lets what was sent arrive first. */
  close(how: 'flush' | 'abort'): void {
    if (!this.open) return
    this.open = false
    this.lingering = how === 'flush'
    if (how === 'flush') for (const bytes of this.#outbox.splice(0)) this.#post(bytes)
    this.#outbox.length = 0
    // A reset is sent once; when it is lost, the other side learns of it with its next segment.
    const lost = how === 'abort' && this.#network.isCut(this.localAddress, this.remoteAddress)
    if (!lost) this.#travel(how === 'abort' ? 'ECONNRESET' : '')
  }

  remoteClosed(reason: string): void {
    if (!this.open) return
    this.open = false
    this.events?.closed(reason)
  }
}

export class Network {
  readonly clock: SimClock
  readonly options: NetworkOptions
  readonly #random: Random
  readonly #hosts = new Map<string, Host>()
  readonly #cut = new Set<string>()
  readonly #ends = new Set<End>()
  #taken: Uint8Array | undefined
  #takenAt = -1
  #copy: Uint8Array = new Uint8Array(0)

  constructor(clock: SimClock, random: Random, options: NetworkOptions = DEFAULT_NETWORK) {
    this.clock = clock
    this.#random = random
    this.options = options
  }

  listen(host: Host): void {
    this.#hosts.set(host.address, host)
  }

  unlisten(address: string): void {
    this.#hosts.delete(address)
  }

  delay(): number {
    const [minimum, maximum] = this.options.latency
    return minimum + this.#random.next() * (maximum - minimum)
  }

  /** What the kernel took: never the sender's own memory. One view handed to a thousand connections is copied once. */
  copyOf(bytes: Uint8Array): Uint8Array {
    if (bytes !== this.#taken || this.clock.steps !== this.#takenAt) {
      this.#taken = bytes
      this.#takenAt = this.clock.steps
      this.#copy = bytes.slice()
    }
    return this.#copy
  }

  pieces(bytes: Uint8Array): Uint8Array[] {
    if (!this.options.chunking || bytes.length < 2 || !this.#random.chance(0.2)) return [bytes]
    const at = this.#random.integer(1, bytes.length - 1)
    return [bytes.subarray(0, at), bytes.subarray(at)]
  }

  /** Nothing passes between the two: no FIN, no RST, no answer. */
  cut(a: string, b: string): void {
    this.#cut.add(pair(a, b))
  }

  mend(a: string, b: string): void {
    this.#cut.delete(pair(a, b))
  }

  isCut(a: string, b: string): boolean {
    return this.#cut.size > 0 && this.#cut.has(pair(a, b))
  }

  /** Dial: `answered` gets the open end, or an errno name. A cut link answers nothing at all. */
  dial(from: string, to: string, answered: (result: End | string) => void): void {
    if (this.isCut(from, to)) return
    const there = this.delay()
    const back = this.delay()
    this.clock.after(there, () => {
      const host = this.#hosts.get(to)
      if (this.isCut(from, to)) return
      const near = new End(this, from, to)
      const far = new End(this, to, from)
      near.peer = far
      far.peer = near
      if (host === undefined) {
        this.clock.after(back, () => answered('ECONNREFUSED'))
        return
      }
      this.#ends.add(near)
      this.#ends.add(far)
      // The dialler learns first: its kernel completes the handshake, whatever the application there does later.
      this.clock.after(back, () => answered(near))
      far.notBefore(this.clock.now + back)
      if (!host.accept(far, from)) far.close('abort')
    })
  }

  /** Every connection between the two ends at once, seen by both as a reset. */
  reset(a: string, b: string): number {
    let count = 0
    for (const end of [...this.#ends]) {
      if (!end.open) {
        this.#ends.delete(end)
        continue
      }
      if (pair(end.localAddress, end.remoteAddress) !== pair(a, b)) continue
      end.remoteClosed('ECONNRESET')
      count++
    }
    return count
  }

  /** How fast `reader` reads from `writer`, on their open connections. */
  setReadRate(reader: string, writer: string, rate: number): void {
    for (const end of this.#ends) {
      if (end.open && end.localAddress === reader && end.remoteAddress === writer) end.readRate = rate
    }
  }
}

function pair(a: string, b: string): string {
  return a < b ? `${a} ${b}` : `${b} ${a}`
}
