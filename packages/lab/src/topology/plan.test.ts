/** What a topology means: underlay routes, sessions, and the datastore contents that bring them about. */
import { describe, expect, test } from 'vitest'
import { onLoopback } from './loopback.js'
import { parseTopology } from './parse.js'
import { planLab } from './plan.js'
import { clusterStore, torStore } from './resources.js'

const topology = parseTopology(
  't.yaml',
  `name: two
racks:
  - { name: core, subnet: 10.0.0.0/24 }
  - { name: r1, subnet: 10.0.1.0/24 }
  - { name: r2, subnet: 10.0.2.0/24 }
links: [{ between: [t1, t2], subnet: 10.9.0.0/31 }]
tors:
  - { name: t1, as: 64601, racks: [core, r1] }
  - { name: t2, as: 64602, racks: [r2] }
reflectors: [{ name: rr, rack: core }]
nodes:
  - { name: a, rack: r1 }
  - { name: b, rack: r2, as: 64999 }
`,
)
const plan = planLab(topology)
const device = (name: string) => plan.devices.find((device) => device.name === name)
const values = (entries: { key: string; value: string }[]) =>
  Object.fromEntries(entries.map(({ key, value }) => [key.split('/').slice(-2).join('/'), JSON.parse(value).spec]))

describe('planLab', () => {
  test('the underlay leads to every other segment through the next ToR, and to none of its own', () => {
    expect(device('a')?.underlay).toEqual([
      { to: '10.0.0.0/24', via: '10.0.1.1' },
      { to: '10.9.0.0/31', via: '10.0.1.1' },
      { to: '10.0.2.0/24', via: '10.0.1.1' },
    ])
    expect(device('t1')?.underlay).toEqual([{ to: '10.0.2.0/24', via: '10.9.0.0' }])
  })

  test('sessions: node to reflector, node to its own ToR, ToR to ToR, and no mesh beside a reflector', () => {
    expect(plan.sessions.map(({ type, ends }) => `${type} ${ends.map(({ device }) => device).join('-')}`)).toEqual([
      'iBGP a-rr',
      'eBGP b-rr',
      'eBGP a-t1',
      'eBGP b-t2',
      'eBGP t1-t2',
    ])
  })

  test('without reflectors every node peers with every other', () => {
    const mesh = planLab({ ...topology, reflectors: [], tors: [], mesh: true })
    expect(mesh.sessions.map(({ ends }) => ends.map(({ device }) => device))).toEqual([['a', 'b']])
  })
})

describe('two families', () => {
  const dual = parseTopology(
    'd.yaml',
    `name: dual
racks:
  - { name: core, subnet: 10.0.0.0/24, subnet6: 'fd00::/64' }
  - { name: r1, subnet: 10.0.1.0/24, subnet6: 'fd00:0:0:1::/64' }
tors: [{ name: t1, as: 64601, racks: [core, r1] }]
reflectors: [{ name: rr, rack: core }]
nodes: [{ name: a, rack: r1 }]
`,
  )

  test('every session exists once per family, and the underlay leads to both subnets', () => {
    const planned = planLab(dual)
    expect(planned.sessions.map(({ ends }) => ends.map(({ address }) => address))).toEqual([
      ['10.0.1.11', '10.0.0.10'],
      ['fd00:0:0:1::b', 'fd00::a'],
      ['10.0.1.11', '10.0.1.1'],
      ['fd00:0:0:1::b', 'fd00:0:0:1::1'],
    ])
    expect(planned.devices.at(-1)?.underlay).toEqual([
      { to: '10.0.0.0/24', via: '10.0.1.1' },
      { to: 'fd00::/64', via: 'fd00:0:0:1::1' },
    ])
  })

  test('the stores hold both addresses of a node, and a peering per family of a ToR', () => {
    const store = values(clusterStore(dual))
    expect(store['nodes/a']).toEqual({ bgp: { ipv4Address: '10.0.1.11/24', ipv6Address: 'fd00:0:0:1::b/64' } })
    expect(store['bgppeers/t1-r1-v6']).toMatchObject({ peerIP: 'fd00:0:0:1::1', filters: ['own-routes-only'] })
    expect(store['bgpfilters/own-routes-only']).toHaveProperty('exportV6')
    const tor = values(torStore(dual, dual.tors[0]!, { listenPort: 1790 }))
    expect(tor['bgppeers/a-v6']).toMatchObject({ peerIP: '[fd00:0:0:1::b]:1790' })
  })

  test('on loopback addresses it is IPv4 alone', () => {
    const { pools, nodes } = onLoopback(dual)
    expect(pools.map(({ cidr }) => cidr)).toEqual(['10.244.0.0/16'])
    expect(nodes[0]?.leg).toEqual({ segment: 'r1', address: '127.0.1.11', length: 24 })
  })
})

describe('uplinks', () => {
  const cabled = parseTopology(
    'u.yaml',
    `name: u
loopbacks: 10.255.0.0/24
racks: [{ name: r1, subnet: 10.0.1.0/24 }]
tors: [{ name: t1, as: 64601 }, { name: t2, as: 64602, racks: [r1] }]
nodes: [{ name: a, as: 65001, uplinks: [t1, t2] }, { name: b, as: 65002, uplinks: [t2] }]
`,
  )
  const planned = planLab(cabled)

  test('each end of a cable is known by its link-local address behind the other’s interface', () => {
    expect(planned.sessions.map(({ ends }) => ends.map(({ device, address }) => `${device} ${address}`))).toEqual([
      ['a fe80::2%eth0', 't1 fe80::1%eth0'],
      ['a fe80::2%eth1', 't2 fe80::1%eth1'],
      ['b fe80::2%eth2', 't2 fe80::1%eth0'],
    ])
    expect(planned.devices.map(({ name, legs }) => [name, ...legs.map((leg) => leg.interface)])).toEqual([
      ['t1', 'lo'],
      ['t2', 'eth0'],
      ['a', 'lo'],
      ['b', 'lo'],
    ])
    expect(planned.devices.flatMap(({ underlay }) => underlay)).toEqual([])
  })

  test('the stores name interfaces, never addresses: a resource for nodes of as many uplinks, one for a ToR', () => {
    const filters = ['own-routes-only']
    const found = (name: string, own: string[] = []) => ({ interface: name, remoteAs: 'external', filters: own })
    const store = values(clusterStore(cabled))
    expect(store['peeroptions/uplinks-2']).toEqual({
      nodeSelector: "uplinks == '2'",
      unnumbered: [found('eth0', filters), found('eth1', filters)],
    })
    expect(store['peeroptions/uplinks-1']).toMatchObject({ unnumbered: [found('eth0', filters)] })
    expect(store['nodes/a']).toEqual({ bgp: { asNumber: 65001, ipv4Address: '10.255.0.11/32' } })
    const tor = values(torStore(cabled, cabled.tors[1]!))
    expect(tor['peeroptions/cables']).toEqual({ unnumbered: [found('eth1'), found('eth2')] })
    expect(Object.keys(tor).filter((key) => key.startsWith('bgppeers'))).toEqual([])
  })

  test('without namespaces there are no cables', () => {
    expect(() => onLoopback(cabled)).toThrow('u: uplinks without addresses need namespaces')
  })
})

describe('the stores', () => {
  test('the cluster store holds nodes, the reflector with its cluster id, and peerings by selector', () => {
    const store = values(clusterStore(topology))
    expect(store['nodes/a']).toEqual({ bgp: { ipv4Address: '10.0.1.11/24' } })
    expect(store['nodes/b']).toEqual({ bgp: { asNumber: 64999, ipv4Address: '10.0.2.11/24' } })
    expect(store['nodes/rr']).toEqual({ bgp: { ipv4Address: '10.0.0.10/24', routeReflectorClusterID: '244.0.0.1' } })
    expect(store['bgpconfigurations/default']).toEqual({ asNumber: 64512, nodeToNodeMeshEnabled: false })
    expect(store['bgppeers/route-reflectors']).toEqual({
      nodeSelector: 'all()',
      peerSelector: "route-reflector == 'true'",
    })
    expect(store['bgppeers/t1-r1']).toMatchObject({ nodeSelector: "rack == 'r1'", peerIP: '10.0.1.1', asNumber: 64601 })
    expect(store['bgppeers/t1-core']).toBeUndefined()
  })

  test('a ToR has a store of its own with its neighbours by address', () => {
    const store = values(torStore(topology, topology.tors[1]!, { listenPort: 1790 }))
    expect(store['bgppeers/b']).toMatchObject({ node: 't2', peerIP: '10.0.2.11:1790', asNumber: 64999 })
    expect(store['bgppeers/t1']).toMatchObject({ peerIP: '10.9.0.1:1790', asNumber: 64601 })
    expect(store['nodes/a']).toBeUndefined()
  })
})
