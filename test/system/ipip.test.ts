/**
 * IPIP through real agents. The machine's kernel may lack the module, so three hosts live in a guest kernel, each with a
 * `starling node`: `tunl0` with the address of the Node resource or one claimed for it, routes as calico.md 2.12 writes
 * them, near and far told apart, several next hops through one tunnel, and packets that arrive.
 */

import { expect, it } from 'vitest'
import { inGuest } from '../support/guest.js'
import { needs } from '../support/needs.js'

needs('root', 'user-mode-linux', 'busybox-static', 'ip', 'ping')

interface Result {
  readonly said: string[]
  readonly n1: string[]
  readonly n3: string[]
  readonly devices: [string, string]
  readonly claimed: string
  /** Of the third host in the first pool. */
  readonly claimedBlocks: string[]
  readonly pings: string[]
  readonly spread: [number, number]
}

it('three agents in a guest kernel join their pods by tunl0', { timeout: 400_000 }, async () => {
  const result = await inGuest<Result>({
    folder: import.meta.dirname,
    module: 'ipip-guest.ts',
    modules: ['ipv6', 'ipip', 'veth'],
    memory: '1536M',
    limit: 330_000,
  })
  const said = result.said.join('\n')
  expect(result.n1, said).toEqual(
    [
      '10.65.2.0/26 via 10.0.0.2 dev tunl0 proto bird metric 1024 onlink',
      // Two hosts announce it: one route, two next hops through one tunnel, which BIRD cannot write (calico.md 3.5).
      '10.65.200.7 proto bird metric 1024 nexthop via 10.0.0.2 dev tunl0 weight 1 onlink nexthop via 10.0.9.3 dev tunl0 weight 1 onlink',
      ...result.claimedBlocks.map((cidr) => `${cidr} via 10.0.9.3 dev tunl0 proto bird metric 1024 onlink`),
      '10.66.2.0/26 via 10.0.0.2 dev eth0 proto bird metric 1024',
      '10.66.3.0/26 via 10.0.9.3 dev tunl0 proto bird metric 1024 onlink',
      'blackhole 10.65.1.0/26 proto bird',
      'blackhole 10.66.1.0/26 proto bird',
    ].sort(),
  )
  expect(result.n3).toEqual(
    [
      '10.65.1.0/26 via 10.0.0.1 dev tunl0 proto bird metric 1024 onlink',
      '10.65.2.0/26 via 10.0.0.2 dev tunl0 proto bird metric 1024 onlink',
      '10.66.1.0/26 via 10.0.0.1 dev tunl0 proto bird metric 1024 onlink',
      '10.66.2.0/26 via 10.0.0.2 dev tunl0 proto bird metric 1024 onlink',
      ...result.claimedBlocks.map((cidr) => `blackhole ${cidr} proto bird`),
      'blackhole 10.66.3.0/26 proto bird',
    ].sort(),
  )
  const [first, third] = result.devices
  expect(first.match(/inet \S+/g), 'the address of the Node resource and no other').toEqual(['inet 10.65.1.1/32'])
  expect(third.match(/inet \S+/g), 'the address claimed').toEqual([`inet ${result.claimed}/32`])
  for (const device of result.devices) expect(device).toMatch(/<NOARP,UP,LOWER_UP> mtu 1480 /)
  expect(result.pings).toEqual(
    ['10.65.2.5', '10.66.2.5', '10.66.3.5', result.claimed].map((target) => `${target} 0% packet loss`),
  )
  // 200 flows over two next hops.
  expect(result.spread[0] + result.spread[1]).toBeGreaterThanOrEqual(200)
  for (const count of result.spread) expect(count).toBeGreaterThan(40)
})
