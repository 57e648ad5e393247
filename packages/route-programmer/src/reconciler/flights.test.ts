/** Several batches under way: the driver is kept busy, and no row is ever in two of them. */

import { describe, expect, it } from 'vitest'
import { foreign, ip, link, wanted } from '../testing.js'
import { Reconciler } from './reconciler.js'
import type { ReconcilerListener } from './types.js'

const CONNECTED = foreign('192.0.2.0/24', '0.0.0.0', 2, {
  protocol: 2,
  scope: 253,
  nextHops: [{ ifindex: 2, onlink: false, weight: 1 }],
})
const PREFIXES = ['10.1.0.0/24', '10.2.0.0/24', '10.3.0.0/24', '10.4.0.0/24', '10.5.0.0/24']

function reconciler(listener: ReconcilerListener = {}): Reconciler {
  const it = new Reconciler({}, listener)
  it.beginRead()
  it.feed([CONNECTED], 0)
  it.endRead({ links: [link(2, 'eth0')], addresses: [] }, 0)
  it.allowDeletes()
  return it
}
const words = (writes: ReturnType<Reconciler['take']>) =>
  writes.map(({ op, route }) => `${op} ${route.destination.address.join('.')} ${route.nextHops[0]?.gateway?.join('.')}`)

describe('batches under way', () => {
  it('are as many as are taken, and land in their order', () => {
    const it = reconciler()
    for (const prefix of PREFIXES) it.set(wanted(prefix, ['192.0.2.9']))
    const batches = [it.take(2, 0), it.take(2, 0), it.take(2, 0)]
    expect(batches.map((batch) => batch.length)).toEqual([2, 2, 1])
    expect(it.take(2, 0)).toEqual([])
    expect(it.readDue(1e9)).toBeUndefined()
    it.done([{ errno: 0 }, { errno: 101, name: 'ENETUNREACH' }], 0)
    it.done([{ errno: 0 }, { errno: 0 }], 0)
    it.done([{ errno: 0 }], 0)
    expect(it.counters).toMatchObject({ added: 4, failures: 1, batches: 3 })
    const [failed] = [...it.failures.keys()]
    expect(it.tables.slots.index.destination(failed ?? -1).address).toEqual(batches[0]?.[1]?.route.destination.address)
  })

  it('hold a row once: what it should become meanwhile is written when it has landed', () => {
    const it = reconciler()
    it.set(wanted('10.1.0.0/24', ['192.0.2.9']))
    expect(words(it.take(9, 0))).toEqual(['add 10.1.0.0 192.0.2.9'])
    it.set(wanted('10.1.0.0/24', ['192.0.2.10']))
    expect(it.take(9, 0)).toEqual([])
    it.done([{ errno: 0 }], 0)
    expect(words(it.take(9, 0))).toEqual(['replace 10.1.0.0 192.0.2.10'])
    it.remove(wanted('10.1.0.0/24', []))
    expect(it.take(9, 0)).toEqual([])
    it.done([{ errno: 0 }], 0)
    expect(words(it.take(9, 0))).toEqual(['delete 10.1.0.0 192.0.2.10'])
    it.done([{ errno: 0 }], 0)
    expect(it.tables.slots.index.find(ip('10.1.0.0'), 24, it.tables.slots.index.lane(4, 254), 0)).toBe(-1)
  })

  it('may be asked for again while they are deleted: their rows are given back once, when nobody looks at them any more', () => {
    const it = reconciler()
    const { index } = it.tables.slots
    const row = () => index.find(ip('10.1.0.0'), 24, index.lane(4, 254), 0)
    it.set(wanted('10.1.0.0/24', ['192.0.2.9']))
    it.take(9, 0)
    it.done([{ errno: 0 }], 0)
    it.remove(wanted('10.1.0.0/24', []))
    expect(words(it.take(9, 0))).toEqual(['delete 10.1.0.0 192.0.2.9'])
    it.applyEvents([{ type: 'link', removed: true, link: link(2, 'eth0') }], 0)
    expect(it.take(9, 0)).toEqual([])
    it.done([{ errno: 3, name: 'ESRCH' }], 0)
    expect(row()).toBeGreaterThanOrEqual(0)
    expect(it.take(9, 0)).toEqual([])
    expect(row()).toBe(-1)
    for (const prefix of PREFIXES) it.set(wanted(prefix, [], { nextHops: [] }))
    expect(it.take(9, 0)).toHaveLength(5)
  })

  it('of deletions that another program is quicker with make no rival of it', () => {
    const conflicts: string[] = []
    const it = reconciler({ conflict: ({ text }) => conflicts.push(text) })
    for (let round = 0; round < 4; round++) {
      it.set(wanted('10.1.0.0/24', ['192.0.2.9']))
      const [write] = it.take(9, round)
      it.done([{ errno: 0 }], round)
      it.remove(wanted('10.1.0.0/24', []))
      if (write !== undefined) it.applyEvents([{ type: 'route', removed: true, route: write.route }], round)
      expect(words(it.take(9, round)).map((text) => text.split(' ')[0])).toEqual(['delete'])
      it.done([{ errno: 3, name: 'ESRCH' }], round)
    }
    expect(conflicts).toEqual([])
  })

  it('are all in doubt when a link goes down or the driver breaks', () => {
    const it = reconciler()
    for (const prefix of PREFIXES) it.set(wanted(prefix, ['192.0.2.9']))
    it.take(3, 0)
    it.take(3, 0)
    it.applyEvents([{ type: 'link', removed: false, link: link(2, 'eth0', { up: false }) }], 0)
    it.applyEvents([{ type: 'link', removed: false, link: link(2, 'eth0') }], 0)
    it.applyEvents([{ type: 'route', removed: false, route: CONNECTED }], 0)
    it.done([{ errno: 0 }, { errno: 0 }, { errno: 0 }], 0)
    it.done([{ errno: 0 }, { errno: 0 }], 0)
    const again = it.take(9, 0)
    expect(new Set(words(again).map((text) => text.split(' ')[0]))).toEqual(new Set(['replace']))
    expect(again).toHaveLength(5)
    it.broken('the connection is gone', 0)
    expect(it.take(9, 0)).toEqual([])
    it.beginRead()
    it.feed([CONNECTED], 0)
    it.endRead({ links: [link(2, 'eth0')], addresses: [] }, 0)
    expect(words(it.take(9, 0)).map((text) => text.split(' ')[0])).toEqual(['add', 'add', 'add', 'add', 'add'])
  })
})
