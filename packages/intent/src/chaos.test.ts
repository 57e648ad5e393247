/**
 * A cluster edited at random, bad documents in the middle, against the same cluster seen for the first time: what a running
 * node has worked out step by step is what a restarted one works out at once, last good values included.
 */
import { type Entry, SortedSnapshot } from '@starling/datastore'
import { mapDocument, resourceKey } from '@starling/resources'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { ClusterState, type Plan, plan, planToJson } from './index.js'
import { block, calico, configuration, filter, node, options, peer, pool } from './testing.test.js'

const tor = { peerIP: '192.0.2.1', asNumber: 65001 }
const rr = { routeReflectorClusterID: '244.0.0.1' }
const BAD = 'not good'

/** What may stand under one key in turn. All documents of a row are of one resource. */
const rows: (readonly unknown[])[] = [
  ...['a', 'b', 'c', 'd'].map((name, i) => [
    node(name, `10.0.0.${i + 1}/24`),
    node(name, `10.0.0.${i + 1}/24`, { asNumber: 64600 }, { rack: 'r1' }),
    node(name, `10.0.0.${i + 1}/24`, { ...rr, ipv6Address: `fd00:a::${i + 1}/64` }, { rr: 'true' }),
    node(name, `10.0.1.${i + 1}/24`, {}, { rack: 'r2' }),
    // Another's address, and none at all.
    node(name, '10.0.0.2/24', { ipv6Address: 'fd00:a::9/64' }, { rack: 'r1' }),
    calico('Node', name, {}),
  ]),
  ...['p', 'q', 'r'].map((name) => [
    peer(name, tor),
    peer(name, { ...tor, node: 'a', filters: ['f', 'g'] }),
    peer(name, { ...tor, nodeSelector: "rack == 'r1'", password: { secretKeyRef: { name: 's', key: 'k' } } }),
    peer(name, { nodeSelector: 'all()', peerSelector: 'has(rr)' }),
    peer(name, { peerSelector: "rack == 'r2'", reversePeering: 'Manual' }, { labels: { kind: 'x' } }),
    peer(name, { peerIP: '10.0.0.2', asNumber: 64512 }),
    peer(name, { node: 'b', peerIP: '10.0.0.1:179', asNumber: 64600, keepaliveTime: '9s' }),
    peer(name, { peerIP: '198.51.100.9' }),
  ]),
  [
    configuration({ nodeToNodeMeshEnabled: false }),
    configuration({ asNumber: 64513, serviceClusterIPs: [{ cidr: '10.96.0.0/12' }] }),
    configuration({ listenPort: 1790, nodeMeshMaxRestartTime: '3m0s', prefixAdvertisements: [] }),
  ],
  ...['node.a', 'node.b'].map((name) => [configuration({ listenPort: 178 }, name), configuration({}, name)]),
  ...['f', 'g'].map((name) => [
    filter(name, { exportV4: [{ action: 'Reject' }] }),
    filter(name, { importV4: [{ cidr: '10.0.0.0/8', matchOperator: 'In', action: 'Accept' }] }),
  ]),
  [
    pool('10.244.0.0/16'),
    pool('10.244.0.0/16', { ipipMode: 'Always' }),
    pool('10.244.0.0/16', { disableBGPExport: true }),
  ],
  ...['a', 'b'].map((name) => [block(name, '10.244.1.0/26'), block(name, '10.244.1.0/26', 'pending')]),
  [
    options('o', { peers: ['p'], holdTime: '9s' }),
    options('o', { mesh: true, holdTime: '30s' }),
    options('o', { peerSelector: 'has(kind)', bfd: true }),
  ],
  [{ apiVersion: 'v1', kind: 'Secret', metadata: { name: 's', namespace: 'kube-system' }, stringData: { k: 'word' } }],
  [calico('ClusterInformation', 'default', { calicoVersion: 'v3.31.0' }), calico('ClusterInformation', 'default', {})],
]

const table = rows.map((row) => {
  const mapped = row.map((document) => {
    const one = mapDocument(document)
    if (!one.ok) throw new Error(JSON.stringify(one.problems))
    return one
  })
  const [first] = mapped
  return { key: first?.key ?? '', values: mapped.map(({ value }) => value) }
})

type Edit = readonly [row: number, what: number]
/** Rarely many at once: the node index counts the changes and begins anew. */
const edit: fc.Arbitrary<Edit> = fc.tuple(fc.nat(table.length - 1), fc.nat())
const batches = fc.array(
  fc.oneof(
    { weight: 9, arbitrary: fc.array(edit, { maxLength: 4 }) },
    { weight: 1, arbitrary: fc.array(edit, { minLength: 80, maxLength: 99 }) },
  ),
  { minLength: 1, maxLength: 12 },
)

/** Without what is told of documents: a node that never saw the good one cannot say that it stays. */
function view(made: Plan, state: ClusterState): string {
  return JSON.stringify(planToJson({ ...made, problems: made.problems.slice(state.problems.length) }))
}

test('a plan made step by step is the plan made at once, whatever came in between', () => {
  fc.assert(
    fc.property(batches, (sequence) => {
      const state = new ClusterState()
      const good = new Map<string, Entry>()
      const previous = new Map<string, Plan>()
      let snapshot = SortedSnapshot.empty
      for (const batch of sequence) {
        const changed: string[] = [resourceKey('BGPPeer', 'nobody'), '/elsewhere']
        // Of several edits in one step nobody sees but the last.
        const edits = batch.length > 4 ? batch : [...new Map(batch)]
        for (const [row, what] of edits) {
          const { key, values } = table[row] as (typeof table)[number]
          const choice = what % (values.length + 2)
          const revision = snapshot.revision + 1
          const value = choice === values.length ? BAD : values[choice]
          const after = value === undefined ? undefined : { key, value, revision }
          snapshot = snapshot.with([{ key, after }], revision)
          if (after === undefined) good.delete(key)
          else if (value !== BAD) good.set(key, after)
          // One by one here, and all at once below, as a burst arrives.
          if (batch.length > 4) state.update(snapshot, [key])
          else changed.push(key)
        }
        state.update(snapshot, changed)
        const fresh = ClusterState.from(SortedSnapshot.from(good.values(), 1))
        for (const name of ['a', 'b']) {
          const before = previous.get(name)
          const made = plan(state, name, before === undefined ? {} : { previous: before })
          previous.set(name, made)
          expect(view(made, state)).toBe(view(plan(fresh, name), fresh))
        }
      }
    }),
    { numRuns: 150 },
  )
})
