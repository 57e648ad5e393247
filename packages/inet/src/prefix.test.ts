import { formatAddress, parseAddress } from '@starling/bgp-packet/address'
import { expect, test } from 'vitest'
import { addressDistance, addToAddress, comparePrefixes, Prefix } from './index.js'

function p(text: string): Prefix {
  const prefix = Prefix.parse(text)
  if (prefix === undefined) throw new Error(text)
  return prefix
}
function a(text: string): Uint8Array {
  return parseAddress(text) ?? new Uint8Array(0)
}

test.each([
  ['10.1.2.3/8', '10.0.0.0/8'],
  ['10.1.2.3/32', '10.1.2.3/32'],
  ['10.1.2.255/25', '10.1.2.128/25'],
  ['0.0.0.0/0', '0.0.0.0/0'],
  ['2001:DB8:0:0::1/64', '2001:db8::/64'],
  ['fd00::ffff/127', 'fd00::fffe/127'],
  ['::/0', '::/0'],
])('%s is read as the canonical %s', (text, canonical) => {
  expect(String(p(text))).toBe(canonical)
})

test.each(['10.0.0.0', '10.0.0.0/33', '10.0.0/8', '10.0.0.0/08', '10.0.0.0/', '::/129', '10.0.0.0/-1', '/8', ''])(
  '%s is no prefix',
  (text) => {
    expect(Prefix.parse(text)).toBeUndefined()
  },
)

test('strict parsing refuses host bits', () => {
  expect(Prefix.parseStrict('10.0.0.1/8')).toBeUndefined()
  expect(String(Prefix.parseStrict('10.0.0.0/8'))).toBe('10.0.0.0/8')
})

test('a bare address is its host prefix', () => {
  expect(String(Prefix.parseOrHost('10.0.0.1'))).toBe('10.0.0.1/32')
  expect(String(Prefix.parseOrHost('::1'))).toBe('::1/128')
})

test.each([
  ['10.0.0.0/8', '10.0.0.0/8', true],
  ['10.0.0.0/8', '10.255.0.0/16', true],
  ['10.0.0.0/8', '11.0.0.0/16', false],
  ['10.0.0.0/16', '10.0.0.0/8', false],
  ['0.0.0.0/0', '192.0.2.1/32', true],
  ['::/0', '192.0.2.1/32', false],
  ['2001:db8::/33', '2001:db8:8000::/48', false],
])('%s contains %s: %s', (outer, inner, answer) => {
  expect(p(outer).contains(p(inner))).toBe(answer)
})

test('prefixes sort by family, address, then length', () => {
  const sorted = ['::/0', '10.0.0.0/16', '10.0.0.0/8', '9.0.0.0/8'].map(p).sort(comparePrefixes).map(String)
  expect(sorted).toEqual(['9.0.0.0/8', '10.0.0.0/8', '10.0.0.0/16', '::/0'])
})

test('subnets and addresses are counted from the beginning, in both families', () => {
  const pool = p('10.244.0.0/16')
  expect(pool.subnetCount(26)).toBe(1024n)
  expect(String(pool.subnetAt(26, 3))).toBe('10.244.0.192/26')
  expect(pool.subnetAt(26, 1024)).toBeUndefined()
  const wide = p('fd00::/48')
  expect(String(wide.subnetAt(122, 2n ** 73n))).toBe('fd00:0:0:8000::/122')
  expect(formatAddress(p('10.0.0.0/26').last)).toBe('10.0.0.63')
  expect(formatAddress(p('10.0.0.64/26').addressAt(5) ?? new Uint8Array(0))).toBe('10.0.0.69')
  expect(p('10.0.0.64/26').indexOf(a('10.0.0.69'))).toBe(5n)
  expect(String(p('10.0.0.64/26').supernet(24))).toBe('10.0.0.0/24')
})

test('address arithmetic stops at the ends of the family', () => {
  expect(addToAddress(a('255.255.255.255'), 1)).toBeUndefined()
  expect(addToAddress(a('0.0.0.0'), -1)).toBeUndefined()
  expect(formatAddress(addToAddress(a('::ffff:ffff'), 1) ?? new Uint8Array(0))).toBe('::1:0:0')
  expect(addressDistance(a('10.0.0.1'), a('10.0.1.0'))).toBe(255n)
})
