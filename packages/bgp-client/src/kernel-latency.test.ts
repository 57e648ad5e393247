import { parseAddress } from '@starling/bgp-packet/address'
import type { FibDriver, RouteWrite } from '@starling/route-programmer'
import { expect, test } from 'vitest'
import { KernelLatency } from './kernel-latency.js'

const bytes = (text: string): Uint8Array => parseAddress(text) as Uint8Array

function rig() {
  let now = 1_000
  const seen: number[] = []
  const refused = new Set<RouteWrite>()
  const latency = new KernelLatency({ now: () => now, observed: (value) => seen.push(value) })
  const inner: FibDriver = {
    description: 'a kernel',
    read: async () => ({ links: [], addresses: [], routes: [] }),
    subscribe: () => {},
    close: async () => {},
    write: async (writes) => writes.map((write) => ({ errno: refused.has(write) ? 101 : 0 })),
  }
  const write = (op: RouteWrite['op'], address: string): RouteWrite =>
    ({ op, route: { destination: { family: 4, address: bytes(address), length: 26 } } }) as unknown as RouteWrite
  const ask = (address: string, since: number, source: 'bgp' | 'direct' = 'bgp') =>
    latency.asked({ source, address: bytes(address), length: 26 }, since)
  return { seen, refused, latency, driver: latency.listening(inner), write, ask, pass: (at: number) => (now = at) }
}

test('a route counts once, from the beginning of its burst to the acknowledgement', async () => {
  const { seen, driver, write, ask, pass } = rig()
  ask('10.244.1.0', 1_000)
  ask('10.244.2.0', 1_000)
  pass(1_012)
  await driver.write([write('add', '10.244.1.0'), write('replace', '10.244.2.0')])
  // A repair hours later is nobody's UPDATE.
  pass(9_000_000)
  await driver.write([write('add', '10.244.1.0')])
  expect(seen).toEqual([12, 12])
})

test('what the kernel refuses, what is deleted, what is not from BGP and what was no change does not count', async () => {
  const { seen, refused, latency, driver, write, ask } = rig()
  const bad = write('add', '10.244.1.0')
  refused.add(bad)
  ask('10.244.1.0', 1_000)
  ask('10.244.2.0', 1_000)
  ask('10.244.3.0', 1_000, 'direct')
  ask('10.244.4.0', 1_000)
  await driver.write([bad, write('delete', '10.244.2.0'), write('add', '10.244.3.0')])
  latency.rested()
  await driver.write([write('add', '10.244.4.0')])
  expect(seen).toEqual([])
})
