import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  affinityKey,
  blockKey,
  checkDocuments,
  flattenDocument,
  mapDocument,
  newResourceValue,
  parseJson,
  patchValue,
  resourceKey,
  toDocument,
} from './index.js'

const calico = (kind: string, name: string, spec: object, metadata: object = {}) => ({
  apiVersion: 'projectcalico.org/v3',
  kind,
  metadata: { name, ...metadata },
  spec,
})

describe('a document becomes an entry', () => {
  test('as Calico’s client stores it: version stripped, unknown fields kept, a node has a status', () => {
    const document = calico(
      'Node',
      'w1',
      { bgp: { ipv4Address: '10.0.0.1/24', future: { x: 1 } } },
      {
        resourceVersion: '123',
        selfLink: '/x',
        uid: 'u',
        creationTimestamp: '2026-08-01T09:12:31Z',
        annotations: { note: 'a < b' },
      },
    )
    expect(mapDocument(document)).toEqual({
      ok: true,
      key: '/calico/resources/v3/projectcalico.org/nodes/w1',
      value:
        '{"kind":"Node","apiVersion":"projectcalico.org/v3","metadata":{"name":"w1","uid":"u","creationTimestamp":"2026-08-01T09:12:31Z","annotations":{"note":"a \\u003c b"}},"spec":{"bgp":{"ipv4Address":"10.0.0.1/24","future":{"x":1}}},"status":{}}',
    })
  })

  const rows: [what: string, document: unknown, key: string][] = [
    [
      'a Kubernetes node is another kind',
      { apiVersion: 'v1', kind: 'Node', metadata: { name: 'w1' } },
      resourceKey('KubernetesNode', 'w1'),
    ],
    [
      'a service without namespace',
      { apiVersion: 'v1', kind: 'Service', metadata: { name: 'web' }, spec: {} },
      resourceKey('Service', 'web', 'default'),
    ],
    [
      'a secret',
      { apiVersion: 'v1', kind: 'Secret', metadata: { name: 's', namespace: 'kube-system' } },
      resourceKey('Secret', 's', 'kube-system'),
    ],
    [
      'a slice',
      {
        apiVersion: 'discovery.k8s.io/v1',
        kind: 'EndpointSlice',
        metadata: { name: 'e', namespace: 'x' },
        endpoints: [],
      },
      resourceKey('EndpointSlice', 'e', 'x'),
    ],
    [
      'a CRD document',
      { ...calico('BGPFilter', 'f', {}), apiVersion: 'crd.projectcalico.org/v1' },
      resourceKey('BGPFilter', 'f'),
    ],
    [
      'our own',
      { apiVersion: 'starling.io/v1', kind: 'StarlingPeerOptions', metadata: { name: 'o' }, spec: {} },
      resourceKey('StarlingPeerOptions', 'o'),
    ],
    [
      'an affinity',
      calico('BlockAffinity', 'a', {
        node: 'w1',
        cidr: '10.244.1.0/26',
        state: 'confirmed',
        type: 'host',
        deleted: 'false',
      }),
      affinityKey('w1', '10.244.1.0/26'),
    ],
    [
      'a literal entry',
      { apiVersion: 'starling.io/v1', kind: 'Entry', key: affinityKey('w1', '10.1.0.0/26'), value: '' },
      affinityKey('w1', '10.1.0.0/26'),
    ],
  ]
  test.each(rows)('%s', (_what, document, key) => {
    expect(mapDocument(document)).toMatchObject({ ok: true, key })
  })

  test.each([
    ['no object', 'x', undefined, 'is not an object'],
    ['no kind', { apiVersion: 'v1' }, 'kind', 'is missing'],
    ['no apiVersion', { kind: 'Node' }, 'apiVersion', 'is missing'],
    ['no name', { apiVersion: 'projectcalico.org/v3', kind: 'Node', metadata: {} }, 'metadata.name', 'is missing'],
    ['another kind', { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'x' } }, 'kind', 'is not known'],
    ['the wrong group', { apiVersion: 'v1', kind: 'BGPPeer', metadata: { name: 'x' } }, 'kind', 'is not known'],
    ['a slash in the name', calico('Node', 'a/b', {}), 'metadata.name', "must not contain '/'"],
    ['a bad field', calico('BGPPeer', 'p', { peerIP: 'x' }), 'spec.peerIP', 'is not an address'],
    [
      'an unknown key',
      { apiVersion: 'starling.io/v1', kind: 'Entry', key: '/x', value: '' },
      'key',
      'is not a known key',
    ],
  ])('or a problem: %s', (_what, document, field, message) => {
    const mapped = mapDocument(document)
    expect(mapped).toMatchObject({ ok: false })
    const [problem] = mapped.ok ? [] : mapped.problems
    expect(problem?.field).toBe(field)
    expect(problem?.message).toContain(message)
  })

  test('lists are taken apart, typed ones tell their items what they are', () => {
    const typed = {
      apiVersion: 'projectcalico.org/v3',
      kind: 'BGPPeerList',
      items: [{ metadata: { name: 'p' }, spec: {} }],
    }
    const list = { apiVersion: 'v1', kind: 'List', items: [calico('Node', 'a', {}), typed] }
    expect(flattenDocument(list)).toHaveLength(2)
    expect(flattenDocument(typed)).toMatchObject([{ kind: 'BGPPeer', apiVersion: 'projectcalico.org/v3' }])
    expect(flattenDocument(null)).toEqual([])
  })
})

test.each([
  [
    resourceKey('Node', 'w1'),
    '{"kind":"Node","apiVersion":"projectcalico.org/v3","metadata":{"name":"w1"},"spec":{"x":12345678901234567890},"status":{}}',
  ],
  [affinityKey('w1', '10.244.1.0/26'), '{"state":"pending","deleted":false}'],
  [affinityKey('w1', 'fd00::40/122'), '{"state":"confirmed","deleted":false}'],
  [
    blockKey('10.0.0.0/30'),
    '{"cidr":"10.0.0.0/30","affinity":null,"allocations":[null,null,null,null],"unallocated":[0,1,2,3],"attributes":null,"sequenceNumber":1785575560123456792,"sequenceNumberForAllocation":{},"deleted":false}',
  ],
  ['/calico/ipam/v2/handle/h', '{"block":{"10.0.0.0/30":1},"deleted":false}'],
  ['/calico/ipam/v2/host/w1', ''],
])('%s goes to a document and back, byte for byte', (key, value) => {
  expect(mapDocument(toDocument(key, value))).toEqual({ ok: true, key, value })
})

test('a new resource is written as Calico’s client writes one', () => {
  const value = newResourceValue({
    kind: 'IPPool',
    name: 'p',
    uid: 'u',
    now: 1785575551000,
    spec: { cidr: '10.0.0.0/8' },
  })
  expect(value).toBe(
    '{"kind":"IPPool","apiVersion":"projectcalico.org/v3","metadata":{"name":"p","uid":"u","creationTimestamp":"2026-08-01T09:12:31Z"},"spec":{"cidr":"10.0.0.0/8"}}',
  )
})

test('fields nobody knows survive mapping and patching, wherever they stand', () => {
  const unknown = fc.dictionary(fc.stringMatching(/^x[a-z]{1,5}$/), fc.jsonValue(), { maxKeys: 4 })
  fc.assert(
    fc.property(unknown, unknown, unknown, (top, inSpec, inMetadata) => {
      const spec = { ...inSpec, peerIP: '192.0.2.1', asNumber: 65001 }
      const metadata = { ...inMetadata, name: 'p' }
      const mapped = mapDocument({ ...top, apiVersion: 'projectcalico.org/v3', kind: 'BGPPeer', metadata, spec })
      if (!mapped.ok) throw new Error(JSON.stringify(mapped.problems))
      const patched = parseJson(patchValue(mapped.value, { spec: { asNumber: 65002 } }))
      const expected = {
        ...top,
        apiVersion: 'projectcalico.org/v3',
        kind: 'BGPPeer',
        metadata,
        spec: { ...spec, asNumber: 65002 },
      }
      expect(patched).toEqual(parseJson(JSON.stringify(expected)))
    }),
    { numRuns: 50 },
  )
})

describe('checking a set of documents', () => {
  const check = (...documents: object[]) =>
    checkDocuments(documents.map((document, i) => ({ source: `f.yaml:${i + 1}`, document }))).map(
      ({ source, resource, field, message }) => `${source} ${resource} ${field ?? '-'}: ${message}`,
    )
  const tor = { peerIP: '192.0.2.1', asNumber: 65001 }

  test('a sound set has no problems', () => {
    expect(
      check(
        calico('Node', 'a', {}),
        calico('BGPPeer', 'p', { ...tor, node: 'a', filters: ['f'] }),
        calico('BGPFilter', 'f', { exportV4: [{ cidr: '10.0.0.0/8', matchOperator: 'In', action: 'Accept' }] }),
        calico('IPPool', 'x', { cidr: '10.244.0.0/16' }),
        calico('IPPool', 'y', { cidr: '10.245.0.0/16' }),
      ),
    ).toEqual([])
  })

  test('what stands in the datastore already may be named', () => {
    const peer = { source: 'f.yaml:1', document: calico('BGPPeer', 'p', { ...tor, filters: ['f', 'g'] }) }
    const found = checkDocuments([peer], (key) => key.endsWith('/bgpfilters/f'))
    expect(found.map(({ message }) => message)).toEqual(["no BGPFilter 'g'"])
  })

  const rows: [what: string, documents: object[], expected: string][] = [
    [
      'unknown filter',
      [calico('BGPPeer', 'p', { ...tor, filters: ['f'] })],
      "f.yaml:1 BGPPeer/p spec.filters[0]: no BGPFilter 'f'",
    ],
    [
      'an address of the wrong family',
      [calico('Node', 'a', { bgp: { ipv4Address: 'fd00::1/64' } })],
      "f.yaml:1 Node/a spec.bgp.ipv4Address: 'fd00::1' is not an IPv4 address: not used",
    ],
    [
      'AS 0',
      [calico('Node', 'a', { bgp: { ipv4Address: '10.0.0.1/24', asNumber: 0 } })],
      'f.yaml:1 Node/a spec.bgp.asNumber: is 0, which no speaker may use (RFC 7607): the global AS counts',
    ],
    [
      'a pool with host bits',
      [calico('IPPool', 'x', { cidr: '10.0.0.1/16' })],
      "f.yaml:1 IPPool/x spec.cidr: '10.0.0.1/16' has host bits: 10.0.0.0/16 counts",
    ],
    [
      'a filter with host bits',
      [calico('BGPFilter', 'f', { exportV4: [{ cidr: '10.0.0.1/8', matchOperator: 'In', action: 'Accept' }] })],
      "f.yaml:1 BGPFilter/f spec.exportV4[0].cidr: '10.0.0.1/8' has host bits: 10.0.0.0/8 counts",
    ],
    [
      'an affinity state that is none',
      [calico('BlockAffinity', 'x', { state: 'conformed', node: 'a', cidr: '10.0.0.0/26' })],
      'f.yaml:1 BlockAffinity/a/10.0.0.0/26 spec.state: Invalid option: expected one of "pending"|"confirmed"|"pendingDeletion"|""',
    ],
    [
      'a mistyped field',
      [calico('BGPPeer', 'p', { ...tor, ttlSecurty: 1, password: {} })],
      'f.yaml:1 BGPPeer/p spec.ttlSecurty: is no field that Starling knows; is ttlSecurity meant?',
    ],
    [
      'a mistyped field inside',
      [
        calico('BGPFilter', 'f', {
          importV6: [{ action: 'Accept', operations: [{ addComunity: {}, setPriority: { value: 1 } }] }],
        }),
      ],
      'f.yaml:1 BGPFilter/f spec.importV6[0].operations[0].addComunity: is no field that Starling knows; is addCommunity meant?',
    ],
    [
      'unknown node',
      [calico('Node', 'a', {}), calico('BGPPeer', 'p', { ...tor, node: 'b' })],
      "f.yaml:2 BGPPeer/p spec.node: no Node 'b' among these documents",
    ],
    [
      'the same twice',
      [calico('Node', 'a', {}), calico('Node', 'a', {})],
      'f.yaml:2 Node/a -: is also defined in f.yaml:1; only one can count',
    ],
    [
      'overlapping pools',
      [calico('IPPool', 'x', { cidr: '10.0.0.0/8' }), calico('IPPool', 'y', { cidr: '10.1.0.0/16' })],
      "f.yaml:2 IPPool/y spec.cidr: overlaps 10.0.0.0/8 of IPPool 'x'",
    ],
    [
      'two for one session',
      [calico('BGPPeer', 'a', tor), calico('BGPPeer', 'b', tor)],
      "f.yaml:2 BGPPeer/b spec: same sessions as BGPPeer 'a'; the first name in alphabetical order wins",
    ],
    [
      'node and nodeSelector',
      [calico('BGPPeer', 'p', { ...tor, node: 'a', nodeSelector: 'all()' })],
      'f.yaml:1 BGPPeer/p spec.nodeSelector: not together with spec.node; the selector counts',
    ],
    [
      'peerIP and peerSelector',
      [calico('BGPPeer', 'p', { peerIP: '192.0.2.1', peerSelector: 'all()' })],
      'f.yaml:1 BGPPeer/p spec.peerSelector: not together with spec.peerIP; the selector counts',
    ],
    [
      'AS with peerSelector',
      [calico('BGPPeer', 'p', { asNumber: 1, peerSelector: 'all()' })],
      'f.yaml:1 BGPPeer/p spec.asNumber: must be empty with spec.peerSelector: the AS of each selected node counts',
    ],
    [
      'no peer at all',
      [calico('BGPPeer', 'p', { asNumber: 1 })],
      'f.yaml:1 BGPPeer/p spec: names no peer: one of peerIP, peerSelector, localWorkloadSelector is needed',
    ],
    [
      'a selector',
      [calico('BGPPeer', 'p', { ...tor, nodeSelector: 'a = b' })],
      "f.yaml:1 BGPPeer/p spec.nodeSelector: selects nothing: unexpected character '=' at position 3",
    ],
    [
      'gateway of another family',
      [calico('BGPPeer', 'p', { ...tor, reachableBy: 'fd00::1' })],
      'f.yaml:1 BGPPeer/p spec.reachableBy: is not of the family of spec.peerIP',
    ],
    [
      'both next hop fields',
      [calico('BGPPeer', 'p', { ...tor, keepOriginalNextHop: true, nextHopMode: 'Keep' })],
      'f.yaml:1 BGPPeer/p spec.keepOriginalNextHop: not together with spec.nextHopMode, which wins',
    ],
    [
      'operator without CIDR',
      [calico('BGPFilter', 'f', { importV4: [{ matchOperator: 'In', action: 'Accept' }] })],
      'f.yaml:1 BGPFilter/f spec.importV4[0].cidr: cidr and matchOperator go together',
    ],
    [
      'operations on a rejection',
      [
        calico('BGPFilter', 'f', {
          importV4: [{ action: 'Reject', operations: [{ addCommunity: { value: '1:1' } }] }],
        }),
      ],
      'f.yaml:1 BGPFilter/f spec.importV4[0].operations: only with action Accept',
    ],
    [
      'block size',
      [calico('IPPool', 'x', { cidr: '10.0.0.0/8', blockSize: 122 })],
      'f.yaml:1 IPPool/x spec.blockSize: must be between 20 and 32',
    ],
    [
      'both encapsulations',
      [calico('IPPool', 'x', { cidr: '10.0.0.0/8', ipipMode: 'Always', vxlanMode: 'Always' })],
      'f.yaml:1 IPPool/x spec.vxlanMode: not together with IPIP',
    ],
    [
      'a configuration’s name',
      [calico('BGPConfiguration', 'mine', {})],
      "f.yaml:1 BGPConfiguration/mine metadata.name: is neither 'default' nor 'node.<name>': the object is ignored",
    ],
    [
      'global fields on a node',
      [calico('BGPConfiguration', 'node.a', { asNumber: 1 })],
      "f.yaml:1 BGPConfiguration/node.a spec.asNumber: is only allowed in 'default' and ignored here",
    ],
    [
      'a mesh password without mesh',
      [
        calico('BGPConfiguration', 'default', {
          nodeToNodeMeshEnabled: false,
          nodeMeshPassword: { secretKeyRef: { name: 's', key: 'k' } },
        }),
      ],
      'f.yaml:1 BGPConfiguration/default spec.nodeMeshPassword: needs the node-to-node mesh',
    ],
    [
      'a community name',
      [calico('BGPConfiguration', 'default', { prefixAdvertisements: [{ cidr: '10.0.0.0/8', communities: ['x'] }] })],
      "f.yaml:1 BGPConfiguration/default spec.prefixAdvertisements[0].communities[0]: 'x' is no community and no name in spec.communities",
    ],
    [
      'an annotation',
      [calico('BGPPeer', 'p', tor, { annotations: { 'starling.io/hold-time': '1s' } })],
      'f.yaml:1 BGPPeer/p metadata.annotations["starling.io/hold-time"]: must be 0 or between 3s and 65535s',
    ],
    ['a document that is none', [{ kind: 'x' }], 'f.yaml:1 x apiVersion: is missing'],
  ]
  test.each(rows)('%s', (_what, documents, expected) => {
    expect(check(...documents)).toEqual([expected])
  })
})
