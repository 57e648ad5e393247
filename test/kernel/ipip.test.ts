/**
 * The programmers alone against a kernel that has IPIP: `tunl0` routes must look as the compatibility reference says
 * (calico.md 2.12) and carry a ping. Whole agents are tried in test/system/ipip.test.ts.
 */

import { expect, it } from 'vitest'
import { inGuest } from '../support/guest.js'
import { needs } from '../support/needs.js'

needs('root', 'user-mode-linux', 'busybox-static', 'ip', 'ping')

interface Result {
  readonly failures: string[]
  readonly route: string
  readonly device: string
  readonly ping: string
}

it('tunl0 gets our address alone, the route goes onlink through it, and a ping passes', {
  timeout: 300_000,
}, async () => {
  const result = await inGuest<Result>({
    folder: import.meta.dirname,
    module: 'ipip-guest.ts',
    modules: ['ipv6', 'ipip', 'veth'],
    limit: 240_000,
  })
  expect(result.failures).toEqual([])
  expect(result.route).toBe('10.65.2.0/26 via 10.0.0.2 dev tunl0 metric 1024 onlink')
  expect(result.device).toContain('mtu 1480')
  expect(result.device).toContain('inet 10.65.1.0/32')
  expect(result.ping).toContain(' 0% packet loss')
})
