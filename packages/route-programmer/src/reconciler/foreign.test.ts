/** Other programs' routes by the key that they hold, however many there are. */
import { expect, test } from 'vitest'
import type { KernelRoute } from '../routes.js'
import { foreign, ip } from '../testing.js'
import { ForeignRoutes } from './foreign.js'

const route = (prefix: string, more: Partial<KernelRoute> = {}): KernelRoute => foreign(prefix, '10.0.0.2', 2, more)
const usable = () => true

function told(routes: ForeignRoutes): string[] {
  const lines: string[] = []
  while (routes.hasNews)
    routes.takeNews((removed, { destination, protocol }) => {
      lines.push(`${removed ? '-' : '+'}${destination.address.join('.')} ${protocol}`)
    })
  return lines
}

test('routes of several programs under one key are told apart, and each goes alone', () => {
  const routes = new ForeignRoutes()
  const zebra = route('10.64.1.0/26', { protocol: 11 })
  const felix = route('10.64.1.0/26', { protocol: 80 })
  expect(routes.place(zebra, 'alone')).toBe(true)
  expect(routes.place(felix, 'last')).toBe(true)
  expect(routes.under(zebra).map(({ protocol }) => protocol)).toEqual([11, 80])
  expect(routes.place(route('10.64.1.0/26', { protocol: 4 }), 'instead')).toBe(true)
  expect(routes.under(zebra).map(({ protocol }) => protocol)).toEqual([4, 80])
  expect(routes.take(felix)).toBe(true)
  expect(routes.holds(zebra)).toBe(true)
  expect(routes.take(route('10.64.1.0/26', { protocol: 4 }))).toBe(true)
  expect([routes.holds(zebra), routes.size, [...routes.values()]]).toEqual([false, 0, []])
})

test('others are told the difference, once, whatever happened in between', () => {
  const routes = new ForeignRoutes()
  routes.place(route('10.1.0.0/24'), 'alone')
  routes.place(route('10.2.0.0/24'), 'alone')
  routes.take(route('10.2.0.0/24'))
  expect(told(routes)).toEqual(['+10.1.0.0 4'])
  routes.take(route('10.1.0.0/24'))
  routes.place(route('10.1.0.0/24'), 'alone')
  expect(told(routes)).toEqual([])
  routes.place(route('10.1.0.0/24', { protocol: 80 }), 'instead')
  expect(told(routes)).toEqual(['-10.1.0.0 4', '+10.1.0.0 80'])
})

test('a read keeps what it sees, gives up the rest and finds several routes under a key', () => {
  const routes = new ForeignRoutes()
  for (const each of [route('10.1.0.0/24'), route('10.2.0.0/24')]) routes.place(each, 'alone')
  told(routes)
  routes.beginRead()
  routes.see(route('10.2.0.0/24'))
  routes.see(route('10.2.0.0/24', { protocol: 11 }))
  routes.endRead(() => undefined)
  expect(told(routes)).toEqual(['+10.2.0.0 11', '-10.1.0.0 4'])
  expect(routes.lookup(4, ip('10.1.0.7'), usable)).toBeUndefined()
})

test('a lookup takes the longest prefix, then the lowest metric that can carry packets', () => {
  const routes = new ForeignRoutes()
  routes.place(route('0.0.0.0/0'), 'alone')
  routes.place(route('10.1.0.0/16', { metric: 50, protocol: 80 }), 'alone')
  routes.place(route('10.1.0.0/16', { metric: 20, protocol: 11 }), 'alone')
  routes.place(route('10.1.2.0/24', { table: 100 }), 'alone')
  expect(routes.lookup(4, ip('10.1.2.3'), usable)?.protocol).toBe(11)
  expect(routes.lookup(4, ip('10.1.2.3'), ({ protocol }) => protocol !== 11)?.protocol).toBe(80)
  expect(routes.lookup(4, ip('10.2.2.3'), usable)?.destination.length).toBe(0)
})

test('rows of routes that came and went are used again', () => {
  const routes = new ForeignRoutes()
  for (let i = 0; i <= 20_000; i++) {
    const each = route(`10.${i >> 8}.${i & 255}.0/24`, { protocol: 3 + (i % 200) })
    routes.place(each, 'alone')
    told(routes)
    routes.take(each)
    told(routes)
    if (i % 1000 === 0) {
      routes.beginRead()
      routes.endRead(() => undefined)
    }
  }
  expect(routes.size).toBe(0)
  expect(routes.memory).toEqual({ rows: 1, bundles: 0 })
})

test('who holds a key is answered without looking at the other routes', () => {
  const routes = new ForeignRoutes()
  for (let i = 0; i < 20_000; i++) routes.place(route(`20.${i >> 8}.${i & 255}.0/24`), 'alone')
  const wanted = [...routes.values()]
  // 20,000 questions that each looked at 20,000 routes took minutes: far beyond the time of a test.
  expect(wanted.filter((each) => routes.under(each).length !== 1)).toEqual([])
})
