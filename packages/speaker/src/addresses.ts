/**
 * Our other addresses on the interface of a connection: what next-hop-self means in the other family.
 */
import { type NetworkInterfaceInfo, networkInterfaces } from 'node:os'
import { parseAddress } from '@starling/bgp-packet'
import type { SessionParameters } from '@starling/engine'

type LocalAddresses = SessionParameters['localAddresses']

/** Asking the kernel costs a tenth of a millisecond: not once per connection when a thousand come at once. */
const MAX_AGE = 2_000
let cached: { readonly at: number; readonly interfaces: NodeJS.Dict<NetworkInterfaceInfo[]> } | undefined

function interfaces(at: number): NodeJS.Dict<NetworkInterfaceInfo[]> {
  if (cached === undefined || at - cached.at > MAX_AGE) cached = { at, interfaces: networkInterfaces() }
  return cached.interfaces
}

function isLinkLocal(address: string): boolean {
  return /^fe[89ab]/i.test(address)
}

/** Addresses beside `localAddress` on its interface; empty when it is on none (yet). */
export function localAddressesBeside(localAddress: string, at: number): LocalAddresses {
  const [bare = ''] = localAddress.split('%')
  const list = Object.values(interfaces(at)).find((each) => each?.some(({ address }) => address === bare)) ?? []
  const ipv4 = list.find(({ family }) => family === 'IPv4')
  const ipv6 = list.find(({ family, address }) => family === 'IPv6' && !isLinkLocal(address) && address !== '::1')
  const linkLocal = list.find(({ family, address }) => family === 'IPv6' && isLinkLocal(address))
  return {
    ...octets('ipv4', ipv4),
    ...octets('ipv6', ipv6),
    ...octets('linkLocal', linkLocal),
  }
}

function octets(name: keyof LocalAddresses, info: NetworkInterfaceInfo | undefined): LocalAddresses {
  const bytes = info === undefined ? undefined : parseAddress(info.address)
  return bytes === undefined ? {} : { [name]: bytes }
}
