/**
 * The decision process as a table: two paths that differ in one thing, the winner, the step that says so.
 */
import { expect, test } from 'vitest'
import type { DecisionConfig } from '../config/types.js'
import type { SessionParameters } from '../rib/contract.js'
import { settle, TestHost } from '../rib/harness.js'
import { BODY, syntheticConfig, syntheticSession, type UpdateFields, updateMessages } from '../rib/synthetic.js'
import { RibTables } from '../rib/tables.js'

const PREFIX = '192.0.2.0/24'
const ibgp = (slot: number, fields = {}) => syntheticSession(slot, fields)
const ebgp = (slot: number, remoteAs = 64500 + slot) => syntheticSession(slot, { external: true, remoteAs })

function decide(
  paths: readonly (readonly [SessionParameters, UpdateFields])[],
  order: readonly number[],
  decision: Partial<DecisionConfig> = {},
) {
  const host = new TestHost()
  const base = syntheticConfig()
  const config = { ...base, decision: { ...base.decision, ...decision } }
  const tables = new RibTables(config, host, { hashSeed: 3 })
  for (const [slot, [session]] of paths.entries()) host.up(tables, session, slot)
  for (const slot of order) {
    for (const bytes of updateMessages({ announce: [PREFIX], ...paths[slot][1] })) {
      tables.update(slot, bytes, BODY, bytes.length, 0)
    }
    settle(tables)
  }
  const explanation = tables.explain(PREFIX)
  expect(tables.audit()).toEqual([])
  return { winner: explanation.paths.find((path) => path.best)?.from, explanation, host, tables }
}

interface Row {
  readonly what: string
  readonly a: readonly [SessionParameters, UpdateFields]
  readonly b: readonly [SessionParameters, UpdateFields]
  readonly step: string
}

const PREFER = [
  {
    why: { resource: 'test', rule: 'test' },
    conditions: [],
    actions: [{ kind: 'set-preference' as const, value: 200 }],
  },
]

/** `a` wins in every row, whichever comes first. */
const rows: Row[] = [
  {
    what: 'a higher preference beats everything else',
    a: [ibgp(0, { config: { importPolicy: PREFER } }), { localPref: 1, asPath: '1 2 3' }],
    b: [ibgp(1), { localPref: 900 }],
    step: 'preference',
  },
  {
    what: 'a long-lived stale path loses against any other',
    a: [ibgp(0), { localPref: 1, asPath: '1 2 3' }],
    b: [ibgp(1), { localPref: 900, communities: ['llgr-stale'] }],
    step: 'long-lived-stale',
  },
  {
    what: 'the higher LOCAL_PREF wins',
    a: [ibgp(0), { localPref: 200, asPath: '1 2 3' }],
    b: [ibgp(1), { localPref: 100 }],
    step: 'local-pref',
  },
  {
    what: 'no LOCAL_PREF counts as the default',
    a: [ebgp(0), { asPath: '1 2' }],
    b: [ibgp(1), { localPref: 99 }],
    step: 'local-pref',
  },
  {
    what: 'the shorter AS_PATH wins',
    a: [ibgp(1), { localPref: 100, asPath: '9' }],
    b: [ibgp(0), { localPref: 100, asPath: '1 2' }],
    step: 'as-path-length',
  },
  {
    what: 'an AS_SET counts as one hop',
    a: [ibgp(1), { localPref: 100, asPath: '9 {1,2,3}' }],
    b: [ibgp(0), { localPref: 100, asPath: '1 2 3' }],
    step: 'as-path-length',
  },
  {
    what: 'the lower ORIGIN wins',
    a: [ibgp(1), { localPref: 100, origin: 0 }],
    b: [ibgp(0), { localPref: 100, origin: 2 }],
    step: 'origin',
  },
  {
    what: 'the lower MED of one neighbouring AS wins',
    a: [ibgp(1), { localPref: 100, asPath: '7 8', med: 5 }],
    b: [ibgp(0), { localPref: 100, asPath: '7 9', med: 6 }],
    step: 'med',
  },
  {
    what: 'a missing MED is the lowest',
    a: [ibgp(1), { localPref: 100, asPath: '7 8' }],
    b: [ibgp(0), { localPref: 100, asPath: '7 9', med: 1 }],
    step: 'med',
  },
  {
    what: 'MEDs of different neighbouring ASes are not compared',
    a: [ibgp(0), { localPref: 100, asPath: '7 8', med: 50 }],
    b: [ibgp(1), { localPref: 100, asPath: '6 9', med: 1 }],
    step: 'router-id',
  },
  {
    what: 'eBGP beats iBGP',
    a: [ebgp(1), { asPath: '1' }],
    b: [ibgp(0), { localPref: 100, asPath: '2' }],
    step: 'ebgp-over-ibgp',
  },
  {
    what: 'the lower router id wins',
    a: [ibgp(0), { localPref: 100 }],
    b: [ibgp(1), { localPref: 100 }],
    step: 'router-id',
  },
  {
    what: 'ORIGINATOR_ID stands for the router id',
    a: [ibgp(1), { localPref: 100, originatorId: 1 }],
    b: [ibgp(0), { localPref: 100 }],
    step: 'router-id',
  },
  {
    what: 'the shorter CLUSTER_LIST wins',
    a: [ibgp(1), { localPref: 100, originatorId: 1 }],
    b: [ibgp(0), { localPref: 100, originatorId: 1, clusterList: [5] }],
    step: 'cluster-list-length',
  },
  {
    what: 'the lower peer address is the last word between peers',
    a: [ibgp(0, { remoteRouterId: 9 }), { localPref: 100 }],
    b: [ibgp(1, { remoteRouterId: 9 }), { localPref: 100 }],
    step: 'neighbor-address',
  },
]

test.each(rows)('$what', ({ a, b, step }) => {
  for (const order of [
    [0, 1],
    [1, 0],
  ]) {
    const { winner, explanation } = decide([a, b], order)
    expect(winner).toBe('peer0')
    expect(explanation.decision).toMatchObject([{ step, winner: 'peer0', loser: 'peer1' }])
    expect(explanation.paths.find((path) => !path.best)?.reason).toBe(`lost at ${step} to peer0`)
  }
})

test('MEDs are always compared when asked to', () => {
  const a = [ibgp(0), { localPref: 100, asPath: '7 8', med: 50 }] as const
  const b = [ibgp(1), { localPref: 100, asPath: '6 9', med: 1 }] as const
  expect(decide([a, b], [0, 1], { alwaysCompareMed: true }).winner).toBe('peer1')
})

test('with MEDs of two neighbouring ASes the best path does not depend on the order of arrival', () => {
  const paths = [
    [ibgp(0), { localPref: 100, asPath: '7 1', med: 10 }],
    [ibgp(1), { localPref: 100, asPath: '6 1', med: 5 }],
    [ibgp(2), { localPref: 100, asPath: '7 2', med: 1 }],
  ] as const
  const orders = [
    [0, 1, 2],
    [0, 2, 1],
    [1, 0, 2],
    [1, 2, 0],
    [2, 0, 1],
    [2, 1, 0],
  ]
  for (const order of orders) expect(decide(paths, order).winner).toBe('peer1')
})

test('one path needs no decision and says so', () => {
  expect(decide([[ibgp(0), {}]], [0]).explanation.decision).toMatchObject([{ step: 'only path', winner: 'peer0' }])
})

test.each([
  ['equal iBGP paths share traffic', { maximumPaths: 4 }, ['10.9.9.1', '10.9.9.2', '10.9.9.3']],
  ['the set is no larger than the maximum', { maximumPaths: 2 }, ['10.9.9.1', '10.9.9.2']],
  ['one path means one', { maximumPaths: 1 }, ['10.9.9.1']],
] as const)('multipath: %s', (_, decision, hops) => {
  const paths = [1, 2, 3].map((n, i) => [ibgp(i), { localPref: 100, asPath: '5', nextHop: `10.9.9.${n}` }] as const)
  const { host } = decide(paths, [2, 1, 0], decision)
  const installed = host.kernel.get(PREFIX)?.split('via ')[1].split(',').sort()
  expect(installed).toEqual(hops)
})

test('multipath wants equal AS_PATHs unless relaxed', () => {
  const paths = [
    [ibgp(0), { localPref: 100, asPath: '5', nextHop: '10.9.9.1' }],
    [ibgp(1), { localPref: 100, asPath: '6', nextHop: '10.9.9.2' }],
  ] as const
  expect(decide(paths, [0, 1], { maximumPaths: 4 }).host.kernel.get(PREFIX)).toBe('bgp peer0 via 10.9.9.1')
  const relaxed = decide(paths, [0, 1], { maximumPaths: 4, multipathRelax: true })
  expect(relaxed.host.kernel.get(PREFIX)).toBe('bgp peer0 via 10.9.9.1,10.9.9.2')
})

test('a tracked next hop counts once it is reachable, and the IGP metric decides', () => {
  const host = new TestHost()
  const tables = new RibTables(syntheticConfig({ nextHopResolution: 'tracked' }), host, { hashSeed: 3 })
  for (const slot of [0, 1, 2]) host.up(tables, ibgp(slot), slot)
  for (const slot of [0, 1]) {
    for (const bytes of updateMessages({ announce: [PREFIX], nextHop: `10.9.9.${slot}`, localPref: 100 })) {
      tables.update(slot, bytes, BODY, bytes.length, 0)
    }
  }
  settle(tables)
  expect([...host.tracked].sort()).toEqual(['10.9.9.0', '10.9.9.1'])
  expect(host.kernel.size).toBe(0)
  expect(host.told[2].size).toBe(0)
  tables.nextHopChanged('10.9.9.0', true, 20, 0)
  settle(tables)
  expect(host.kernel.get(PREFIX)).toBe('bgp peer0 via 10.9.9.0')
  tables.nextHopChanged('10.9.9.1', true, 10, 0)
  settle(tables)
  expect(host.kernel.get(PREFIX)).toBe('bgp peer1 via 10.9.9.1')
  expect(tables.explain(PREFIX).decision[0]).toMatchObject({ step: 'igp-metric', winner: 'peer1' })
  tables.nextHopChanged('10.9.9.1', false, 0, 0)
  settle(tables)
  expect(host.kernel.get(PREFIX)).toBe('bgp peer0 via 10.9.9.0')
  for (const slot of [0, 1]) tables.peerDown(slot, { stale: [false, false] }, 0)
  settle(tables)
  expect(host.tracked.size).toBe(0)
})

test('local routes win by preference: direct, static, BGP, kernel', () => {
  const { host, tables } = decide([[ibgp(0), { localPref: 100 }]], [0])
  const target = { kind: 'blackhole' as const }
  tables.setLocalRoute({ prefix: PREFIX, source: 'kernel', target, label: 'kernel x' }, 0)
  settle(tables)
  expect(host.kernel.get(PREFIX)).toBe('bgp peer0 via 10.9.9.9')
  tables.setLocalRoute({ prefix: PREFIX, source: 'static', target, label: 'own block' }, 0)
  settle(tables)
  expect(host.kernel.get(PREFIX)).toBe('static own block via ')
  tables.removeLocalRoute('static', PREFIX, 0)
  tables.removeLocalRoute('kernel', PREFIX, 0)
  settle(tables)
  expect(host.kernel.get(PREFIX)).toBe('bgp peer0 via 10.9.9.9')
  expect(tables.audit()).toEqual([])
})
