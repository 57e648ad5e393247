/**
 * What is chosen and told depends on the paths there are, never on the history that led to them: a prefix that many
 * announce goes through random changes, decided one by one; fresh tables that see only the end must agree in everything
 * (best path, multipath set, what listeners without ADD-PATH, with best three and with all hold).
 */
import { expect, test } from 'vitest'
import { settle, TestHost } from '../rib/harness.js'
import { BODY, syntheticConfig, syntheticSession, type UpdateFields, updateMessages } from '../rib/synthetic.js'
import { RibTables } from '../rib/tables.js'

const PREFIX = '203.0.113.7/32'
const SOURCES = 9
const LISTENERS = [{}, { addPathSend: [3, 0] }, { addPathSend: [Number.POSITIVE_INFINITY, 0] }] as const

function randomOf(seed: number): (below: number) => number {
  let state = seed * 2654435761 + 1
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return Math.floor((state / 0x100000000) * below)
  }
}

function tablesOf(seed: number) {
  const host = new TestHost()
  const decision = { alwaysCompareMed: seed % 4 === 1, deterministicMed: true, maximumPaths: 4, multipathRelax: false }
  const tables = new RibTables(syntheticConfig({ decision, nextHopResolution: 'tracked' }), host, { hashSeed: seed })
  for (let slot = 0; slot < SOURCES; slot++) host.up(tables, syntheticSession(slot), slot)
  for (const [n, fields] of LISTENERS.entries()) {
    host.up(tables, syntheticSession(SOURCES + n, fields as object), SOURCES + n)
  }
  return { host, tables }
}

function send(tables: RibTables, slot: number, fields: UpdateFields): void {
  for (const bytes of updateMessages(fields)) tables.update(slot, bytes, BODY, bytes.length, 0)
}

/** What the kernel would say to every question open now. */
function answer({ host, tables }: ReturnType<typeof tablesOf>, reachable: ReadonlyMap<string, boolean>): void {
  for (const address of host.tracked) tables.nextHopChanged(address, reachable.get(address) === true, 5, 0)
}

const outcome = ({ host, tables }: ReturnType<typeof tablesOf>) => ({
  kernel: host.kernel.get(PREFIX)?.split('via ')[1]?.split(',').sort(),
  best: tables.explain(PREFIX).paths.find((path) => path.best)?.from,
  // Path identifiers are rows, and rows are history.
  told: LISTENERS.map((_, n) => [...(host.told[SOURCES + n]?.values() ?? [])].sort()),
})

test('the outcome depends on the paths alone, whatever happened before', () => {
  for (let seed = 1; seed <= 150; seed++) {
    const random = randomOf(seed)
    const lived = tablesOf(seed)
    const present = new Map<number, UpdateFields>()
    const reachable = new Map<string, boolean>()
    for (let step = 0; step < 60; step++) {
      const slot = random(SOURCES)
      const kind = random(10)
      if (kind < 2) {
        present.delete(slot)
        send(lived.tables, slot, { withdraw: [PREFIX] })
      } else if (kind < 4) {
        const address = `10.9.9.${random(4)}`
        reachable.set(address, random(3) > 0)
        lived.tables.nextHopChanged(address, reachable.get(address) === true, 5, 0)
      } else {
        const fields = {
          announce: [PREFIX],
          nextHop: `10.9.9.${random(4)}`,
          localPref: 100 + random(2),
          asPath: `${7 + random(2)}`,
          ...(random(3) === 0 && { med: random(3) }),
          ...(random(4) === 0 && { communities: ['1:1'] }),
        }
        present.set(slot, fields)
        send(lived.tables, slot, fields)
      }
      // Next hops nobody asks about are forgotten: say again what is known.
      if (random(3) > 0) settle(lived.tables)
      answer(lived, reachable)
    }
    settle(lived.tables)
    answer(lived, reachable)
    settle(lived.tables)
    const fresh = tablesOf(seed)
    for (const [slot, fields] of present) send(fresh.tables, slot, fields)
    settle(fresh.tables)
    answer(fresh, reachable)
    settle(fresh.tables)
    expect(outcome(lived), `seed ${seed}`).toEqual(outcome(fresh))
    expect(lived.tables.audit(), `seed ${seed}`).toEqual([])
  }
})
