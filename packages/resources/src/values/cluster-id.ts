/** Router ids and cluster ids: 32 bits written as four octets (RFC 4271 section 1.1, RFC 4456 section 7). */
import { parseIPv4 } from '@starling/bgp-packet/address'

/** u32, or undefined when the text is no dotted quad. */
export function parseIPv4Text(text: string): number | undefined {
  const value = parseIPv4(text.trim())
  return value === undefined ? undefined : value >>> 0
}
