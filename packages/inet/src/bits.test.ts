import { parseAddress } from '@starling/bgp-packet/address'
import { expect, test } from 'vitest'
import { isLinkLocal } from './index.js'

test.each([
  ['fe80::1', true],
  ['febf:ffff::', true],
  ['fec0::1', false],
  ['fe7f::1', false],
  ['2001:db8::1', false],
  ['254.128.0.1', false],
  ['169.254.0.1', false],
])('%s is a link-local IPv6 address: %s', (text, expected) => {
  expect(isLinkLocal(parseAddress(text) as Uint8Array)).toBe(expected)
})

test('the second address of a pair is judged where it begins, and none that is cut short', () => {
  const pair = new Uint8Array(32)
  pair.set(parseAddress('fe80::1') as Uint8Array, 16)
  expect([isLinkLocal(pair), isLinkLocal(pair, 16), isLinkLocal(pair, 17)]).toEqual([false, true, false])
  expect(isLinkLocal(pair.subarray(16, 31))).toBe(false)
})
