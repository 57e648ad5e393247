/**
 * Arithmetic on addresses held as 4 or 16 octets, most significant first: mask, compare, add, subtract.
 *
 * One set of functions for both families, because an IPv4 address is only a shorter number. Used by prefixes, IPAM
 * (the n-th address of a block) and intent (is this gateway in our subnet); the RIB's hot path uses the interner's
 * columns instead. Nothing here changes its arguments.
 */

/** The first bit in which the two differ, or `limit` when the first `limit` bits agree. */
export function commonBits(a: Uint8Array, b: Uint8Array, limit: number): number {
  const octets = (limit + 7) >>> 3
  for (let i = 0; i < octets; i++) {
    const difference = a[i] ^ b[i]
    if (difference !== 0) return Math.min(limit, i * 8 + Math.clz32(difference) - 24)
  }
  return limit
}

/** A copy with every bit after the first `length` cleared. */
export function maskBits(address: Uint8Array, length: number): Uint8Array {
  const out = new Uint8Array(address.length)
  const whole = length >>> 3
  for (let i = 0; i < whole; i++) out[i] = address[i]
  const rest = length & 7
  if (rest !== 0) out[whole] = address[whole] & (0xff00 >> rest)
  return out
}

/** Order of addresses: IPv4 before IPv6, then by value. */
export function compareAddresses(a: Uint8Array, b: Uint8Array): number {
  if (a.length !== b.length) return a.length - b.length
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return a[i] - b[i]
  return 0
}

export function addressToBigInt(address: Uint8Array): bigint {
  let value = 0n
  for (const octet of address) value = (value << 8n) | BigInt(octet)
  return value
}

/** The value as 4 or 16 octets, or undefined when it does not fit (negative or too large). */
export function addressFromBigInt(value: bigint, octets: number): Uint8Array | undefined {
  if (value < 0n || value >> BigInt(octets * 8) !== 0n) return undefined
  const out = new Uint8Array(octets)
  let rest = value
  for (let i = octets - 1; i >= 0; i--) {
    out[i] = Number(rest & 255n)
    rest >>= 8n
  }
  return out
}

/** The address `offset` further (or back); undefined beyond either end of the family. */
export function addToAddress(address: Uint8Array, offset: number | bigint): Uint8Array | undefined {
  return addressFromBigInt(addressToBigInt(address) + BigInt(offset), address.length)
}

/** How far `to` lies behind `from`; both of one family. */
export function addressDistance(from: Uint8Array, to: Uint8Array): bigint {
  return addressToBigInt(to) - addressToBigInt(from)
}

/** Is the IPv6 address at `at` one of fe80::/10 (RFC 4291 section 2.4), which means something else on every link? */
export function isLinkLocal(bytes: Uint8Array, at = 0): boolean {
  return bytes.length >= at + 16 && bytes[at] === 0xfe && (bytes[at + 1] & 0xc0) === 0x80
}
