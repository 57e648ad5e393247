import type { NetworkInterfaceInfo } from 'node:os'
import { formatAddress } from '@starling/bgp-packet'
import { describe, expect, it } from 'vitest'
import { localAddressesBeside } from './addresses.js'

function info(cidr: string): NetworkInterfaceInfo {
  const [address = ''] = cidr.split('/')
  const rest = { address, netmask: '', mac: '', internal: false, cidr }
  return address.includes(':') ? { ...rest, family: 'IPv6', scopeid: 0 } : { ...rest, family: 'IPv4' }
}

const KNOWN = {
  eth0: [info('fe80::a/64'), info('10.0.0.1/24'), info('2001:db8::1/64')],
  eth1: [info('fe80::a/64'), info('2001:db8:1::1/128')],
}

describe('addresses beside that of a connection', () => {
  it.each([
    ['a global one', '10.0.0.1', { ipv4: '10.0.0.1', ipv6: '2001:db8::1', linkLocal: 'fe80::a' }],
    ['a link-local one, by its zone', 'fe80::a%eth0', { ipv4: '10.0.0.1', ipv6: '2001:db8::1', linkLocal: 'fe80::a' }],
    ['the same on another link; a /128 is on no network of the peer', 'fe80::a%eth1', { linkLocal: 'fe80::a' }],
    ['one that is nowhere', '192.0.2.1', {}],
  ])('%s', (_what, local, expected) => {
    const found = Object.entries(localAddressesBeside(local, 0, KNOWN)).map(([name, bytes]) => [
      name,
      formatAddress(bytes),
    ])
    expect(Object.fromEntries(found)).toEqual(expected)
  })
})
