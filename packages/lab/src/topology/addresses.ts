/** Subnets as text, the way topology files and plans speak of them; the arithmetic is that of `inet`. */
import { isIP } from 'node:net'
import { addToAddress, Prefix } from '@starling/inet'
import { parseAddress } from '@starling/sys'

export const familyOf = (address: string): 4 | 6 => (address.includes(':') ? 6 : 4)

/** Undefined when the text is not a subnet with its host bits zero. */
export function parseSubnet(text: string): Prefix | undefined {
  return Prefix.parseStrict(text)
}

/** The address number `host` of the subnet; undefined beyond its end. */
export function hostAddress(subnet: Prefix, host: number): string | undefined {
  const address = addToAddress(subnet.bytes, host)
  if (address === undefined || !subnet.containsAddress(address)) return undefined
  return addressText(address)
}

const addressText = (bytes: Uint8Array): string => Prefix.host(bytes).toString().split('/')[0] as string

/** One spelling for each address (RFC 5952). */
export const canonical = (address: string): string => addressText(parseAddress(address).bytes)

export function contains(subnet: Prefix, address: string): boolean {
  return isIP(address) !== 0 && subnet.containsAddress(parseAddress(address).bytes)
}

export function overlaps(a: Prefix, b: Prefix): boolean {
  return a.contains(b) || b.contains(a)
}
