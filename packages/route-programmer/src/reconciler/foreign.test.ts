/** Other programs' routes by the key that they hold, however many there are. */
import { expect, test } from 'vitest'
import type { KernelRoute } from '../routes.js'
import { foreign } from '../sim.js'
import { conflictKey, ForeignRoutes } from './foreign.js'

const route = (prefix: string, more: Partial<KernelRoute> = {}): KernelRoute => foreign(prefix, '10.0.0.2', 2, more)

test('routes of several programs under one key are told apart, and each goes alone', () => {
  const routes = new ForeignRoutes()
  const zebra = route('10.64.1.0/26', { protocol: 11 })
  const felix = route('10.64.1.0/26', { protocol: 80 })
  const key = conflictKey(zebra)
  expect(routes.add(zebra)).toBeUndefined()
  expect(routes.add(felix)).toBeUndefined()
  const other = route('10.64.1.0/26', { protocol: 80, nextHops: [] })
  expect(routes.add(other)).toBe(felix)
  expect(routes.under(key)).toEqual([zebra, other])
  expect(routes.size).toBe(2)
  expect(routes.remove(zebra)).toBe(true)
  expect(routes.remove(zebra)).toBe(false)
  expect(routes.holds(key)).toBe(true)
  expect(routes.remove(felix)).toBe(true)
  expect([routes.holds(key), routes.size, [...routes.values()]]).toEqual([false, 0, []])
})

test('who holds a key is answered without looking at the other routes', () => {
  const routes = new ForeignRoutes()
  for (let i = 0; i < 20_000; i++) routes.add(route(`20.${i >> 8}.${i & 255}.0/24`))
  const wanted = [...routes.values()]
  // 20,000 questions that each looked at 20,000 routes took minutes: far beyond the time of a test.
  expect(wanted.filter((each) => routes.under(conflictKey(each))[0] !== each)).toEqual([])
})
