/**
 * Router Solicitation and Router Advertisement (RFC 4861 sections 4.1, 4.2): ICMPv6 payloads to values and back.
 *
 * The checksum is the kernel's on both ways (RFC 3542 section 3.1), the hop limit of 255 a filter's on the socket
 * (`sockets.ts`); everything else that sections 6.1.1 and 6.1.2 demand is judged here. Options nobody here needs are
 * stepped over, never refused: prefixes, MTU and DNS are for hosts, and we are none of them.
 *
 *    Router Solicitation                          Router Advertisement
 *    0                   1                        0                   1
 *   +---------+---------+-------------------+    +---------+---------+-------------------+
 *   | Type 133|  Code 0 |     Checksum      |    | Type 134|  Code 0 |     Checksum      |
 *   +---------+---------+-------------------+    +---------+---------+-------------------+
 *   |               Reserved                |    |Cur Hop L.|M|O|...  |  Router Lifetime  |
 *   +---------------------------------------+    +---------------------------------------+
 *   |  Options: source link-layer address   |    |            Reachable Time             |
 *                                                +---------------------------------------+
 *                                                |             Retrans Timer             |
 *                                                +---------------------------------------+
 *                                                |  Options: source link-layer address...|
 */

import { isLinkLocal } from '@starling/inet'
export const ROUTER_SOLICITATION = 133
export const ROUTER_ADVERTISEMENT = 134
const SOLICITATION_LENGTH = 8
const ADVERTISEMENT_LENGTH = 16
const OPTION_SOURCE_LINK_ADDRESS = 1
const OPTION_UNIT = 8

export interface RouterSolicitation {
  readonly type: 'solicitation'
  readonly sourceLinkAddress?: Uint8Array
}

export interface RouterAdvertisement {
  readonly type: 'advertisement'
  /** Seconds; 0 = "I am no default router", which says nothing about BGP. */
  readonly routerLifetime: number
  readonly sourceLinkAddress?: Uint8Array
}

export type DiscoveryMessage = RouterSolicitation | RouterAdvertisement

/** Text = why the message must be discarded in silence (sections 6.1.1, 6.1.2). `source` is 16 octets. */
export function decodeDiscovery(bytes: Uint8Array, source: Uint8Array): DiscoveryMessage | string {
  const [type, code] = bytes
  if (type !== ROUTER_SOLICITATION && type !== ROUTER_ADVERTISEMENT) return `ICMPv6 type ${type ?? 'missing'}`
  if (code !== 0) return `code ${code ?? 'missing'}`
  const fixed = type === ROUTER_SOLICITATION ? SOLICITATION_LENGTH : ADVERTISEMENT_LENGTH
  if (bytes.length < fixed) return `${bytes.length} octets are too short`
  const options = decodeOptions(bytes, fixed)
  if (typeof options === 'string') return options
  const { sourceLinkAddress } = options
  const link = sourceLinkAddress === undefined ? {} : { sourceLinkAddress }
  if (type === ROUTER_SOLICITATION) {
    const unspecified = source.every((octet) => octet === 0)
    if (unspecified && sourceLinkAddress !== undefined) return 'link-layer address of an unspecified source'
    return { type: 'solicitation', ...link }
  }
  if (!isLinkLocal(source)) return 'the source is no link-local address'
  return { type: 'advertisement', routerLifetime: ((bytes[6] ?? 0) << 8) | (bytes[7] ?? 0), ...link }
}

function decodeOptions(bytes: Uint8Array, from: number): { readonly sourceLinkAddress?: Uint8Array } | string {
  let sourceLinkAddress: Uint8Array | undefined
  for (let at = from; at < bytes.length; ) {
    const length = (bytes[at + 1] ?? 0) * OPTION_UNIT
    if (length === 0) return 'an option of length 0'
    if (at + length > bytes.length) return 'an option runs over the end'
    if (bytes[at] === OPTION_SOURCE_LINK_ADDRESS) sourceLinkAddress ??= bytes.slice(at + 2, at + length)
    at += length
  }
  return sourceLinkAddress === undefined ? {} : { sourceLinkAddress }
}

export function encodeSolicitation(linkAddress: Uint8Array | undefined): Uint8Array {
  return message(ROUTER_SOLICITATION, SOLICITATION_LENGTH, linkAddress)
}

/** Every field but the lifetime unspecified: whoever listens learns that we are here, and nothing else. */
export function encodeAdvertisement(routerLifetime: number, linkAddress: Uint8Array | undefined): Uint8Array {
  const bytes = message(ROUTER_ADVERTISEMENT, ADVERTISEMENT_LENGTH, linkAddress)
  bytes[6] = routerLifetime >> 8
  bytes[7] = routerLifetime & 0xff
  return bytes
}

function message(type: number, fixed: number, linkAddress: Uint8Array | undefined): Uint8Array {
  const option =
    linkAddress === undefined || linkAddress.length === 0 ? 0 : Math.ceil((2 + linkAddress.length) / OPTION_UNIT)
  const bytes = new Uint8Array(fixed + option * OPTION_UNIT)
  bytes[0] = type
  if (linkAddress !== undefined && option > 0) {
    bytes[fixed] = OPTION_SOURCE_LINK_ADDRESS
    bytes[fixed + 1] = option
    bytes.set(linkAddress, fixed + 2)
  }
  return bytes
}
