import { parseAddress } from '@starling/bgp-packet'
import { AF_INET6, IFF } from '@starling/netlink'
import { describe, expect, it } from 'vitest'
import { LinkTable } from './link-table.js'

const UP = IFF.UP | IFF.LOWER_UP
const link = (index: number, name: string, flags = UP, family = 0) => ({
  family,
  deviceType: 1,
  index,
  flags,
  changeMask: 0,
  name,
})
const address = (ifindex: number, text: string, flags = 0x80) => ({
  family: AF_INET6,
  prefixLength: 64,
  flags,
  scope: 253,
  ifindex,
  address: parseAddress(text) as Uint8Array,
})

function make(): LinkTable {
  const table = new LinkTable()
  table.link(link(7, 'eth0'), false)
  table.address(address(7, '2001:db8::1'), false)
  return table
}

describe('the table of links', () => {
  it.each([
    ['a permanent one', 0x80, 'fe80::a'],
    ['one that still looks for duplicates', 0xc0, undefined],
    ['an optimistic one that does', 0xc4, 'fe80::a'],
    ['a duplicate', 0x88, undefined],
  ])('takes of link-local addresses only usable ones: %s', (_what, flags, found) => {
    const table = make()
    table.address(address(7, 'fe80::a', flags), false)
    expect(table.find('eth0')).toMatchObject({ index: 7, up: true, running: true, linkLocal: found })
  })

  it('keeps the first of several, and takes the next when it goes', () => {
    const table = make()
    table.address(address(7, 'fe80::a'), false)
    table.address(address(7, 'fe80::b'), false)
    table.address(address(7, 'fe80::a'), false)
    expect(table.find('eth0')?.linkLocal).toBe('fe80::a')
    table.address(address(7, 'fe80::a'), true)
    expect(table.find('eth0')?.linkLocal).toBe('fe80::b')
  })

  it('follows names, flags and removals; a port seen through its bridge is no second interface', () => {
    const table = make()
    table.address(address(7, 'fe80::a'), false)
    table.link(link(7, 'eth0', IFF.UP), false)
    expect(table.find('eth0')).toMatchObject({ up: true, running: false })
    table.link(link(7, 'uplink'), false)
    expect(table.find('eth0')).toBeUndefined()
    expect(table.find('uplink')?.linkLocal).toBe('fe80::a')
    table.link(link(7, 'uplink', 0, 7), true)
    expect(table.find('uplink')).toBeDefined()
    table.link(link(7, 'uplink'), true)
    table.link(link(8, 'uplink'), false)
    expect(table.find('uplink')).toMatchObject({ index: 8, linkLocal: undefined })
  })
})
