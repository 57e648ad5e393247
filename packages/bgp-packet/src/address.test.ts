/** Addresses between text and octets; RFC 5952's own examples are in the table. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { formatAddress, formatIPv4, formatIPv6, parseAddress, parseIPv4, parseIPv6, splitZone } from './address.js'
import { hexOf } from './text.js'

describe('IPv4', () => {
  it.each([
    ['0.0.0.0', 0],
    ['255.255.255.255', 0xffffffff],
    ['128.0.0.1', 0x80000001],
    ['10.0.0.1', 0x0a000001],
  ])('%s is read and printed', (text, value) => {
    expect(parseIPv4(text)).toBe(value)
    expect(formatIPv4(value)).toBe(text)
  })

  it.each([
    '',
    '1.2.3',
    '1.2.3.4.5',
    '1.2.3.256',
    '01.2.3.4',
    '1..2.3',
    '1.2.3.',
    '.1.2.3',
    ' 1.2.3.4',
    '1.2.3.4 ',
    '1.2.3.-4',
    '1.2.3.0x4',
    '1.2.3.1000',
  ])('"%s" is no IPv4 address', (text) => expect(parseIPv4(text)).toBeUndefined())
})

describe('IPv6', () => {
  it.each([
    ['::', '00000000000000000000000000000000', '::'],
    ['::1', '00000000000000000000000000000001', '::1'],
    ['1::', '00010000000000000000000000000000', '1::'],
    ['2001:db8:0:0:1:0:0:1', '20010db8000000000001000000000001', '2001:db8::1:0:0:1'],
    ['2001:0DB8::0001', '20010db8000000000000000000000001', '2001:db8::1'],
    ['2001:db8:0:1:1:1:1:1', '20010db8000000010001000100010001', '2001:db8:0:1:1:1:1:1'],
    ['1:0:0:2:0:0:0:3', '00010000000000020000000000000003', '1:0:0:2::3'],
    ['::ffff:192.0.2.1', '00000000000000000000ffffc0000201', '::ffff:192.0.2.1'],
    ['64:ff9b::192.0.2.33', '0064ff9b0000000000000000c0000221', '64:ff9b::c000:221'],
    ['1:2:3:4:5:6:7::', '00010002000300040005000600070000', '1:2:3:4:5:6:7:0'],
    ['::2:3:4:5:6:7:8', '00000002000300040005000600070008', '0:2:3:4:5:6:7:8'],
    ['fe80::1', 'fe800000000000000000000000000001', 'fe80::1'],
  ])('%s is read, and printed as RFC 5952 asks', (text, hex, canonical) => {
    const bytes = parseIPv6(text)
    expect(bytes && hexOf(bytes)).toBe(hex)
    expect(bytes && formatIPv6(bytes)).toBe(canonical)
  })

  it.each([
    '',
    ':',
    ':::',
    '1',
    '1:2',
    '1::2::3',
    '12345::',
    'g::',
    ':1:2:3:4:5:6:7',
    '1:2:3:4:5:6:7:',
    '1:2:3:4:5:6:7:8:9',
    '1:2:3:4:5:6:7::8',
    '::1.2.3',
    '::1.2.3.4:5',
    '1:2:3:4:5:6:7:1.2.3.4',
    'fe80::1%eth0',
    '::01.2.3.4',
  ])('"%s" is no IPv6 address', (text) => expect(parseIPv6(text)).toBeUndefined())

  it('octets at an offset are printed, missing ones count as zero', () => {
    expect(formatIPv6(Uint8Array.of(9, 9, 0x20, 1), 2)).toBe('2001::')
  })

  it('a zone is split off', () => {
    expect(splitZone('fe80::1%eth0')).toEqual(['fe80::1', 'eth0'])
    expect(splitZone('fe80::1')).toEqual(['fe80::1', undefined])
  })
})

describe('laws', () => {
  it('every address is read back from its text', () => {
    const octets = fc.oneof(
      fc.uint8Array({ minLength: 4, maxLength: 4 }),
      fc.uint8Array({ minLength: 16, maxLength: 16 }),
      fc.array(fc.constantFrom(0, 0, 0, 1, 255), { minLength: 16, maxLength: 16 }).map((list) => Uint8Array.from(list)),
    )
    fc.assert(
      fc.property(octets, (bytes) => {
        expect(parseAddress(formatAddress(bytes))).toEqual(bytes)
      }),
    )
  })

  it('any text is an address or undefined, never a throw', () => {
    const unit = fc.constantFrom(...'0123456789abcdefABCDEF:.%g ')
    fc.assert(
      fc.property(fc.string({ unit, maxLength: 50 }), (text) => {
        const bytes = parseAddress(text)
        if (bytes !== undefined) expect(parseAddress(formatAddress(bytes))).toEqual(bytes)
      }),
    )
  })

  it('octets of any other length are shown, not refused', () => {
    expect(formatAddress(Uint8Array.of(1, 2, 255))).toBe('0102ff')
  })
})
