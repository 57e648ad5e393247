import type { HostEvent } from '@starling/api'
import type { InstallView } from '@starling/engine'
import { expect, test } from 'vitest'
import { BestPathEvents } from './best-paths.js'

function rig() {
  const told: HostEvent[] = []
  let time = 0
  const events = new BestPathEvents(
    () => time,
    (_at, event) => told.push(event),
  )
  const route = (n: number): InstallView => ({
    family: 'ipv4',
    address: Uint8Array.of(10, 0, n & 255, 0),
    length: 24,
    source: 'bgp',
    from: 'Mesh_10_0_0_12',
    nextHops: [{ address: Uint8Array.of(10, 0, 0, 12), weight: 1 }],
    localPref: 100,
    metric: undefined,
    ebgp: false,
  })
  return { told, events, route, pass: (ms: number) => (time += ms) }
}

test('a change names the prefix, whose path it is now and by which way', () => {
  const { told, events, route } = rig()
  events.installed(route(7))
  events.removed(Uint8Array.of(10, 0, 7, 0), 24)
  expect(told).toEqual([
    { type: 'best-path', prefix: '10.0.7.0/24', from: 'Mesh_10_0_0_12', nextHop: '10.0.0.12' },
    { type: 'best-path', prefix: '10.0.7.0/24' },
  ])
})

test('a storm costs a hundred events, a few after it, and a count', () => {
  const { told, events, route, pass } = rig()
  for (let i = 0; i < 1_000_000; i++) events.installed(route(i))
  const singles = told.filter(({ type }) => type === 'best-path').length
  expect(singles).toBe(100)
  expect(told.length).toBeLessThan(110)
  told.length = 0
  pass(3_600_000)
  for (let second = 0; second < 3_600; second++) {
    pass(1_000)
    for (let i = 0; i < 100; i++) events.installed(route(i))
  }
  // An hour of churn leaves most of a log of 4,096 records to the rest.
  expect(told.length).toBeLessThan(1_500)
  const counted = told.flatMap((event) => (event.type === 'best-paths' ? [event.changes] : []))
  expect(counted.length).toBeGreaterThan(300)
})
