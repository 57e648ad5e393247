import { MemoryStore, SortedSnapshot } from '@starling/datastore'
import type { PeerView, RouteView } from '@starling/engine'
import { kindPrefix } from '@starling/resources'
import { expect, test } from 'vitest'
import { NodeStatusReporter, nodeStatus, type StatusPorts } from './node-status.js'

const EPOCH = Date.UTC(2026, 7, 4, 8, 0, 0)
const KEY = `${kindPrefix('CalicoNodeStatus')}mine`

function daemon() {
  const peer = {
    key: '10.0.0.12',
    name: 'Mesh_10_0_0_12',
    kind: 'mesh',
    remoteAddress: '10.0.0.12',
    state: 'Established',
    since: 11_000,
    families: [{ family: 'ipv4' }],
  } as unknown as PeerView
  const silent = {
    ...peer,
    key: 'fd00::9',
    name: 'Global_fd00__9',
    kind: 'global',
    remoteAddress: 'fd00::9',
    state: 'Active',
    families: [],
  }
  const learned = {
    prefix: '10.244.2.0/26',
    family: 'ipv4',
    source: 'bgp',
    from: 'Mesh_10_0_0_12',
    peer: '10.0.0.12',
    best: true,
    nextHop: '10.0.0.12',
  }
  const own = { prefix: '10.244.1.0/26', family: 'ipv4', source: 'static', from: 'own block', best: true }
  const host = { prefix: '10.0.0.0/24', family: 'ipv4', source: 'direct', from: 'connected eth0', best: true }
  const state = {
    now: 60_000,
    peers: [peer, silent as unknown as PeerView],
    routes: [learned, own, host] as unknown as RouteView[],
  }
  const ports = {
    now: () => state.now,
    toEpoch: (at: number) => EPOCH + at,
    identity: () => ({ routerId: '10.0.0.11', startedAt: 0, configuredAt: 5000, ipv4Address: '10.0.0.11' }),
    peers: () => state.peers,
    routes: ({ family }: { family: string }) => ({ routes: family === 'ipv4' ? state.routes : [] }),
    kernel: () => ({}),
    kernelRoutes: () => ({ routes: [{ desired: { nextHops: [{ gateway: '10.0.0.12', interface: 'eth0' }] } }] }),
  } as unknown as StatusPorts
  return { state, ports }
}

test('agent, sessions and routes as Calico words them (calico.md 1.12)', () => {
  expect(nodeStatus(daemon().ports, ['Agent', 'BGP', 'Routes'], '0.1.0')).toEqual({
    agent: {
      birdV4: {
        state: 'Ready',
        version: '0.1.0',
        routerID: '10.0.0.11',
        lastBootTime: '2026-08-04 08:00:00',
        lastReconfigurationTime: '2026-08-04 08:00:05',
      },
      birdV6: { state: 'NotReady' },
    },
    bgp: {
      numberEstablishedV4: 1,
      numberNotEstablishedV4: 0,
      numberEstablishedV6: 0,
      numberNotEstablishedV6: 1,
      peersV4: [{ peerIP: '10.0.0.12', type: 'NodeMesh', state: 'Established', since: '08:00:11' }],
      peersV6: [{ peerIP: 'fd00::9', type: 'GlobalPeer', state: 'Active', since: '08:00:11' }],
    },
    routes: {
      routesV4: [
        {
          type: 'FIB',
          destination: '10.244.2.0/26',
          gateway: '10.0.0.12',
          interface: 'eth0',
          learnedFrom: { sourceType: 'NodeMesh', peerIP: '10.0.0.12' },
        },
        {
          type: 'FIB',
          destination: '10.244.1.0/26',
          gateway: 'N/A',
          interface: 'blackhole',
          learnedFrom: { sourceType: 'Static' },
        },
        {
          type: 'FIB',
          destination: '10.0.0.0/24',
          gateway: 'N/A',
          interface: 'eth0',
          learnedFrom: { sourceType: 'Direct' },
        },
      ],
    },
  })
  expect(Object.keys(nodeStatus(daemon().ports, ['BGP'], 'x'))).toEqual(['bgp'])
})

function reporter(spec: object) {
  const store = new MemoryStore()
  const datastore = store.connect()
  const written = (): { status?: { lastUpdated?: string; bgp?: { numberEstablishedV4: number } }; future?: number } => {
    const entry = store.get(KEY)
    return JSON.parse(entry?.value ?? '{}')
  }
  const given = {
    kind: 'CalicoNodeStatus',
    apiVersion: 'projectcalico.org/v3',
    metadata: { name: 'mine' },
    spec,
    future: 1,
  }
  store.commit([{ key: KEY, value: JSON.stringify(given) }])
  const { state, ports } = daemon()
  const snapshot = () => SortedSnapshot.from([{ key: KEY, value: JSON.stringify(given), revision: 1 }], 1)
  const subject = new NodeStatusReporter({
    datastore,
    node: 'worker-1',
    version: 'x',
    ports,
    snapshot,
    failed: () => {},
  })
  return { subject, written, state, revision: () => store.get(KEY)?.revision }
}

const SPEC = { node: 'worker-1', classes: ['BGP'], updatePeriodSeconds: 10 }

test('written in its period and only when it differs; unknown fields stay', async () => {
  const { subject, written, state, revision } = reporter(SPEC)
  await subject.turn()
  expect(written()).toMatchObject({
    future: 1,
    status: { lastUpdated: '2026-08-04T08:01:00Z', bgp: { numberEstablishedV4: 1 } },
  })
  const first = revision()
  state.now += 10_000
  await subject.turn()
  expect(revision(), 'nothing changed').toBe(first)
  state.peers = state.peers.slice(1)
  state.now += 9_000
  await subject.turn()
  expect(revision(), 'not due yet').toBe(first)
  state.now += 1_000
  await subject.turn()
  expect(written().status).toMatchObject({ lastUpdated: '2026-08-04T08:01:20Z', bgp: { numberEstablishedV4: 0 } })
})

test.each([
  ['another node', { ...SPEC, node: 'worker-2' }],
  ['a period of 0', { ...SPEC, updatePeriodSeconds: 0 }],
])('%s is left alone', async (_, spec) => {
  const { subject, written } = reporter(spec)
  await subject.turn()
  expect(written().status).toBeUndefined()
})
