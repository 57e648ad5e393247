import { expect, test } from 'vitest'
import {
  affinityKey,
  affinityPrefix,
  blockKey,
  describeKey,
  handleKey,
  IPAM_CONFIG_KEY,
  ipamHostKey,
  isNamespaced,
  parseKey,
  RESOURCE_KINDS,
  resourceKey,
} from './index.js'

const R = '/calico/resources/v3/projectcalico.org'

test.each([
  [resourceKey('Node', 'worker-1'), `${R}/nodes/worker-1`, 'Node/worker-1'],
  [resourceKey('BGPConfiguration', 'node.w1'), `${R}/bgpconfigurations/node.w1`, 'BGPConfiguration/node.w1'],
  [resourceKey('WorkloadEndpoint', 'a', 'ns'), `${R}/workloadendpoints/ns/a`, 'WorkloadEndpoint/ns/a'],
  [resourceKey('StarlingPeerOptions', 'o'), '/starling/v1/peeroptions/o', 'StarlingPeerOptions/o'],
  [resourceKey('Service', 'web', 'shop'), '/starling/v1/kubernetes/services/shop/web', 'Service/shop/web'],
  [
    affinityKey('worker-1', '10.244.1.0/26'),
    '/calico/ipam/v2/host/worker-1/ipv4/block/10.244.1.0-26',
    'BlockAffinity/worker-1/10.244.1.0/26',
  ],
  [
    affinityKey('load-balancer', '10.9.0.0/26', 'virtual'),
    '/calico/ipam/v2/virtual/load-balancer/ipv4/block/10.9.0.0-26',
    'BlockAffinity/load-balancer/10.9.0.0/26',
  ],
  [blockKey('10.244.1.7/26'), '/calico/ipam/v2/assignment/ipv4/block/10.244.1.0-26', 'IPAMBlock/10.244.1.0/26'],
  [
    blockKey('FD00:10:244::1/122'),
    '/calico/ipam/v2/assignment/ipv6/block/fd00:10:244::-122',
    'IPAMBlock/fd00:10:244::/122',
  ],
  [handleKey('ipip-tunnel-addr-w1'), '/calico/ipam/v2/handle/ipip-tunnel-addr-w1', 'IPAMHandle/ipip-tunnel-addr-w1'],
  [ipamHostKey('w1'), '/calico/ipam/v2/host/w1', 'IPAMHost/w1'],
  [IPAM_CONFIG_KEY, '/calico/ipam/v2/config', 'IPAMConfig'],
])('%s', (key, expected, described) => {
  expect(key).toBe(expected)
  expect(describeKey(key)).toBe(described)
  expect(parseKey(key)).toBeDefined()
})

test('every kind goes to a key and back', () => {
  for (const kind of RESOURCE_KINDS) {
    const namespace = isNamespaced(kind) ? 'ns' : ''
    expect(parseKey(resourceKey(kind, 'x.y-z', namespace))).toEqual({
      type: 'resource',
      kind,
      namespace,
      name: 'x.y-z',
    })
  }
})

test('the separator of an affinity may be @, the node name is raw', () => {
  expect(parseKey('/calico/ipam/v2/host/w1.example.net/ipv4/block/10.244.1.0@26')).toEqual({
    type: 'affinity',
    affinityType: 'host',
    owner: 'w1.example.net',
    cidr: '10.244.1.0/26',
  })
})

test('the prefix of a node’s affinities does not take those of another with a longer name', () => {
  expect(affinityKey('w10', '10.0.0.0/26').startsWith(affinityPrefix('w1', 'ipv4'))).toBe(false)
})

test.each([
  '/calico/bgp/v1/global/as_num',
  '/calico/resources/v3/projectcalico.org/nodes/',
  '/calico/resources/v3/projectcalico.org/nodes/a/b',
  '/calico/resources/v3/projectcalico.org/alertexceptions/x',
  '/calico/ipam/v2/handle/',
  '/calico/ipam/v2/host/a/b',
  '/registry/nodes/a',
  '',
])("'%s' is none of ours", (key) => {
  expect(parseKey(key)).toBeUndefined()
})
