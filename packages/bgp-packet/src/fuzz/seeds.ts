/**
 * Seeds: at least one input for every message, attribute and capability, written by our own encoders, and MRT records.
 *
 * The vectors of real daemons join them when the caller gives some.
 */

import {
  type Capability,
  encodeMessage,
  encodeMrtMessage,
  encodeMrtPeerIndex,
  encodeMrtRib,
  encodeMrtStateChange,
  hardResetData,
  KEEPALIVE,
  notificationOf,
  packUpdates,
  parseHex,
  shutdownData,
  type UpdateAttributes,
} from '../index.js'

const octets = (hex: string) => parseHex(hex) ?? new Uint8Array(0)

export const ALL_ATTRIBUTES: UpdateAttributes = {
  origin: 'IGP',
  asPath: [
    { type: 'confed-sequence', asns: [65101, 65102] },
    { type: 'confed-set', asns: [65103] },
    { type: 'sequence', asns: [64500, 4200000000, 64502] },
    { type: 'set', asns: [64503, 64504] },
  ],
  nextHop: 0xc0000201,
  med: 0x80000000,
  localPref: 0xffffffff,
  atomicAggregate: true,
  aggregator: { asn: 4200000001, address: 0xc0000202 },
  communities: [0xffffff01, 0xffff029a, 0xfbf40064],
  originatorId: 0x0a000001,
  clusterList: [0x0a000002, 0x0a000003],
  extendedCommunities: [
    { high: 0x0002fbf4, low: 100 },
    { high: 0x43000000, low: 7 },
  ],
  pmsiTunnel: octets('0006000000c0000201'),
  tunnelEncapsulation: octets('000800040102030400010000'),
  ipv6ExtendedCommunities: [{ type: 0, subtype: 2, address: octets('20010db8000000000000000000000001'), number: 5 }],
  aigp: 0x123456789abcdefn,
  largeCommunities: [{ global: 4200000000, local1: 1, local2: 0xffffffff }],
  otc: 64500,
  prefixSid: octets('0100070000000000000a'),
  unknown: [{ code: 99, flags: 0xe0, value: octets('deadbeef') }],
}

export const ALL_CAPABILITIES: readonly Capability[] = [
  { kind: 'multiprotocol', afi: 1, safi: 1 },
  { kind: 'multiprotocol', afi: 2, safi: 1 },
  { kind: 'routeRefresh' },
  { kind: 'outboundRouteFiltering', entries: [{ afi: 1, safi: 1, filters: [{ type: 64, mode: 3 }] }] },
  { kind: 'extendedNextHop', entries: [{ afi: 1, safi: 1, nextHopAfi: 2 }] },
  { kind: 'extendedMessage' },
  { kind: 'opaque', code: 7, data: octets('100001') },
  { kind: 'role', role: 3 },
  {
    kind: 'gracefulRestart',
    restarting: true,
    notification: true,
    restartTime: 120,
    families: [{ afi: 1, safi: 1, forwarding: true }],
  },
  { kind: 'fourOctetAs', asn: 4200000000 },
  { kind: 'addPath', entries: [{ afi: 1, safi: 1, mode: 3 }] },
  { kind: 'enhancedRouteRefresh' },
  { kind: 'longLivedGracefulRestart', families: [{ afi: 2, safi: 1, forwarding: false, staleTime: 0xffffff }] },
  { kind: 'fqdn', hostname: 'node-1', domain: 'example.net' },
  { kind: 'softwareVersion', version: 'starling/0.1' },
  { kind: 'opaque', code: 200, data: octets('0102') },
]

const prefix = (n: number) => ({ prefix: `198.51.${n}.0/24` })

/** Every kind of BGP message. */
export function messageSeeds(): Uint8Array[] {
  const open = { type: 'OPEN', version: 4, myAs: 23456, holdTime: 90, bgpId: 0x0a000001 } as const
  const many = Array.from(
    { length: 40 },
    (_, n) => ({ kind: 'opaque', code: 128 + n, data: octets('00112233') }) as const,
  )
  const reach = { afi: 2, safi: 1, nextHop: '2001:db8::1', linkLocal: 'fe80::1', nlri: [{ prefix: '2001:db8:1::/48' }] }
  const update = (attributes: UpdateAttributes) =>
    encodeMessage({ type: 'UPDATE', withdrawn: [], attributes, nlri: [] }, { extendedMessage: true })
  return [
    KEEPALIVE,
    encodeMessage({ ...open, capabilities: ALL_CAPABILITIES }),
    encodeMessage({ ...open, capabilities: many }),
    encodeMessage({ ...open, capabilities: [] }),
    encodeMessage({ type: 'UPDATE', withdrawn: [], attributes: {}, nlri: [] }),
    encodeMessage({ type: 'UPDATE', withdrawn: [prefix(1), prefix(2)], attributes: ALL_ATTRIBUTES, nlri: [prefix(3)] }),
    update({ mpUnreach: { afi: 2, safi: 1, withdrawn: [] } }),
    update({ mpUnreach: { afi: 2, safi: 1, withdrawn: [{ prefix: '2001:db8::/32' }, { prefix: '::/0' }] } }),
    update({ ...ALL_ATTRIBUTES, mpReach: reach }),
    update({ mpReach: { afi: 25, safi: 70, nextHop: '192.0.2.1', nlri: [], opaque: octets('0203aabbcc') } }),
    update({ mpReach: { afi: 1, safi: 133, nextHop: '', nlri: [], opaque: octets('0701180a00000381') } }),
    update({ mpReach: { afi: 16388, safi: 71, nextHop: '10.0.0.1', nlri: [], opaque: octets('0001000400000000') } }),
    ...packUpdates(
      Array.from({ length: 60 }, (_, n) => prefix(n)),
      ALL_ATTRIBUTES,
      {},
    ),
    encodeMessage(notificationOf(6, 2, shutdownData('maintenance, back at noon'))),
    encodeMessage(notificationOf(6, 9, hardResetData(6, 4))),
    encodeMessage(notificationOf(3, 5, octets('40010200'))),
    encodeMessage({ type: 'ROUTE-REFRESH', afi: 1, safi: 1, subtype: 0, orf: octets('') }),
    encodeMessage({ type: 'ROUTE-REFRESH', afi: 2, safi: 1, subtype: 1, orf: octets('') }),
    encodeMessage({ type: 'ROUTE-REFRESH', afi: 1, safi: 1, subtype: 0, orf: octets('01400005808080') }),
  ]
}

/** MRT records of each kind. */
export function mrtSeeds(): Uint8Array[] {
  const session = {
    peerAs: 64500,
    localAs: 64501,
    interfaceIndex: 0,
    afi: 1,
    peerAddress: '192.0.2.1',
    localAddress: '192.0.2.2',
  }
  const [message] = packUpdates([prefix(1), prefix(2)], ALL_ATTRIBUTES, {})
  const peers = [
    { bgpId: 1, address: '192.0.2.1', asn: 64500 },
    { bgpId: 2, address: '2001:db8::2', asn: 4200000000 },
  ]
  const entry = { peerIndex: 0, originated: 1, attributes: octets('4001010040020602010000fbf4400304c0000201') }
  return [
    encodeMrtMessage({ timestamp: 1, microseconds: 2 }, session, message),
    encodeMrtMessage({ timestamp: 1 }, session, KEEPALIVE, true),
    encodeMrtStateChange({ timestamp: 1 }, session, 3, 6),
    encodeMrtPeerIndex(1, 2, 'view', peers),
    encodeMrtRib(1, 0, '198.51.100.0/24', [entry, { ...entry, peerIndex: 1 }]),
    encodeMrtRib(1, 1, '2001:db8::/32', [{ ...entry, pathId: 7 }]),
    octets(
      '3d3c9bbf000c000100000030000000000300000008013d3c9bbfc1cb0001073d001a4001010040020802030 73d04d70050400304c1cb0001'.replace(
        / /g,
        '',
      ),
    ),
  ]
}
