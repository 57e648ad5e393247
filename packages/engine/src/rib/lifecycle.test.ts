/**
 * Peers over time: graceful restart, long-lived stale, refresh plain and enhanced, ADD-PATH, limits, deferral, views.
 */
import { expect, test } from 'vitest'
import { settle, TestHost } from './harness.js'
import { BODY, syntheticConfig, syntheticSession, type UpdateFields, updateMessages } from './synthetic.js'
import { RibTables } from './tables.js'

function setUp(sessions = [syntheticSession(0), syntheticSession(1)], config = syntheticConfig()) {
  const host = new TestHost()
  const tables = new RibTables(config, host, { hashSeed: 3 })
  for (const [slot, session] of sessions.entries()) host.up(tables, session, slot)
  settle(tables)
  const send = (slot: number, fields: UpdateFields) => {
    for (const bytes of updateMessages(fields, sessions[slot].maximumMessage)) {
      tables.update(slot, bytes, BODY, bytes.length, 0)
    }
    settle(tables)
  }
  return { host, tables, send }
}

const A = '192.0.2.0/24'
const B = '198.51.100.0/24'

test('stale routes stay, are confirmed by the new session, and the rest is swept', () => {
  const { host, tables, send } = setUp()
  send(0, { announce: [A, B], localPref: 100 })
  const before = host.heard[1].length
  tables.peerDown(0, { stale: [true, false] }, 0)
  settle(tables)
  expect(host.freed).toEqual([])
  expect(tables.familyViews(0)[0]).toMatchObject({ received: 2, stale: 2 })
  host.up(tables, syntheticSession(0), 0)
  send(0, { announce: [A], localPref: 100 })
  expect(tables.familyViews(0)[0]).toMatchObject({ received: 2, stale: 1 })
  expect(host.heard[1]).toHaveLength(before)
  tables.sweepStale(0, 0, 0)
  settle(tables)
  expect(host.heard[1].slice(before)).toEqual([`- ${B}`])
  expect(tables.audit()).toEqual([])
})

test('stale routes of a peer that never comes back are swept and its slot is free', () => {
  const { host, tables, send } = setUp()
  send(0, { announce: [A, '2001:db8::/32'], localPref: 100 })
  tables.peerDown(0, { stale: [true, false] }, 0)
  settle(tables)
  expect([...host.told[1].keys()]).toEqual([A])
  tables.sweepStale(0, 0, 0)
  settle(tables)
  expect(host.told[1].size).toBe(0)
  expect(host.freed).toEqual([0])
})

test('long-lived stale routes are marked for all and lose to any other; NO_LLGR goes at once', () => {
  const sessions = [0, 1, 2].map((slot) => syntheticSession(slot, { longLived: true }))
  const { host, tables, send } = setUp(sessions)
  send(0, { announce: [A], localPref: 200 })
  send(0, { announce: [B], localPref: 200, communities: ['no-llgr'] })
  tables.peerDown(0, { stale: [true, true] }, 0)
  tables.markLongLivedStale(0, 0, 0)
  settle(tables)
  expect(host.told[1].get(A)).toContain('comm 65535:6')
  expect(host.told[1].has(B)).toBe(false)
  send(1, { announce: [A], localPref: 100 })
  expect(host.told[2].get(A)).toContain('lp 100')
  expect(tables.explain(A).decision[0].step).toBe('long-lived-stale')
  expect(tables.audit()).toEqual([])
})

test('a route refresh sends everything again; an enhanced one is framed', () => {
  const { host, tables, send } = setUp([
    syntheticSession(0),
    syntheticSession(1),
    syntheticSession(2, { enhancedRefresh: true }),
  ])
  send(0, { announce: [A, B], localPref: 100 })
  for (const slot of [1, 2]) {
    host.heard[slot].length = 0
    tables.routeRefresh(slot, 0, 0, 0)
  }
  settle(tables)
  const kinds = (slot: number) => host.heard[slot].map((line) => line.split(' ').slice(0, 2).join(' '))
  expect(kinds(1).sort()).toEqual([`+ ${A}`, `+ ${B}`])
  expect(host.heard[2][0]).toBe('refresh 1 subtype 1')
  expect(kinds(2).slice(1, 3).sort()).toEqual([`+ ${A}`, `+ ${B}`])
  expect(host.heard[2][3]).toBe('refresh 1 subtype 2')
})

test('routes not repeated between BoRR and EoRR go', () => {
  const { host, tables, send } = setUp()
  send(0, { announce: [A, B], localPref: 100 })
  tables.routeRefresh(0, 0, 1, 0)
  send(0, { announce: [B], localPref: 100 })
  expect(host.told[1].size).toBe(2)
  tables.routeRefresh(0, 0, 2, 0)
  settle(tables)
  expect([...host.told[1].keys()]).toEqual([B])
})

test('ADD-PATH: paths are received by identifier and all are sent, each with its own', () => {
  const both = { addPathReceive: [true, true] as const, addPathSend: [Number.POSITIVE_INFINITY, 0] as const }
  const { host, tables, send } = setUp([
    syntheticSession(0, both),
    syntheticSession(1, both),
    syntheticSession(2),
    syntheticSession(3, { ...both, addPathSend: [1, 0] }),
  ])
  send(0, { announce: [`${A}#1`], localPref: 100, nextHop: '10.9.9.1' })
  send(0, { announce: [`${A}#2`], localPref: 200, nextHop: '10.9.9.2' })
  const hops = (slot: number) => [...host.told[slot].values()].map((text) => text.split(' ')[1]).sort()
  expect(hops(1)).toEqual(['10.9.9.1', '10.9.9.2'])
  expect(hops(2)).toEqual(['10.9.9.2'])
  expect(hops(3)).toEqual(['10.9.9.2'])
  expect(tables.familyViews(0)[0]).toMatchObject({ received: 2, addPathReceive: true, addPathSend: true })
  send(0, { withdraw: [`${A}#2`] })
  expect(hops(1)).toEqual(['10.9.9.1'])
  expect(hops(3)).toEqual(['10.9.9.1'])
  send(0, { withdraw: [`${A}#1`] })
  expect(hops(1)).toEqual([])
  expect(tables.memory()).toMatchObject({ prefixes: 0, paths: 0 })
  expect(tables.audit()).toEqual([])
})

test('a prefix limit warns at its fraction, then closes, and no more is taken', () => {
  const importLimit = { maximum: 4, warnAt: 0.5, action: 'restart' as const, restartAfter: 9000 }
  const families = [
    { family: 'ipv4' as const, addPath: { receive: false, send: 0 }, extendedNextHop: false, importLimit },
  ]
  const { host, tables, send } = setUp([syntheticSession(0, { config: { families } }), syntheticSession(1)])
  const names = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => `10.${from + i}.0.0/16`)
  send(0, { announce: names(0, 3), localPref: 100 })
  expect(host.events.filter(({ type }) => type === 'prefix-limit')).toMatchObject([
    { action: 'warn', count: 3, limit: 4 },
  ])
  send(0, { announce: names(3, 5), localPref: 100 })
  expect(host.limits).toEqual([{ slot: 0, family: 0, restartAfter: 9000 }])
  send(0, { announce: names(5, 9), localPref: 100 })
  expect(tables.familyViews(0)[0].received).toBe(5)
})

test('an export limit closes the sessions that would get more', () => {
  const exportLimit = { maximum: 2, warnAt: 1, action: 'idle' as const, restartAfter: 0 }
  const families = [
    { family: 'ipv4' as const, addPath: { receive: false, send: 0 }, extendedNextHop: false, exportLimit },
  ]
  const { host, send } = setUp([syntheticSession(0), syntheticSession(1, { config: { families } })])
  send(0, { announce: ['10.1.0.0/16', '10.2.0.0/16', '10.3.0.0/16'], localPref: 100 })
  expect(host.limits).toEqual([{ slot: 1, family: 0, restartAfter: undefined }])
})

test('while deferred nothing is decided, told or installed; afterwards all at once, then End-of-RIB', () => {
  const host = new TestHost()
  const tables = new RibTables(syntheticConfig(), host, { hashSeed: 3 })
  tables.setDeferred(true, 0)
  for (const slot of [0, 1]) host.up(tables, syntheticSession(slot), slot)
  for (const bytes of updateMessages({ announce: [A], localPref: 100 })) tables.update(0, bytes, BODY, bytes.length, 0)
  settle(tables)
  expect(host.heard[1]).toEqual([])
  expect(host.kernel.size).toBe(0)
  tables.setDeferred(false, 0)
  expect(tables.pending).toBe(true)
  settle(tables)
  expect(host.heard[1].map((line) => line.split(' ')[0])).toEqual(['+', 'end-of-rib', 'end-of-rib'])
  expect(host.kernel.size).toBe(1)
})

test('a peer that stops reading lags, costs no buffers, and catches up with what it missed', () => {
  const { host, tables, send } = setUp()
  const names = Array.from({ length: 30 }, (_, i) => `10.${i}.0.0/16`)
  host.accepts.set(1, false)
  const communities = Array.from({ length: 900 }, (_, i) => `65000:${i}`)
  for (let round = 0; round < 90; round++) {
    for (const name of names) send(0, { announce: [name], localPref: 100 + (round % 7), communities })
  }
  for (const name of names.slice(1)) send(0, { withdraw: [name] })
  expect(tables.group(1)).toMatchObject({ lagging: true, queuedBytes: 0 })
  expect(host.events.at(-1)).toMatchObject({ type: 'lagging', peer: '10.1.0.1', name: 'peer1', lagging: true })
  expect(tables.groups()[0].logBytes).toBeLessThan(8 * 1024 * 1024)
  host.accepts.set(1, true)
  tables.writable(1, 0)
  settle(tables)
  expect([...host.told[1].keys()]).toEqual([names[0]])
  expect(tables.group(1).lagging).toBe(false)
  expect(tables.audit()).toEqual([])
})

test('End-of-RIB of a peer is passed on per family', () => {
  const { host, tables } = setUp()
  const [v4] = updateMessages({ withdraw: [A] })
  const eor = v4.slice(0, 23)
  eor.set([0, 23, 2, 0, 0, 0, 0], 16)
  tables.update(0, eor, BODY, eor.length, 0)
  expect(host.endsOfRib).toEqual(['0 0'])
  expect(tables.familyViews(0)[0].endOfRibReceived).toBe(true)
})

test('a message longer than 4096 octets goes only to those who can take it', () => {
  const long = { maximumMessage: 65535 }
  const { host, send } = setUp([syntheticSession(0, long), syntheticSession(1, long), syntheticSession(2)])
  const communities = Array.from({ length: 1200 }, (_, i) => `65000:${i}`)
  send(0, { announce: [A], localPref: 100, communities })
  expect(host.told[1].has(A)).toBe(true)
  expect(host.told[2].has(A)).toBe(false)
})

test('a change of export settings moves a peer between groups without a session reset', () => {
  const { host, tables, send } = setUp([syntheticSession(0), syntheticSession(1), syntheticSession(2)])
  send(0, { announce: [A, B], localPref: 100 })
  const exportPolicy = [
    {
      why: { resource: 'x', rule: 'y' },
      conditions: [
        {
          kind: 'prefix' as const,
          ranges: [{ family: 'ipv4' as const, network: A, minimum: 24, maximum: 24 }],
          negate: false,
        },
      ],
      actions: [],
      verdict: 'reject' as const,
    },
  ]
  expect(tables.groups().filter((group) => group.members.includes('peer1'))[0].members).toHaveLength(3)
  tables.peerReconfigured(1, syntheticSession(1, { config: { exportPolicy } }), { import: false, export: true }, 0)
  settle(tables, 5)
  expect([...host.told[1].keys()]).toEqual([B])
  expect([...host.told[2].keys()].sort()).toEqual([A, B])
  expect(tables.audit()).toEqual([])
})

test('changed decision options and identity take effect on what is there', () => {
  const { host, tables, send } = setUp([syntheticSession(0), syntheticSession(1), syntheticSession(2)])
  send(0, { announce: [A], localPref: 100, asPath: '7 8', med: 50 })
  send(1, { announce: [A], localPref: 100, asPath: '6 9', med: 1, nextHop: '10.9.9.2' })
  expect(host.told[2].get(A)).toContain('nh 10.9.9.9')
  const base = syntheticConfig()
  tables.configure({ ...base, clusterId: 77, decision: { ...base.decision, alwaysCompareMed: true } })
  settle(tables)
  expect(host.told[2].get(A)).toContain('nh 10.9.9.2')
  expect(host.told[2].get(A)).toContain('clusters 0.0.0.77')
  expect(tables.audit()).toEqual([])
})

test('pages walk the whole table once, and a longest match finds the covering prefix', () => {
  const { tables, send } = setUp()
  const names = Array.from({ length: 25 }, (_, i) => `10.${i}.0.0/16`)
  send(0, { announce: [...names, '10.3.3.0/24', '2001:db8::/32'], localPref: 100 })
  const seen: string[] = []
  let cursor: string | undefined
  do {
    const page = tables.routes({ view: 'best', limit: 10, ...(cursor !== undefined && { cursor }) })
    seen.push(...page.routes.map(({ prefix }) => prefix))
    cursor = page.next
  } while (cursor !== undefined)
  expect(seen.sort()).toEqual([...names, '10.3.3.0/24', '2001:db8::/32'].sort())
  const match = (kind: 'exact' | 'in' | 'for', prefix: string) =>
    tables.routes({ view: 'best', limit: 10, match: { kind, prefix } }).routes.map((route) => route.prefix)
  expect(match('for', '10.3.3.7')).toEqual(['10.3.3.0/24'])
  expect(match('for', '10.3.4.7')).toEqual(['10.3.0.0/16'])
  expect(match('in', '10.3.0.0/16')).toEqual(['10.3.0.0/16', '10.3.3.0/24'])
  expect(match('exact', '10.3.0.0/17')).toEqual([])
  const exported = tables.routes({ view: 'exported', peer: '10.1.0.1', limit: 5 })
  expect(exported.routes).toHaveLength(5)
  expect(tables.routes({ view: 'exported', peer: '10.1.0.0', limit: 5 }).routes).toEqual([])
})

test('a view shows communities of all three kinds', () => {
  const { tables, send } = setUp()
  const raw = [
    { code: 16, flags: 0xc0, value: Uint8Array.of(0, 2, 0xfc, 0, 0, 0, 0, 9, 0x40, 4, 0xfc, 0, 0x47, 0x80, 0, 0) },
    { code: 32, flags: 0xc0, value: Uint8Array.of(0, 0, 0xfc, 0, 0, 0, 0, 1, 0, 0, 0, 2) },
  ]
  send(0, { announce: [A], localPref: 100, communities: ['no-export'], raw })
  expect(tables.routes({ view: 'best', limit: 1 }).routes[0]?.communities).toEqual([
    'no-export',
    '64512:1:2',
    'rt:64512:9',
    '0x4004fc0047800000',
  ])
})

test('with ADD-PATH, explain shows what the best path is told with, whoever came last', () => {
  const all = { addPathReceive: [true, true] as const, addPathSend: [Number.POSITIVE_INFINITY, 0] as const }
  const { tables, send } = setUp([
    syntheticSession(0),
    syntheticSession(1),
    syntheticSession(2, all),
    syntheticSession(3),
  ])
  const hopTold = (slot: number) => tables.explain(A, slot).exports[0]?.nextHop
  send(0, { announce: [A], nextHop: '10.9.9.1', localPref: 100 })
  send(1, { announce: [A], nextHop: '10.9.9.2', localPref: 200 })
  expect(hopTold(2)).toBe('10.9.9.2')
  send(0, { announce: [A], nextHop: '10.9.9.1', localPref: 300 })
  expect(hopTold(2)).toBe('10.9.9.1')
  send(3, { announce: [A], nextHop: '10.9.9.3', localPref: 50 })
  expect(hopTold(2)).toBe('10.9.9.1')
  // All it is told, where it alone is asked about; its own path never. The others have one path and no list.
  send(2, { announce: [`${A}#7`], nextHop: '10.9.9.4', localPref: 60 })
  const [told] = tables.explain(A, 2).exports
  expect(told?.pathCount).toBe(3)
  expect(told?.paths?.map(({ from, nextHop }) => `${from} ${nextHop}`).sort()).toEqual([
    'peer0 10.9.9.1',
    'peer1 10.9.9.2',
    'peer3 10.9.9.3',
  ])
  const everybody = tables.explain(A).exports
  expect(everybody[2]).toMatchObject({ pathCount: 3 })
  expect(everybody[2]).not.toHaveProperty('paths')
  expect(everybody[1]).not.toHaveProperty('pathCount')
})
