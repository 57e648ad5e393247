/**
 * Is an address on a network of ours? Then BFD towards it is single hop (RFC 5881), otherwise multihop (RFC 5883).
 */
import { networkInterfaces } from 'node:os'
import { Prefix } from '@starling/inet'

export function isConnected(address: string, interfaces = networkInterfaces()): boolean {
  const [bare = '', zone] = address.split('%')
  if (zone !== undefined) return true
  const host = Prefix.parseOrHost(bare)
  if (host === undefined) return false
  return Object.values(interfaces).some((list) =>
    list?.some(({ cidr }) => cidr !== null && Prefix.parse(cidr)?.containsAddress(host.bytes) === true),
  )
}
