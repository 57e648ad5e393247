import { parseAddress } from '@starling/bgp-packet'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decodeDiscovery, encodeAdvertisement, encodeSolicitation } from './packet.js'

const bytes = (hex: string) => Uint8Array.from(Buffer.from(hex.replaceAll(' ', ''), 'hex'))
const address = (text: string) => parseAddress(text) as Uint8Array
const LINK_LOCAL = address('fe80::1')
const MAC = bytes('02 00 5e 00 53 01')

const ROWS: readonly [what: string, hex: string, source: string, result: unknown][] = [
  [
    'a solicitation with the sender’s MAC',
    '85 00 0000 00000000 01 01 02005e005301',
    'fe80::1',
    { type: 'solicitation', sourceLinkAddress: MAC },
  ],
  ['a bare solicitation', '85 00 0000 00000000', '::', { type: 'solicitation' }],
  // FRR 8.4 as it left zebra for `neighbor eth0 interface`: hop limit 64, lifetime 30 s.
  [
    'an advertisement of FRR',
    '86 00 3f1b 40 00 001e 00000000 00000000 01 01 02005e005301',
    'fe80::1',
    { type: 'advertisement', routerLifetime: 30, sourceLinkAddress: MAC },
  ],
  [
    'an advertisement of one that is no default router',
    '86 00 0000 00 00 0000 00000000 00000000',
    'fe80::1',
    { type: 'advertisement', routerLifetime: 0 },
  ],
  [
    'options of hosts are stepped over: prefix, MTU, one nobody knows',
    '86 00 0000 40 00 0708 00000000 00000000 03 04 40c0 00000000 00000000 00000000 20010db8000000000000000000000000 05 01 0000 000005dc fe 01 000000000000',
    'fe80::1',
    { type: 'advertisement', routerLifetime: 1800 },
  ],
  [
    'the longest lifetime',
    '86 00 0000 40 00 ffff 00000000 00000000',
    'fe80::1',
    { type: 'advertisement', routerLifetime: 65535 },
  ],
  ['nothing at all', '', 'fe80::1', 'ICMPv6 type missing'],
  ['another ICMPv6 message', '88 00 0000 00000000', 'fe80::1', 'ICMPv6 type 136'],
  ['a code other than 0', '86 01 0000 40 00 001e 00000000 00000000', 'fe80::1', 'code 1'],
  ['a type without a code', '86', 'fe80::1', 'code missing'],
  ['a solicitation cut short', '85 00 0000 000000', 'fe80::1', '7 octets are too short'],
  ['an advertisement cut short', '86 00 0000 40 00 001e 00000000 000000', 'fe80::1', '15 octets are too short'],
  [
    'an option of length 0',
    '86 00 0000 40 00 001e 00000000 00000000 01 00 02005e005301',
    'fe80::1',
    'an option of length 0',
  ],
  [
    'an option cut short',
    '86 00 0000 40 00 001e 00000000 00000000 01 02 02005e005301',
    'fe80::1',
    'an option runs over the end',
  ],
  ['half an option header', '86 00 0000 40 00 001e 00000000 00000000 01', 'fe80::1', 'an option of length 0'],
  [
    'an advertisement from a global address',
    '86 00 0000 40 00 001e 00000000 00000000',
    '2001:db8::1',
    'the source is no link-local address',
  ],
  [
    'an advertisement from nowhere',
    '86 00 0000 40 00 001e 00000000 00000000',
    '::',
    'the source is no link-local address',
  ],
  [
    'a solicitation from nowhere that names a MAC',
    '85 00 0000 00000000 01 01 02005e005301',
    '::',
    'link-layer address of an unspecified source',
  ],
]

describe('Router Solicitation and Advertisement', () => {
  it.each(ROWS)('%s', (_what, hex, source, result) => {
    expect(decodeDiscovery(bytes(hex), address(source))).toEqual(result)
  })

  it('are written as they are read', () => {
    expect(decodeDiscovery(encodeSolicitation(MAC), LINK_LOCAL)).toEqual({
      type: 'solicitation',
      sourceLinkAddress: MAC,
    })
    expect(decodeDiscovery(encodeAdvertisement(0, undefined), LINK_LOCAL)).toEqual({
      type: 'advertisement',
      routerLifetime: 0,
    })
    expect(decodeDiscovery(encodeAdvertisement(0x1234, MAC), LINK_LOCAL)).toEqual({
      type: 'advertisement',
      routerLifetime: 0x1234,
      sourceLinkAddress: MAC,
    })
    // An InfiniBand address of 20 octets takes three units (RFC 4391).
    expect(encodeSolicitation(new Uint8Array(20)).length).toBe(8 + 24)
  })

  const option = fc
    .tuple(fc.nat(255), fc.integer({ min: 1, max: 4 }), fc.nat(255))
    .map(([type, units, filler]) => ({ type, bytes: [type, units, ...Array(units * 8 - 2).fill(filler)] as number[] }))
  const options = fc.array(option, { maxLength: 6 })
  const headers = fc.constantFrom('85 00 0000 00000000', '86 00 0000 40 00 001e 00000000 00000000')

  it('have any whole options, and the first link-layer address counts', () => {
    fc.assert(
      fc.property(headers, options, (header, list) => {
        const decoded = decodeDiscovery(
          Uint8Array.from([...bytes(header), ...list.flatMap((each) => each.bytes)]),
          LINK_LOCAL,
        )
        const first = list.find(({ type }) => type === 1)
        expect(decoded).toMatchObject({ type: expect.stringMatching(/solicitation|advertisement/) })
        expect(typeof decoded === 'string' ? [] : decoded.sourceLinkAddress).toEqual(
          first === undefined ? undefined : Uint8Array.from(first.bytes.slice(2)),
        )
      }),
    )
  })

  it('are discarded when they end inside an option or hold one of length 0, wherever it stands', () => {
    fc.assert(
      fc.property(headers, options, option, fc.nat(), fc.boolean(), (header, before, last, at, zero) => {
        const start = [...bytes(header), ...before.flatMap((each) => each.bytes)]
        const bad = zero
          ? [last.type, 0, ...last.bytes.slice(2)]
          : last.bytes.slice(0, 1 + (at % (last.bytes.length - 1)))
        // What follows does not heal it.
        const after = zero ? last.bytes : []
        expect(decodeDiscovery(Uint8Array.from([...start, ...bad, ...after]), LINK_LOCAL)).toMatch(/^an option /)
      }),
    )
  })

  it('never throw, whatever arrives', () => {
    for (let seed = 1; seed < 4_000; seed++) {
      const length = seed % 64
      const noise = Uint8Array.from({ length }, (_, i) => (seed * 2_654_435_761 * (i + 1)) >>> 13)
      if (length > 0) noise[0] = 133 + (seed % 2)
      if (length > 1 && seed % 3 > 0) noise[1] = 0
      expect(() => decodeDiscovery(noise, LINK_LOCAL)).not.toThrow()
    }
  })
})
