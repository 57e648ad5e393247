/** What exports of real clusters hold beside the plain case: other tools' words, blanks, and IPAM's custom resources. */
import { describe, expect, test } from 'vitest'
import { blockKey, decodeEntry, flattenDocument, handleKey, IPAM_CONFIG_KEY, mapDocument } from './index.js'

const calico = (kind: string, spec: object, apiVersion = 'projectcalico.org/v3') => ({
  apiVersion,
  kind,
  metadata: { name: 'default' },
  spec,
})
const crd = (kind: string, spec: object) => calico(kind, spec, 'crd.projectcalico.org/v1')

function specOf(document: unknown): unknown {
  const mapped = mapDocument(document)
  if (!mapped.ok) return mapped.problems.map(({ field, message }) => `${field}: ${message}`)
  const decoded = decodeEntry(mapped.key, mapped.value)
  return decoded?.ok === true && 'spec' in decoded.value ? decoded.value.spec : decoded
}

describe('booleans in the words of YAML 1.1', () => {
  test.each([
    ['no', false],
    ['Off', false],
    ['FALSE', false],
    ['yes', true],
    ['on', true],
    ['True', true],
  ])('%s', (word, value) => {
    const mapped = mapDocument(calico('BGPConfiguration', { nodeToNodeMeshEnabled: word, asNumber: 64513 }))
    // As a boolean in the store, too: Calico's own readers know no other.
    expect(mapped).toMatchObject({ ok: true, value: expect.stringContaining(`"nodeToNodeMeshEnabled":${value}`) })
  })

  test('in the middle of others, and inside a list of objects', () => {
    const endpoints = [{ addresses: ['10.0.0.1'] }, { addresses: ['10.0.0.2'], conditions: { ready: 'no' } }]
    const slice = { apiVersion: 'discovery.k8s.io/v1', kind: 'EndpointSlice', metadata: { name: 'x' }, endpoints }
    expect(mapDocument(slice)).toMatchObject({ ok: true, value: expect.stringContaining('"ready":false') })
    expect(specOf(calico('IPPool', { cidr: '10.0.0.0/8', disabled: 'yes', disableBGPExport: 'on' }))).toMatchObject({
      disabled: true,
      disableBGPExport: true,
    })
  })

  test('other words are no booleans, and texts stay texts', () => {
    expect(specOf(calico('IPPool', { cidr: '10.0.0.0/8', disabled: 'maybe' }))).toEqual([
      'spec.disabled: Invalid input: expected boolean, received string',
    ])
    expect(specOf(calico('BGPPeer', { peerIP: '192.0.2.1', node: 'no' }))).toMatchObject({ node: 'no' })
  })
})

describe('items left blank', () => {
  test.each([
    [
      'service ranges',
      'BGPConfiguration',
      { serviceClusterIPs: [null, {}, { cidr: null }, { cidr: '10.96.0.0/12' }] },
      1,
    ],
    ['filters', 'BGPPeer', { filters: [null, '', 'f'] }, 1],
    ['ignored interfaces', 'BGPConfiguration', { ignoredInterfaces: ['', null, 'eth*'] }, 1],
  ])('%s name nothing', (_what, kind, spec, count) => {
    const lists = Object.keys(spec).map((field) => (specOf(calico(kind, spec)) as Record<string, unknown[]>)[field])
    expect(lists.map((list) => list?.length)).toEqual([count])
  })

  test('a range with its member mistyped is an error still', () => {
    expect(specOf(calico('BGPConfiguration', { serviceClusterIPs: [{ CIDR: '10.96.0.0/12' }] }))).toEqual([
      'spec.serviceClusterIPs[0].cidr: is missing',
    ])
  })
})

describe('lists as tools print them', () => {
  test.each([
    ['null items, as Go writes an empty list', { kind: 'BGPPeerList', items: null }, 0],
    [
      'a bare sequence of lists',
      [
        { kind: 'NodeList', items: [{}, {}] },
        { kind: 'List', items: [{ kind: 'X' }] },
      ],
      3,
    ],
    ['lists in a list, and nothing', { kind: 'List', items: [{ kind: 'NodeList', items: [{}] }, null] }, 1],
  ])('%s', (_what, document, count) => {
    expect(flattenDocument(document)).toHaveLength(count)
  })
})

describe('IPAM’s custom resources become the keys of etcd', () => {
  const block = {
    affinity: 'host:w1',
    allocations: [null, 0],
    attributes: [{ handle_id: 'h', secondary: { node: 'w2' } }],
    cidr: '10.244.1.0/31',
    sequenceNumber: 1785575560123456792n,
    strictAffinity: false,
    unallocated: [0],
  }
  test.each([
    [
      'IPAMBlock',
      block,
      blockKey('10.244.1.0/31'),
      '{"affinity":"host:w1","allocations":[null,0],"attributes":[{"handle_id":"h","secondary":{"node":"w2"}}],"cidr":"10.244.1.0/31","sequenceNumber":1785575560123456792,"strictAffinity":false,"unallocated":[0]}',
    ],
    ['IPAMHandle', { block: { '10.0.0.0/30': 1 }, handleID: 'h.1' }, handleKey('h.1'), '{"block":{"10.0.0.0/30":1}}'],
    [
      'IPAMConfig',
      { strictAffinity: true, autoAllocateBlocks: true, maxBlocksPerHost: 3 },
      IPAM_CONFIG_KEY,
      '{"strict_affinity":true,"auto_allocate_blocks":true,"maxBlocksPerHost":3}',
    ],
  ])('%s', (kind, spec, key, value) => {
    expect(mapDocument(crd(kind, spec))).toEqual({ ok: true, key, value })
  })

  test.each([
    ['IPAMBlock', {}, 'spec.cidr'],
    ['IPAMBlock', { ...block, unallocated: 'none' }, 'spec.unallocated'],
    ['IPAMHandle', { block: {} }, 'spec.handleID'],
    ['IPAMConfig', { maxBlocksPerHost: -1 }, 'spec.maxBlocksPerHost'],
  ])('%s with a mistake names the field', (kind, spec, field) => {
    expect(mapDocument(crd(kind, spec))).toMatchObject({ ok: false, problems: [{ field }] })
  })
})
