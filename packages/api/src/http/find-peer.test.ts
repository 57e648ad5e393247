import { describe, expect, it } from 'vitest'
import { peerView } from '../testing/index.js'
import { findPeer } from './find-peer.js'

const why = (resource: string) => ({ resource, field: 'spec.peerIP', rule: 'global: every node' })
const PEERS = [
  peerView('Mesh_10_0_0_12', '10.0.0.12'),
  peerView('Mesh_fd00_a__12', 'fd00:a::12'),
  peerView('Global_192_0_2_1', '192.0.2.1', { why: why('BGPPeer/tor') }),
  peerView('Node_fe80__1_eth0', 'fe80::1%eth0', { interface: 'eth0', why: why('BGPPeer/left') }),
  peerView('Node_fe80__1_eth1', 'fe80::1%eth1', { interface: 'eth1', why: why('BGPPeer/uplinks') }),
  peerView('Node_fe80__2_eth1', 'fe80::2%eth1', { interface: 'eth1', why: why('BGPPeer/uplinks') }),
  peerView('Unnumbered_eth2', 'fe80::9%eth2', { key: '%eth2', interface: 'eth2', why: why('StarlingPeerOptions/up') }),
]
const ports = {
  peers: () => PEERS,
  nodeAt: (address: string) => (address.endsWith('12') ? 'n12' : undefined),
}
const found = (text: string) => findPeer(ports, text).name

describe('a peer is found', () => {
  it.each([
    ['its name', 'Mesh_10_0_0_12', 'Mesh_10_0_0_12'],
    ['its address', 'fd00:a::12', 'Mesh_fd00_a__12'],
    ['its address with the zone', 'fe80::1%eth1', 'Node_fe80__1_eth1'],
    ['its address without the zone', 'fe80::2', 'Node_fe80__2_eth1'],
    ['the address of a router that was found', 'fe80::9', 'Unnumbered_eth2'],
    ['the interface it was found on', 'eth2', 'Unnumbered_eth2'],
    ['the interface in its address', 'eth0', 'Node_fe80__1_eth0'],
    ['the resource it comes from', 'tor', 'Global_192_0_2_1'],
    ['the resource with its kind', 'BGPPeer/left', 'Node_fe80__1_eth0'],
  ])('by %s', (_what, text, name) => expect(found(text)).toBe(name))
})

describe('nobody is guessed', () => {
  it.each([
    [
      'a link-local address on two links',
      'fe80::1',
      /several peers have that address: Node_fe80__1_eth0, Node_fe80__1_eth1/,
    ],
    ['an interface with two', 'eth1', /several peers are on that interface: Node_fe80__1_eth1, Node_fe80__2_eth1/],
    ['a node with both families', 'n12', /several peers are on that node: Mesh_10_0_0_12, Mesh_fd00_a__12/],
    ['a resource with two', 'uplinks', /several peers come from that resource/],
  ])('for %s', (_what, text, message) => expect(() => found(text)).toThrow(message))

  it('of a whole mesh a few are named', () => {
    const mesh = Array.from({ length: 50 }, (_, i) => peerView(`Mesh_${i}`, `10.0.1.${i}`))
    expect(() => findPeer({ peers: () => mesh }, 'BGPConfiguration/default')).toThrow(/Mesh_7 and 42 more/)
  })

  it.each(['nobody', '', '%', 'fe80::3', 'eth', '/'])('%j is nobody', (text) => {
    expect(() => found(text)).toThrow(expect.objectContaining({ code: 'API_PEER_NOT_FOUND' }))
  })
})
