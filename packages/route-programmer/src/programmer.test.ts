/** The pump and the reconciler on a simulated host: what is wanted becomes what is there, whatever happens meanwhile. */

import { describe, expect, it } from 'vitest'
import { countStates, type NextHopState, routeRows, type WriteOutcome } from './index.js'
import { foreign, ip, link, SimHost, wanted } from './testing.js'

const refusal = (errno: number, name: string): WriteOutcome => ({ errno, name })

describe('routes wanted', () => {
  it('are added, changed atomically and removed', async () => {
    const host = await new SimHost().start()
    host.programmer.allowDeletes()
    host.programmer.set(wanted('10.1.0.0/24', ['192.0.2.9']))
    host.programmer.set(wanted('10.2.0.0/26', []))
    await host.run(0)
    expect(host.ours()).toEqual(['10.1.0.0/24 via 192.0.2.9%2', '10.2.0.0/26 blackhole'])
    host.programmer.set(wanted('10.1.0.0/24', ['192.0.2.9', '198.51.100.9']))
    host.programmer.remove(wanted('10.2.0.0/26', []))
    await host.run(0)
    expect(host.ours()).toEqual(['10.1.0.0/24 via 192.0.2.9%2 198.51.100.9%3'])
    expect(host.programmer.reconciler.counters).toMatchObject({ added: 2, replaced: 1, deleted: 1, repairs: 0 })
  })

  it('set twice alike are written once', async () => {
    const host = await new SimHost().start()
    for (let i = 0; i < 3; i++) host.programmer.set(wanted('10.1.0.0/24', ['192.0.2.9']))
    await host.run(0)
    host.programmer.set(wanted('10.1.0.0/24', ['192.0.2.9']))
    await host.run(1000)
    expect(host.driver.writes).toBe(1)
  })

  it('with a device and onlink need no lookup', async () => {
    const host = await new SimHost().start()
    const nextHops = [{ gateway: ip('10.9.9.9'), device: 'eth1', onlink: true }]
    host.programmer.set(wanted('10.1.0.0/24', ['1.1.1.1'], { nextHops }))
    await host.run(0)
    expect(host.ours()).toEqual(['10.1.0.0/24 via 10.9.9.9%3'])
  })
})

describe('next hops', () => {
  it('are resolved recursively through a foreign route', async () => {
    const host = await new SimHost().start()
    host.programmer.set(wanted('10.1.0.0/24', ['203.0.113.7']))
    await host.run(0)
    expect(host.ours()).toEqual([])
    expect([...routeRows(host.programmer.reconciler)][0]).toMatchObject({ state: 'unresolved' })
    host.kernel.foreignReplace(foreign('203.0.113.0/24', '198.51.100.9', 3))
    await host.run(0)
    expect(host.ours()).toEqual(['10.1.0.0/24 via 198.51.100.9%3'])
    host.kernel.foreignReplace(foreign('203.0.113.0/24', '192.0.2.9', 2))
    await host.run(0)
    expect(host.ours()).toEqual(['10.1.0.0/24 via 192.0.2.9%2'])
  })

  it('are resolved through a route of ours that needs no other', async () => {
    const host = await new SimHost().start()
    host.programmer.set(wanted('10.1.0.0/24', ['203.0.113.7']))
    host.programmer.set(wanted('203.0.113.7/32', ['192.0.2.9']))
    await host.run(0)
    expect(host.ours()).toEqual(['10.1.0.0/24 via 192.0.2.9%2', '203.0.113.7/32 via 192.0.2.9%2'])
  })

  it('never hold each other up', async () => {
    const host = await new SimHost().start()
    host.programmer.set(wanted('10.1.0.0/24', ['10.2.0.1']))
    host.programmer.set(wanted('10.2.0.0/24', ['10.1.0.1']))
    await host.run(1000)
    expect(host.ours()).toEqual([])
  })

  it('are not found through a route to themselves once the network they were in is gone', async () => {
    const host = await new SimHost().start()
    const second = { ifindex: 2, family: 4, address: ip('10.3.0.1'), length: 24, scope: 0 } as const
    host.kernel.addAddress(second)
    host.programmer.set(wanted('10.3.0.9/32', ['10.3.0.9']))
    host.programmer.set(wanted('10.1.0.0/24', ['10.3.0.9']))
    await host.run(0)
    expect(host.ours()).toEqual(['10.1.0.0/24 via 10.3.0.9%2', '10.3.0.9/32 via 10.3.0.9%2'])
    host.kernel.removeAddress(second)
    await host.run(0)
    const states = [...routeRows(host.programmer.reconciler)].map(({ state }) => state)
    expect(states).toEqual(['unresolved', 'unresolved'])
  })

  it('go with a foreign route that preferred an address of ours, and not while we have it elsewhere', async () => {
    const host = await new SimHost().start()
    const at = (ifindex: number) => ({ ifindex, family: 4, address: ip('10.3.0.1'), length: 32, scope: 0 }) as const
    host.kernel.addAddress(at(2))
    host.kernel.addAddress(at(3))
    host.kernel.foreignReplace(foreign('203.0.113.0/24', '192.0.2.9', 2, { sourceAddress: ip('10.3.0.1') }))
    await host.run(0)
    const reachable = () => host.programmer.reconciler.trackNextHop(ip('203.0.113.7')).reachable
    expect(reachable()).toBe(true)
    host.kernel.removeAddress(at(3))
    await host.run(0)
    expect(reachable()).toBe(true)
    host.kernel.removeAddress(at(2))
    await host.run(0)
    expect(reachable()).toBe(false)
  })

  it('stay when an address goes that is there a second time with another length', async () => {
    const host = await new SimHost().start()
    const twice = { ifindex: 2, family: 4, address: ip('192.0.2.1'), length: 32, scope: 0 } as const
    host.kernel.addAddress(twice)
    host.programmer.set(wanted('10.1.0.0/24', ['192.0.2.9']))
    await host.run(0)
    host.kernel.removeAddress(twice)
    await host.run(0)
    expect([...routeRows(host.programmer.reconciler)].map(({ state }) => state)).toEqual(['installed'])
    expect(host.programmer.reconciler.trackNextHop(ip('192.0.2.9')).reachable).toBe(true)
  })

  it('behind a dead link leave a multipath route at once and come back with it', async () => {
    const host = await new SimHost().start()
    host.programmer.set(wanted('10.1.0.0/24', ['192.0.2.9', '198.51.100.9']))
    await host.run(0)
    host.kernel.setLink(link(2, 'eth0', { running: false }))
    await host.run(0)
    expect(host.ours()).toEqual(['10.1.0.0/24 via 198.51.100.9%3'])
    host.kernel.setLink(link(2, 'eth0'))
    await host.run(0)
    expect(host.ours()).toEqual(['10.1.0.0/24 via 192.0.2.9%2 198.51.100.9%3'])
  })

  it('tell the decision process when reachability changes', async () => {
    const told: [string, NextHopState][] = []
    const host = await new SimHost(
      {},
      { nextHopChanged: (gateway, state) => told.push([gateway.join('.'), state]) },
    ).start()
    expect(host.programmer.reconciler.trackNextHop(ip('192.0.2.9')).reachable).toBe(true)
    host.kernel.setLink(link(2, 'eth0', { up: false, running: false }))
    await host.run(0)
    host.kernel.setLink(link(2, 'eth0'))
    await host.run(0)
    expect(told.map(([gateway, { reachable }]) => [gateway, reachable])).toEqual([
      ['192.0.2.9', false],
      ['192.0.2.9', true],
    ])
    expect(told[0]?.[1].reason).not.toBe('')
  })

  it('follow an interface that is renamed, deleted and made again', async () => {
    const host = await new SimHost().start()
    host.programmer.set(wanted('10.1.0.0/24', ['1.1.1.1'], { nextHops: [{ device: 'eth9' }] }))
    await host.run(0)
    host.kernel.setLink(link(7, 'tmp0'))
    host.kernel.setLink(link(7, 'eth9'))
    await host.run(0)
    expect(host.ours()).toEqual(['10.1.0.0/24 via link%7'])
    host.kernel.removeLink(7)
    await host.run(0)
    expect(host.ours()).toEqual([])
    host.kernel.setLink(link(8, 'eth9'))
    await host.run(0)
    expect(host.ours()).toEqual(['10.1.0.0/24 via link%8'])
  })

  it('flushed silently with a link come back with it', async () => {
    const host = await new SimHost().start()
    host.programmer.set(wanted('10.1.0.0/24', ['192.0.2.9']))
    await host.run(0)
    host.kernel.setLink(link(2, 'eth0', { up: false, running: false }))
    await host.run(0)
    expect(host.ours()).toEqual([])
    host.kernel.setLink(link(2, 'eth0'))
    await host.run(0)
    expect(host.ours()).toEqual(['10.1.0.0/24 via 192.0.2.9%2'])
  })
})

describe('routes through an interface without an address', () => {
  it('are gone without a word, and come back when the address does', async () => {
    const host = await new SimHost().start()
    const address = { ifindex: 2, family: 4, address: ip('192.0.2.1'), length: 24, scope: 0 } as const
    host.programmer.set(wanted('10.1.0.0/24', ['192.0.2.9']))
    await host.run(0)
    host.kernel.removeAddress(address)
    await host.run(0)
    expect(host.ours()).toEqual([])
    host.kernel.addAddress(address)
    await host.run(0)
    expect(host.ours()).toEqual(['10.1.0.0/24 via 192.0.2.9%2'])
  })
})

describe('other programs', () => {
  it('lose against a wanted route of ours: it comes back at once and is counted', async () => {
    const host = await new SimHost().start()
    host.programmer.set(wanted('10.1.0.0/24', ['192.0.2.9']))
    await host.run(1000)
    host.kernel.foreignDelete({ ...wanted('10.1.0.0/24', []), table: 254, metric: 0, protocol: 12 })
    await host.run(0)
    expect(host.ours()).toHaveLength(1)
    expect(host.programmer.reconciler.counters.repairs).toBe(1)
  })

  it('that delete in a loop are answered within a second and never faster than they ask', async () => {
    const host = await new SimHost().start()
    host.programmer.set(wanted('10.1.0.0/24', ['192.0.2.9']))
    await host.run(1000)
    const before = host.driver.writes
    for (let i = 0; i < 100; i++) {
      host.kernel.foreignDelete({ ...wanted('10.1.0.0/24', []), table: 254, metric: 0, protocol: 12 })
      await host.run(10)
    }
    expect(host.driver.writes - before).toBeLessThan(12)
    await host.run(1000)
    expect(host.ours()).toHaveLength(1)
  })

  it('keep a key they hold: reported once, with who it is, and ours follows when they leave', async () => {
    const conflicts: string[] = []
    const host = await new SimHost({}, { conflict: ({ text }) => conflicts.push(text) }).start()
    host.kernel.foreignReplace(foreign('10.1.0.0/24', '198.51.100.9', 3, { protocol: 80 }))
    host.programmer.set(wanted('10.1.0.0/24', ['192.0.2.9']))
    await host.run(60_000)
    expect(conflicts).toEqual(['10.1.0.0/24 is held by a route of protocol Felix (80) via eth1'])
    expect(host.driver.writes).toBe(0)
    expect(countStates(host.programmer.reconciler).conflict).toBe(1)
    host.kernel.foreignDelete({ ...wanted('10.1.0.0/24', []), table: 254, metric: 0, protocol: 80 })
    await host.run(0)
    expect(host.ours()).toEqual(['10.1.0.0/24 via 192.0.2.9%2'])
  })

  it('are observed, without ignored interfaces', async () => {
    const seen: string[] = []
    const host = new SimHost(
      { ignoredInterfaces: ['eth*'] },
      {
        observed: (routes) => {
          for (const { removed, route, device } of routes) {
            seen.push(`${removed ? '-' : '+'}${route.destination.address.join('.')} ${device}`)
          }
        },
      },
    )
    await host.start()
    host.kernel.setLink(link(9, 'cali1234'))
    const workload = foreign('10.65.0.7/32', '0.0.0.0', 9, { nextHops: [{ ifindex: 9, onlink: false, weight: 1 }] })
    host.kernel.foreignReplace(workload)
    await host.run(0)
    host.kernel.foreignDelete(workload)
    await host.run(0)
    expect(seen).toEqual(['+10.65.0.7 cali1234', '-10.65.0.7 cali1234'])
  })
})

describe('failures', () => {
  it('are retried with back-off, in words, and forgotten on success', async () => {
    const host = await new SimHost().start()
    let refused = 0
    host.driver.faults.refuse = () => (++refused <= 4 ? refusal(105, 'ENOBUFS') : undefined)
    host.programmer.set(wanted('10.1.0.0/24', ['192.0.2.9']))
    await host.run(0)
    const [row] = [...routeRows(host.programmer.reconciler)]
    expect(row).toMatchObject({
      state: 'failed',
      attempts: 1,
      reason: expect.stringContaining('ENOBUFS: the kernel ran'),
    })
    await host.run(99)
    expect(refused).toBe(1)
    await host.run(5000)
    expect(refused).toBe(5)
    expect(host.ours()).toHaveLength(1)
    expect(host.programmer.reconciler.failures.size).toBe(0)
  })

  it('do not make a loop', async () => {
    const host = await new SimHost().start()
    host.driver.faults.refuse = () => refusal(22, 'EINVAL')
    for (let i = 0; i < 100; i++) host.programmer.set(wanted(`10.1.${i}.0/24`, ['192.0.2.9']))
    await host.run(60_000)
    expect(host.driver.writes).toBeLessThan(100 * 12)
  })

  it('of the driver as a whole lead to a new read and the same end', async () => {
    const failures: string[] = []
    const host = await new SimHost({}, { driverFailed: (text) => failures.push(text) }).start()
    let broken = true
    host.driver.faults.before = async () => {
      if (broken) throw new Error('the connection is gone')
    }
    host.programmer.set(wanted('10.1.0.0/24', ['192.0.2.9']))
    await host.run(5000)
    expect(failures).toEqual(['the connection is gone'])
    broken = false
    await host.run(5000)
    expect(host.ours()).toEqual(['10.1.0.0/24 via 192.0.2.9%2'])
  })

  it('lost events are found by the read that a gap asks for', async () => {
    const host = await new SimHost().start()
    host.programmer.set(wanted('10.1.0.0/24', ['192.0.2.9']))
    await host.run(5000)
    host.driver.faults.loseEvents = () => true
    host.kernel.foreignDelete({ ...wanted('10.1.0.0/24', []), table: 254, metric: 0, protocol: 12 })
    await host.run(1000)
    expect(host.ours()).toHaveLength(1)
    const { reconciler } = host.programmer
    expect(reconciler.counters).toMatchObject({ gaps: 1, repairs: 1 })
    expect(reconciler.wantRead).toBeUndefined()
    reconciler.applyEvents([{ type: 'gap', reason: 'events were lost' }], 0)
    expect(reconciler.wantRead).toBe('events were lost')
  })
})

describe('a restart', () => {
  async function left(): Promise<SimHost> {
    const first = await new SimHost().start()
    first.programmer.set(wanted('10.1.0.0/24', ['192.0.2.9']))
    first.programmer.set(wanted('10.2.0.0/24', ['192.0.2.9']))
    await first.run(0)
    await first.programmer.stop()
    return first
  }

  it('adopts what is there and deletes nothing before it may', async () => {
    const old = await left()
    const host = await new SimHost({ deleteDeadline: 120_000 }, {}, old.kernel).start()
    host.programmer.set(wanted('10.1.0.0/24', ['192.0.2.9']))
    await host.run(60_000)
    expect(host.driver.writes).toBe(0)
    expect(countStates(host.programmer.reconciler)).toMatchObject({ installed: 1, held: 1 })
    host.programmer.allowDeletes()
    await host.run(0)
    expect(host.ours()).toEqual(['10.1.0.0/24 via 192.0.2.9%2'])
  })

  it('has no deadline before somebody sets one: nobody may know yet what is wanted', async () => {
    const old = await left()
    const host = await new SimHost({ deleteDeadline: Number.POSITIVE_INFINITY }, {}, old.kernel).start()
    await host.run(86_400_000)
    expect(host.ours()).toHaveLength(2)
    host.programmer.allowDeletesWithin(5000)
    await host.run(4999)
    expect(host.ours()).toHaveLength(2)
    await host.run(2)
    expect(host.ours()).toHaveLength(0)
  })

  it('deletes leftovers by itself at the deadline', async () => {
    const old = await left()
    const host = await new SimHost({ deleteDeadline: 5000 }, {}, old.kernel).start()
    await host.run(4999)
    expect(host.ours()).toHaveLength(2)
    await host.run(2)
    expect(host.ours()).toHaveLength(0)
  })
})
