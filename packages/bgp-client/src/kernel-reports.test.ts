import type { HostEvent } from '@starling/api'
import { expect, test } from 'vitest'
import { KernelReports } from './kernel-reports.js'

const DESTINATION = { family: 4 as const, address: Uint8Array.of(10, 65, 0, 0), length: 26 }

function world() {
  const events: HostEvent[] = []
  const clock = { now: 0 }
  const reports = new KernelReports({ now: () => clock.now, event: (event) => events.push(event) })
  return { events, clock, reports }
}

test('a refusal is told with its number, its name and words that do not repeat the name', () => {
  const { events, reports } = world()
  reports.failed(DESTINATION, 'EINVAL: the kernel rejects the route as invalid', { errno: 22, name: 'EINVAL' })
  const text = 'the kernel rejects the route as invalid'
  expect(events).toEqual([{ type: 'kernel-error', prefix: '10.65.0.0/26', errno: 22, name: 'EINVAL', text }])
})

test('a flushed table makes twenty events and one that counts the rest', () => {
  const { events, clock, reports } = world()
  for (let i = 0; i < 10_000; i++) reports.repaired(DESTINATION, true)
  reports.rested(0)
  expect(events).toHaveLength(20)
  clock.now = 1500
  reports.rested(0)
  expect(events).toHaveLength(21)
  expect(events[20]).toMatchObject({ type: 'kernel-repair', detail: expect.stringContaining('9980 more') })
})

test('a full read after lost events is told once for each time they were lost', () => {
  const { events, reports } = world()
  for (const gaps of [0, 1, 1, 2, 2]) reports.rested(gaps)
  expect(events.map(({ type }) => type)).toEqual(['kernel-resync', 'kernel-resync'])
})
