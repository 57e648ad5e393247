/**
 * Watching how peers sign their SYNs (RFC 2385). TCP drops a segment with a wrong, missing or unexpected signature in
 * silence, on both sides: without this an engineer sees "Active" and nothing else.
 *
 * A raw socket per family gets a copy of every SYN and SYN-ACK of the BGP ports before TCP judges it; a socket filter
 * keeps all else away. It needs CAP_NET_RAW; without it nothing is watched, and the reasons say "probably". What is seen
 * explains a failure and decides nothing, for anybody can forge a SYN.
 */

import { formatAddress } from '@starling/bgp-packet'
import type { EngineConfig, Signature } from '@starling/engine'
import { isLinkLocal } from '@starling/inet'
import { AF, attachFilter, close, type FilterStep, type Poll, poll, recvfrom, SOCK, socket } from '@starling/sys'
import { zoneName } from './addresses.js'
import { now } from './clock.js'

const IPPROTO_TCP = 6
const SYN = 0x02
const OPTION_END = 0
const OPTION_NOP = 1
const OPTION_MD5 = 19
const OPTION_AO = 29
const FIXED_HEADER = 20
/** Ports beyond these are not watched: a filter has a limit, and one port is the rule. */
const PORT_LIMIT = 16
/** Segments read per wake-up, so that a flood of them cannot hold the loop. */
const PER_TURN = 64

// Classic BPF, linux/filter.h: loads relative to the TCP header, whose offset is in X.
const LOAD_X_HEADER_LENGTH = 0xb1
const LOAD_X_IMMEDIATE = 0x01
const LOAD_BYTE_AT_X = 0x50
const LOAD_HALF_AT_X = 0x48
const JUMP_IF_BITS = 0x45
const JUMP_IF_EQUAL = 0x15
const RETURN = 0x06
const TAKE = 0xffff

/** SYNs to or from one of the ports. An IPv4 raw socket sees the IP header, an IPv6 one begins behind it. */
export function synFilter(family: 4 | 6, ports: readonly number[]): FilterStep[] {
  const checks = [0, 2].flatMap((offset) => [
    [LOAD_HALF_AT_X, 0, 0, offset] as const,
    ...ports.map((port) => [JUMP_IF_EQUAL, 0, 0, port] as const),
  ])
  const program: FilterStep[] = [
    family === 4 ? [LOAD_X_HEADER_LENGTH, 0, 0, 0] : [LOAD_X_IMMEDIATE, 0, 0, 0],
    [LOAD_BYTE_AT_X, 0, 0, 13],
    [JUMP_IF_BITS, 0, checks.length, SYN],
    ...checks,
    [RETURN, 0, 0, 0],
    [RETURN, 0, 0, TAKE],
  ]
  const taken = program.length - 1
  return program.map(([code, jt, jf, k], at) =>
    code === JUMP_IF_EQUAL ? [code, taken - at - 1, jf, k] : [code, jt, jf, k],
  )
}

/** The signature of a TCP segment, from its options. `at`: where its header begins. */
export function signatureOf(segment: Uint8Array, at: number): Signature {
  const end = Math.min(segment.length, at + ((segment[at + 12] ?? 0) >> 4) * 4)
  for (let i = at + FIXED_HEADER; i < end; ) {
    const kind = segment[i]
    if (kind === OPTION_END) break
    if (kind === OPTION_MD5) return 'md5'
    if (kind === OPTION_AO) return 'ao'
    i += kind === OPTION_NOP ? 1 : Math.max(2, segment[i + 1] ?? 2)
  }
  return 'none'
}

interface Watched {
  readonly fd: number
  readonly poll: Poll
}

export class SignatureWatch {
  readonly #seen: (remoteAddress: string, signature: Signature) => void
  #watched: Watched[] = []
  #ports = ''
  readonly #segment = new Uint8Array(256)
  readonly #from = new Uint8Array(28)

  constructor(seen: (remoteAddress: string, signature: Signature) => void) {
    this.#seen = seen
  }

  /** Watches these ports from now on; a machine that does not allow it is no failure. */
  set(ports: ReadonlySet<number>): void {
    const wanted = [...ports].sort((a, b) => a - b).slice(0, PORT_LIMIT)
    if (wanted.join() === this.#ports) return
    this.close()
    this.#ports = wanted.join()
    for (const family of [4, 6] as const) {
      const watched = this.#open(family, wanted)
      if (watched !== undefined) this.#watched.push(watched)
    }
  }

  get watching(): boolean {
    return this.#watched.length > 0
  }

  #open(family: 4 | 6, ports: readonly number[]): Watched | undefined {
    let fd = -1
    try {
      fd = socket(family === 4 ? AF.INET : AF.INET6, SOCK.RAW | SOCK.CLOEXEC | SOCK.NONBLOCK, IPPROTO_TCP)
      attachFilter(fd, synFilter(family, ports))
      const watch = poll(fd, { readable: true }, () => this.#read(fd, family))
      watch.unref()
      return { fd, poll: watch }
    } catch {
      if (fd >= 0) close(fd)
      return undefined
    }
  }

  #read(fd: number, family: 4 | 6): void {
    for (let turn = 0; turn < PER_TURN; turn++) {
      const length = recvfrom(fd, this.#segment, this.#from)
      if (length < FIXED_HEADER) return
      const header = family === 4 ? ((this.#segment[0] ?? 0) & 15) * 4 : 0
      const address = family === 4 ? this.#from.subarray(4, 8) : this.#from.subarray(8, 24)
      this.#seen(this.#text(address), signatureOf(this.#segment.subarray(0, length), header))
    }
  }

  #text(address: Uint8Array): string {
    const text = formatAddress(address)
    return isLinkLocal(address)
      ? `${text}%${zoneName(new DataView(this.#from.buffer).getUint32(24, true), now())}`
      : text
  }

  close(): void {
    for (const { fd, poll: watch } of this.#watched) {
      watch.stop()
      close(fd)
    }
    this.#watched = []
    this.#ports = ''
  }
}

/** Where BGP comes to us and where we go. */
export function watchedPorts(config: EngineConfig, listening: readonly number[]): Set<number> {
  const ports = new Set(listening)
  for (const { remotePort } of config.peers.values()) ports.add(remotePort)
  return ports
}
