/** The memory driver against the compliance suite. */

import { describe, it } from 'vitest'
import { complianceChecks, type World } from '../compliance/index.js'
import { MemoryDriver, MemoryKernel } from '../index.js'
import type { KernelLink } from '../routes.js'

const ETH0: KernelLink = { index: 2, name: 'eth0', up: true, running: true, mtu: 1500, kind: '' }

function world(): World {
  const kernel = new MemoryKernel()
  kernel.setLink(ETH0)
  const v6 = Uint8Array.of(0x20, 1, 0x0d, 0xb8, ...new Array(11).fill(0), 1)
  kernel.addAddress({ ifindex: 2, family: 4, address: Uint8Array.of(192, 0, 2, 1), length: 24, scope: 0 })
  kernel.addAddress({ ifindex: 2, family: 6, address: v6, length: 64, scope: 0 })
  const key = (address: Uint8Array, length: number, metric: number, protocol: number) => ({
    destination: { family: 4 as const, address, length },
    table: 254,
    metric,
    protocol,
  })
  return {
    device: 'eth0',
    open: async () => new MemoryDriver(kernel),
    foreignAdd: async (address, length, gateway, metric) =>
      kernel.foreignReplace({
        ...key(address, length, metric, 4),
        kind: 'unicast',
        scope: 0,
        nextHops: [{ gateway, ifindex: 2, onlink: false, weight: 1 }],
      }),
    foreignDelete: async (address, length, metric) => void kernel.foreignDelete(key(address, length, metric, 4)),
    deleteOurs: async (address, length, metric) => void kernel.foreignDelete(key(address, length, metric, 12)),
    setDeviceUp: async (up) => kernel.setLink({ ...ETH0, up, running: up }),
    close: async () => undefined,
  }
}

describe('memory driver', () => {
  it.each(complianceChecks.map((check) => [check.name, check] as const))('%s', async (_name, check) => {
    await check.run(world())
  })
})
