/** The memory tunnel driver against the compliance suite, and what only it can do: a kernel without the module. */

import { describe, expect, it } from 'vitest'
import { tunnelChecks } from '../compliance/tunnels.js'
import { MemoryTunnelDriver } from './memory-tunnels.js'

describe('memory tunnel driver', () => {
  it.each(tunnelChecks.map((check) => [check.name, check] as const))('%s', async (_name, check) => {
    const driver = new MemoryTunnelDriver({ parents: ['eth0'] })
    await check.run({ parent: 'eth0', open: async () => driver, close: async () => undefined })
  })

  it('a kernel without the module makes no device of that kind', async () => {
    const driver = new MemoryTunnelDriver({ kinds: ['vxlan'] })
    const [outcome] = await driver.apply([{ op: 'create', tunnel: { name: 'tunl0', kind: 'ipip', mtu: 1480 } }])
    expect(outcome?.name).toBe('EOPNOTSUPP')
  })
})
