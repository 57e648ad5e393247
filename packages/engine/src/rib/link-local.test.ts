/**
 * Next hops on links: what unnumbered peers send and get (RFC 2545 section 3, RFC 8950), and that a link-local address
 * never leaves its link.
 */
import { parseAddress } from '@starling/bgp-packet'
import { describe, expect, test } from 'vitest'
import type { PeerConfig } from '../config/types.js'
import type { SessionParameters } from './contract.js'
import { settle, TestHost } from './harness.js'
import { BODY, syntheticConfig, syntheticSession, type UpdateFields, updateMessages } from './synthetic.js'
import { RibTables } from './tables.js'

const V4 = '192.0.2.0/24'
const V6 = '2001:db8:1::/48'
const address = (text: string) => parseAddress(text) as Uint8Array
const US = address('fe80::a')

/** A session over link-local addresses, as with a router behind an interface. */
function over(
  slot: number,
  zone: string,
  more: Partial<SessionParameters> = {},
  config: Partial<PeerConfig> = {},
): SessionParameters {
  return syntheticSession(slot, {
    external: true,
    remoteAs: 64_500 + slot,
    extendedNextHop: true,
    localAddress: US,
    remoteAddress: address('fe80::1'),
    localAddresses: { linkLocal: US },
    config: {
      key: `%${zone}`,
      remoteAddress: `fe80::1%${zone}`,
      interface: zone,
      routeReflectorClient: false,
      ...config,
    },
    ...more,
  })
}

const numbered = (slot: number, config: Partial<PeerConfig> = {}) =>
  syntheticSession(slot, { extendedNextHop: true, config: { routeReflectorClient: true, ...config } })

function setUp(sessions: readonly SessionParameters[], maximumPaths = 1) {
  const host = new TestHost()
  const decision = { alwaysCompareMed: false, deterministicMed: true, maximumPaths, multipathRelax: true }
  const tables = new RibTables(syntheticConfig({ decision, nextHopResolution: 'tracked' }), host, { hashSeed: 3 })
  for (const [slot, session] of sessions.entries()) host.up(tables, session, slot)
  settle(tables)
  const send = (slot: number, fields: UpdateFields) => {
    for (const bytes of updateMessages(fields)) tables.update(slot, bytes, BODY, bytes.length, 0)
    settle(tables)
    for (const hop of [...host.tracked]) tables.nextHopChanged(hop, true, 0, 0)
    settle(tables)
    expect(tables.audit()).toEqual([])
  }
  return { host, tables, send }
}

describe('a next hop received', () => {
  test.each([
    ['link-local alone, 16 octets', 'fe80::1'],
    ['global and link-local, 32 octets', '2001:db8::1+fe80::1'],
    ['nothing and link-local, as BIRD writes it', '::+fe80::1'],
    ['link-local twice, as FRR writes it', 'fe80::1+fe80::1'],
  ])('over a link-local session is resolved on its interface: %s', (_what, nextHop) => {
    const { host, send } = setUp([over(0, 'eth0')])
    send(0, { announce: [V4, V6], nextHop, asPath: '64500' })
    expect([...host.tracked]).toEqual(['fe80::1%eth0'])
    expect(host.kernel.get(V4)).toBe('bgp peer0 via fe80::1 dev eth0')
    expect(host.kernel.get(V6)).toBe('bgp peer0 via fe80::1 dev eth0')
  })

  test('over a link-local session may be a third router’s global address', () => {
    const { host, send } = setUp([over(0, 'eth0')])
    send(0, { announce: [V4], nextHop: '2001:db8::3', asPath: '64500' })
    expect(host.kernel.get(V4)).toBe('bgp peer0 via 2001:db8::3')
  })

  test('of a pair, a numbered session takes the global address', () => {
    const { host, send } = setUp([numbered(0, { interface: 'vrf1' })])
    send(0, { announce: [V6], nextHop: '2001:db8::1+fe80::1', localPref: 100 })
    expect(host.kernel.get(V6)).toBe('bgp peer0 via 2001:db8::1')
  })

  test('without a global one is resolved on the link of a numbered session, not in its VRF', () => {
    const { host, send } = setUp([{ ...numbered(0, { interface: 'vrf1' }), link: 'eth0' }])
    send(0, { announce: [V4, V6], nextHop: '::+fe80::1', localPref: 100 })
    expect(host.kernel.get(V4)).toBe('bgp peer0 via fe80::1 dev eth0')
    expect(host.kernel.get(V6)).toBe('bgp peer0 via fe80::1 dev eth0')
  })

  test('of a pair, stays the global one where the link is known', () => {
    const { host, send } = setUp([{ ...numbered(0), link: 'eth0' }])
    send(0, { announce: [V6], nextHop: '2001:db8::1+fe80::1', localPref: 100 })
    expect(host.kernel.get(V6)).toBe('bgp peer0 via 2001:db8::1')
  })

  test('from two links with the same address at their ends is two ways out, whatever came first', () => {
    for (const order of [
      [0, 1],
      [1, 0],
    ]) {
      const same = { remoteAs: 64_500, remoteRouterId: 7 }
      const { host, send } = setUp([over(0, 'eth0', same), over(1, 'eth1', same)], 4)
      for (const slot of order) send(slot, { announce: [V4], nextHop: 'fe80::1', asPath: '64500' })
      expect(host.kernel.get(V4)).toBe('bgp peer0 via fe80::1 dev eth0,fe80::1 dev eth1')
    }
  })
})

const OWN = { linkLocal: US, ipv4: address('10.0.0.10') }
const PAIR = { ...OWN, ipv6: address('2001:db8::a') }

describe('a next hop sent', () => {
  test.each([
    ['is our link-local address alone where there is no other', OWN, 'fe80::a'],
    ['is the pair where we have a global one on the interface', PAIR, '2001:db8::a+fe80::a'],
  ])('over a link-local session %s', (_what, localAddresses, expected) => {
    const { host, send } = setUp([numbered(0), over(1, 'eth0', { localAddresses })])
    send(0, { announce: [V4], nextHop: '10.9.9.9', localPref: 100 })
    send(0, { announce: [V6], nextHop: 'fd00::9', localPref: 100 })
    expect(host.told[1].get(V4)).toContain(`nh ${expected} `)
    expect(host.told[1].get(V6)).toContain(`nh ${expected} `)
  })

  test('for IPv4 is our IPv4 address where RFC 8950 was not agreed', () => {
    const { host, send } = setUp([numbered(0), over(1, 'eth0', { extendedNextHop: false, localAddresses: OWN })])
    send(0, { announce: [V4], localPref: 100 })
    expect(host.told[1].get(V4)).toContain('nh 10.0.0.10 ')
  })

  test.each([
    ['a link-local one becomes our own', 'fe80::1', 'fd00::a'],
    ['of a pair only the global half is handed on', '2001:db8::1+fe80::1', '2001:db8::1'],
  ])('to others never is somebody’s link-local address: %s', (_what, nextHop, expected) => {
    const { host, send } = setUp([over(0, 'eth0'), numbered(1), numbered(2, { nextHop: 'keep' })])
    send(0, { announce: [V6], nextHop, asPath: '64500' })
    expect(host.told[1].get(V6)).toContain(`nh ${expected} `)
    expect(host.told[2].get(V6)).toContain(`nh ${expected} `)
  })
})
