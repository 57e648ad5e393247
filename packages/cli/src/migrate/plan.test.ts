/** The steps of a migration: what is refused, in which order things happen, and that no step leaves two nodes without a way. */
import { resourceKey } from '@starling/resources'
import { describe, expect, test } from 'vitest'
import { planBack } from './back.js'
import { CONFIGURATION, clusterOf, documentAt, nodeKey } from './cluster.js'
import { CLIENTS_PEER, type ForwardRequest, planForward, REFLECTORS_PEER } from './forward.js'
import { afterSteps } from './steps.js'
import { clusterFrom, configuration, type NodeSpec, nodeDocument, withoutWay } from './testing.js'

const NODES: readonly NodeSpec[] = [{ name: 'a' }, { name: 'b' }, { name: 'c' }, { name: 'd', blocks: 0 }]
const request = (...reflectors: string[]): ForwardRequest => ({
  reflectors,
  label: { key: 'route-reflector', value: 'true' },
})
const ids = ({ steps }: { steps: readonly { id: string }[] }) => steps.map(({ id }) => id)

describe('forward', () => {
  test('BGPPeers, then one reflector after another, those without blocks first, then the mesh', () => {
    const migration = planForward(clusterFrom(NODES), request('a', 'd'))
    expect(migration.refusals).toEqual([])
    expect(ids(migration)).toEqual(['peers', 'reflector d', 'reflector a', 'mesh off'])
    expect(migration.steps.map(({ gap }) => gap?.name)).toEqual([undefined, undefined, undefined, undefined])
    expect(migration.steps.map(({ before }) => (before !== undefined && 'with' in before ? before.least : 0))).toEqual([
      0, 0, 1, 2,
    ])
  })

  test('the first reflector has a gap when it owns blocks, the second never', () => {
    const migration = planForward(clusterFrom(NODES), request('a', 'b'))
    expect(migration.steps.map(({ gap }) => gap?.name)).toEqual([undefined, 'a', undefined, undefined])
  })

  test('no step leaves two nodes without a way to each other, nor does the way back', () => {
    let cluster = clusterFrom(
      NODES.map((node) => ({ ...node, ipv6: true })),
      [configuration({ asNumber: 65000 })],
    )
    for (const planned of [(now: typeof cluster) => planForward(now, request('a', 'd')), planBack])
      for (let step = planned(cluster).steps[0]; step !== undefined; step = planned(cluster).steps[0]) {
        cluster = clusterOf(afterSteps(cluster.entries, [step]))
        expect(withoutWay(cluster.entries), step.id).toEqual([])
      }
    expect(cluster.mesh).toBe(true)
  })

  test('forward and back leave every resource as it was', () => {
    const before = clusterFrom(
      [...NODES.slice(0, 3), { name: 'd', labels: { 'route-reflector': 'no', rack: 'r1' } }],
      [
        configuration({
          nodeToNodeMeshEnabled: true,
          nodeMeshPassword: { secretKeyRef: { name: 's', key: 'k' } },
          nodeMeshMaxRestartTime: '3m0s',
        }),
      ],
    )
    const there = clusterOf(
      afterSteps(
        before.entries,
        planForward(before, request('c', 'd')).steps.filter(({ id }) => id !== ''),
      ),
    )
    expect(there.mesh).toBe(false)
    expect(documentAt(there.entries, CONFIGURATION)?.['spec']).toEqual({ nodeToNodeMeshEnabled: false })
    expect(documentAt(there.entries, resourceKey('BGPPeer', CLIENTS_PEER))?.['spec']).toMatchObject({
      password: { secretKeyRef: { name: 's', key: 'k' } },
      maxRestartTime: '3m0s',
    })
    const again = clusterOf(afterSteps(there.entries, planBack(there).steps))
    expect([...again.entries.keys()].sort()).toEqual([...before.entries.keys()].sort())
    for (const key of before.entries.keys()) {
      const strip = (document: unknown) => JSON.stringify(document).replace(/,"(annotations|labels)":\{\}/g, '')
      expect(strip(documentAt(again.entries, key)), key).toBe(strip(documentAt(before.entries, key)))
    }
  })

  test('a second run plans nothing, and needs no names', () => {
    const cluster = clusterFrom([...NODES.slice(0, 3), { name: 'rr', clusterId: '1.1.1.1' }])
    const done = clusterOf(afterSteps(cluster.entries, planForward(cluster, request('a', 'rr')).steps))
    const again = planForward(done, request())
    expect(again).toMatchObject({ refusals: [], steps: [] })
    expect(again.reflectors.map(({ name }) => name).sort()).toEqual(['a', 'rr'])
  })

  test('a reflector that was one keeps its cluster id, also on the way back; others get free ones', () => {
    const cluster = clusterFrom([{ name: 'a' }, { name: 'b' }, { name: 'rr', clusterId: '244.0.0.1' }])
    const done = clusterOf(afterSteps(cluster.entries, planForward(cluster, request('a', 'rr')).steps))
    const idOf = (name: string, at = done) =>
      /"routeReflectorClusterID":"([^"]+)"/.exec(JSON.stringify(documentAt(at.entries, nodeKey(name))))?.[1]
    expect([idOf('rr'), idOf('a')]).toEqual(['244.0.0.1', '244.0.0.2'])
    const back = clusterOf(afterSteps(done.entries, planBack(done).steps))
    expect([idOf('rr', back), idOf('a', back)]).toEqual(['244.0.0.1', undefined])
  })

  const two = request('a', 'b')
  test.each<[string, readonly NodeSpec[], readonly object[], ForwardRequest, RegExp]>([
    ['nobody chosen', NODES, [], request(), /0 reflectors chosen/],
    ['one chosen', NODES, [], request('a'), /1 reflector chosen/],
    ['an unknown node', NODES, [], request('a', 'x'), /there is no Node x/],
    [
      'a node without an address',
      NODES,
      [{ ...nodeDocument({ name: 'e' }, 8), spec: {} }],
      request('a', 'e'),
      /Node e has no BGP address/,
    ],
    ['the mesh is off', NODES, [configuration({ nodeToNodeMeshEnabled: false })], two, /off already, and not through/],
    ['another AS', [...NODES, { name: 'z', asNumber: 65001 }], [], two, /one AS .* z in AS 65001/],
    ['a family that a reflector lacks', [...NODES, { name: 'z', ipv6: true }], [], two, /Node a has no ipv6 address/],
    [
      'a BGPPeer of the same name that does something else',
      NODES,
      [
        {
          apiVersion: 'projectcalico.org/v3',
          kind: 'BGPPeer',
          metadata: { name: CLIENTS_PEER },
          spec: { peerIP: '192.0.2.1', asNumber: 1 },
        },
      ],
      two,
      /c would have 0 ipv4 sessions with reflectors/,
    ],
  ])('refuses: %s', (_what, nodes, more, asked, reason) => {
    const migration = planForward(clusterFrom(nodes, more), asked)
    expect(migration.refusals.join('\n')).toMatch(reason)
  })

  test('reflectors are found by a selector too', () => {
    const cluster = clusterFrom(NODES.map((node, at) => ({ ...node, labels: { role: at < 2 ? 'infra' : 'work' } })))
    const { reflectors } = planForward(cluster, { ...request(), selector: "role == 'infra'" })
    expect(reflectors.map(({ name }) => name)).toEqual(['a', 'b'])
  })

  test('warns of options that are for the mesh alone, and of reflectors that stay aside', () => {
    const options = {
      apiVersion: 'starling.io/v1',
      kind: 'StarlingPeerOptions',
      metadata: { name: 'fast' },
      spec: { mesh: true, holdTime: '9s' },
    }
    const { warnings } = planForward(clusterFrom([...NODES, { name: 'rr', clusterId: '1.1.1.1' }], [options]), two)
    expect(warnings.join('\n')).toMatch(new RegExp(`Node rr is a reflector(.|\n)*fast .*${REFLECTORS_PEER}`))
  })
})

describe('back', () => {
  test('the mesh first, then reflectors with blocks first, then the BGPPeers', () => {
    const cluster = clusterFrom(NODES)
    const done = clusterOf(afterSteps(cluster.entries, planForward(cluster, request('a', 'd')).steps))
    const back = planBack(done)
    expect(ids(back)).toEqual(['mesh on', 'return a', 'return d', 'peers go'])
    expect(back.steps.map(({ before }) => (before !== undefined && 'mesh' in before ? before.mesh.length : 0))).toEqual(
      [0, 2, 3, 4],
    )
    expect(back.steps.every(({ gap }) => gap === undefined)).toBe(true)
  })

  test('from the middle: only what was done', () => {
    const cluster = clusterFrom(NODES)
    const half = clusterOf(afterSteps(cluster.entries, planForward(cluster, request('a', 'd')).steps.slice(0, 2)))
    expect(ids(planBack(half))).toEqual(['return d', 'peers go'])
    expect(ids(planBack(cluster))).toEqual([])
  })

  test('a mesh that somebody else turned off is not for us to judge', () => {
    const cluster = clusterFrom(NODES)
    const half = afterSteps(cluster.entries, planForward(cluster, request('a', 'd')).steps.slice(0, 2))
    const off = clusterFrom([], [configuration({ nodeToNodeMeshEnabled: false })]).entries
    expect(planBack(clusterOf(new Map([...half, ...off]))).refusals[0]).toMatch(/off, and not through this command/)
  })
})
