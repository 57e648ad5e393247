import { MemoryStore } from '@starling/datastore'
import type { Plan } from '@starling/intent'
import { resourceKey } from '@starling/resources'
import { afterEach, expect, test, vi } from 'vitest'
import { ClusterFollower } from './cluster.js'

let follower: ClusterFollower | undefined
afterEach(() => {
  follower?.stop()
  follower = undefined
})

const value = (kind: string, name: string, spec: object): string =>
  JSON.stringify({ kind, apiVersion: 'projectcalico.org/v3', metadata: { name }, spec })
const node = (name: string, address: string): [string, string] => [
  resourceKey('Node', name),
  value('Node', name, { bgp: { ipv4Address: address } }),
]
const INFORMATION = resourceKey('ClusterInformation', 'default')
const ready = (datastoreReady: boolean): string => value('ClusterInformation', 'default', { datastoreReady })

function follow(store: MemoryStore) {
  const plans: Plan[] = []
  const seen = vi.fn<() => void>()
  follower = new ClusterFollower({
    datastore: store.connect(),
    node: 'a',
    followBlocks: false,
    planOptions: () => ({}),
    planned: (plan) => void plans.push(plan),
    snapshot: seen,
    status: () => {},
    failed: (error) => {
      throw error
    },
  })
  follower.start()
  const names = () => [...(plans.at(-1)?.peers.values() ?? [])].map(({ config }) => config.name).sort()
  const problems = () => plans.at(-1)?.problems.map(({ resource, field }) => `${resource} ${field}`)
  return { plans, seen, names, problems }
}

const set = (store: MemoryStore, ...entries: [string, string][]): void =>
  void store.commit(entries.map(([key, text]) => ({ key, value: text })))

test('while the datastore is locked the plan stays, with a problem that says so, and then catches up', async () => {
  const store = new MemoryStore()
  set(store, node('a', '10.0.0.1/24'), node('b', '10.0.0.2/24'), [INFORMATION, ready(true)])
  const { seen, names, problems } = follow(store)
  await vi.waitFor(() => expect(names()).toEqual(['Mesh_10_0_0_2']))
  expect(problems()).toEqual([])

  set(store, [INFORMATION, ready(false)])
  await vi.waitFor(() => expect(problems()).toEqual(['ClusterInformation/default spec.datastoreReady']))
  const before = seen.mock.calls.length
  store.commit([{ key: resourceKey('Node', 'b'), value: undefined }])
  set(store, node('c', '10.0.0.3/24'))
  await vi.waitFor(() => expect(seen.mock.calls.length).toBeGreaterThan(before))
  expect(names()).toEqual(['Mesh_10_0_0_2'])

  set(store, [INFORMATION, ready(true)])
  await vi.waitFor(() => expect(names()).toEqual(['Mesh_10_0_0_3']))
  expect(problems()).toEqual([])
})

test('a daemon that starts while the datastore is locked makes the plan of what stands there', async () => {
  const store = new MemoryStore()
  set(store, node('a', '10.0.0.1/24'), node('b', '10.0.0.2/24'), [INFORMATION, ready(false)])
  const { plans, names, problems } = follow(store)
  await vi.waitFor(() => expect(names()).toEqual(['Mesh_10_0_0_2']))
  expect(problems()).toEqual(['ClusterInformation/default spec.datastoreReady'])
  expect(plans).toHaveLength(1)
})
