import { describe, expect, it } from 'vitest'
import { ScatterQueue, strideFor } from './scatter.js'

const drain = (queue: ScatterQueue): number[] => {
  const out: number[] = []
  for (let item = queue.next(); item >= 0; item = queue.next()) out.push(item)
  return out
}

describe('scatter queue', () => {
  it.each([0, 1, 2, 63, 64, 65, 1000, 65_536, 99_991])('gives each of %i back exactly once', (count) => {
    const queue = new ScatterQueue()
    for (let i = 0; i < count; i++) queue.push(i)
    expect(queue.empty).toBe(count === 0)
    expect(drain(queue).sort((a, b) => a - b)).toEqual(Array.from({ length: count }, (_, i) => i))
    expect(queue.empty).toBe(true)
  })

  it('keeps the order of a short round: one after the other costs the kernel nothing there', () => {
    const queue = new ScatterQueue()
    for (const item of [5, 3, 9]) queue.push(item)
    expect(drain(queue)).toEqual([5, 3, 9])
  })

  it('serves neighbours far apart: any hundred in a row reach into every tenth of a long round', () => {
    const queue = new ScatterQueue()
    for (let i = 0; i < 100_000; i++) queue.push(i)
    const order = drain(queue)
    for (const start of [0, 5000, 99_900]) {
      const tenths = new Set(order.slice(start, start + 100).map((item) => Math.floor(item / 10_000)))
      expect(tenths.size).toBe(10)
    }
  })

  it('serves what waits before what comes meanwhile, however much comes', () => {
    const queue = new ScatterQueue()
    for (let i = 0; i < 200; i++) queue.push(i)
    const first: number[] = []
    for (let i = 0; i < 200; i++) {
      first.push(queue.next())
      queue.push(1000 + i)
    }
    expect(Math.max(...first)).toBe(199)
    expect(queue.next()).toBeGreaterThanOrEqual(1000)
  })

  it('has a stride for every length', () => {
    for (let length = 1; length < 1000; length++) {
      const seen = new Set<number>()
      const stride = strideFor(length)
      for (let i = 0, at = 0; i < length; i++, at = (at + stride) % length) seen.add(at)
      expect(seen.size, `length ${length}`).toBe(length)
    }
  })
})
