import { describe, expect, test } from 'vitest'
import type { DecodedKind } from './decode.js'
import {
  affinityKey,
  blockKey,
  decodeEntry,
  IPAM_CONFIG_KEY,
  type ResourceKind,
  type ResourceOf,
  readAnnotations,
  resourceKey,
} from './index.js'

const raw = (kind: string, spec: unknown, name = 'x', metadata: object = {}) =>
  JSON.stringify({ kind, apiVersion: 'projectcalico.org/v3', metadata: { name, ...metadata }, spec })

function decode<K extends DecodedKind>(kind: K, spec: unknown): ResourceOf<K> {
  const decoded = decodeEntry(resourceKey(kind as ResourceKind, 'x'), raw(kind, spec))
  if (decoded?.ok !== true) throw new Error(JSON.stringify(decoded))
  return decoded.value as ResourceOf<K>
}

/** `field: message` of every problem. */
function faults(kind: ResourceKind, spec: unknown): string[] {
  const decoded = decodeEntry(resourceKey(kind, 'x'), raw(kind, spec))
  return decoded === undefined || decoded.ok ? [] : decoded.problems.map(({ field, message }) => `${field}: ${message}`)
}

describe('Node', () => {
  test('the worker of the reference', () => {
    const value =
      '{"kind":"Node","apiVersion":"projectcalico.org/v3","metadata":{"name":"worker-1","uid":"0b5a","creationTimestamp":null,"labels":{"rack":"r1"}},"spec":{"bgp":{"asNumber":"1.10","ipv4Address":"10.0.0.11/24","ipv6Address":"FD00:A::11/64","ipv4IPIPTunnelAddr":"10.244.1.0","routeReflectorClusterID":"244.0.0.1"},"orchRefs":[{"nodeName":"worker-1","orchestrator":"k8s"}],"interfaces":[{"name":"eth0","addresses":["10.0.0.11"]}],"future":{"x":1}},"status":{}}'
    const decoded = decodeEntry(resourceKey('Node', 'worker-1'), value)
    expect(decoded).toMatchObject({
      ok: true,
      value: {
        metadata: { labels: { rack: 'r1' }, annotations: {} },
        spec: {
          bgp: {
            asNumber: 65546,
            ipv4Address: { address: '10.0.0.11', length: 24, network: '10.0.0.0/24' },
            ipv6Address: { address: 'fd00:a::11', network: 'fd00:a::/64' },
            routeReflectorClusterID: 0xf4000001,
          },
        },
      },
    })
  })

  test('absent, null and empty are the same', () => {
    const bgp = (given: object) => decode('Node', { bgp: given }).spec.bgp
    expect(bgp({ ipv4Address: '', asNumber: null })).toEqual(bgp({}))
    expect(decode('Node', null as never).spec.bgp).toBeUndefined()
  })

  test('a bare address is a single one', () => {
    expect(decode('Node', { bgp: { ipv4Address: '10.0.0.1' } }).spec.bgp?.ipv4Address?.network).toBe('10.0.0.1/32')
  })

  test('the name must be that of the key', () => {
    expect(decodeEntry(resourceKey('Node', 'a'), raw('Node', {}, 'b'))).toMatchObject({
      ok: false,
      problems: [{ field: 'metadata.name', resource: 'Node/a' }],
    })
  })
})

describe('the path of the bad field', () => {
  const rows: [kind: ResourceKind, spec: unknown, expected: string][] = [
    [
      'Node',
      { bgp: { ipv4Address: '10.0.0.300/24' } },
      "spec.bgp.ipv4Address: '10.0.0.300/24' is not an address with a prefix length",
    ],
    [
      'Node',
      { bgp: { asNumber: 5000000000 } },
      "spec.bgp.asNumber: '5000000000' is not an AS number (0..4294967295, or dotted '1.10')",
    ],
    [
      'Node',
      { bgp: { routeReflectorClusterID: '1' } },
      "spec.bgp.routeReflectorClusterID: '1' is not a cluster id in dotted-quad form",
    ],
    [
      'BGPPeer',
      { peerIP: 'tor.example.net' },
      "spec.peerIP: 'tor.example.net' is not an address with an optional port",
    ],
    ['BGPPeer', { maxRestartTime: '2 minutes' }, "spec.maxRestartTime: '2 minutes' is not a duration such as '2m0s'"],
    [
      'BGPConfiguration',
      { serviceClusterIPs: [{ cidr: '10.0.0.0/8' }, { cidr: '10.0.0.0' }] },
      "spec.serviceClusterIPs[1].cidr: '10.0.0.0' is not a CIDR such as 10.0.0.0/8",
    ],
    [
      'BGPConfiguration',
      { communities: [{ name: 'x', value: '70000:1' }] },
      "spec.communities[0].value: '70000:1' is not a community aa:nn or aa:nn:mm",
    ],
    [
      'BGPFilter',
      { exportV4: [{ action: 'Accept', cidr: 'fd00::/8', matchOperator: 'In' }] },
      'spec.exportV4[0].cidr: not an IPv4 CIDR',
    ],
    [
      'BGPFilter',
      { importV6: [{ action: 'Accept', operations: [{}] }] },
      'spec.importV6[0].operations[0]: exactly one of addCommunity, prependASPath, setPriority is needed',
    ],
    ['IPPool', { cidr: 'x' }, "spec.cidr: 'x' is not a CIDR such as 10.0.0.0/8"],
    ['StarlingPeerOptions', { holdTime: '2s' }, 'spec.holdTime: must be 0 or between 3s and 65535s'],
    [
      'StarlingPeerOptions',
      { importLimits: { ipv4: { maximum: 0 } } },
      'spec.importLimits.ipv4.maximum: Too small: expected number to be >=1',
    ],
    ...['', '..', 'eth0 ', 'a/b', 'fe80::1%eth0', 'sixteen-letters!'].map(
      (name): [kind: ResourceKind, spec: unknown, expected: string] => [
        'StarlingPeerOptions',
        { unnumbered: [{ interface: name, remoteAs: 'external' }] },
        'spec.unnumbered[0].interface: is no interface name: 1 to 15 characters, without space, slash, colon and percent sign',
      ],
    ),
  ]
  test.each(rows)('%s %o: %s', (kind, spec, expected) => {
    expect(faults(kind, spec)).toEqual([expected])
  })

  test.each([
    ['{"kind":', 'not JSON'],
    ['[]', 'not a JSON object'],
    ['"x"', 'not a JSON object'],
  ])('text that is no resource: %s', (text, message) => {
    const decoded = decodeEntry(resourceKey('Node', 'x'), text)
    expect(decoded).toMatchObject({ ok: false, problems: [{ key: resourceKey('Node', 'x'), resource: 'Node/x' }] })
    expect(JSON.stringify(decoded)).toContain(message)
  })
})

test('IPPool: defaults, deprecated members', () => {
  expect(decode('IPPool', { cidr: '10.244.0.9/16' }).spec).toMatchObject({
    cidr: { network: '10.244.0.0/16' },
    blockSize: 26,
    ipipMode: 'Never',
    vxlanMode: 'Never',
    natOutgoing: false,
    disabled: false,
    disableBGPExport: false,
    allowedUses: ['Workload', 'Tunnel'],
    assignmentMode: 'Automatic',
  })
  expect(decode('IPPool', { cidr: 'fd00::/48' }).spec.blockSize).toBe(122)
  const old = { cidr: '10.0.0.0/8', ipip: { enabled: true, mode: 'cross-subnet' }, 'nat-outgoing': true }
  expect(decode('IPPool', old).spec).toMatchObject({ ipipMode: 'CrossSubnet', natOutgoing: true })
})

describe('affinities', () => {
  const key = affinityKey('w1', '10.244.1.0/26')
  test.each([
    ['', 'confirmed'],
    ['{}', 'confirmed'],
    ['{"state":"","deleted":false}', 'confirmed'],
    ['{"state":"confirmed","deleted":false}', 'confirmed'],
    ['{"state":"pending","deleted":false}', 'pending'],
    ['{"state":"pendingDeletion","deleted":false}', 'pendingDeletion'],
  ])('the value %s means %s', (value, state) => {
    expect(decodeEntry(key, value)).toMatchObject({
      ok: true,
      value: { kind: 'IPAMAffinity', owner: 'w1', affinityType: 'host', state, cidr: { network: '10.244.1.0/26' } },
    })
  })

  test('another state is a problem', () => {
    expect(decodeEntry(key, '{"state":"perhaps"}')).toMatchObject({ ok: false, problems: [{ field: 'state' }] })
  })
})

test('a block keeps its 64-bit numbers', () => {
  const value =
    '{"cidr":"10.244.200.4/30","affinity":"host:worker-1","allocations":[0,null,null,0],"unallocated":[1,2],"attributes":[{"handle_id":"h","secondary":{"node":"worker-1"}}],"sequenceNumber":1785575560123456792,"sequenceNumberForAllocation":{"0":1785575560123456789,"3":7},"deleted":false}'
  expect(decodeEntry(blockKey('10.244.200.4/30'), value)).toMatchObject({
    ok: true,
    value: {
      value: {
        sequenceNumber: 1785575560123456792n,
        sequenceNumberForAllocation: { 0: 1785575560123456789n, 3: 7n },
        allocations: [0, null, null, 0],
      },
    },
  })
})

test('a new block has null attributes', () => {
  const value =
    '{"cidr":"10.0.0.0/30","affinity":null,"allocations":[null,null,null,null],"unallocated":[0,1,2,3],"attributes":null,"sequenceNumber":1,"sequenceNumberForAllocation":{},"deleted":false}'
  expect(decodeEntry(blockKey('10.0.0.0/30'), value)).toMatchObject({ ok: true, value: { value: { attributes: [] } } })
})

test('IPAM configuration omits zero members', () => {
  expect(decodeEntry(IPAM_CONFIG_KEY, '{"auto_allocate_blocks":true}')).toMatchObject({
    value: { value: { strict_affinity: false, auto_allocate_blocks: true, maxBlocksPerHost: 0 } },
  })
  expect(decodeEntry(IPAM_CONFIG_KEY, '{"strict_affinity":true}')).toMatchObject({
    value: { value: { strict_affinity: true, auto_allocate_blocks: false } },
  })
})

test('keys nobody reads decode to nothing', () => {
  expect(decodeEntry('/calico/bgp/v1/global/as_num', '64512')).toBeUndefined()
  expect(decodeEntry(resourceKey('WorkloadEndpoint', 'a', 'b'), '{}')).toBeUndefined()
})

test('annotations are checked one by one and the good ones count', () => {
  const { options, faults: bad } = readAnnotations({
    'starling.io/hold-time': '9s',
    'starling.io/bfd': '{"minimumInterval":"100ms","strict":true}',
    'starling.io/remote-as': 'external',
    'starling.io/passive': 'true',
    'starling.io/description': '1234',
    'starling.io/add-path-send': 'all',
    'starling.io/allow-own-as': 'many',
    'starling.io/nonsense': 'x',
    'projectcalico.org/kube-labels': '{}',
  })
  expect(options).toEqual({
    holdTime: 9000,
    bfd: { enabled: true, minimumInterval: 100, multiplier: 3, strict: true, passive: false, echo: false },
    remoteAs: 'external',
    passive: true,
    description: '1234',
    addPathSend: 'all',
  })
  expect(bad.map(({ annotation }) => annotation)).toEqual(['starling.io/allow-own-as', 'starling.io/nonsense'])
})
