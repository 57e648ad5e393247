/**
 * Socket addresses: text such as `192.0.2.1`, `2001:db8::1` or `fe80::1%eth0` to the kernel's sockaddr bytes and back.
 * The text forms are those node:net prints. A scope may be a name or a number.
 */

import { isIPv4, isIPv6 } from 'node:net'
import { interfaceIndex } from './calls.js'
import { AF } from './constants.js'

export interface ParsedAddress {
  family: 4 | 6
  bytes: Uint8Array
  /** Interface index of a scoped IPv6 address, 0 without. */
  scope: number
}

/** Throws a TypeError for anything that is not an IP address (names are never resolved here). */
export function parseAddress(text: string): ParsedAddress {
  if (isIPv4(text)) return { family: 4, bytes: Uint8Array.from(text.split('.').map(Number)), scope: 0 }
  if (!isIPv6(text)) throw new TypeError(`not an IP address: ${text}`)
  const [address = '', zone] = text.split('%')
  const scope = zone === undefined ? 0 : /^\d+$/.test(zone) ? Number(zone) : interfaceIndex(zone)
  return { family: 6, bytes: parseIPv6(address), scope }
}

function parseIPv6(text: string): Uint8Array {
  let source = text
  const dotted = /^(.*:)(\d+)\.(\d+)\.(\d+)\.(\d+)$/.exec(text)
  if (dotted !== null) {
    const [, head, a, b, c, d] = dotted
    const group = (high: string | undefined, low: string | undefined) => (Number(high) * 256 + Number(low)).toString(16)
    source = `${head}${group(a, b)}:${group(c, d)}`
  }
  const [left = '', right] = source.split('::')
  const head = left === '' ? [] : left.split(':')
  const tail = right === undefined || right === '' ? [] : right.split(':')
  const groups = [...head, ...new Array<string>(8 - head.length - tail.length).fill('0'), ...tail]
  const bytes = new Uint8Array(16)
  for (let i = 0; i < 8; i++) {
    const value = Number.parseInt(groups[i] ?? '0', 16)
    bytes[2 * i] = value >> 8
    bytes[2 * i + 1] = value & 0xff
  }
  return bytes
}

/** sockaddr_in (16 bytes) or sockaddr_in6 (28 bytes). */
export function sockaddr(text: string, port: number): Uint8Array {
  const { family, bytes, scope } = parseAddress(text)
  const out = new Uint8Array(family === 4 ? 16 : 28)
  const view = new DataView(out.buffer)
  view.setUint16(0, family === 4 ? AF.INET : AF.INET6, true)
  view.setUint16(2, port)
  out.set(bytes, family === 4 ? 4 : 8)
  if (family === 6) view.setUint32(24, scope, true)
  return out
}

/** The port of a sockaddr_in or sockaddr_in6. */
export function sockaddrPort(address: Uint8Array): number {
  return new DataView(address.buffer, address.byteOffset, address.length).getUint16(2)
}

/** sockaddr_nl: `pid` 0 lets the kernel choose, `groups` is the legacy multicast mask. */
export function sockaddrNetlink(pid = 0, groups = 0): Uint8Array {
  const out = new Uint8Array(12)
  const view = new DataView(out.buffer)
  view.setUint16(0, AF.NETLINK, true)
  view.setUint32(4, pid, true)
  view.setUint32(8, groups, true)
  return out
}
