import { expect, test } from 'vitest'
import type { SessionParameters } from './contract.js'
import { settle, TestHost } from './harness.js'
import { BODY, syntheticConfig, syntheticSession, type UpdateFields, updateMessages } from './synthetic.js'
import { RibTables } from './tables.js'

function setUp(sessions: SessionParameters[], config = syntheticConfig()) {
  const host = new TestHost()
  const tables = new RibTables(config, host, { hashSeed: 11 })
  for (const [slot, session] of sessions.entries()) host.up(tables, session, slot)
  settle(tables)
  const send = (slot: number, fields: UpdateFields) => {
    for (const bytes of updateMessages(fields)) {
      const error = tables.update(slot, bytes, BODY, bytes.length, 0)
      expect(error).toBeUndefined()
    }
    settle(tables)
  }
  return { host, tables, send }
}

test('a route is reflected to every client but its source', () => {
  const { host, tables, send } = setUp([syntheticSession(0), syntheticSession(1), syntheticSession(2)])
  send(0, { announce: ['192.0.2.0/24'], nextHop: '10.9.9.1', localPref: 100 })
  const expected = 'nh 10.9.9.1 path lp 100 orig 10.1.0.0 clusters 10.0.0.10'
  expect([...host.told[1]]).toEqual([['192.0.2.0/24', expected]])
  expect([...host.told[2]]).toEqual([['192.0.2.0/24', expected]])
  expect(host.heard[0]).toEqual(['end-of-rib ipv4', 'end-of-rib ipv6'])
  expect(host.kernel.get('192.0.2.0/24')).toBe('bgp peer0 via 10.9.9.1')
  send(0, { withdraw: ['192.0.2.0/24'] })
  expect(host.told[1].size).toBe(0)
  expect(host.heard[0]).toHaveLength(2)
  expect(host.kernel.size).toBe(0)
  expect(tables.audit()).toEqual([])
  expect(tables.memory()).toMatchObject({ prefixes: 0, paths: 0, attributeSets: 0 })
})

test('when the source of a prefix moves to a peer, that peer alone gets a withdrawal', () => {
  const { host, tables, send } = setUp([syntheticSession(0), syntheticSession(1), syntheticSession(2)])
  send(0, { announce: ['192.0.2.0/24'], localPref: 100 })
  send(1, { announce: ['192.0.2.0/24'], localPref: 200, nextHop: '10.9.9.2' })
  expect(host.heard[1].at(-1)).toBe('- 192.0.2.0/24')
  expect(host.told[0].get('192.0.2.0/24')).toContain('10.9.9.2')
  expect(host.told[2].get('192.0.2.0/24')).toContain('10.9.9.2')
  expect(host.heard[2].filter((line) => line.startsWith('-'))).toEqual([])
  expect(tables.audit()).toEqual([])
})

test('a joiner gets the whole table, then End-of-RIB, then what follows', () => {
  const { host, tables, send } = setUp([syntheticSession(0)])
  send(0, { announce: ['192.0.2.0/24', '2001:db8::/32'], localPref: 100 })
  host.up(tables, syntheticSession(1), 1)
  settle(tables)
  expect([...host.told[1].keys()]).toEqual(['192.0.2.0/24', '2001:db8::/32'])
  expect(host.heard[1].filter((line) => line.startsWith('end'))).toEqual(['end-of-rib ipv4', 'end-of-rib ipv6'])
  send(0, { withdraw: ['2001:db8::/32'] })
  expect([...host.told[1].keys()]).toEqual(['192.0.2.0/24'])
})

test('a lost peer leaves nothing behind and gives its slot back', () => {
  const { host, tables, send } = setUp([syntheticSession(0), syntheticSession(1)])
  send(0, { announce: Array.from({ length: 50 }, (_, i) => `10.2.${i}.0/24`), localPref: 100 })
  expect(host.told[1].size).toBe(50)
  tables.peerDown(0, { stale: [false, false] }, 0)
  settle(tables, 7)
  expect(host.told[1].size).toBe(0)
  expect(host.freed).toEqual([0])
  expect(tables.memory()).toMatchObject({ prefixes: 0, paths: 0, attributeSets: 0 })
  expect(tables.audit()).toEqual([])
})

test.each([
  '224.0.0.0/4',
  '239.1.2.3/32',
  '127.0.0.0/8',
  '127.0.0.1/32',
  '0.1.0.0/16',
  '255.255.255.255/32',
  'ff02::/16',
  'fe80::/64',
  '::1/128',
])('%s means nothing to others: kept and shown, never used or told', (prefix) => {
  const { host, tables, send } = setUp([syntheticSession(0), syntheticSession(1)])
  send(0, { announce: [prefix], localPref: 100 })
  expect(host.told[1].size).toBe(0)
  expect(host.kernel.size).toBe(0)
  expect(tables.routes({ view: 'filtered', limit: 9 }).routes).toMatchObject([
    { prefix, best: false, eligible: false, reason: expect.stringContaining('not a prefix for unicast routing') },
  ])
  // New policy does not let it in either.
  const session = syntheticSession(0)
  tables.peerReconfigured(0, { ...session, config: { ...session.config } }, { import: true, export: true }, 0)
  settle(tables)
  expect(host.told[1].size).toBe(0)
  send(0, { withdraw: [prefix] })
  expect(tables.audit()).toEqual([])
  expect(tables.memory()).toMatchObject({ prefixes: 0, paths: 0, attributeSets: 0 })
})

test.each([
  '0.0.0.0/0',
  '0.0.0.0/1',
  '126.0.0.0/7',
  '192.0.0.0/2',
  '240.0.0.0/4',
  '169.254.1.0/24',
  '::/0',
  '64:ff9b::/96',
])('%s is a route like any other', (prefix) => {
  const { host, send } = setUp([syntheticSession(0), syntheticSession(1)])
  send(0, { announce: [prefix], localPref: 100 })
  expect([...host.told[1].keys()]).toEqual([prefix])
})
