import { describe, expect, it } from 'vitest'
import { AdjRibOut } from '../out/adj-rib-out.js'
import { PathTable } from './paths.js'
import { PrefixColumns } from './prefixes.js'

/** Past every step of growth below the largest, and many pages. */
const ENTRIES = 20_000

describe('columns that open page by page', () => {
  it('lose no prefix, however often one is reached', () => {
    const columns = new PrefixColumns()
    const wrong: number[] = []
    for (let id = 1; id < ENTRIES; id++) {
      columns.reach(id)
      if (columns.head[id] !== 0) wrong.push(id)
      columns.head[id] = id
      columns.best[id] = id
      columns.reach(id)
      columns.reach(id >>> 1)
    }
    for (let id = 1; id < ENTRIES; id++) if (columns.head[id] !== id || columns.best[id] !== id) wrong.push(id)
    expect(wrong).toEqual([])
  })

  it('lose no entry of an Adj-RIB-Out, in whatever order they come', () => {
    for (const order of [(i: number) => i, (i: number) => ENTRIES - i, (i: number) => (i * 7919) % ENTRIES]) {
      const rib = new AdjRibOut()
      const wrong: number[] = []
      for (let i = 1; i < ENTRIES; i++) {
        const entry = order(i)
        rib.reach(entry)
        if (rib.attr[entry] !== 0) wrong.push(entry)
        rib.set(entry, entry, 1, 1)
      }
      expect(rib.count).toBe(ENTRIES - 1)
      for (let i = 1; i < ENTRIES; i++) if (rib.attr[order(i)] !== order(i)) wrong.push(order(i))
      expect(wrong).toEqual([])
    }
  })
})

describe('rows', () => {
  it('are fresh only before their first use', () => {
    const paths = new PathTable()
    const first = paths.allocate()
    expect(paths.fresh).toBe(true)
    paths.pathId[first] = 7
    paths.release(first)
    expect(paths.allocate()).toBe(first)
    expect(paths.fresh).toBe(false)
    paths.allocate()
    expect(paths.fresh).toBe(true)
  })
})
