/** Wanted against actual tunnels, as a table of operations. */

import { describe, expect, it } from 'vitest'
import { ip } from '../testing.js'
import { planTunnels, tunnelMtu } from './plan.js'
import type { ActualTunnel, DesiredTunnel, TunnelOperation } from './types.js'

const MAC = Uint8Array.of(0x66, 1, 2, 3, 4, 5)
const FAR = Uint8Array.of(0x66, 9, 9, 9, 9, 9)
const VXLAN = { id: 4096, port: 4789, parent: 'eth0', local: ip('192.0.2.1') }
const remote = { address: ip('10.65.9.0'), mac: FAR, node: ip('192.0.2.9') }
const address = { bytes: ip('10.65.1.0'), length: 32 }
const vxlan: DesiredTunnel = {
  name: 'vxlan.calico',
  kind: 'vxlan',
  mtu: 1450,
  mac: MAC,
  address,
  vxlan: VXLAN,
  remotes: [remote],
}
const there: ActualTunnel = {
  name: 'vxlan.calico',
  index: 7,
  kind: 'vxlan',
  up: true,
  mtu: 1450,
  mac: MAC,
  vxlan: VXLAN,
  addresses: [address],
  neighbours: [remote],
  forwarding: [remote],
}
const ipip: DesiredTunnel = { name: 'tunl0', kind: 'ipip', mtu: 1480, address }
const tunl0: ActualTunnel = {
  ...there,
  name: 'tunl0',
  kind: 'ipip',
  mtu: 1480,
  vxlan: undefined,
  neighbours: [],
  forwarding: [],
}
const other = { bytes: ip('10.99.0.1'), length: 32 }
const linkLocal = { bytes: Uint8Array.of(0xfe, 0x80, ...new Array(13).fill(0), 1), length: 64 }

const ROWS: [what: string, desired: DesiredTunnel[], actual: ActualTunnel[], ops: TunnelOperation['op'][]][] = [
  ['all in place: nothing', [vxlan], [there], []],
  [
    'nothing there: all in order',
    [vxlan],
    [],
    ['create', 'configure', 'add-address', 'add-neighbour', 'add-forwarding'],
  ],
  [
    'another parent: made anew',
    [vxlan],
    [{ ...there, vxlan: { ...VXLAN, parent: 'eth1' } }],
    ['delete', 'create', 'configure', 'add-address', 'add-neighbour', 'add-forwarding'],
  ],
  ['down: configured', [vxlan], [{ ...there, up: false }], ['configure']],
  ['another MTU: configured', [vxlan], [{ ...there, mtu: 1400 }], ['configure']],
  ['a derived MTU: a smaller one stays', [{ ...vxlan, mtuIsLimit: true }], [{ ...there, mtu: 1400 }], []],
  ['a derived MTU: a larger one does not', [{ ...vxlan, mtuIsLimit: true }], [{ ...there, mtu: 1500 }], ['configure']],
  [
    'a foreign address goes after ours is there',
    [ipip],
    [{ ...tunl0, addresses: [other] }],
    ['add-address', 'remove-address'],
  ],
  ['a link-local address stays', [ipip], [{ ...tunl0, addresses: [address, linkLocal] }], []],
  [
    'a moved VTEP: only its forwarding entry',
    [{ ...vxlan, remotes: [{ ...remote, node: ip('192.0.2.8') }] }],
    [there],
    ['add-forwarding'],
  ],
  ['a VTEP that left', [{ ...vxlan, remotes: [] }], [there], ['remove-neighbour', 'remove-forwarding']],
  ['no longer wanted VXLAN: deleted', [], [there], ['delete']],
  ['no longer wanted IPIP: the device stays without address', [], [tunl0], ['remove-address']],
  ['a device that was never ours: left alone', [], [{ ...there, name: 'vxlan7' }], []],
]

describe('tunnel plans', () => {
  it.each(ROWS)('%s', (_what, desired, actual, ops) => {
    expect(planTunnels(desired, actual, ['vxlan.calico', 'tunl0']).map(({ op }) => op)).toEqual(ops)
  })
  it('a change of the MTU alone does not set the MAC: that would drop the neighbours', () => {
    expect(planTunnels([vxlan], [{ ...there, mtu: 1400 }], [])).toEqual([
      { op: 'configure', device: 'vxlan.calico', mtu: 1450 },
    ])
  })
  it('a change of the MAC writes every neighbour again', () => {
    const ops = planTunnels([vxlan], [{ ...there, mac: FAR }], []).map(({ op }) => op)
    expect(ops).toEqual(['configure', 'add-neighbour'])
  })
  it('each encapsulation takes its bytes from the MTU', () => {
    expect([tunnelMtu(1500, 'ipip'), tunnelMtu(1500, 'vxlan'), tunnelMtu(9000, 'vxlan-v6')]).toEqual([1480, 1450, 8930])
  })
})
