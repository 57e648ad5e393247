/**
 * Addresses and CIDRs in the texts that resources hold, made canonical at the border (RFC 5952).
 *
 * Everything behind the border compares addresses as text, which is only right when each address has one text. The
 * passive side of a mesh session is decided by comparing these very texts (calico.md 2.3).
 */
import { formatAddress, parseAddress as parseBytes, splitZone } from '@starling/bgp-packet/address'
import { maskBits } from '@starling/inet'

export type Family = 'ipv4' | 'ipv6'

export interface Address {
  readonly family: Family
  readonly address: string
}

export interface Cidr extends Address {
  readonly length: number
  /** Canonical text of the masked network: `10.0.0.0/24` for 10.0.0.11/24. */
  readonly network: string
}

export function parseAddress(text: string): Address | undefined {
  const bytes = parseBytes(text)
  return bytes === undefined ? undefined : { family: familyOf(bytes), address: formatAddress(bytes) }
}

const familyOf = (bytes: Uint8Array): Family => (bytes.length === 4 ? 'ipv4' : 'ipv6')

/** An address with a prefix length; without one it is a single address. Host bits are kept in `address`. */
export function parseCidr(text: string): Cidr | undefined {
  const slash = text.indexOf('/')
  const bytes = parseBytes(slash < 0 ? text : text.slice(0, slash))
  if (bytes === undefined) return undefined
  const bits = bytes.length * 8
  const digits = text.slice(slash + 1)
  if (slash >= 0 && !/^\d{1,3}$/.test(digits)) return undefined
  const length = slash < 0 ? bits : Number(digits)
  if (length > bits) return undefined
  const network = `${formatAddress(maskBits(bytes, length))}/${length}`
  return { family: familyOf(bytes), address: formatAddress(bytes), length, network }
}

/** True when the prefix is exactly one address. */
export function isSingleAddress(cidr: Cidr): boolean {
  return cidr.length === (cidr.family === 'ipv4' ? 32 : 128)
}

/** Where a peer listens: `1.2.3.4`, `1.2.3.4:179`, `fd00::1`, `[fd00::1]:179`, `fe80::1%eth0`, `[fe80::1%eth0]:1790`. */
export interface Endpoint extends Address {
  /** Interface of a link-local address. */
  readonly zone?: string
  readonly port?: number
  /** The address as a configuration names it, with its zone. */
  readonly text: string
}

export function parseEndpoint(text: string): Endpoint | undefined {
  const bracketed = /^\[([^\]]+)\](?::(\d+))?$/.exec(text)
  const dotted = /^([\d.]+):(\d+)$/.exec(text)
  const [host, digits] = bracketed ? [bracketed[1], bracketed[2]] : dotted ? [dotted[1], dotted[2]] : [text, undefined]
  const [bare, zone] = splitZone(host as string)
  const parsed = parseAddress(bare)
  const port = digits === undefined ? undefined : Number(digits)
  if (parsed === undefined || (port !== undefined && (port < 1 || port > 65535))) return undefined
  if (zone !== undefined && parsed.family === 'ipv4') return undefined
  return {
    ...parsed,
    text: zone === undefined ? parsed.address : `${parsed.address}%${zone}`,
    ...(zone === undefined ? {} : { zone }),
    ...(port === undefined ? {} : { port }),
  }
}
