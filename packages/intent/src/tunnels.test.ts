import { createHash } from 'node:crypto'
import { formatAddress } from '@starling/bgp-packet/address'
import type { Snapshot } from '@starling/datastore'
import { blockKey } from '@starling/resources'
import type { DesiredRoute } from '@starling/route-programmer'
import { describe, expect, test } from 'vitest'
import { ClusterState, LooseAddresses, plan, type TunnelPlan, tunnelPlan } from './index.js'
import { sha1 } from './sha1.js'
import { block, calico, configuration, pool } from './testing.test.js'

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')

/** A node with BGP address, IPIP and VXLAN addresses. */
const host = (n: number, address: string, more: Record<string, unknown> = {}): unknown =>
  calico('Node', `n${n}`, {
    bgp: { ipv4Address: address, ipv4IPIPTunnelAddr: `10.65.${n}.1` },
    ipv4VXLANTunnelAddr: `10.65.${n}.2`,
    ...more,
  })
const NODES = [host(1, '10.0.0.1/24'), host(2, '10.0.0.2/24'), host(3, '10.0.9.3/24')]
const BLOCKS = [block('n1', '10.65.1.0/26'), block('n2', '10.65.2.0/26'), block('n3', '10.65.3.0/26')]

function tunnelsOf(documents: readonly unknown[], vxlan = false, name = 'n1'): TunnelPlan {
  const state = ClusterState.fromDocuments(documents)
  return tunnelPlan(state, plan(state, name), { vxlan })
}

/** `10.65.2.0/26 via 10.65.2.2 dev vxlan.calico onlink`. */
function words({ destination, kind, nextHops, ...rest }: DesiredRoute & { parent?: string }): string {
  const prefix = `${formatAddress(destination.address)}/${destination.length}`
  if (kind !== 'unicast') return `${kind} ${prefix}`
  const [hop] = nextHops
  const device = hop?.device ?? `(parent ${rest.parent})`
  return `${prefix} via ${hop?.gateway?.join('.')} dev ${device}${hop?.onlink ? ' onlink' : ''}`
}

describe('sha1', () => {
  test.each([0, 1, 55, 56, 63, 64, 65, 1000])('of %i octets is what the library says', (length) => {
    const message = Uint8Array.from({ length }, (_, i) => (i * 7) & 255)
    expect(hex(sha1(message))).toBe(createHash('sha1').update(message).digest('hex'))
  })
})

describe('tunl0 (calico.md 4.2)', () => {
  const rows: [pool: object, program: string | undefined, tunnels: number, owned: string[]][] = [
    [{ ipipMode: 'Always' }, 'Enabled', 1, ['tunl0']],
    [{ ipipMode: 'CrossSubnet' }, 'EnabledIPIPOnly', 1, ['tunl0']],
    [{ ipipMode: 'Always' }, undefined, 0, []],
    [{ ipipMode: 'Always' }, 'EnabledNoEncapOnly', 0, []],
    [{ ipipMode: 'Always' }, 'Disabled', 0, []],
    [{}, 'Enabled', 0, ['tunl0']],
    [{ vxlanMode: 'Always' }, 'Enabled', 0, ['tunl0']],
  ]
  test.each(rows)('pool %o with programClusterRoutes %s: %i device', (spec, program, count, owned) => {
    const settings = program === undefined ? [] : [configuration({ programClusterRoutes: program })]
    const result = tunnelsOf([...NODES, ...settings, pool('10.65.0.0/16', spec as Record<string, unknown>)])
    expect(result.owned).toEqual(owned)
    expect(result.tunnels.map(({ device, address }) => `${device} ${address?.join('.')}`)).toEqual(
      count === 0 ? [] : ['tunl0 10.65.1.1'],
    )
    expect(result.routes).toEqual([])
  })

  const IPIP = [configuration({ programClusterRoutes: 'Enabled' }), pool('10.65.0.0/16', { ipipMode: 'Always' })]

  test('a node without the address gets the device without one, and a word about it', () => {
    const bare = calico('Node', 'n1', { bgp: { ipv4Address: '10.0.0.1/24' } })
    const { tunnels, problems } = tunnelsOf([bare, ...IPIP])
    expect(tunnels).toEqual([{ device: 'tunl0', encapsulation: 'ipip' }])
    expect(problems).toMatchObject([{ resource: 'Node/n1', field: 'spec.bgp.ipv4IPIPTunnelAddr' }])
  })

  test('the MTU is Felix’s where Felix says one, the node’s own first', () => {
    const felix = (name: string, ipipMTU: number) => calico('FelixConfiguration', name, { ipipMTU })
    expect(tunnelsOf([...NODES, ...IPIP, felix('default', 1400)]).tunnels[0]?.mtu).toBe(1400)
    expect(tunnelsOf([...NODES, ...IPIP, felix('default', 1400), felix('node.n1', 1300)]).tunnels[0]?.mtu).toBe(1300)
    expect(tunnelsOf([...NODES, ...IPIP, felix('default', 0)]).tunnels[0]?.mtu).toBeUndefined()
  })
})

describe('VXLAN without Felix (calico.md 4.2 to 4.4)', () => {
  const rows: [mode: string, expected: string[]][] = [
    [
      'Always',
      [
        'blackhole 10.65.1.0/26',
        '10.65.2.0/26 via 10.65.2.2 dev vxlan.calico onlink',
        '10.65.3.0/26 via 10.65.3.2 dev vxlan.calico onlink',
      ],
    ],
    [
      'CrossSubnet',
      [
        'blackhole 10.65.1.0/26',
        '10.65.2.0/26 via 10.0.0.2 dev (parent ipv4) onlink',
        '10.65.3.0/26 via 10.65.3.2 dev vxlan.calico onlink',
      ],
    ],
    ['Never', []],
  ]
  test.each(rows)('mode %s: %j', (vxlanMode, expected) => {
    const documents = [...NODES, ...BLOCKS, pool('10.65.0.0/16', { vxlanMode })]
    expect(tunnelsOf(documents, true).routes.map(words)).toEqual(expected)
    expect(tunnelsOf([...documents].reverse(), true)).toEqual(tunnelsOf(documents, true))
    expect(tunnelsOf(documents)).toMatchObject({ tunnels: [], routes: [], owned: [] })
  })

  const VXLAN = [...BLOCKS, pool('10.65.0.0/16', { vxlanMode: 'Always' })]

  test('every other node is a VTEP: its overlay address, its own, and the MAC that its name gives', () => {
    const [tunnel] = tunnelsOf([...NODES, ...VXLAN], true).tunnels
    const mac = (name: string) => `66${createHash('sha1').update(name).digest('hex').slice(0, 10)}`
    expect(tunnel).toMatchObject({ device: 'vxlan.calico', vxlan: { id: 4096, port: 4789 } })
    expect(tunnel?.address?.join('.')).toBe('10.65.1.2')
    expect(tunnel?.vxlan?.local.join('.')).toBe('10.0.0.1')
    expect(hex(tunnel?.vxlan?.mac ?? new Uint8Array())).toBe(mac('n1'))
    expect(tunnel?.vxlan?.remotes.map((r) => `${r.address.join('.')} ${r.node.join('.')} ${hex(r.mac)}`)).toEqual([
      `10.65.2.2 10.0.0.2 ${mac('n2')}`,
      `10.65.3.2 10.0.9.3 ${mac('n3')}`,
    ])
  })

  test('a MAC that a Node gives itself wins, VNI and port are Felix’s', () => {
    const second = host(2, '10.0.0.2/24', { vxlanTunnelMACAddr: '02:00:00:00:00:aa' })
    const felix = calico('FelixConfiguration', 'default', { vxlanVNI: 77, vxlanPort: 8472 })
    const [tunnel] = tunnelsOf([NODES[0], second, ...VXLAN, felix], true).tunnels
    expect(tunnel?.vxlan).toMatchObject({ id: 77, port: 8472 })
    expect(tunnel?.vxlan?.remotes.map((remote) => hex(remote.mac))).toEqual(['0200000000aa'])
  })

  test('a node without an overlay address has no entry and no route', () => {
    const bare = calico('Node', 'n2', { bgp: { ipv4Address: '10.0.0.2/24' } })
    const { tunnels, routes } = tunnelsOf([NODES[0], bare, ...VXLAN], true)
    expect(tunnels[0]?.vxlan?.remotes).toEqual([])
    expect(routes.map(words)).toEqual(['blackhole 10.65.1.0/26'])
  })

  /** A block as IPAM writes it: ordinal to the node that uses it. */
  const entry = (cidr: string, affinity: string | null, users: Record<number, string>, released = -1) => ({
    key: blockKey(cidr),
    revision: 1,
    value: JSON.stringify({
      cidr,
      affinity,
      allocations: Array.from({ length: 64 }, (_, i) =>
        users[i] === undefined ? null : Object.keys(users).indexOf(`${i}`),
      ),
      unallocated: [],
      attributes: Object.entries(users).map(([i, node]) => ({
        handle_id: `h${i}`,
        secondary: { node },
        ...(Number(i) === released ? { releasedAt: '2026-08-01T09:12:40Z' } : {}),
      })),
      sequenceNumber: 1,
      sequenceNumberForAllocation: {},
      deleted: false,
    }),
  })
  type BlockEntry = ReturnType<typeof entry>
  const looseOf = (entries: readonly BlockEntry[], loose = new LooseAddresses()) => {
    loose.update({ get: (key: string) => entries.find((each) => each.key === key) } as unknown as Snapshot, [
      blockKey('10.65.1.0/26'),
      blockKey('10.65.2.0/26'),
      blockKey('10.65.7.0/26'),
    ])
    return loose
  }

  test('addresses used away from their block’s owner get a route of their own (calico.md 7.6)', () => {
    const loose = looseOf([
      entry('10.65.1.0/26', 'host:n1', { 3: 'n1', 4: 'n2', 5: 'n3' }, 5),
      entry('10.65.2.0/26', 'host:n2', { 1: 'n2', 9: 'n1', 10: 'n3' }),
      entry('10.65.7.0/26', null, { 0: 'n2', 1: 'nobody' }),
    ])
    const state = ClusterState.fromDocuments([...NODES, ...BLOCKS, pool('10.65.0.0/16', { vxlanMode: 'CrossSubnet' })])
    const { routes } = tunnelPlan(state, plan(state, 'n1'), { vxlan: true, loose: loose.all })
    expect(routes.slice(3).map(words)).toEqual([
      '10.65.1.4/32 via 10.0.0.2 dev (parent ipv4) onlink',
      '10.65.2.10/32 via 10.65.3.2 dev vxlan.calico onlink',
      '10.65.7.0/32 via 10.0.0.2 dev (parent ipv4) onlink',
    ])
    expect(routes.at(-1)?.why).toBe('loose address from 10.65.7.0/26 of n2, IPPool/pool-10-65-0-0-16')
    expect(tunnelPlan(state, plan(state, 'n1'), { vxlan: false, loose: loose.all }).routes).toEqual([])
  })

  test('a block that came home or is gone has none; one that cannot be read keeps what was known', () => {
    const before = [entry('10.65.1.0/26', 'host:n1', { 4: 'n2' })]
    const loose = looseOf(before)
    expect(loose.all).toHaveLength(1)
    looseOf([{ ...(before[0] as BlockEntry), value: '{"affinity":"host:n1","node":"n2"' }], loose)
    expect(loose.all, 'unreadable').toHaveLength(1)
    looseOf([entry('10.65.1.0/26', 'host:n1', { 4: 'n1' })], loose)
    expect(loose.all, 'home').toEqual([])
    looseOf(before, loose)
    looseOf([], loose)
    expect(loose.all, 'gone').toEqual([])
  })

  test('IPv6 has its own device, address and MAC', () => {
    const six = (n: number) =>
      calico('Node', `n${n}`, { bgp: { ipv6Address: `fd00::${n}/64` }, ipv6VXLANTunnelAddr: `fd65::${n}` })
    const documents = [six(1), six(2), block('n2', 'fd65:2::/122'), pool('fd65::/16', { vxlanMode: 'Always' })]
    const { tunnels, routes } = tunnelsOf(documents, true)
    expect(tunnels.map(({ device, encapsulation }) => `${device} ${encapsulation}`)).toEqual([
      'vxlan-v6.calico vxlan-v6',
    ])
    const mac = `66${createHash('sha1').update('n2-v6').digest('hex').slice(0, 10)}`
    expect(tunnels[0]?.vxlan?.remotes.map((remote) => hex(remote.mac))).toEqual([mac])
    expect(routes[0]?.nextHops).toMatchObject([{ device: 'vxlan-v6.calico', onlink: true }])
  })
})
