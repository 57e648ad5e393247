/** Laws: what is encoded is decoded again; arbitrary octets end in a verdict; text and JSON never fail. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { formatIPv4, formatIPv6 } from './address.js'
import type { AsPath } from './attributes/as-path.js'
import { mergeAs4Path } from './attributes/as-path.js'
import { DESCRIPTOR_LIST } from './attributes/table.js'
import type { Capability } from './capability/values.js'
import { decodedToJson } from './decode/line.js'
import { decodeTree } from './decode/tree.js'
import { decodeMessage, encodeMessage, messageToJson } from './message/message.js'
import { decodeNotification, encodeNotification, notificationOf, shutdownData } from './message/notification.js'
import { message, octets } from './testing/build.js'
import { hexOf } from './text.js'
import { AttributeBlock, CANONICAL_CONTEXT, canonicalBlock } from './update/block.js'
import { updateContext } from './update/context.js'
import { packUpdates, packWithdrawals } from './update/encode-values.js'
import { parseAttributes, printAttributes } from './update/print.js'
import type { Prefix, UpdateAttributes } from './update/values.js'
import { Verdict } from './verdict.js'
import { ByteWriter } from './writer.js'

/** Random values, in the canonical form that decoding gives back. */
const u8 = fc.nat(255)
const u16 = fc.nat(0xffff)
const u32: fc.Arbitrary<number> = fc.oneof(fc.nat(0xffffffff), fc.constantFrom(0x80000000, 0xffffffff, 1))
const asn = u32.map((n) => n || 1)
const anyOctets = (minLength: number, maxLength = minLength) => fc.uint8Array({ minLength, maxLength })

const segmentType = fc.constantFrom('set', 'sequence', 'confed-sequence', 'confed-set' as const)
const segment = fc.record({ type: segmentType, asns: fc.array(asn, { minLength: 1, maxLength: 8 }) })
/** Neighbouring sequences print alike and are read as one: only one of them stays. */
const asPath: fc.Arbitrary<AsPath> = fc
  .array(segment, { maxLength: 5 })
  .map((list) => list.filter((each, i) => i === 0 || each.type !== 'sequence' || list[i - 1]?.type !== 'sequence'))

const address = anyOctets(16)

const anyAttributes: fc.Arbitrary<UpdateAttributes> = fc.record(
  {
    origin: fc.constantFrom('IGP', 'EGP', 'INCOMPLETE' as const),
    asPath,
    // RFC 4271 section 6.3: a host address.
    nextHop: fc.integer({ min: 1, max: 0xdfffffff }),
    med: u32,
    localPref: u32,
    atomicAggregate: fc.constant(true as const),
    aggregator: fc.record({ asn, address: u32 }),
    communities: fc.array(u32, { minLength: 1, maxLength: 80 }),
    originatorId: u32,
    clusterList: fc.array(u32, { minLength: 1, maxLength: 5 }),
    extendedCommunities: fc.array(fc.record({ high: u32, low: u32 }), { minLength: 1, maxLength: 5 }),
    pmsiTunnel: anyOctets(0, 20),
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

const ipv4Prefix: fc.Arbitrary<Prefix> = fc
  .tuple(u32, fc.nat(32))
  .map(([word, length]) => ({ prefix: `${formatIPv4(bits(word, length))}/${length}` }))

const ipv6Prefix: fc.Arbitrary<Prefix> = fc.tuple(address, fc.nat(128)).map(([source, length]) => {
  const masked = source.map((octet, i) => octet & (0xff00 >> Math.max(0, Math.min(8, length - 8 * i))) & 0xff)
  return { prefix: `${formatIPv6(masked)}/${length}` }
})

function withPathIds(prefixes: fc.Arbitrary<Prefix>): fc.Arbitrary<Prefix> {
  return fc.tuple(prefixes, u32).map(([prefix, pathId]) => ({ ...prefix, pathId }))
}

const family = { afi: u16, safi: u8 }
const text = fc.string({ maxLength: 60 }).filter((s) => !/\p{Surrogate}/u.test(s))
const list = <T>(each: fc.Arbitrary<T>) => fc.array(each, { maxLength: 4 })

const anyCapability: fc.Arbitrary<Capability> = fc.oneof(
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
  fc.record({ kind: fc.constant('opaque' as const), code: fc.integer({ min: 129, max: 255 }), data: anyOctets(0, 60) }),
)

const RUNS = { numRuns: 300 }
const internal = { ibgp: true, extendedMessage: true }

describe('round trips', () => {
  it('UPDATE', () => {
    const prefixes = fc.array(ipv4Prefix, { maxLength: 20 })
    fc.assert(
      fc.property(anyAttributes, prefixes, prefixes, (attributes, withdrawn, nlri) => {
        const update = { type: 'UPDATE', withdrawn, attributes, nlri } as const
        const decoded = decodeMessage(encodeMessage(update, internal), internal)
        expect(decoded.fault).toBeUndefined()
        expect(decoded.message).toEqual(update)
      }),
      RUNS,
    )
  })

  it('UPDATE of IPv6 with path identifiers', () => {
    const prefixes = fc.array(withPathIds(ipv6Prefix), { maxLength: 20 })
    const options = { ...internal, addPathIPv6: true }
    fc.assert(
      fc.property(anyAttributes, prefixes, prefixes, (rest, withdrawn, nlri) => {
        const mpReach = { afi: 2, safi: 1, nextHop: '2001:db8::1', linkLocal: 'fe80::1', nlri }
        const attributes = { ...rest, mpReach, mpUnreach: { afi: 2, safi: 1, withdrawn } }
        const update = { type: 'UPDATE', withdrawn: [], attributes, nlri: [] } as const
        expect(decodeMessage(encodeMessage(update, options), options).message).toEqual(update)
      }),
      RUNS,
    )
  })

  it('OPEN', () => {
    const capabilities = fc.array(anyCapability, { maxLength: 12 })
    fc.assert(
      fc.property(capabilities, u32, (list, id) => {
        const open = {
          type: 'OPEN',
          version: 4,
          myAs: 64500,
          holdTime: 90,
          bgpId: id || 1,
          capabilities: list,
        } as const
        expect(decodeMessage(encodeMessage(open)).message).toEqual(open)
      }),
      RUNS,
    )
  })

  it('NOTIFICATION with any text is valid UTF-8 of at most 255 octets', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 300 }), (text) => {
        const data = shutdownData(text)
        expect(data.length).toBeLessThanOrEqual(256)
        const bytes = encodeNotification(6, 2, data)
        const read = decodeNotification(bytes, 0, bytes.length)
        expect(read).toEqual(notificationOf(6, 2, data))
        if (text !== '')
          expect(text.replace(/\p{Surrogate}/gu, '\ufffd').startsWith(read.shutdownText ?? '?')).toBe(true)
      }),
      RUNS,
    )
  })

  it.each(DESCRIPTOR_LIST.map((row) => [row.name, row] as const))('the text of %s is read back', (_, row) => {
    fc.assert(
      fc.property(anyAttributes, (attributes) => {
        const value = (attributes as Record<string, unknown>)[row.key]
        if (value !== undefined) expect(row.parse(row.print(value))).toEqual(value)
      }),
      RUNS,
    )
  })

  it('the lines of printAttributes are read back', () => {
    fc.assert(
      fc.property(anyAttributes, (attributes) => {
        expect(parseAttributes(printAttributes(attributes))).toEqual(attributes)
      }),
      RUNS,
    )
  })
})

describe('packing', () => {
  const both = (prefixes: readonly Prefix[], maximum: number) =>
    [
      packUpdates(prefixes, { origin: 'IGP', asPath: [], nextHop: 1 }, { maximum, nextHop: '2001:db8::1' }),
      packWithdrawals(prefixes, { maximum }),
    ] as const

  it.each([64, 128, 4096, 65535])('every prefix goes out once, in messages of at most %d octets', (maximum) => {
    const lists = fc.oneof(fc.array(ipv4Prefix, { maxLength: 60 }), fc.array(ipv6Prefix, { maxLength: 60 }))
    const wide = maximum < 100 ? Math.max(maximum, 96) : maximum
    fc.assert(
      fc.property(lists, (prefixes) => {
        for (const messages of both(prefixes, wide)) {
          const found = messages.flatMap((bytes) => {
            expect(bytes.length).toBeLessThanOrEqual(wide)
            const { message: update } = decodeMessage(bytes, internal)
            if (update?.type !== 'UPDATE') return []
            const { mpReach, mpUnreach } = update.attributes
            return [...update.nlri, ...update.withdrawn, ...(mpReach?.nlri ?? []), ...(mpUnreach?.withdrawn ?? [])]
          })
          expect(found).toEqual(prefixes)
        }
      }),
      { numRuns: 100 },
    )
  })
})

describe('canonical blocks', () => {
  it('a 2-octet session gives the block of a 4-octet session', () => {
    fc.assert(
      fc.property(anyAttributes, (attributes) => {
        const rest = attributes.asPath?.filter(({ type }) => type === 'sequence' || type === 'set') ?? []
        const values = { ...attributes, asPath: rest.slice(0, 1) }
        const blocks = [true, false].map((as4) => {
          const context = updateContext({ as4, ibgp: true })
          const bytes = encodeMessage(
            { type: 'UPDATE', withdrawn: [], attributes: values, nlri: [] },
            { ...internal, as4 },
          )
          const block = new AttributeBlock()
          block.parse(bytes, 23, bytes.length, context)
          const writer = new ByteWriter(new Uint8Array(65536))
          expect(canonicalBlock(block, writer)).toBe(true)
          expect(block.parse(writer.buffer, 0, writer.at, CANONICAL_CONTEXT)).toBe(Verdict.accept)
          return hexOf(writer.copy())
        })
        expect(blocks[1]).toBe(blocks[0])
      }),
      RUNS,
    )
  })

  it('AS4_PATH longer than AS_PATH is ignored, a shorter one replaces the tail (RFC 6793 4.2.3)', () => {
    const sequence = (...asns: number[]) => [{ type: 'sequence', asns }] as const
    expect(mergeAs4Path(sequence(1, 23456, 23456), sequence(70000, 70001))).toEqual(sequence(1, 70000, 70001))
    expect(mergeAs4Path(sequence(1), sequence(70000, 70001))).toEqual(sequence(1))
    const confed = { type: 'confed-sequence', asns: [65001] } as const
    expect(mergeAs4Path([confed, ...sequence(1, 23456)], [confed, ...sequence(70001)])).toEqual([
      confed,
      ...sequence(1, 70001),
    ])
    const set = { type: 'set', asns: [5, 6] } as const
    expect(mergeAs4Path([...sequence(1, 2), set], [set])).toEqual([...sequence(1, 2), set])
  })
})

describe('arbitrary octets', () => {
  const options = fc.record({
    as4: fc.boolean(),
    ibgp: fc.boolean(),
    addPathIPv4: fc.boolean(),
    addPathIPv6: fc.boolean(),
    extendedMessage: fc.boolean(),
  })

  it.each([1, 2, 3, 4, 5, 6])('a body of message type %d ends in a verdict, in JSON and in a tree', (type) => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), options, (body, session) => {
        const bytes = octets(message(type, hexOf(body)))
        const decoded = decodeMessage(bytes, session)
        expect(decoded.fault === undefined).toBe(decoded.verdict === Verdict.accept)
        expect(JSON.parse(JSON.stringify(decodedToJson(decoded)))).toHaveProperty('verdict')
        expect(decodeTree(bytes, decoded, session).length).toBeGreaterThan(0)
        if (decoded.message !== undefined) messageToJson(decoded.message)
      }),
      { numRuns: 500 },
    )
  })

  it('octets without any header end in a verdict', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
        expect(decodeMessage(bytes).verdict).toBe(Verdict.sessionReset)
      }),
    )
  })
})
