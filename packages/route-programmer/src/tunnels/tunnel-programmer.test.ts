/** The tunnel programmer's patience, on a simulated clock and a driver whose answers are given. */

import { expect, it } from 'vitest'
import type { WriteOutcome } from '../driver.js'
import { ip, SimClock } from '../testing.js'
import { TunnelProgrammer } from './tunnel-programmer.js'
import type { ActualTunnel, DesiredTunnel, TunnelDriver, TunnelOperation } from './types.js'

const TUNL0: DesiredTunnel = {
  name: 'tunl0',
  kind: 'ipip',
  mtu: 1480,
  address: { bytes: ip('10.65.1.0'), length: 32 },
}

class GivenDriver implements TunnelDriver {
  outcome: WriteOutcome = { errno: 0 }
  present: ActualTunnel[] = []
  readonly applied: TunnelOperation[][] = []

  async read(): Promise<readonly ActualTunnel[]> {
    return this.present
  }
  async apply(operations: readonly TunnelOperation[]): Promise<readonly WriteOutcome[]> {
    this.applied.push([...operations])
    return operations.map(() => this.outcome)
  }
  async close(): Promise<void> {}
}

function world() {
  const driver = new GivenDriver()
  const clock = new SimClock()
  const failures: string[] = []
  const programmer = new TunnelProgrammer(
    driver,
    clock,
    { ownedNames: [] },
    { failed: (device, text) => failures.push(`${device}: ${text}`) },
  )
  const run = (span: number) =>
    clock.advance(span, async () => {
      for (let i = 0; i < 20; i++) {
        await programmer.settled()
        await Promise.resolve()
      }
    })
  return { driver, programmer, failures, run }
}

it('a kernel without the module is told once, in words, and asked ever more rarely', async () => {
  const { driver, programmer, failures, run } = world()
  driver.outcome = { errno: 95, name: 'EOPNOTSUPP', text: 'Unknown device type' }
  programmer.set([TUNL0])
  await run(3_600_000)
  expect(failures).toEqual([
    'tunl0: this kernel knows no ipip devices; load the module ipip (EOPNOTSUPP: Unknown device type)',
  ])
  expect(driver.applied.length).toBeGreaterThan(5)
  expect(driver.applied.length).toBeLessThan(25)

  // The module comes: all is well, and the next loss is news again.
  driver.outcome = { errno: 0 }
  await run(600_000)
  driver.outcome = { errno: 95, name: 'EOPNOTSUPP' }
  driver.present = []
  await run(600_000)
  expect(failures).toHaveLength(2)
})

it('names that are nobody’s wish and not ours are not even looked at', async () => {
  const { driver, programmer, run } = world()
  driver.present = [
    { name: 'tunl0', index: 3, kind: 'ipip', up: true, mtu: 1480, addresses: [], neighbours: [], forwarding: [] },
  ]
  programmer.set([])
  await run(60_000)
  expect(driver.applied).toEqual([])
})

it('what becomes ours to clear is cleared, and left alone again when it is not ours any more', async () => {
  const { driver, programmer, run } = world()
  const address = { bytes: ip('10.65.1.0'), length: 32 }
  driver.present = [
    {
      name: 'tunl0',
      index: 3,
      kind: 'ipip',
      up: true,
      mtu: 1480,
      addresses: [address],
      neighbours: [],
      forwarding: [],
    },
  ]
  programmer.set([], ['tunl0'])
  await run(0)
  expect(driver.applied).toEqual([[{ op: 'remove-address', device: 'tunl0', ...address }]])
  programmer.set([], [])
  await run(60_000)
  expect(driver.applied).toHaveLength(1)
})
