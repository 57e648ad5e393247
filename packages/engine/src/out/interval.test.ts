/**
 * The advertisement interval (RFC 4271 section 9.2.1.1): the first change goes out at once, the next batch not before the
 * interval is over, and a route that changed many times meanwhile is told once, as it is then.
 */
import { expect, test } from 'vitest'
import { PLAIN_PEER } from '../config/defaults.js'
import { settle, TestHost } from '../rib/harness.js'
import { BODY, syntheticConfig, syntheticSession, type UpdateFields, updateMessages } from '../rib/synthetic.js'
import { RibTables } from '../rib/tables.js'

const A = '192.0.2.0/24'
const B = '198.51.100.0/24'
const C = '203.0.113.0/24'

function paced(advertisementInterval: number) {
  return { config: { timers: { ...PLAIN_PEER.timers, advertisementInterval } } }
}

function setUp(fields: Parameters<typeof syntheticSession>[1] = paced(5_000)) {
  const host = new TestHost()
  const tables = new RibTables(syntheticConfig(), host, { hashSeed: 3 })
  host.up(tables, syntheticSession(0), 0)
  host.up(tables, syntheticSession(1, fields), 1)
  host.up(tables, syntheticSession(2), 2)
  settle(tables)
  const send = (at: number, update: UpdateFields) => {
    for (const bytes of updateMessages({ localPref: 100, ...update })) tables.update(0, bytes, BODY, bytes.length, at)
    settle(tables, 64, at)
  }
  const pass = (at: number) => {
    tables.tick(at)
    settle(tables, 64, at)
  }
  const heard = (slot: number) => host.heard[slot].map((line) => line.split(' ').slice(0, 2).join(' '))
  return { host, tables, send, pass, heard }
}

test('changes within the interval are told together when it is over, each route once, and nobody else waits', () => {
  const { host, tables, send, pass, heard } = setUp()
  send(100, { announce: [A] })
  expect(heard(1).slice(2)).toEqual([`+ ${A}`])
  for (let i = 0; i < 10; i++) {
    send(200 + i, { announce: [B], med: i })
    send(300 + i, { withdraw: [A] })
    send(400 + i, { announce: [A], med: i })
    send(500 + i, { announce: [C] })
    send(600 + i, { withdraw: [C] })
  }
  expect(heard(1)).toHaveLength(3)
  expect(heard(2).length).toBeGreaterThan(40)
  expect(tables.nextDeadline()).toBe(5_100)
  pass(5_099)
  expect(heard(1)).toHaveLength(3)
  pass(5_100)
  expect(heard(1).slice(3).sort()).toEqual([`+ ${A}`, `+ ${B}`, `- ${C}`].sort())
  expect(host.told[1]).toEqual(host.told[2])
  send(5_200, { announce: [C] })
  expect(host.told[1].has(C)).toBe(false)
  pass(10_100)
  expect(host.told[1]).toEqual(host.told[2])
  // Nothing to tell: no deadline, and the next change leaves at once.
  pass(60_000)
  expect(tables.nextDeadline()).toBe(Number.POSITIVE_INFINITY)
  send(60_001, { withdraw: [A, B, C] })
  expect(host.told[1].size).toBe(0)
  settle(tables)
  expect(tables.memory()).toMatchObject({ prefixes: 0, paths: 0, attributeSets: 0 })
  expect(tables.audit()).toEqual([])
})

test.each([true, false])('a first table, its End-of-RIB and a route refresh never wait (enhanced: %s)', (enhanced) => {
  const { host, tables, send, heard } = setUp()
  send(100, { announce: [A] })
  send(200, { announce: [B] })
  expect(host.told[1].has(B)).toBe(false)
  tables.peerDown(1, { stale: [false, false] }, 300)
  settle(tables, 64, 300)
  host.up(tables, syntheticSession(1, { ...paced(5_000), enhancedRefresh: enhanced }), 1)
  settle(tables, 64, 300)
  expect(heard(1).sort()).toEqual([`+ ${A}`, `+ ${B}`, 'end-of-rib ipv4', 'end-of-rib ipv6'])
  host.heard[1].length = 0
  tables.routeRefresh(1, 0, 0, 310)
  settle(tables, 64, 310)
  expect(heard(1)).toHaveLength(enhanced ? 4 : 2)
  expect(tables.audit()).toEqual([])
})

test('taking the interval away sends what waits at once', () => {
  const { host, tables, send } = setUp()
  send(100, { announce: [A] })
  send(200, { announce: [B] })
  tables.peerReconfigured(1, syntheticSession(1), { import: false, export: true }, 300)
  settle(tables, 64, 300)
  expect(host.told[1]).toEqual(host.told[2])
})

test('with ADD-PATH and peers that are sources themselves the end is the same', () => {
  const session = { ...paced(5_000), addPathSend: [Number.POSITIVE_INFINITY, 0] as const }
  const { host, tables, send, pass } = setUp(session)
  host.up(tables, syntheticSession(3, { addPathSend: [Number.POSITIVE_INFINITY, 0] }), 3)
  for (let i = 0; i < 30; i++) {
    send(100 * i, i % 3 === 2 ? { withdraw: [A] } : { announce: [A, B], med: i })
    const [own] = updateMessages(i % 4 === 3 ? { withdraw: [A] } : { announce: [A], localPref: 50 + i })
    tables.update(1, own, BODY, own.length, 100 * i)
    settle(tables, 64, 100 * i)
  }
  pass(20_000)
  const own = (slot: number) => [...host.told[slot].values()].filter((text) => text.includes('orig 10.1.0.0')).sort()
  expect(own(1)).toEqual(own(3))
  expect([...host.told[1].values()].some((text) => text.includes('orig 10.1.0.1'))).toBe(false)
  expect(tables.audit()).toEqual([])
})
