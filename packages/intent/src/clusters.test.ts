/**
 * Clusters as they stand in etcd, leftovers and blanks included, and what confd and BIRD make of each on the node `w1`
 * (calico.md, the section in the row's name). Values are literal: nothing between the store and the plan tidies them up.
 */
import { SortedSnapshot } from '@starling/datastore'
import { affinityKey, type ResourceKind, resourceKey } from '@starling/resources'
import { describe, expect, test } from 'vitest'
import { ClusterState, type PlanOptions, plan, planToJson } from './index.js'

type Keys = readonly (readonly [key: string, value: string])[]

const stored = (
  kind: ResourceKind,
  name: string,
  spec: object,
  labels: object = {},
  more: object = {},
): Keys[number] => [
  resourceKey(kind, name),
  JSON.stringify({
    kind,
    apiVersion: 'projectcalico.org/v3',
    metadata: { name, uid: '0b5a9c1e-64d7', creationTimestamp: null, labels, ...more },
    spec,
  }),
]
const node = (name: string, ipv4Address: string, bgp: object = {}, labels: object = {}): Keys[number] =>
  stored('Node', name, { bgp: { ipv4Address, ...bgp }, orchRefs: [{ nodeName: name, orchestrator: 'k8s' }] }, labels)
const configuration = (spec: object, name = 'default') => stored('BGPConfiguration', name, spec)
const peer = (name: string, spec: object) => stored('BGPPeer', name, spec)
const pool = (cidr: string, spec: object = {}) =>
  stored('IPPool', `p-${cidr.replace(/[.:/]/g, '-')}`, { cidr, ...spec })
const release = (calicoVersion: string) =>
  stored('ClusterInformation', 'default', { calicoVersion, datastoreReady: true })
const affinity = (cidr: string, value: string): Keys[number] => [affinityKey('w1', cidr), value]

const three: Keys = [
  node('w1', '10.0.0.9/24', {}, { rack: 'r1', 'kubernetes.io/os': 'linux' }),
  node('w2', '10.0.0.10/24', {}, { rack: 'r1' }),
  node('w3', '10.0.1.3/24', {}, { rack: 'r2' }),
]
const off = configuration({ nodeToNodeMeshEnabled: false, asNumber: 64512 })

function seen(keys: Keys, options: PlanOptions = {}) {
  const entries = keys.map(([key, value], i) => ({ key, value, revision: i + 1 }))
  const json = planToJson(plan(ClusterState.from(SortedSnapshot.from(entries, 99)), 'w1', options))
  const words = (...all: (string | false)[]): string => all.filter((word) => word !== false && word !== '').join(' ')
  return {
    json,
    peers: json.peers.map(({ name, remoteAs, passive, rrClient, heldDown }) =>
      words(name, String(remoteAs), passive && 'passive', rrClient && 'client', heldDown !== '' && 'held'),
    ),
    originate: json.originate.map(({ prefix }) => prefix),
    pools: json.kernel.pools.map(({ cidr, action }) => `${cidr} ${action}`),
    problems: json.problems.map(({ resource, field }) => words(resource, field ?? '')),
  }
}

const mesh = ['Mesh_10_0_0_10 64512', 'Mesh_10_0_1_3 64512 passive']

describe('sessions', () => {
  const reflector = { routeReflectorClusterID: '244.0.0.1' }
  const toReflectors = peer('rr', { nodeSelector: 'all()', peerSelector: "route-reflector == 'true'" })
  const rows: [what: string, keys: Keys, peers: readonly string[], problems?: readonly string[]][] = [
    ['2.3 a mesh, the passive side by text', three, mesh],
    [
      '1.3 nodes without BGP, one of Windows, one with an empty cluster id',
      [
        ...three,
        stored('Node', 'none', { orchRefs: [] }),
        stored('Node', 'empty', { bgp: {} }),
        node(
          'win',
          '10.0.0.77/24',
          { routeReflectorClusterID: '', ipv6Address: '' },
          { 'kubernetes.io/os': 'windows' },
        ),
      ],
      ['Mesh_10_0_0_10 64512', 'Mesh_10_0_0_77 64512', 'Mesh_10_0_1_3 64512 passive'],
    ],
    [
      '1.2 AS numbers as texts, plain and dotted; blanks and nulls for nothing',
      [
        node('w1', '10.0.0.9/24', { asNumber: '64513', ipv4IPIPTunnelAddr: '' }),
        node('w2', '10.0.0.10/24', { asNumber: '1.10' }),
        configuration({ asNumber: '65001', listenPort: 0, bindMode: '', nodeMeshPassword: {}, communities: null }),
      ],
      ['Mesh_10_0_0_10 65546'],
    ],
    [
      '2.5 reflectors by label: one object, no mesh',
      [
        ...three.slice(0, 2),
        node('rr1', '10.0.0.1/24', reflector, { 'route-reflector': 'true' }),
        node('rr2', '10.0.0.2/24', reflector, { 'route-reflector': 'true' }),
        off,
        toReflectors,
      ],
      ['Node_10_0_0_1 64512', 'Node_10_0_0_2 64512'],
    ],
    [
      '2.5 a reflector itself: nodes are its clients, the other of its cluster is none',
      [
        node('w1', '10.0.0.1/24', reflector, { 'route-reflector': 'true' }),
        node('w2', '10.0.0.2/24', reflector, { 'route-reflector': 'true' }),
        node('w3', '10.0.0.3/24'),
        configuration({}),
        toReflectors,
      ],
      ['Node_10_0_0_2 64512', 'Node_10_0_0_3 64512 client'],
    ],
    [
      '2.4 a ToR per rack, its password not there yet, one filter missing',
      [
        ...three,
        off,
        peer('tor', {
          ...{ nodeSelector: "rack == 'r1'", peerIP: '192.0.2.1:179', asNumber: 64601, filters: ['', null, 'gone'] },
          ...{ password: { secretKeyRef: { name: 's', key: 'k' } }, reachableBy: '10.0.0.254', ttlSecurity: 1 },
        }),
      ],
      ['Node_192_0_2_1_port_179 64601 held'],
      ['BGPPeer/tor spec.filters[0]', 'BGPPeer/tor spec.password'],
    ],
    [
      '2.4 a global peering with one node makes the others its peers, each at its port',
      [
        ...three,
        off,
        configuration({ listenPort: 1790 }, 'node.w3'),
        peer('p', { peerIP: '10.0.0.9', asNumber: 64512 }),
      ],
      ['Node_10_0_0_10 64512', 'Node_10_0_1_3_port_1790 64512'],
    ],
    [
      '1.5 both of what should be one: the selectors count',
      [
        ...three,
        off,
        peer('p', { node: 'w2', nodeSelector: "rack == 'r1'", peerIP: '192.0.2.1', peerSelector: "rack == 'r2'" }),
      ],
      ['Node_10_0_1_3 64512'],
      ['BGPPeer/p spec.nodeSelector', 'BGPPeer/p spec.peerSelector'],
    ],
    [
      '1.15 selectors: one that does not parse selects nothing, an empty one is none',
      [
        ...three,
        off,
        peer('a', { nodeSelector: 'rack ==', peerIP: '192.0.2.1', asNumber: 65000 }),
        peer('b', { nodeSelector: '', node: '', peerIP: '192.0.2.2', asNumber: 65000 }),
        peer('c', { node: 'W1', peerIP: '192.0.2.3', asNumber: 65000 }),
      ],
      ['Global_192_0_2_2 65000'],
      ['BGPPeer/a spec.nodeSelector'],
    ],
    [
      '2.2 a node of IPv6 alone keeps to IPv6',
      [
        stored('Node', 'w1', { bgp: { ipv4Address: '', ipv6Address: 'fd00:A::9/64' } }),
        node('w2', '10.0.0.10/24', { ipv6Address: 'fd00:a:0::10/64' }),
        peer('p', { peerIP: '192.0.2.1', asNumber: 65000 }),
        peer('q', { peerIP: '[FD00:A::1]:1790', asNumber: 65000 }),
      ],
      ['Global_fd00_a__1_port_1790 65000', 'Mesh_fd00_a__10 64512'],
    ],
    [
      '1.4 a name that is neither form, and one of a node that is not there',
      [
        ...three,
        configuration({ nodeToNodeMeshEnabled: false }, 'per-node'),
        configuration({ listenPort: 1 }, 'node.gone'),
      ],
      mesh,
      ['BGPConfiguration/per-node metadata.name', 'BGPConfiguration/per-node spec.nodeToNodeMeshEnabled'],
    ],
    [
      '1.14 keys of Calico 2 mean nothing',
      [
        ...three,
        ['/calico/bgp/v1/global/as_num', '64999'],
        ['/calico/bgp/v1/global/node_mesh', '{"enabled":false}'],
        ['/calico/bgp/v1/host/w9/ip_addr_v4', '10.0.0.99'],
        ['/calico/v1/Ready', 'true'],
      ],
      mesh,
    ],
  ]
  test.each(rows)('%s', (_what, keys, peers, problems = []) => {
    const result = seen(keys)
    expect(result.peers).toEqual(peers)
    expect(result.problems).toEqual(problems)
  })

  test('2.13 a workload that speaks BGP takes its filters and its local AS from the BGPPeer, and nothing else', () => {
    const lw = {
      localWorkloadSelector: 'all()',
      asNumber: 65100,
      localASNumber: 64999,
      ttlSecurity: 2,
      numAllowedLocalASNumbers: 3,
    }
    const workloads = [
      { ifaceName: 'cali1', ipv4Nets: ['10.244.0.5/32'], ipv6Nets: [], bgpPeerName: 'lw' },
      { ifaceName: 'cali2', ipv4Nets: ['10.244.0.6/32'], bgpPeerName: 'other' },
    ]
    const { json } = seen([...three, off, peer('lw', { ...lw, maxRestartTime: '3m0s' })], { workloads })
    expect(json.peers).toMatchObject([
      {
        ...{ name: 'Local_Workload_10_244_0_5', remoteAs: 65100, localAs: 64999, passive: true, sourceAddress: '' },
        ...{ ttlSecurity: 0, numAllowedLocalAs: 0, restartTime: 120 },
      },
    ])
  })
})

describe('blocks, pools and services', () => {
  test('1.9 affinities of every age: what is not pending is ours', () => {
    const { originate, problems } = seen([
      ...three,
      affinity('10.244.0.0/26', '{"state":"pending","deleted":false}'),
      affinity('10.244.0.64/26', '{"state":"pendingDeletion","deleted":false}'),
      affinity('10.244.0.128/26', '{"state":"","deleted":false}'),
      affinity('10.244.0.192/26', '{}'),
      affinity('10.244.1.0/26', ''),
      affinity('10.244.9.9/32', '{"state":"confirmed","deleted":false}'),
      affinity('fd00:10:244::/122', '{"state":"confirmed"}'),
      [affinityKey('w1', '10.244.1.64/26').replace('64-26', '64@26'), '{"state":"confirmed"}'],
      [affinityKey('load-balancer', '10.250.0.0/26', 'virtual'), '{"state":"confirmed"}'],
      ['/calico/ipam/v2/host/w1', ''],
    ])
    expect(originate).toEqual([
      '10.244.0.128/26',
      '10.244.0.192/26',
      '10.244.0.64/26',
      '10.244.1.0/26',
      '10.244.1.64/26',
      'fd00:10:244::/122',
    ])
    expect(problems).toEqual([])
  })

  const pools: Keys = [
    pool('10.243.0.0/16', { ipipMode: 'Always', vxlanMode: '' }),
    pool('10.244.0.0/16', { vxlanMode: 'CrossSubnet', ipipMode: 'Never' }),
    pool('10.245.0.0/16', { ipipMode: 'CrossSubnet', disabled: true, disableBGPExport: true, blockSize: 0 }),
    pool('10.246.0.0/16', { status: { conditions: [{ type: 'Allocatable', status: 'True' }] } }),
    pool('10.247.1.1/32', { blockSize: 32, allowedUses: ['LoadBalancer'] }),
    pool('10.248.0.0/24', { ipip: { enabled: true, mode: 'cross-subnet' }, 'nat-outgoing': true }),
    pool('fd00:10::/48', { blockSize: 122, nodeSelector: '' }),
  ]
  test.each([
    ['up to v3.32 BGP has the IPIP routes', 'v3.28.1', ['tunnel', 'tunnel-across-subnets', 'tunnel-across-subnets']],
    ['from v3.33 on Felix has them', 'v3.33.0', ['reject', 'reject', 'reject']],
  ])('2.12 pools of every kind: %s', (_what, version, [always, across, legacy]) => {
    const { pools: found, problems } = seen([...three, release(version), ...pools])
    expect(found).toEqual([
      `10.243.0.0/16 ${always}`,
      '10.244.0.0/16 reject',
      `10.245.0.0/16 ${across}`,
      '10.246.0.0/16 accept',
      '10.247.1.1/32 accept',
      `10.248.0.0/24 ${legacy}`,
      'fd00:10::/48 accept',
    ])
    expect(problems).toEqual([])
  })

  test('2.9 ranges, one left blank, and a service that wants local endpoints', () => {
    const service = {
      ...{
        kind: 'Service',
        apiVersion: 'v1',
        metadata: { name: 'web', namespace: 'd', ownerReferences: [{ uid: 'x' }] },
      },
      spec: { type: 'LoadBalancer', clusterIP: '10.96.0.10', externalIPs: null, externalTrafficPolicy: 'Local' },
      status: { loadBalancer: { ingress: [{ hostname: 'x' }, { ip: '203.0.113.129', ipMode: 'VIP' }] } },
    }
    const slice = {
      ...{ kind: 'EndpointSlice', apiVersion: 'discovery.k8s.io/v1', addressType: 'IPv4', ports: null },
      metadata: { name: 'web-x', namespace: 'd', labels: { 'kubernetes.io/service-name': 'web' } },
      endpoints: [{ addresses: ['10.244.0.5'], nodeName: 'w1', conditions: { serving: true } }],
    }
    const { originate, json, problems } = seen([
      ...three,
      configuration({
        serviceClusterIPs: [{}, { cidr: '10.96.0.0/12' }],
        serviceLoadBalancerIPs: [{ cidr: '203.0.113.128/25' }, { cidr: '203.0.113.5/32' }, null],
      }),
      [resourceKey('Service', 'web', 'd'), JSON.stringify(service)],
      [resourceKey('EndpointSlice', 'web-x', 'd'), JSON.stringify(slice)],
    ])
    expect(originate).toEqual(['10.96.0.0/12', '10.96.0.10/32', '203.0.113.128/25', '203.0.113.129/32'])
    expect(json.kernel.rejectCidrs.map(({ cidr }) => cidr)).toEqual(['10.96.0.0/12', '203.0.113.128/25'])
    expect(problems).toEqual([])
  })
})
