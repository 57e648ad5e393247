/**
 * Extended communities: RFC 4360 (and 5668 for 4-octet AS numbers) and the IPv6 kind of RFC 5701.
 *
 * Route target and route origin have a text (`rt:65001:100`, `rt:192.0.2.1:7`, `rt:65001L:100` for a 4-octet number that
 * would fit into two, as in RFC 5668 the types differ); every other community is shown as its 16 hexadecimal digits, so
 * that printing and parsing lose nothing. Judged by RFC 7606 sections 7.14 and 7.15.
 */

import { formatIPv4, formatIPv6, parseIPv4, parseIPv6 } from '../address.js'
import { AttributeCode, Flag } from '../constants.js'
import { u16, u32 } from '../read.js'
import { hexOf, parseHex } from '../text.js'
import { type AttributeDescriptor, badLength, parseDecimal, parseList } from './descriptor.js'

const OPTIONAL_TRANSITIVE = Flag.optional | Flag.transitive

/** Eight octets as two unsigned 32-bit words: type and subtype are the upper half of `high`. */
export interface ExtendedCommunity {
  readonly high: number
  readonly low: number
}

const AS2 = 0x00
const IPV4 = 0x01
const AS4 = 0x02
const SUBTYPES: readonly [number, string][] = [
  [0x02, 'rt'],
  [0x03, 'ro'],
]

const hex32 = (value: number) => (value >>> 0).toString(16).padStart(8, '0')

export function printExtendedCommunity(value: ExtendedCommunity): string {
  const type = value.high >>> 24
  const name = SUBTYPES.find(([subtype]) => subtype === ((value.high >>> 16) & 255))?.[1]
  if (name !== undefined) {
    if (type === AS2) return `${name}:${value.high & 0xffff}:${value.low >>> 0}`
    const administrator = (((value.high & 0xffff) << 16) | (value.low >>> 16)) >>> 0
    if (type === IPV4) return `${name}:${formatIPv4(administrator)}:${value.low & 0xffff}`
    if (type === AS4) return `${name}:${administrator}${administrator > 0xffff ? '' : 'L'}:${value.low & 0xffff}`
  }
  return `0x${hex32(value.high)}${hex32(value.low)}`
}

export function parseExtendedCommunity(text: string): ExtendedCommunity | undefined {
  if (text.startsWith('0x')) {
    const bytes = text.length === 18 ? parseHex(text.slice(2)) : undefined
    return bytes?.length === 8 ? { high: u32(bytes, 0), low: u32(bytes, 4) } : undefined
  }
  const [name, administrator, number, more] = text.split(':')
  const subtype = SUBTYPES.find(([, known]) => known === name)?.[0]
  if (subtype === undefined || administrator === undefined || number === undefined || more !== undefined)
    return undefined
  const address = parseIPv4(administrator)
  const long = administrator.endsWith('L')
  const asn = parseDecimal(long ? administrator.slice(0, -1) : administrator)
  if (address === undefined && asn !== undefined && !long && asn <= 0xffff) {
    const local = parseDecimal(number)
    return local === undefined ? undefined : { high: ((AS2 << 24) | (subtype << 16) | asn) >>> 0, low: local }
  }
  const wide = address ?? asn
  const local = parseDecimal(number, 0xffff)
  if (wide === undefined || local === undefined) return undefined
  const type = address === undefined ? AS4 : IPV4
  return {
    high: ((type << 24) | (subtype << 16) | (wide >>> 16)) >>> 0,
    low: (((wide & 0xffff) << 16) | local) >>> 0,
  }
}

export const extendedCommunities: AttributeDescriptor<readonly ExtendedCommunity[]> = {
  code: AttributeCode.extendedCommunities,
  name: 'EXTENDED_COMMUNITIES',
  key: 'extendedCommunities',
  flags: OPTIONAL_TRANSITIVE,
  check: (_, start, end) =>
    end > start && (end - start) % 8 === 0 ? undefined : badLength('RFC 7606 7.14', end - start),
  decode(buffer, start, end) {
    const list: ExtendedCommunity[] = []
    for (let at = start; at + 8 <= end; at += 8) list.push({ high: u32(buffer, at), low: u32(buffer, at + 4) })
    return list
  },
  encode(writer, value) {
    for (const community of value) {
      writer.u32(community.high)
      writer.u32(community.low)
    }
  },
  print: (value) => value.map(printExtendedCommunity).join(' '),
  parse: (text) => parseList(text, parseExtendedCommunity),
  toJson: (value) => value.map(printExtendedCommunity),
}

/** RFC 5701: type, subtype, an IPv6 address, a number. */
export interface IPv6ExtendedCommunity {
  readonly type: number
  readonly subtype: number
  readonly address: Uint8Array
  readonly number: number
}

export function printIPv6ExtendedCommunity(value: IPv6ExtendedCommunity): string {
  const name = value.type === 0 ? SUBTYPES.find(([subtype]) => subtype === value.subtype)?.[1] : undefined
  if (name !== undefined) return `${name}:[${formatIPv6(value.address)}]:${value.number}`
  const head = hexOf(Uint8Array.of(value.type, value.subtype))
  const tail = hexOf(Uint8Array.of(value.number >>> 8, value.number))
  return `0x${head}${hexOf(value.address)}${tail}`
}

function fromOctets(bytes: Uint8Array, at: number): IPv6ExtendedCommunity {
  return { type: bytes[at], subtype: bytes[at + 1], address: bytes.slice(at + 2, at + 18), number: u16(bytes, at + 18) }
}

export function parseIPv6ExtendedCommunity(text: string): IPv6ExtendedCommunity | undefined {
  if (text.startsWith('0x')) {
    const bytes = text.length === 42 ? parseHex(text.slice(2)) : undefined
    return bytes?.length === 20 ? fromOctets(bytes, 0) : undefined
  }
  const open = text.indexOf(':[')
  const close = text.indexOf(']:')
  if (open < 0 || close < open) return undefined
  const subtype = SUBTYPES.find(([, known]) => known === text.slice(0, open))?.[0]
  const address = parseIPv6(text.slice(open + 2, close))
  const number = parseDecimal(text.slice(close + 2), 0xffff)
  if (subtype === undefined || address === undefined || number === undefined) return undefined
  return { type: 0, subtype, address, number }
}

export const ipv6ExtendedCommunities: AttributeDescriptor<readonly IPv6ExtendedCommunity[]> = {
  code: AttributeCode.ipv6ExtendedCommunities,
  name: 'IPV6_EXTENDED_COMMUNITIES',
  key: 'ipv6ExtendedCommunities',
  flags: OPTIONAL_TRANSITIVE,
  check: (_, start, end) =>
    end > start && (end - start) % 20 === 0 ? undefined : badLength('RFC 7606 7.15', end - start),
  decode(buffer, start, end) {
    const list: IPv6ExtendedCommunity[] = []
    for (let at = start; at + 20 <= end; at += 20) list.push(fromOctets(buffer, at))
    return list
  },
  encode(writer, value) {
    for (const community of value) {
      writer.u8(community.type)
      writer.u8(community.subtype)
      writer.bytes(community.address)
      writer.u16(community.number)
    }
  },
  print: (value) => value.map(printIPv6ExtendedCommunity).join(' '),
  parse: (text) => parseList(text, parseIPv6ExtendedCommunity),
  toJson: (value) => value.map(printIPv6ExtendedCommunity),
}
