import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type Change, SortedSnapshot } from './snapshot.js'

const entry = (key: string, revision = 1) => ({ key, value: `v${revision}`, revision })
const keys = fc.integer({ min: 0, max: 400 }).map((n) => `/k/${n.toString(36)}`)
const batches = fc.array(fc.array(fc.tuple(keys, fc.boolean()), { maxLength: 60 }), { maxLength: 12 })

/** What the snapshot must equal: a plain Map changed the same way. */
function applied(rounds: readonly (readonly (readonly [string, boolean])[])[]) {
  let snapshot = SortedSnapshot.empty
  const model = new Map<string, ReturnType<typeof entry>>()
  const history: [SortedSnapshot, string[]][] = []
  let revision = 0
  for (const round of rounds) {
    revision++
    const changes = round.map(([key, put]): Change => ({ key, after: put ? entry(key, revision) : undefined }))
    snapshot = snapshot.with(changes, revision)
    for (const { key, after } of changes) {
      if (after) model.set(key, after)
      else model.delete(key)
    }
    history.push([snapshot, [...model.keys()].sort()])
  }
  return { snapshot, model, history }
}

describe('a snapshot', () => {
  it('equals a Map that went through the same changes, and stays in key order', () => {
    fc.assert(
      fc.property(batches, (rounds) => {
        const { snapshot, model } = applied(rounds)
        expect(snapshot.size).toBe(model.size)
        expect([...snapshot.under('')]).toEqual([...model.keys()].sort().map((key) => model.get(key)))
        for (let n = 0; n <= 400; n++)
          expect(snapshot.get(`/k/${n.toString(36)}`)).toBe(model.get(`/k/${n.toString(36)}`))
      }),
    )
  })

  it('never changes once it was handed out', () => {
    fc.assert(
      fc.property(batches, (rounds) => {
        for (const [snapshot, then] of applied(rounds).history) {
          expect([...snapshot.under('')].map(({ key }) => key)).toEqual(then)
        }
      }),
    )
  })

  it('gives exactly the keys below a prefix', () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.string({ maxLength: 4 })), fc.string({ maxLength: 2 }), (all, prefix) => {
        const snapshot = SortedSnapshot.from(
          all.map((key) => entry(key)),
          1,
        )
        expect([...snapshot.under(prefix)].map(({ key }) => key)).toEqual(
          all.filter((key) => key.startsWith(prefix)).sort(),
        )
      }),
    )
  })

  it('shares what did not change', () => {
    const before = SortedSnapshot.from(
      Array.from({ length: 5_000 }, (_, i) => entry(`/n/${i}`)),
      1,
    )
    const after = before.with([{ key: '/n/77', after: entry('/n/77', 2) }], 2)
    expect(before.get('/n/77')?.revision).toBe(1)
    expect(after.get('/n/77')?.revision).toBe(2)
    expect(after.get('/n/78')).toBe(before.get('/n/78'))
    expect([before.revision, after.revision]).toEqual([1, 2])
  })
})
