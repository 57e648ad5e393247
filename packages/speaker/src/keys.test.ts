import { testConfig, testPeer } from '@starling/testkit'
import { describe, expect, it } from 'vitest'
import { keysFor } from './keys.js'

/** The same link-local address behind two interfaces, and one more peer. */
function keys(listen: string, first: string, second: string) {
  const peers = [
    testPeer('fe80::1%eth0', { password: first }),
    testPeer('fe80::1%eth1', { password: second }),
    testPeer('fd00::2', { password: 'global' }),
    testPeer('%eth2', { password: 'nobody yet' }),
  ]
  const clashes = new Set<string>()
  const found = keysFor(testConfig('10.0.0.1', peers), listen, clashes)
  return { keys: Object.fromEntries(found), clashes: [...clashes] }
}

describe('MD5 keys of link-local peers', () => {
  it.each([
    ['a link has those of its own link', 'fe80::a%eth0', { 'fe80::1': 'x', 'fd00::2': 'global' }, []],
    ['another link has its own', 'fe80::a%eth1', { 'fe80::1': 'y', 'fd00::2': 'global' }, []],
    ['all addresses has one of a kind', '::', { 'fe80::1': 'x', 'fd00::2': 'global' }, ['fe80::1%eth1']],
    ['IPv4 has none', '0.0.0.0', {}, []],
  ])('a listener on %s', (_what, listen, expected, clashes) => {
    expect(keys(listen, 'x', 'y')).toEqual({ keys: expected, clashes })
  })

  it('the same password behind both is no clash', () => {
    expect(keys('::', 'x', 'x')).toEqual({ keys: { 'fe80::1': 'x', 'fd00::2': 'global' }, clashes: [] })
  })
})
