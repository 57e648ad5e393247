/**
 * IPv4 and IPv6 addresses between text and bytes: the only address parser of the house.
 *
 * Text follows RFC 4291 section 2.2 on the way in and RFC 5952 on the way out (lower case, no leading zeros, the longest
 * run of two or more zero groups shortened, the first of equals; IPv4-mapped addresses with a dotted tail). IPv4 is
 * strict dotted decimal without leading zeros, because "010" means 8 to some readers and 10 to others.
 * A zone ("%eth0") is no part of an address: split it off first. Nothing here throws on text; a text that is no address
 * is `undefined`.
 */

const DOT = 46
const COLON = 58
const PERCENT = '%'

/** The 32-bit value of dotted-decimal text, or undefined. */
export function parseIPv4(text: string): number | undefined {
  return parseIPv4Slice(text, 0)
}

function parseIPv4Slice(text: string, from: number): number | undefined {
  const length = text.length
  if (length - from < 7 || length - from > 15) return undefined
  let value = 0
  let octet = -1
  let dots = 0
  for (let i = from; i < length; i++) {
    const c = text.charCodeAt(i)
    if (c === DOT) {
      if (octet < 0 || dots === 3) return undefined
      value = (value << 8) | octet
      octet = -1
      dots++
    } else if (c >= 48 && c <= 57) {
      if (octet === 0) return undefined
      octet = octet < 0 ? c - 48 : octet * 10 + (c - 48)
      if (octet > 255) return undefined
    } else {
      return undefined
    }
  }
  if (dots !== 3 || octet < 0) return undefined
  return ((value << 8) | octet) >>> 0
}

/** Dotted decimal of a 32-bit value (taken modulo 2^32). */
export function formatIPv4(address: number): string {
  return `${(address >>> 24) & 255}.${(address >>> 16) & 255}.${(address >>> 8) & 255}.${address & 255}`
}

/** Splits "fe80::1%eth0" into address text and zone; the zone is undefined when there is none. */
export function splitZone(text: string): [address: string, zone: string | undefined] {
  const at = text.indexOf(PERCENT)
  return at < 0 ? [text, undefined] : [text.slice(0, at), text.slice(at + 1)]
}

function hexDigit(c: number): number {
  if (c >= 48 && c <= 57) return c - 48
  const lower = c | 32
  return lower >= 97 && lower <= 102 ? lower - 87 : -1
}

/** The 16 octets of IPv6 text (without zone), or undefined. A dotted IPv4 tail is accepted after any prefix. */
export function parseIPv6(text: string): Uint8Array | undefined {
  const length = text.length
  if (length < 2 || length > 45) return undefined
  const groups = [0, 0, 0, 0, 0, 0, 0, 0]
  let count = 0
  let gap = -1
  let i = 0
  if (text.charCodeAt(0) === COLON) {
    if (text.charCodeAt(1) !== COLON) return undefined
    gap = 0
    i = 2
  }
  while (i < length) {
    if (count === 8) return undefined
    const start = i
    let value = 0
    let digit = hexDigit(text.charCodeAt(i))
    while (i < length && digit >= 0) {
      if (i - start === 4) return undefined
      value = (value << 4) | digit
      i++
      digit = i < length ? hexDigit(text.charCodeAt(i)) : -1
    }
    if (i === start) return undefined
    if (i < length && text.charCodeAt(i) === DOT) {
      const tail = count <= 6 ? parseIPv4Slice(text, start) : undefined
      if (tail === undefined) return undefined
      groups[count++] = tail >>> 16
      groups[count++] = tail & 0xffff
      break
    }
    groups[count++] = value
    if (i === length) break
    if (text.charCodeAt(i) !== COLON) return undefined
    i++
    if (i === length) return undefined
    if (text.charCodeAt(i) === COLON) {
      if (gap >= 0) return undefined
      gap = count
      i++
    }
  }
  if (gap < 0 ? count !== 8 : count === 8) return undefined
  const bytes = new Uint8Array(16)
  for (let g = 0; g < count; g++) {
    const place = gap >= 0 && g >= gap ? 8 - count + g : g
    bytes[place * 2] = groups[g] >>> 8
    bytes[place * 2 + 1] = groups[g] & 255
  }
  return bytes
}

/** RFC 5952 text of the 16 octets at `offset`; octets beyond the end of `bytes` count as zero. */
export function formatIPv6(bytes: Uint8Array, offset = 0): string {
  const groups: number[] = []
  for (let g = 0; g < 8; g++) groups.push(((bytes[offset + 2 * g] ?? 0) << 8) | (bytes[offset + 2 * g + 1] ?? 0))
  const mapped = groups[5] === 0xffff && groups.slice(0, 5).every((g) => g === 0)
  if (mapped) return `::ffff:${formatIPv4(((groups[6] << 16) | groups[7]) >>> 0)}`
  let bestStart = -1
  let bestLength = 1
  let runStart = 0
  for (let g = 0; g <= 8; g++) {
    if (g < 8 && groups[g] === 0) continue
    if (g - runStart > bestLength) {
      bestStart = runStart
      bestLength = g - runStart
    }
    runStart = g + 1
  }
  if (bestStart < 0) return groups.map(hex).join(':')
  const head = groups.slice(0, bestStart).map(hex).join(':')
  const tail = groups
    .slice(bestStart + bestLength)
    .map(hex)
    .join(':')
  return `${head}::${tail}`
}

function hex(group: number): string {
  return group.toString(16)
}

/** Text of 4 or 16 octets; anything else is shown as hexadecimal octets, so that a printer never fails. */
export function formatAddress(bytes: Uint8Array): string {
  if (bytes.length === 16) return formatIPv6(bytes)
  if (bytes.length === 4) return formatIPv4((bytes[0] << 24) | (bytes[1] << 16) | (bytes[2] << 8) | bytes[3])
  return Array.from(bytes, (b) => b.toString(16).padStart(2, '0')).join('')
}

/** 4 or 16 octets of IPv4 or IPv6 text (without zone), or undefined. */
export function parseAddress(text: string): Uint8Array | undefined {
  const value = parseIPv4(text)
  if (value === undefined) return parseIPv6(text)
  return Uint8Array.of(value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255)
}
