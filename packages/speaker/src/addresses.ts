/**
 * Addresses of a connection and beside it: our other ones on its interface are what next-hop-self means in the other
 * family.
 */
import { type NetworkInterfaceInfo, networkInterfaces } from 'node:os'
import { parseAddress } from '@starling/bgp-packet'
import type { SessionParameters } from '@starling/engine'
import { Prefix } from '@starling/inet'
import { type AddressFlags, addressFlags, lasting } from './address-flags.js'

type LocalAddresses = SessionParameters['localAddresses']

/** Asking the kernel costs a tenth of a millisecond: not once per connection when a thousand come at once. */
const MAX_AGE = 2_000
interface Known {
  readonly at: number
  readonly interfaces: NodeJS.Dict<NetworkInterfaceInfo[]>
  readonly flags: AddressFlags
}
let cached: Known | undefined

function look(at: number): Known {
  if (cached === undefined || at - cached.at > MAX_AGE)
    cached = { at, interfaces: networkInterfaces(), flags: addressFlags() }
  return cached
}

const interfaces = (at: number): NodeJS.Dict<NetworkInterfaceInfo[]> => look(at).interfaces

/** The most lasting of some addresses; of equals the first. */
function best(list: readonly NetworkInterfaceInfo[], flags: AddressFlags): NetworkInterfaceInfo | undefined {
  const rank = ({ address }: NetworkInterfaceInfo) => {
    const octets = parseAddress(address)
    return lasting(octets === undefined ? undefined : flags.get(Buffer.from(octets).toString('hex')))
  }
  return [...list].sort((a, b) => rank(a) - rank(b))[0]
}

function isLinkLocal(address: string): boolean {
  return /^fe[89ab]/i.test(address)
}

/** Addresses beside `localAddress` on its interface; empty when it is on none (yet). */
export function localAddressesBeside(
  localAddress: string,
  at: number,
  known = interfaces(at),
  flags = look(at).flags,
): LocalAddresses {
  const [bare = '', zone] = localAddress.split('%')
  // The same link-local address may be on many interfaces: its zone says which is meant.
  const list =
    (zone === undefined ? undefined : known[zone]) ??
    Object.values(known).find((each) => each?.some(({ address }) => address === bare)) ??
    []
  const ipv4 = list.find(({ family }) => family === 'IPv4')
  const global = (info: NetworkInterfaceInfo) =>
    info.family === 'IPv6' && !isLinkLocal(info.address) && info.address !== '::1'
  // RFC 2545 section 3: beside a link-local address only one that the peer has a network in common with.
  const candidates = list.filter((info) => global(info) && (zone === undefined || info.cidr?.endsWith('/128') !== true))
  const ipv6 = best(candidates, flags)
  const linkLocal = list.find(({ family, address }) => family === 'IPv6' && isLinkLocal(address))
  return {
    ...octets('ipv4', ipv4),
    ...octets('ipv6', ipv6),
    ...octets('linkLocal', linkLocal),
  }
}

/** The interface with a network that both ends of a connection are on; undefined when there is none, or more than one. */
export function linkBetween(
  localAddress: string,
  remoteAddress: string,
  at: number,
  known = interfaces(at),
): string | undefined {
  const [local = '', zone] = localAddress.split('%')
  if (zone !== undefined) return zone
  const remote = Prefix.parseOrHost(remoteAddress)
  if (remote === undefined) return undefined
  const links = Object.entries(known).filter(([, list]) =>
    list?.some(
      ({ address, cidr, internal }) =>
        !internal && address === local && cidr !== null && Prefix.parse(cidr)?.containsAddress(remote.bytes) === true,
    ),
  )
  return links.length === 1 ? links[0]?.[0] : undefined
}

function octets(name: keyof LocalAddresses, info: NetworkInterfaceInfo | undefined): LocalAddresses {
  const bytes = info === undefined ? undefined : parseAddress(info.address)
  return bytes === undefined ? {} : { [name]: bytes }
}

/** The zone of a link-local address, as node:net writes it: the interface's name, or its number when that is unknown. */
export function zoneName(scope: number, at: number): string {
  const found = Object.entries(interfaces(at)).find(([, list]) => list?.some(({ scopeid }) => scopeid === scope))
  return found?.[0] ?? String(scope)
}
