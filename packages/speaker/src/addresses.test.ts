import type { NetworkInterfaceInfo } from 'node:os'
import { formatAddress } from '@starling/bgp-packet'
import { describe, expect, it } from 'vitest'
import { parseAddressFlags } from './address-flags.js'
import { linkBetween, localAddressesBeside } from './addresses.js'

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

describe('of several IPv6 addresses on one link', () => {
  // As /proc/net/if_inet6 has them: temporary, deprecated, autoconfigured, tentative and configured.
  const flags = parseAddressFlags(`20010db8000000000000000000000001 02 40 00 01     eth0
20010db8000000000000000000000002 02 40 00 a0     eth0
20010db8000000000000000000000003 02 40 00 00     eth0
20010db8000000000000000000000004 02 40 00 c0     eth0
20010db8000000000000000000000005 02 40 00 80     eth0
`)
  const chosen = (...numbers: readonly number[]) => {
    const known = { eth0: [info('10.0.0.1/24'), ...numbers.map((n) => info(`2001:db8::${n}/64`))] }
    const { ipv6 } = localAddressesBeside('10.0.0.1', 0, known, flags)
    return ipv6 === undefined ? 'none' : formatAddress(ipv6)
  }
  it.each([
    ['the configured one is ours', [1, 2, 3, 4, 5], '2001:db8::5'],
    ['an autoconfigured one goes before a temporary one', [1, 2, 3], '2001:db8::3'],
    ['a temporary one before one that is deprecated', [2, 1], '2001:db8::1'],
    ['one that is still looked for twice comes last', [4, 2], '2001:db8::2'],
    ['what nobody knows anything of is as good as another: the first', [8, 7], '2001:db8::8'],
  ])('%s', (_what, numbers, expected) => expect(chosen(...numbers)).toBe(expected))
})

describe('the link of a connection', () => {
  const known = { ...KNOWN, lo: [{ ...info('127.0.0.1/8'), internal: true }], eth2: [info('10.9.0.1/24')] }
  it.each([
    ['is the interface with the network of both', '10.0.0.1', '10.0.0.7', 'eth0'],
    ['over IPv6, too', '2001:db8::1', '2001:db8::7', 'eth0'],
    ['is the zone of a link-local address', 'fe80::a%eth1', 'fe80::1%eth1', 'eth1'],
    ['is none for a peer behind a router', '10.0.0.1', '10.0.1.7', undefined],
    ['is none for a host address', '2001:db8:1::1', '2001:db8:1::2', undefined],
    ['is none where our address is on another interface', '10.9.0.1', '10.0.0.7', undefined],
    ['is none on the loopback', '127.0.0.1', '127.0.0.2', undefined],
    ['is none for no address', '', '', undefined],
  ])('%s', (_what, local, remote, expected) => {
    expect(linkBetween(local, remote, 0, known)).toBe(expected)
  })

  it('is none where two interfaces have the same network', () => {
    expect(linkBetween('10.0.0.1', '10.0.0.7', 0, { ...known, eth3: KNOWN.eth0 })).toBeUndefined()
  })
})
