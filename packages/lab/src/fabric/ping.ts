/**
 * ICMP echo from inside a namespace over a raw socket: no ping binary, round trips measured in this process. The kernel
 * of the pinged namespace answers; what is measured is the road through every kernel between.
 */
import { AF, close, type Poll, poll, recvfrom, SOCK, sendto, sockaddr, socket } from '@starling/sys'
import type { Netns } from './netns.js'

/** RFC 792 and RFC 4443: the same message under other numbers. */
const ICMP = {
  4: { family: AF.INET, protocol: 1, request: 8, reply: 0 },
  6: { family: AF.INET6, protocol: 58, request: 128, reply: 129 },
} as const

/** A source of echo requests in one namespace; answers resolve in any order, a lost one after `timeout` milliseconds. */
export class Pinger {
  readonly #fd: number
  readonly #watch: Poll
  readonly #family: 4 | 6
  readonly #waiting = new Map<number, (milliseconds: number | undefined) => void>()
  readonly #identifier: number
  #sequence = 0

  constructor(ns: Netns, family: 4 | 6 = 4) {
    this.#family = family
    this.#fd = ns.run(() => socket(ICMP[family].family, SOCK.RAW | SOCK.CLOEXEC | SOCK.NONBLOCK, ICMP[family].protocol))
    this.#identifier = (process.pid ^ this.#fd) & 0xffff
    this.#watch = poll(this.#fd, { readable: true }, () => this.#receive())
    this.#watch.unref()
  }

  /** Round trip in milliseconds, undefined when nothing came back in time or there is no route. */
  ping(address: string, timeout = 1000): Promise<number | undefined> {
    const sequence = this.#sequence++ & 0xffff
    return new Promise((resolve) => {
      const begin = performance.now()
      const timer = setTimeout(() => {
        // When this process was busy for long, the answer may lie in the socket: only what is not there is lost.
        this.#receive()
        settle(undefined)
      }, timeout)
      const settle = (at: number | undefined) => {
        clearTimeout(timer)
        this.#waiting.delete(sequence)
        resolve(at === undefined ? undefined : at - begin)
      }
      this.#waiting.set(sequence, settle)
      if (sendto(this.#fd, this.#request(sequence), sockaddr(address, 0)) < 0) settle(undefined)
    })
  }

  close(): void {
    this.#watch.stop()
    close(this.#fd)
    for (const settle of [...this.#waiting.values()]) settle(undefined)
  }

  /** Type, code, checksum, identifier, sequence; 56 bytes of payload as ping sends. ICMPv6 is summed by the kernel. */
  #request(sequence: number): Uint8Array {
    const packet = new Uint8Array(64)
    const view = new DataView(packet.buffer)
    packet[0] = ICMP[this.#family].request
    view.setUint16(4, this.#identifier)
    view.setUint16(6, sequence)
    if (this.#family === 4) view.setUint16(2, checksum(packet))
    return packet
  }

  #receive(): void {
    const packet = new Uint8Array(1500)
    const from = new Uint8Array(28)
    for (;;) {
      const length = recvfrom(this.#fd, packet, from)
      if (length < 0) return
      // A raw IPv6 socket leaves the header away (RFC 3542).
      const header = this.#family === 4 ? (packet[0]! & 0xf) * 4 : 0
      const view = new DataView(packet.buffer)
      if (length < header + 8 || packet[header] !== ICMP[this.#family].reply) continue
      if (view.getUint16(header + 4) !== this.#identifier) continue
      this.#waiting.get(view.getUint16(header + 6))?.(performance.now())
    }
  }
}

/** RFC 1071: ones' complement of the ones' complement sum of 16-bit words. */
export function checksum(bytes: Uint8Array): number {
  let sum = 0
  for (let i = 0; i < bytes.length; i += 2) sum += (bytes[i]! << 8) | (bytes[i + 1] ?? 0)
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16)
  return ~sum & 0xffff
}
