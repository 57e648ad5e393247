import { expect, it } from 'vitest'
import { Refusals } from './refusals.js'

it('a burst is told in full, a flood once a second with how many there were, and nothing is lost from the count', () => {
  const refusals = new Refusals()
  let told = 0
  let counted = 0
  const knock = (at: number) => {
    const untold = refusals.tell(at)
    if (untold === undefined) return
    told++
    counted += 1 + untold
  }
  for (let i = 0; i < 100; i++) knock(1_000_000)
  expect([told, counted]).toEqual([100, 100])
  for (let i = 0; i < 30_000; i++) knock(1_000_000 + i)
  expect(told).toBeGreaterThanOrEqual(129)
  expect(told).toBeLessThanOrEqual(131)
  knock(1_040_000)
  expect(counted).toBe(30_101)
})

it('quiet time gives the burst back', () => {
  const refusals = new Refusals()
  for (let i = 0; i < 200; i++) refusals.tell(0)
  const later = Array.from({ length: 100 }, () => refusals.tell(3_600_000))
  expect(later).toEqual([100, ...new Array(99).fill(0)])
  expect(refusals.tell(3_600_000)).toBeUndefined()
})
