/**
 * A BGP client as small as it can be, for tests of load: it announces host routes by number, counts what it hears, and
 * can stop reading. Route `i` is 11.0.0.0 + i, so a set of routes is a bit per number.
 */
import { connect, type Socket } from 'node:net'
import { type Capability, encodeOpen, Framer, HEADER_LENGTH, KEEPALIVE, MessageType } from '@starling/bgp-packet'

const AS = 65_000
const BASE = 11 << 24
const PER_MESSAGE = 16

export interface LoadClientOptions {
  readonly local: string
  readonly remote: string
  readonly port: number
  readonly holdTime: number
  /** 1 = IPv4, 2 = IPv6. */
  readonly afi: 1 | 2
}

export class LoadClient {
  readonly socket: Socket
  /** By number: held now. */
  readonly held = new Uint8Array(1 << 22)
  count = 0
  established = false
  closed = false
  /** Longest time between two messages heard, milliseconds. */
  longestSilence = 0
  readonly #framer = new Framer()
  #heard = performance.now()
  #keepalives: NodeJS.Timeout | undefined

  constructor({ local, remote, port, holdTime, afi }: LoadClientOptions) {
    this.socket = connect({ host: remote, port, localAddress: local, noDelay: true })
    const bgpId = local.split('.').reduce((value, octet) => value * 256 + Number(octet), 0)
    const capabilities: Capability[] = [
      { kind: 'multiprotocol', afi, safi: 1 },
      { kind: 'fourOctetAs', asn: AS },
    ]
    this.socket.on('connect', () => {
      this.socket.write(encodeOpen({ type: 'OPEN', version: 4, myAs: AS, holdTime, bgpId, capabilities }))
    })
    this.socket.on('data', (bytes) => this.#received(bytes))
    this.socket.on('error', () => undefined)
    this.socket.on('close', () => {
      this.closed = true
      clearInterval(this.#keepalives)
    })
    this.#keepalives = setInterval(() => this.established && this.socket.write(KEEPALIVE), (holdTime * 1000) / 3)
  }

  /** Routes `from` to `to`, 16 with the same attributes each. */
  announce(from: number, to: number): void {
    const attributes = [0x40, 1, 1, 0, 0x40, 2, 6, 2, 1, 0, 0, 0, 0, 0x40, 3, 4, 127, 0, 0, 1, 0x40, 5, 4, 0, 0, 0, 100]
    const messages: Buffer[] = []
    for (let first = from; first < to; first += PER_MESSAGE) {
      const size = Math.min(PER_MESSAGE, to - first)
      const message = Buffer.alloc(HEADER_LENGTH + 4 + attributes.length + size * 5, 0)
      message.fill(255, 0, 16)
      message.writeUInt16BE(message.length, 16)
      message[18] = MessageType.update
      message.writeUInt16BE(attributes.length, 21)
      message.set(attributes, 23)
      message.writeUInt32BE(1000 + (first >>> 4), 23 + 9)
      for (let i = 0; i < size; i++) {
        const at = 23 + attributes.length + i * 5
        message[at] = 32
        message.writeUInt32BE(BASE + first + i, at + 1)
      }
      messages.push(message)
    }
    this.socket.write(Buffer.concat(messages))
  }

  close(): void {
    clearInterval(this.#keepalives)
    this.socket.destroy()
  }

  #received(bytes: Uint8Array): void {
    const now = performance.now()
    if (this.established) this.longestSilence = Math.max(this.longestSilence, now - this.#heard)
    this.#heard = now
    const framer = this.#framer
    framer.push(bytes)
    while (framer.next()) {
      if (framer.type === MessageType.open) this.socket.write(KEEPALIVE)
      else if (framer.type === MessageType.keepalive) this.established = true
      else if (framer.type === MessageType.update) this.#update(framer.buffer, framer.start + HEADER_LENGTH, framer.end)
    }
  }

  #update(buffer: Uint8Array, start: number, end: number): void {
    const withdrawn = start + 2 + ((buffer[start]! << 8) | buffer[start + 1]!)
    this.#mark(buffer, start + 2, withdrawn, 0)
    this.#mark(buffer, withdrawn + 2 + ((buffer[withdrawn]! << 8) | buffer[withdrawn + 1]!), end, 1)
  }

  #mark(buffer: Uint8Array, start: number, end: number, value: 0 | 1): void {
    for (let at = start; at < end; at += 5) {
      const number = (buffer[at + 2]! << 16) | (buffer[at + 3]! << 8) | buffer[at + 4]!
      this.count += value - this.held[number]!
      this.held[number] = value
    }
  }
}
