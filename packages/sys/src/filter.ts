/**
 * Classic BPF socket filters. BFD needs one because IP_MINTTL and IPV6_MINHOPCOUNT do nothing for UDP (measured, the
 * platform study 4): packets with a TTL other than 255 (RFC 5881 section 5) must be dropped before the socket sees them.
 */

import { int32, setsockopt } from './calls.js'
import { SO, SOL } from './constants.js'
import { libc } from './libc.js'

/** One `struct sock_filter`: code, jump if true, jump if false, operand. */
export type FilterStep = readonly [code: number, jt: number, jf: number, k: number]

const LOAD_BYTE = 0x30
const JUMP_EQUAL = 0x15
const JUMP_GREATER_OR_EQUAL = 0x35
const RETURN = 0x06
/** SKF_NET_OFF: loads relative to the network header. */
const NET_OFFSET = -0x100000
/** Where the IPv4 TTL and the IPv6 hop limit live in their headers. */
const TTL_OFFSET = { 4: 8, 6: 7 } as const

export function attachFilter(fd: number, program: readonly FilterStep[]): void {
  const steps = new Uint8Array(program.length * 8)
  const view = new DataView(steps.buffer)
  program.forEach(([code, jt, jf, k], i) => {
    view.setUint16(i * 8, code, true)
    view.setUint8(i * 8 + 2, jt)
    view.setUint8(i * 8 + 3, jf)
    view.setInt32(i * 8 + 4, k, true)
  })
  // struct sock_fprog: u16 length, pointer at offset 8
  const fprog = new Uint8Array(16)
  fprog.set(int32(program.length).subarray(0, 2), 0)
  new DataView(fprog.buffer).setBigUint64(8, libc().addressOf(steps), true)
  setsockopt(fd, SOL.SOCKET, SO.ATTACH_FILTER, fprog)
}

/** Delivers only packets whose TTL or hop limit is at least `minimum` (single-hop BFD: 255). */
export function attachTtlFilter(fd: number, family: 4 | 6, minimum: number): void {
  attachFilter(fd, [
    [LOAD_BYTE, 0, 0, NET_OFFSET + TTL_OFFSET[family]],
    minimum === 255 ? [JUMP_EQUAL, 0, 1, 255] : [JUMP_GREATER_OR_EQUAL, 0, 1, minimum],
    [RETURN, 0, 0, 0xffff],
    [RETURN, 0, 0, 0],
  ])
}
