/**
 * Long-lived stale routes (RFC 9494): who is told of them and how, and what ends the mark.
 */
import { expect, test } from 'vitest'
import { settle, TestHost } from './harness.js'
import { BODY, syntheticConfig, syntheticSession, type UpdateFields, updateMessages } from './synthetic.js'
import { RibTables } from './tables.js'

const A = '192.0.2.0/24'
const B = '198.51.100.0/24'
const STALE = '65535:6'
const NO_EXPORT = '65535:65281'
const external = { external: true, remoteAs: 64999 }

function setUp(sessions: readonly ReturnType<typeof syntheticSession>[]) {
  const host = new TestHost()
  const tables = new RibTables(syntheticConfig(), host, { hashSeed: 3 })
  for (const [slot, session] of sessions.entries()) host.up(tables, session, slot)
  settle(tables)
  const send = (slot: number, fields: UpdateFields) => {
    for (const bytes of updateMessages(fields)) tables.update(slot, bytes, BODY, bytes.length, 0)
    settle(tables)
  }
  const lose = (slot: number) => {
    tables.peerDown(slot, { stale: [true, true] }, 0)
    tables.markLongLivedStale(slot, 0, 0)
    settle(tables)
  }
  return { host, tables, send, lose }
}

test.each([
  ['an internal peer that knows LLGR hears it marked', { longLived: true }, new RegExp(`lp 200 .*comm ${STALE}$`)],
  ['an internal peer that does not gets it as the last choice, not to be passed on', {}, `comm ${NO_EXPORT},${STALE}`],
  ['an external peer that knows LLGR hears it marked', { longLived: true, ...external }, new RegExp(`comm ${STALE}$`)],
  ['an external peer that does not is not told', external, undefined],
] as const)('%s (RFC 9494 sections 4.3 and 4.6)', (_, fields, expected) => {
  const { host, tables, send, lose } = setUp([syntheticSession(0), syntheticSession(1, fields)])
  send(0, { announce: [A], localPref: 200 })
  expect(host.told[1].has(A)).toBe(true)
  lose(0)
  if (expected === undefined) expect(host.told[1].has(A)).toBe(false)
  else if (expected instanceof RegExp) expect(host.told[1].get(A)).toMatch(expected)
  else {
    const [communities] = /(?<=comm )\S+/.exec(host.told[1].get(A) ?? '') ?? ['']
    expect(communities.split(',').sort()).toEqual([NO_EXPORT, STALE].sort())
    expect(host.told[1].get(A)).toContain('lp 0')
  }
  expect(tables.audit()).toEqual([])
})

test('a route that comes marked from a peer is passed on by the same rule', () => {
  const { host, send } = setUp([
    syntheticSession(0),
    syntheticSession(1, external),
    syntheticSession(2, { longLived: true }),
  ])
  send(0, { announce: [A], localPref: 100, communities: ['llgr-stale'] })
  expect(host.told[1].size).toBe(0)
  expect(host.told[2].get(A)).toContain(STALE)
})

test('the mark survives a new import policy, and ends with a fresh announcement', () => {
  const { host, tables, send, lose } = setUp([syntheticSession(0), syntheticSession(1, { longLived: true })])
  send(0, { announce: [A, B], localPref: 100 })
  lose(0)
  const why = { resource: 'test', rule: 'test' }
  const importPolicy = [{ why, conditions: [], actions: [{ kind: 'set-med' as const, value: 7 }] }]
  tables.peerReconfigured(0, syntheticSession(0, { config: { importPolicy } }), { import: true, export: false }, 0)
  settle(tables)
  expect(host.told[1].get(A)).toMatch(new RegExp(`med 7 .*comm ${STALE}`))
  host.up(tables, syntheticSession(0), 0)
  send(0, { announce: [A], localPref: 100 })
  expect(host.told[1].get(A)).not.toContain(STALE)
  expect(host.told[1].get(B)).toContain(STALE)
  tables.sweepStale(0, 0, 0)
  settle(tables)
  expect([...host.told[1].keys()]).toEqual([A])
  expect(tables.audit()).toEqual([])
})

test('a sweep that is still under way when the session is lost again takes only what was stale when it began', () => {
  const { host, tables, send } = setUp([syntheticSession(0), syntheticSession(1)])
  send(0, { announce: [A, B], localPref: 100 })
  tables.peerDown(0, { stale: [true, true] }, 0)
  host.up(tables, syntheticSession(0), 0)
  send(0, { announce: [A], localPref: 100 })
  tables.sweepStale(0, 0, 0)
  tables.peerDown(0, { stale: [true, true] }, 0)
  settle(tables)
  expect([...host.told[1].keys()]).toEqual([A])
  expect(tables.audit()).toEqual([])
})
