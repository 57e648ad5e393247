import { expect, test } from 'vitest'
import { discoveryLine, discoveryTraffic } from './discovery.js'

const VIEW = {
  interface: 'eth0',
  reason: 'no router advertisement seen on eth0 for 30 s: is RA sending on at the other side?',
  routers: [],
  advertisementsSent: 4,
  advertisementsReceived: 1,
  solicitationsSent: 3,
  solicitationsReceived: 2,
  discarded: 0,
  lastDiscard: '',
}

test('a router that is not found is explained', () => {
  expect(discoveryLine(VIEW)).toBe(VIEW.reason)
})

test('a router that is found stands with everybody heard', () => {
  const routers = [
    { address: 'fe80::1', age: 4_000 },
    { address: 'fe80::2', age: 61_000 },
  ]
  expect(discoveryLine({ ...VIEW, neighbor: 'fe80::1%eth0', reason: '', routers })).toBe(
    'fe80::1%eth0 (fe80::1 heard 4s ago, fe80::2 heard 1m1s ago)',
  )
})

test('messages are counted, discarded ones with the reason of the last', () => {
  expect(discoveryTraffic(VIEW)).toBe('advertisements 1 in, 4 out, solicitations 2 in, 3 out')
  const discarded = { ...VIEW, discarded: 2, lastDiscard: 'code 1 (from fe80::9)' }
  expect(discoveryTraffic(discarded)).toMatch(/, 2 discarded, the last: code 1 \(from fe80::9\)$/)
})

test('other peers have nothing of it', () => {
  expect([discoveryLine(undefined), discoveryTraffic(undefined)]).toEqual([undefined, undefined])
})
