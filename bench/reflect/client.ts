/**
 * One client of the load: a TCP connection from an address of its own, and one bit for every prefix it holds.
 *
 * It speaks just enough BGP to be a route reflector's client, and judges each octet it is told: a prefix it does not know,
 * its own route come back, or a NEXT_HOP that is not the announcer's are counted, never tolerated silently.
 */
import { connect, type Socket } from 'node:net'
import { KEEPALIVE } from '@starling/bgp-packet'
import { openOf } from './messages.js'
import { addressOf, REFLECTOR, type Universe } from './scenarios.js'

/** Who keeps the score. */
export interface Score {
  readonly universe: Universe
  owner(prefix: number): number
  /** By client. */
  readonly nextHops: Uint32Array
  /** Should `client` hold it now? */
  expected(client: number, prefix: number): boolean
  /** Prefixes that one client holds wrongly: one more or one fewer. */
  wrong(change: 1 | -1): void
  established(client: Client): void
  lost(client: Client): void
  readonly faults: { unknown: number; own: number; nextHop: number; notification: number }
  updates: number
  octets: number
}

const RETRY = 100
const PATIENCE = 3_000

export class Client {
  readonly index: number
  up = false
  /** Whether it should be connected. */
  wanted = false
  held: Uint32Array
  readonly #score: Score
  readonly #open: Uint8Array
  readonly #address: string
  #socket: Socket | undefined
  #tail: Buffer | undefined

  constructor(index: number, score: Score) {
    this.index = index
    this.#score = score
    this.#open = openOf(index)
    this.#address = addressOf(index)
    this.held = new Uint32Array((score.universe.size + 31) >>> 5)
  }

  start(to: { readonly host: string; readonly port: number } = { host: REFLECTOR, port: 179 }): void {
    this.wanted = true
    const localAddress = to.host === REFLECTOR ? this.#address : to.host
    const socket = connect({ ...to, localAddress, noDelay: true })
    this.#socket = socket
    this.#tail = undefined
    socket.on('connect', () => socket.write(this.#open))
    socket.on('data', (chunk) => this.#received(chunk))
    socket.on('error', () => undefined)
    // A full listen queue drops connections that look made from here: whoever gets no answer tries again.
    const impatience = setTimeout(() => !this.up && socket.destroy(), PATIENCE)
    socket.on('close', () => {
      clearTimeout(impatience)
      if (this.#socket !== socket) return
      this.#socket = undefined
      const was = this.up
      this.up = false
      this.held.fill(0)
      if (was) this.#score.lost(this)
      if (this.wanted) setTimeout(() => this.wanted && this.#socket === undefined && this.start(), RETRY)
    })
  }

  /** Cut the connection, as a dying host's kernel does. */
  drop(): void {
    this.wanted = false
    this.up = false
    this.held.fill(0)
    const socket = this.#socket
    this.#socket = undefined
    socket?.destroy()
  }

  write(octets: Uint8Array): void {
    this.#socket?.write(octets)
  }

  #received(chunk: Buffer): void {
    this.#score.octets += chunk.length
    const data = this.#tail === undefined ? chunk : Buffer.concat([this.#tail, chunk])
    let at = 0
    while (data.length - at >= 19) {
      const length = ((data[at + 16] as number) << 8) | (data[at + 17] as number)
      if (length < 19) throw new Error(`client ${this.index}: broken framing`)
      if (data.length - at < length) break
      this.#message(data, at, at + length)
      at += length
    }
    this.#tail = at === data.length ? undefined : Buffer.from(data.subarray(at))
  }

  #message(data: Buffer, start: number, end: number): void {
    const type = data[start + 18]
    if (type === 2) this.#update(data, start + 19, end)
    else if (type === 1) this.write(KEEPALIVE)
    else if (type === 3) this.#score.faults.notification++
    else if (type === 4 && !this.up) {
      this.up = true
      this.#score.established(this)
    }
  }

  #update(data: Buffer, start: number, end: number): void {
    this.#score.updates++
    const withdrawn = start + 2 + data.readUInt16BE(start)
    this.#withdraw(data, start + 2, withdrawn)
    const attributes = withdrawn + 2
    const nlri = attributes + data.readUInt16BE(withdrawn)
    if (nlri < end) this.#announce(data, nlri, end, nextHopOf(data, attributes, nlri))
  }

  #withdraw(data: Buffer, start: number, end: number): void {
    const score = this.#score
    for (let at = start; at < end; at += 1 + (((data[at] as number) + 7) >>> 3)) {
      const prefix = this.#prefix(data, at)
      if (prefix < 0) continue
      const bit = 1 << (prefix & 31)
      const word = this.held[prefix >>> 5] as number
      if ((word & bit) === 0) continue
      this.held[prefix >>> 5] = word & ~bit
      score.wrong(score.expected(this.index, prefix) ? 1 : -1)
    }
  }

  #announce(data: Buffer, start: number, end: number, nextHop: number): void {
    const score = this.#score
    let owner = -1
    for (let at = start; at < end; at += 1 + (((data[at] as number) + 7) >>> 3)) {
      const prefix = this.#prefix(data, at)
      if (prefix < 0) continue
      const of = score.owner(prefix)
      if (of !== owner) {
        owner = of
        if (nextHop !== score.nextHops[owner]) score.faults.nextHop++
      }
      if (of === this.index) {
        // ORIGINATOR_ID would tell a real client to drop it (FRR sends it back): counted, not held.
        score.faults.own++
        continue
      }
      const bit = 1 << (prefix & 31)
      const word = this.held[prefix >>> 5] as number
      if ((word & bit) !== 0) continue
      this.held[prefix >>> 5] = word | bit
      score.wrong(score.expected(this.index, prefix) ? -1 : 1)
    }
  }

  /** Number of the prefix at `at`, -1 for one that nobody announced. */
  #prefix(data: Buffer, at: number): number {
    const { base, shift, length, size } = this.#score.universe
    const third = length > 16 ? (data[at + 3] as number) : 0
    const fourth = length > 24 ? (data[at + 4] as number) : 0
    const address = ((data[at + 1] as number) << 24) | ((data[at + 2] as number) << 16) | (third << 8) | fourth
    // Below the base it wraps to a number beyond all prefixes.
    const offset = (address - base) >>> 0
    const prefix = offset >>> shift
    if (data[at] === length && prefix < size && prefix << shift === offset) return prefix
    this.#score.faults.unknown++
    return -1
  }
}

function nextHopOf(data: Buffer, start: number, end: number): number {
  for (let at = start; at < end; ) {
    const extended = ((data[at] as number) & 0x10) !== 0
    const value = at + (extended ? 4 : 3)
    if (data[at + 1] === 3) return data.readUInt32BE(value)
    at = value + (extended ? data.readUInt16BE(at + 2) : (data[at + 2] as number))
  }
  return 0
}
