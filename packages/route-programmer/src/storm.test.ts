/**
 * Storms: random wishes, foreign writers, link flaps, refused writes and lost events from one seed. At the end, once the
 * world is quiet, what is wanted is what is there, wherever no other program holds the key; and nothing of ours is left
 * that nobody wants.
 */

import { describe, expect, it } from 'vitest'
import { countStates, routeRows } from './index.js'
import { conflictKey } from './reconciler/foreign.js'
import { foreign, link, SimHost, wanted } from './testing.js'

/** mulberry32: small, seeded, good enough for a test. */
function random(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }
}

/** One by one, what `countStates` keeps. */
function rowsByState(host: SimHost): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const { state } of routeRows(host.programmer.reconciler)) counts[state] = (counts[state] ?? 0) + 1
  return counts
}

const GATEWAYS = [['192.0.2.9'], ['198.51.100.9'], ['192.0.2.9', '198.51.100.9'], ['203.0.113.5'], []]

async function storm(seed: number): Promise<void> {
  const next = random(seed)
  const pick = (n: number) => Math.floor(next() * n)
  const host = await new SimHost({ seed, batch: 7 }).start()
  host.programmer.allowDeletes()
  let overwritten = 0
  host.driver.faults.refuse = ({ op, route }) => {
    const held = host.kernel.allRoutes().filter((other) => conflictKey(other) === conflictKey(route))
    if (op === 'replace' && held[0] !== undefined && held[0].protocol !== 12) overwritten++
    return next() < 0.1 ? { errno: [12, 22, 100, 101, 105][pick(5)] as number, name: 'injected' } : undefined
  }
  // Every other storm loses events: only then may something be overwritten unseen, and a read be needed at the end.
  const lossy = seed % 2 === 0
  if (lossy) host.driver.faults.loseEvents = () => next() < 0.02
  const wishes = new Map<string, readonly string[]>()
  const prefix = () => `10.${pick(3)}.${pick(20)}.0/24`
  const at = (text: string) => ({ ...wanted(text, []), table: 254, metric: 0 })
  const acts: (() => void)[] = [
    () => {
      const [key, gateways] = [prefix(), GATEWAYS[pick(GATEWAYS.length)] as string[]]
      wishes.set(key, gateways)
      host.programmer.set(wanted(key, gateways))
    },
    () => {
      const key = prefix()
      wishes.delete(key)
      host.programmer.remove(wanted(key, []))
    },
    () => host.kernel.foreignReplace(foreign(prefix(), '192.0.2.77', 2)),
    () => host.kernel.foreignReplace(foreign(prefix(), '192.0.2.77', 2, { protocol: 12 })),
    () => host.kernel.foreignDelete({ ...at(prefix()), protocol: 12 }),
    () => host.kernel.foreignDelete({ ...at(prefix()), protocol: 4 }),
    () =>
      host.kernel.foreignReplace(foreign('203.0.113.0/24', next() < 0.5 ? '192.0.2.9' : '198.51.100.9', 2 + pick(2))),
    () => {
      const up = next() < 0.5
      host.kernel.setLink(link(3, 'eth1', { up, running: up }))
    },
    () => host.kernel.setLink(link(2, 'eth0', { running: next() < 0.5 })),
  ]
  for (let i = 0; i < 400; i++) {
    acts[pick(acts.length)]?.()
    if (next() < 0.3) await host.run(pick(200))
    if (i % 10 === 0) expect(countStates(host.programmer.reconciler)).toMatchObject(rowsByState(host))
  }
  host.driver.faults.refuse = undefined
  host.driver.faults.loseEvents = undefined
  host.kernel.setLink(link(2, 'eth0'))
  host.kernel.setLink(link(3, 'eth1'))
  host.kernel.foreignReplace(foreign('203.0.113.0/24', '192.0.2.9', 2))
  await host.run(lossy ? 120_000 : 40_000)
  if (!lossy) expect(overwritten, 'foreign routes overwritten').toBe(0)

  const held = host.foreignKeys()
  const hexKey = (text: string) => {
    const [address = '', length] = text.split('/')
    return `${Buffer.from(address.split('.').map(Number)).toString('hex')}/${length}`
  }
  const line = (key: string, gateways: readonly string[]) => {
    const hops = gateways.map((gateway) => (gateway.startsWith('198') ? `${gateway}%3` : '192.0.2.9%2'))
    return `${key} ${gateways.length === 0 ? 'blackhole' : `via ${hops.sort().join(' ')}`}`
  }
  const expected = [...wishes].filter(([key]) => !held.has(hexKey(key))).map(([key, gateways]) => line(key, gateways))
  expect(host.ours().filter((text) => !held.has(hexKey(text.split(' ')[0] ?? '')))).toEqual(expected.sort())
}

describe('after a storm desired and actual are equal', () => {
  const seeds = Array.from({ length: 60 }, (_, i) => i + 1)
  it.each(seeds)('seed %i', async (seed) => {
    await storm(seed)
  })
})
