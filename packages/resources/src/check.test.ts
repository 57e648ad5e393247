import { describe, expect, test } from 'vitest'
import { checkDocuments } from './index.js'

const calico = (kind: string, name: string, spec: object, more: object = {}) => ({
  apiVersion: 'projectcalico.org/v3',
  kind,
  metadata: { name },
  spec,
  ...more,
})

function check(...documents: object[]): string[] {
  return checkDocuments(documents.map((document, i) => ({ source: String(i), document }))).map(
    ({ severity, resource, field, message }) => `${severity} ${resource} ${field}: ${message}`,
  )
}

describe('one mistake does not hide the others', () => {
  test('rules between fields and between documents are judged without the fields that are wrong', () => {
    const peer = calico('BGPPeer', 'p', {
      node: 'a',
      nodeSelector: 'all()',
      peerIP: '10.0.0.300',
      ttlSecurity: 300,
      reachableBy: '10.0.0.1',
      filters: ['none'],
    })
    expect(check(peer)).toEqual([
      expect.stringMatching(/^error BGPPeer\/p spec.peerIP: '10.0.0.300' is not an address/),
      expect.stringMatching(/^error BGPPeer\/p spec.ttlSecurity: Too big/),
      'error BGPPeer/p spec.nodeSelector: not together with spec.node; the selector counts',
      "error BGPPeer/p spec.filters[0]: no BGPFilter 'none'",
    ])
  })

  test('a rule of a list that is wrong leaves the numbers of the others', () => {
    const filter = calico('BGPFilter', 'f', {
      exportV4: [
        { cidr: '10.0.0.0/33', matchOperator: 'In', action: 'Accept' },
        { cidr: '10.0.0.0/8', action: 'Accept' },
      ],
    })
    expect(check(filter)).toEqual([
      expect.stringMatching(/^error BGPFilter\/f spec.exportV4\[0\].cidr: /),
      'error BGPFilter/f spec.exportV4[1].matchOperator: cidr and matchOperator go together',
    ])
  })

  test('a document with mistakes is there for those that name it', () => {
    const filter = calico('BGPFilter', 'f', { exportV4: [{ action: 'Perhaps' }] })
    const peer = calico('BGPPeer', 'p', { peerIP: '192.0.2.1', asNumber: 65001, filters: ['f'] })
    expect(check(filter, peer)).toEqual([expect.stringMatching(/^error BGPFilter\/f spec.exportV4\[0\].action: /)])
  })

  test.each([
    [
      'communities that are wrong',
      { communities: [{ name: 'a', value: 'x' }], prefixAdvertisements: [{ cidr: '10.0.0.0/8', communities: ['a'] }] },
      'spec.communities[0].value',
    ],
    [
      'an advertisement that is wrong',
      { communities: [{ name: 'a', value: '1:1' }], prefixAdvertisements: [{ communities: ['a'] }] },
      'spec.prefixAdvertisements[0].cidr',
    ],
  ])('what may be a consequence is not told: %s', (_what, spec, field) => {
    expect(check(calico('BGPConfiguration', 'default', spec))).toEqual([
      expect.stringContaining(`BGPConfiguration/default ${field}: `),
    ])
  })
})

describe('fields that nobody knows', () => {
  test.each([
    ['Node', { bgp: { ipv4address: '10.0.0.1/24' } }, 'spec.bgp.ipv4address', 'ipv4Address'],
    ['Node', { bgp: { asNumbre: 64512 } }, 'spec.bgp.asNumbre', 'asNumber'],
    ['IPPool', { cidr: '10.0.0.0/16', natOutgong: true }, 'spec.natOutgong', 'natOutgoing'],
    ['IPPool', { cidr: '10.0.0.0/16', blocksSize: 26 }, 'spec.blocksSize', 'blockSize'],
    ['IPReservation', { reservedCIDRS: [] }, 'spec.reservedCIDRS', 'reservedCIDRs'],
    ['BGPFilter', { exportV4: [{ action: 'Accept', piority: 1 }] }, 'spec.exportV4[0].piority', 'priority'],
  ])('of a %s: %o', (kind, spec, field, meant) => {
    expect(check(calico(kind, 'x', spec))).toEqual([
      `warning ${kind}/x ${field}: is no field that Starling knows; is ${meant} meant?`,
    ])
  })

  test('beside and inside the metadata', () => {
    const node = calico('Node', 'a', {}, { metadata: { name: 'a', lables: {}, finalizers: [] }, specs: {} })
    expect(check(node)).toEqual([
      'warning Node/a specs: is no field that Starling knows; is spec meant?',
      'warning Node/a metadata.lables: is no field that Starling knows; is labels meant?',
    ])
  })

  test('what Calico itself writes has none of them', () => {
    const bgp = { asNumber: 64512, ipv4Address: '10.0.0.1/24', ipv4IPIPTunnelAddr: '10.244.1.0' }
    const spec = {
      bgp,
      orchRefs: [{ nodeName: 'a', orchestrator: 'k8s' }],
      interfaces: [{ name: 'eth0', addresses: [] }],
    }
    const pool = { cidr: '10.0.0.0/16', ipipMode: 'Never', vxlanMode: 'Never', allowedUses: ['Workload'] }
    const metadata = { name: 'a', uid: 'u', resourceVersion: '1', creationTimestamp: null, generation: 1 }
    expect(check(calico('Node', 'a', spec, { metadata, status: {} }), calico('IPPool', 'p', pool))).toEqual([])
  })
})

test.each([
  ['bgppeer', 'projectcalico.org/v3', "; BGPPeer of 'projectcalico.org/v3'?"],
  ['BGPPeer', 'v1', "; BGPPeer of 'projectcalico.org/v3'?"],
  ['StarlingPeerOptions', 'projectcalico.org/v3', "; StarlingPeerOptions of 'starling.io/v1'?"],
])('kind %s of %s: the one that is meant is named', (kind, apiVersion, advice) => {
  expect(check({ apiVersion, kind, metadata: { name: 'x' } })[0]).toContain(`is not known${advice}`)
})

test.each([
  [{ name: 5 }, 'is no text but 5: it needs quotes'],
  [{}, 'is missing'],
])('metadata %o: metadata.name %s', (metadata, message) => {
  expect(check({ apiVersion: 'projectcalico.org/v3', kind: 'BGPPeer', metadata })[0]).toContain(message)
})
