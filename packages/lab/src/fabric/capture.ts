/**
 * Frames of one namespace into a pcap file, through a packet socket of our own (packet(7)): no tcpdump on the machine. What
 * is written is what `starling decode --pcap`, Wireshark and tcpdump read.
 *
 * Bounded: so many bytes, and the capture ends. Frames that the kernel drops because this process is busy are not in the
 * file; a lab is no place for measuring rates.
 */
import { closeSync, openSync, writeSync } from 'node:fs'
import {
  AF,
  bind,
  close,
  interfaceIndex,
  type Poll,
  poll,
  recvfrom,
  SO,
  SOCK,
  SOL,
  setsockopt,
  socket,
} from '@starling/sys'
import type { Netns } from './netns.js'

const ETH_P_ALL = 0x0003
const ETHERNET = { HEADER: 14, IPV4: 0x0800, IPV6: 0x86dd } as const
const TCP = 6
const UDP = 17
/** Virtual links hand over whole segments of up to 64 KB. */
const LARGEST_FRAME = 65_550
const LARGEST_FILE = 256 * 1024 * 1024
const RECEIVE_BUFFER = 8 * 1024 * 1024
/** linux/if_packet.h: a frame that looped through lo is seen going and coming. */
const PACKET_OUTGOING = 4

export interface CaptureOptions {
  readonly ns: Netns
  /** Absent: all of the namespace. */
  readonly interface?: string
  readonly file: string
  /** Only TCP and UDP from or to this port. */
  readonly port?: number
  /** End after so many frames. */
  readonly count?: number
}

export class Capture {
  readonly #fd: number
  readonly #file: number
  readonly #watch: Poll
  readonly #options: CaptureOptions
  #written = 0
  #frames = 0
  #ended = false
  readonly done: Promise<number>
  #resolve: (frames: number) => void = () => undefined

  constructor(options: CaptureOptions) {
    this.#options = options
    this.done = new Promise((resolve) => {
      this.#resolve = resolve
    })
    this.#file = openSync(options.file, 'w', 0o644)
    writeSync(this.#file, fileHeader())
    this.#fd = options.ns.run(() => {
      const fd = socket(AF.PACKET, SOCK.RAW | SOCK.CLOEXEC | SOCK.NONBLOCK, bigEndian(ETH_P_ALL))
      roomFor(fd)
      if (options.interface !== undefined) bind(fd, linkAddress(interfaceIndex(options.interface)))
      return fd
    })
    this.#watch = poll(this.#fd, { readable: true }, () => this.#receive())
  }

  /** Frames written. */
  stop(): number {
    if (this.#ended) return this.#frames
    this.#receive()
    this.#end()
    return this.#frames
  }

  #end(): void {
    if (this.#ended) return
    this.#ended = true
    this.#watch.stop()
    close(this.#fd)
    closeSync(this.#file)
    this.#resolve(this.#frames)
  }

  #receive(): void {
    const frame = new Uint8Array(LARGEST_FRAME)
    const from = new Uint8Array(20)
    const { port, count = Number.POSITIVE_INFINITY } = this.#options
    while (!this.#ended) {
      const length = recvfrom(this.#fd, frame, from)
      if (length <= 0) return
      const bytes = frame.subarray(0, length)
      if (isLoopbackEcho(from) || (port !== undefined && !concerns(bytes, port))) continue
      const record = frameRecord(bytes, Date.now())
      writeSync(this.#file, record)
      this.#written += record.length
      if (++this.#frames >= count || this.#written > LARGEST_FILE) this.#end()
    }
  }
}

/** Beyond the machine's limit for its own root only: inside a user namespace as much as the limit gives. */
function roomFor(fd: number): void {
  try {
    setsockopt(fd, SOL.SOCKET, SO.RCVBUFFORCE, RECEIVE_BUFFER)
  } catch {
    setsockopt(fd, SOL.SOCKET, SO.RCVBUF, RECEIVE_BUFFER)
  }
}

const bigEndian = (value: number): number => ((value & 0xff) << 8) | (value >> 8)

/** struct sockaddr_ll: family, protocol, interface; the rest is for sending. */
function linkAddress(index: number): Uint8Array {
  const bytes = Buffer.alloc(20)
  bytes.writeUInt16LE(AF.PACKET, 0)
  bytes.writeUInt16BE(ETH_P_ALL, 2)
  bytes.writeInt32LE(index, 4)
  return bytes
}

/** Hardware type 772 is the loopback device. */
function isLoopbackEcho(from: Uint8Array): boolean {
  const view = new DataView(from.buffer)
  return view.getUint16(8, true) === 772 && from[10] === PACKET_OUTGOING
}

/** pcap(5): magic of microseconds, version 2.4, Ethernet. */
export function fileHeader(): Uint8Array {
  const header = Buffer.alloc(24)
  header.writeUInt32LE(0xa1b2c3d4, 0)
  header.writeUInt16LE(2, 4)
  header.writeUInt16LE(4, 6)
  header.writeUInt32LE(262_144, 16)
  header.writeUInt32LE(1, 20)
  return header
}

/** One record; `at` is milliseconds since 1970. */
export function frameRecord(frame: Uint8Array, at: number): Uint8Array {
  const record = Buffer.alloc(16 + frame.length)
  record.writeUInt32LE(Math.floor(at / 1000), 0)
  record.writeUInt32LE((at % 1000) * 1000, 4)
  record.writeUInt32LE(frame.length, 8)
  record.writeUInt32LE(frame.length, 12)
  record.set(frame, 16)
  return record
}

/** A TCP or UDP port at either end; fragments behind the first and IPv6 extension headers are not looked into. */
export function concerns(frame: Uint8Array, port: number): boolean {
  if (frame.length < ETHERNET.HEADER + 24) return false
  const view = new DataView(frame.buffer, frame.byteOffset, frame.length)
  const type = view.getUint16(12)
  const ip = ETHERNET.HEADER
  const v4 = type === ETHERNET.IPV4
  if (!v4 && type !== ETHERNET.IPV6) return false
  const protocol = frame[ip + (v4 ? 9 : 6)]
  const ports = v4 ? ip + (frame[ip]! & 0xf) * 4 : ip + 40
  if ((protocol !== TCP && protocol !== UDP) || frame.length < ports + 4) return false
  return view.getUint16(ports) === port || view.getUint16(ports + 2) === port
}
