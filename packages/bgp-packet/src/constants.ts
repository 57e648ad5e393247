/**
 * Numbers of the wire with their RFC names: message types, address families, attribute codes and flags.
 *
 * Sources: RFC 4271 section 4, RFC 4760, RFC 7911, and the IANA registries "BGP Parameters", "Address Family Numbers"
 * and "SAFI Values". A number without a name here is still carried; it only has no name.
 */

export const MARKER_LENGTH = 16
export const HEADER_LENGTH = 19
/** RFC 4271 section 4.1. */
export const MAX_MESSAGE = 4096
/** RFC 8654 section 4: not for OPEN and KEEPALIVE. */
export const MAX_EXTENDED_MESSAGE = 65535

export const MessageType = { open: 1, update: 2, notification: 3, keepalive: 4, routeRefresh: 5 } as const
export type MessageTypeName = 'OPEN' | 'UPDATE' | 'NOTIFICATION' | 'KEEPALIVE' | 'ROUTE-REFRESH'
export const MESSAGE_TYPE_NAMES: readonly (MessageTypeName | undefined)[] = [
  undefined,
  'OPEN',
  'UPDATE',
  'NOTIFICATION',
  'KEEPALIVE',
  'ROUTE-REFRESH',
]

export const Afi = { ipv4: 1, ipv6: 2, l2vpn: 25, bgpLs: 16388 } as const
export const Safi = { unicast: 1, multicast: 2, mplsLabel: 4, mplsVpn: 128, flowspec: 133 } as const

const AFI_NAMES = new Map<number, string>([
  [1, 'ipv4'],
  [2, 'ipv6'],
  [25, 'l2vpn'],
  [16388, 'bgp-ls'],
])
const SAFI_NAMES = new Map<number, string>([
  [1, 'unicast'],
  [2, 'multicast'],
  [4, 'labeled-unicast'],
  [5, 'mcast-vpn'],
  [65, 'vpls'],
  [70, 'evpn'],
  [71, 'bgp-ls'],
  [72, 'bgp-ls-vpn'],
  [73, 'sr-policy'],
  [128, 'vpn'],
  [129, 'multicast-vpn'],
  [132, 'route-target'],
  [133, 'flowspec'],
  [134, 'flowspec-vpn'],
])

/** "ipv4 unicast", or "afi 99 safi 7" for families without a name here. */
export function familyName(afi: number, safi: number): string {
  const a = AFI_NAMES.get(afi)
  const s = SAFI_NAMES.get(safi)
  return a !== undefined && s !== undefined ? `${a} ${s}` : `afi ${afi} safi ${safi}`
}

/** One number for an address family, usable as a Map key: AFI in the upper 16 bits, SAFI below. */
export function familyKey(afi: number, safi: number): number {
  return afi * 65536 + safi
}

export const AttributeCode = {
  origin: 1,
  asPath: 2,
  nextHop: 3,
  med: 4,
  localPref: 5,
  atomicAggregate: 6,
  aggregator: 7,
  communities: 8,
  originatorId: 9,
  clusterList: 10,
  mpReach: 14,
  mpUnreach: 15,
  extendedCommunities: 16,
  as4Path: 17,
  as4Aggregator: 18,
  pmsiTunnel: 22,
  tunnelEncapsulation: 23,
  trafficEngineering: 24,
  ipv6ExtendedCommunities: 25,
  aigp: 26,
  peDistinguisherLabels: 27,
  entropyLabel: 28,
  bgpLs: 29,
  largeCommunities: 32,
  bgpsecPath: 33,
  otc: 35,
  prefixSid: 40,
  attrSet: 128,
} as const

/** RFC 4271 section 4.3: the upper four flag bits; the lower four are ignored on receipt and sent as zero. */
export const Flag = { optional: 0x80, transitive: 0x40, partial: 0x20, extendedLength: 0x10 } as const

/** RFC 6793 section 9: stands for a 4-octet AS number in a 2-octet field. */
export const AS_TRANS = 23456
