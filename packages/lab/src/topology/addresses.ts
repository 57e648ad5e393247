/** IPv4 subnets as the lab hands out addresses in them. Numbers are unsigned 32 bit. */
import { isIPv4 } from 'node:net'

export interface Subnet {
  readonly base: number
  readonly length: number
}

/** Undefined when the text is not a subnet with its host bits zero. */
export function parseSubnet(text: string): Subnet | undefined {
  const [address = '', bits = '', ...rest] = text.split('/')
  if (!isIPv4(address) || !/^\d{1,2}$/.test(bits) || rest.length > 0) return undefined
  const length = Number(bits)
  if (length > 32) return undefined
  const base = toNumber(address)
  return base % 2 ** (32 - length) === 0 ? { base, length } : undefined
}

export function toNumber(address: string): number {
  return address.split('.').reduce((sum, byte) => sum * 256 + Number(byte), 0)
}

export function toText(address: number): string {
  return [24, 16, 8, 0].map((shift) => Math.floor(address / 2 ** shift) % 256).join('.')
}

/** The address number `host` of the subnet; undefined beyond its end. */
export function hostAddress(subnet: Subnet, host: number): string | undefined {
  return host < 2 ** (32 - subnet.length) ? toText(subnet.base + host) : undefined
}

export function contains(subnet: Subnet, address: string): boolean {
  const offset = toNumber(address) - subnet.base
  return offset >= 0 && offset < 2 ** (32 - subnet.length)
}

export function overlaps(a: Subnet, b: Subnet): boolean {
  return contains(a, toText(b.base)) || contains(b, toText(a.base))
}
