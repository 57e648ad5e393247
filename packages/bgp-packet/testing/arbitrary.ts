/**
 * Random values for property tests: attributes, updates, capabilities, in the canonical form that decoding gives back.
 */

import {
  type AsPath,
  type Capability,
  formatIPv4,
  formatIPv6,
  type Prefix,
  type UpdateAttributes,
} from '@starling/bgp-packet'
import fc from 'fast-check'

const u8 = fc.nat(255)
const u16 = fc.nat(0xffff)
export const u32: fc.Arbitrary<number> = fc.oneof(fc.nat(0xffffffff), fc.constantFrom(0x80000000, 0xffffffff, 1))
const asn = u32.map((n) => n || 1)
const octets = (minLength: number, maxLength = minLength) => fc.uint8Array({ minLength, maxLength })

const segmentType = fc.constantFrom('set', 'sequence', 'confed-sequence', 'confed-set' as const)
const segment = fc.record({ type: segmentType, asns: fc.array(asn, { minLength: 1, maxLength: 8 }) })
/** Neighbouring sequences print alike and are read as one: only one of them stays. */
export const asPath: fc.Arbitrary<AsPath> = fc
  .array(segment, { maxLength: 5 })
  .map((list) => list.filter((each, i) => i === 0 || each.type !== 'sequence' || list[i - 1]?.type !== 'sequence'))

const address = octets(16)

export const attributes: fc.Arbitrary<UpdateAttributes> = fc.record(
  {
    origin: fc.constantFrom('IGP', 'EGP', 'INCOMPLETE' as const),
    asPath,
    nextHop: u32,
    med: u32,
    localPref: u32,
    atomicAggregate: fc.constant(true as const),
    aggregator: fc.record({ asn, address: u32 }),
    communities: fc.array(u32, { minLength: 1, maxLength: 80 }),
    originatorId: u32,
    clusterList: fc.array(u32, { minLength: 1, maxLength: 5 }),
    extendedCommunities: fc.array(fc.record({ high: u32, low: u32 }), { minLength: 1, maxLength: 5 }),
    pmsiTunnel: octets(0, 20),
    ipv6ExtendedCommunities: fc.array(fc.record({ type: u8, subtype: u8, address, number: u16 }), {
      minLength: 1,
      maxLength: 3,
    }),
    aigp: fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }),
    largeCommunities: fc.array(fc.record({ global: u32, local1: u32, local2: u32 }), { minLength: 1, maxLength: 5 }),
    otc: u32,
  },
  { requiredKeys: ['origin', 'asPath', 'nextHop'] },
)

const bits = (word: number, length: number) => (length === 0 ? 0 : (word & (-1 << (32 - length))) >>> 0)

export const ipv4Prefix: fc.Arbitrary<Prefix> = fc
  .tuple(u32, fc.nat(32))
  .map(([word, length]) => ({ prefix: `${formatIPv4(bits(word, length))}/${length}` }))

export const ipv6Prefix: fc.Arbitrary<Prefix> = fc.tuple(address, fc.nat(128)).map(([source, length]) => {
  const masked = source.map((octet, i) => octet & (0xff00 >> Math.max(0, Math.min(8, length - 8 * i))) & 0xff)
  return { prefix: `${formatIPv6(masked)}/${length}` }
})

export function withPathIds(prefixes: fc.Arbitrary<Prefix>): fc.Arbitrary<Prefix> {
  return fc.tuple(prefixes, u32).map(([prefix, pathId]) => ({ ...prefix, pathId }))
}

const family = { afi: u16, safi: u8 }
const text = fc.string({ maxLength: 60 }).filter((s) => !/\p{Surrogate}/u.test(s))
const list = <T>(each: fc.Arbitrary<T>) => fc.array(each, { maxLength: 4 })

export const capability: fc.Arbitrary<Capability> = fc.oneof(
  fc.record({ kind: fc.constant('multiprotocol' as const), ...family }),
  fc.record({ kind: fc.constantFrom('routeRefresh', 'extendedMessage', 'enhancedRouteRefresh' as const) }),
  fc.record({
    kind: fc.constant('outboundRouteFiltering' as const),
    entries: list(fc.record({ ...family, filters: list(fc.record({ type: u8, mode: u8 })) })),
  }),
  fc.record({
    kind: fc.constant('extendedNextHop' as const),
    entries: list(fc.record({ ...family, nextHopAfi: u16 })),
  }),
  fc.record({ kind: fc.constant('role' as const), role: u8 }),
  fc.record({
    kind: fc.constant('gracefulRestart' as const),
    restarting: fc.boolean(),
    notification: fc.boolean(),
    restartTime: fc.nat(4095),
    families: list(fc.record({ ...family, forwarding: fc.boolean() })),
  }),
  fc.record({ kind: fc.constant('fourOctetAs' as const), asn }),
  fc.record({ kind: fc.constant('addPath' as const), entries: list(fc.record({ ...family, mode: u8 })) }),
  fc.record({
    kind: fc.constant('longLivedGracefulRestart' as const),
    families: list(fc.record({ ...family, forwarding: fc.boolean(), staleTime: fc.nat(0xffffff) })),
  }),
  fc.record({ kind: fc.constant('fqdn' as const), hostname: text, domain: text }),
  fc.record({ kind: fc.constant('softwareVersion' as const), version: text }),
  fc.record({ kind: fc.constant('opaque' as const), code: fc.integer({ min: 129, max: 255 }), data: octets(0, 60) }),
)
