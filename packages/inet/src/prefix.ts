/**
 * A canonical prefix as an immutable value: family, network address, length.
 *
 * Host bits are always zero, so two equal prefixes print alike and text can serve as a key. This is the value for
 * people, configuration and IPAM; inside the RIB a prefix is a number (`table4.ts`, `table6.ts`). Parsing returns
 * `undefined` for text that is no prefix and never throws.
 */
import { formatAddress, parseAddress } from '@starling/bgp-packet/address'
import { addressFromBigInt, addressToBigInt, commonBits, compareAddresses, maskBits } from './bits.js'

export type Family = 'ipv4' | 'ipv6'

/** 32 or 128. */
export function familyBits(family: Family): number {
  return family === 'ipv4' ? 32 : 128
}

export function familyOfAddress(address: Uint8Array): Family {
  return address.length === 4 ? 'ipv4' : 'ipv6'
}

export class Prefix {
  readonly family: Family
  /** 4 or 16 octets with host bits zero. Do not write to it. */
  readonly bytes: Uint8Array
  readonly length: number

  private constructor(bytes: Uint8Array, length: number) {
    this.family = familyOfAddress(bytes)
    this.bytes = bytes
    this.length = length
  }

  /** From 4 or 16 octets, host bits cleared; undefined when the length does not fit the family. */
  static from(address: Uint8Array, length: number): Prefix | undefined {
    const bits = address.length * 8
    if ((bits !== 32 && bits !== 128) || !Number.isInteger(length) || length < 0 || length > bits) return undefined
    return new Prefix(maskBits(address, length), length)
  }

  /** `10.1.2.3/8` is read as 10.0.0.0/8, as Calico does; use {@link parseStrict} where host bits are a mistake. */
  static parse(text: string): Prefix | undefined {
    const slash = text.indexOf('/')
    if (slash < 0) return undefined
    const digits = text.slice(slash + 1)
    if (!/^(0|[1-9][0-9]{0,2})$/.test(digits)) return undefined
    const address = parseAddress(text.slice(0, slash))
    return address === undefined ? undefined : Prefix.from(address, Number(digits))
  }

  /** As {@link parse}, but refuses text with host bits. */
  static parseStrict(text: string): Prefix | undefined {
    const prefix = Prefix.parse(text)
    if (prefix === undefined) return undefined
    const address = parseAddress(text.slice(0, text.indexOf('/')))
    return address !== undefined && compareAddresses(address, prefix.bytes) === 0 ? prefix : undefined
  }

  /** A prefix, or a bare address as its /32 or /128. */
  static parseOrHost(text: string): Prefix | undefined {
    if (text.includes('/')) return Prefix.parse(text)
    const address = parseAddress(text)
    return address === undefined ? undefined : Prefix.host(address)
  }

  static host(address: Uint8Array): Prefix {
    return new Prefix(address.slice(), address.length * 8)
  }

  /** 32 or 128. */
  get bits(): number {
    return this.bytes.length * 8
  }

  get isHost(): boolean {
    return this.length === this.bits
  }

  /** How many addresses it has. */
  get size(): bigint {
    return 1n << BigInt(this.bits - this.length)
  }

  /** The last address: the IPv4 broadcast address of the block. */
  get last(): Uint8Array {
    return addressFromBigInt(addressToBigInt(this.bytes) + this.size - 1n, this.bytes.length) ?? this.bytes
  }

  toString(): string {
    return `${formatAddress(this.bytes)}/${this.length}`
  }

  toJSON(): string {
    return this.toString()
  }

  equals(other: Prefix): boolean {
    return this.length === other.length && compareAddresses(this.bytes, other.bytes) === 0
  }

  /** True also for the prefix itself. */
  contains(other: Prefix): boolean {
    return other.length >= this.length && this.containsAddress(other.bytes)
  }

  containsAddress(address: Uint8Array): boolean {
    return address.length === this.bytes.length && commonBits(this.bytes, address, this.length) === this.length
  }

  overlaps(other: Prefix): boolean {
    return this.contains(other) || other.contains(this)
  }

  /** The enclosing prefix of the given (shorter) length. */
  supernet(length: number): Prefix | undefined {
    return length > this.length ? undefined : Prefix.from(this.bytes, length)
  }

  /** How many subnets of `length` it has; 0 when `length` is shorter than its own. */
  subnetCount(length: number): bigint {
    return length < this.length || length > this.bits ? 0n : 1n << BigInt(length - this.length)
  }

  /** The `index`-th subnet of `length`. */
  subnetAt(length: number, index: number | bigint): Prefix | undefined {
    const at = BigInt(index)
    if (at < 0n || at >= this.subnetCount(length)) return undefined
    const value = addressToBigInt(this.bytes) + (at << BigInt(this.bits - length))
    const bytes = addressFromBigInt(value, this.bytes.length)
    return bytes === undefined ? undefined : new Prefix(bytes, length)
  }

  /** The `index`-th address. */
  addressAt(index: number | bigint): Uint8Array | undefined {
    const at = BigInt(index)
    if (at < 0n || at >= this.size) return undefined
    return addressFromBigInt(addressToBigInt(this.bytes) + at, this.bytes.length)
  }

  /** Where an address stands in it, or undefined when it is outside. */
  indexOf(address: Uint8Array): bigint | undefined {
    return this.containsAddress(address) ? addressToBigInt(address) - addressToBigInt(this.bytes) : undefined
  }
}

/** Order of prefixes: IPv4 first, then by address, then the shorter (outer) one. */
export function comparePrefixes(a: Prefix, b: Prefix): number {
  return compareAddresses(a.bytes, b.bytes) || a.length - b.length
}
