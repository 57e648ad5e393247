/**
 * States of a kernel that other programs and its own habits make: routes flushed without a word, several routes under one
 * key, kinds of routes we never write, nexthop objects, other tables. What the programmer says must be what `ip` says.
 */

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { countStates, type ObservedRoute, RouteProgrammer, routeRows } from '@starling/route-programmer'
import { NetlinkDriver, systemClock } from '@starling/route-programmer/netlink'
import { expect, it } from 'vitest'
import { needs } from '../support/needs.js'
import { parseWish } from './agent.js'
import { eventually, inside } from './netns.js'
import { Rack } from './rack.js'

needs('root', 'netns', 'ip')

class Bench {
  readonly observed: string[] = []
  readonly conflicts: string[] = []
  readonly rack: Rack
  readonly programmer: RouteProgrammer

  constructor(rack: Rack) {
    this.rack = rack
    const text = ({ removed, route: { destination, nextHops }, device }: ObservedRoute) =>
      `${removed ? '-' : '+'} ${destination.address.join('.')}/${destination.length} ${nextHops[0]?.gateway?.join('.') ?? ''} ${device}`
    this.programmer = new RouteProgrammer(
      new NetlinkDriver(),
      systemClock,
      {},
      {
        observed: (routes) => this.observed.push(...routes.map(text)),
        conflict: (conflict) => this.conflicts.push(conflict.text),
      },
    )
  }

  /** Programmer and kernel, each in one line per route under 10.100.0.0/24. */
  get said(): string[] {
    return [...routeRows(this.programmer.reconciler)].map(({ state, reason }) => `${state} ${reason ?? ''}`.trim())
  }

  get there(): string[] {
    const lines = this.rack.host.ip('route show 10.100.0.0/24').split('\n')
    return lines.map((line) => line.trim()).filter((line) => line !== '')
  }

  get counters() {
    return this.programmer.reconciler.counters
  }

  async wish(text: string, change: { metric?: number } = {}): Promise<void> {
    this.programmer.set({ ...parseWish(text), ...change })
    await eventually('written', () => countStates(this.programmer.reconciler).pending === 0)
  }

  reachable(gateway: readonly number[]): boolean {
    const address = Uint8Array.from(gateway)
    const { reachable } = this.programmer.reconciler.trackNextHop(address)
    this.programmer.reconciler.untrackNextHop(address)
    return reachable
  }
}

async function onBench(body: (bench: Bench) => Promise<void>): Promise<void> {
  const rack = new Rack()
  try {
    await inside(rack.host, async () => {
      const bench = new Bench(rack)
      bench.programmer.start()
      bench.programmer.allowDeletes()
      await eventually('the first read', () => bench.counters.reads >= 1)
      await bench.programmer.settled()
      bench.observed.length = 0
      try {
        await body(bench)
      } finally {
        await bench.programmer.stop()
      }
    })
  } finally {
    rack.destroy()
  }
}

const WISH = '10.100.0.0/24=10.1.0.2'

it('an interface that loses its last address and gets it back has its routes again', async () => {
  await onBench(async (bench) => {
    await bench.wish(WISH)
    bench.rack.host.ip('route add 10.55.0.0/24 via 10.1.0.2 proto static')
    await eventually('the static route observed', () => bench.reachable([10, 55, 0, 1]))
    bench.rack.host.ip('addr del 10.1.0.1/24 dev eth0')
    await eventually('unresolved', () => bench.said[0] === 'unresolved no route to the next hop')
    expect(bench.there).toEqual([])
    expect(bench.reachable([10, 55, 0, 1]), 'the kernel flushed the static route without a word').toBe(false)
    bench.rack.host.ip('addr add 10.1.0.1/24 dev eth0')
    await eventually('installed', () => bench.said[0] === 'installed')
    expect(bench.there).toEqual(['10.100.0.0/24 via 10.1.0.2 dev eth0 proto bird'])
  })
})

it('a deletion that hits another route of ours is mended: to the kernel an IPv4 metric of 0 is any', async () => {
  await onBench(async (bench) => {
    await bench.wish('10.100.0.0/24=10.2.0.2', { metric: 100 })
    const ours = parseWish(WISH)
    // Believed to be there, and gone: the deletion then finds the other one.
    await bench.programmer.settled()
    bench.programmer.set(ours)
    await eventually('both', () => bench.there.length === 2)
    const reconciler = bench.programmer.reconciler
    const events = reconciler.applyEvents.bind(reconciler)
    reconciler.applyEvents = () => undefined
    bench.rack.host.ip('route del 10.100.0.0/24 via 10.1.0.2')
    bench.programmer.remove(ours)
    await eventually('deleted', () => bench.counters.deleted === 1)
    reconciler.applyEvents = events
    await eventually('the other one is back', () => bench.there.length === 1)
    expect(bench.there).toEqual(['10.100.0.0/24 via 10.2.0.2 dev eth1 proto bird metric 100'])
  })
})

it('a foreign route that is replaced is offered anew and its old way taken back', async () => {
  await onBench(async (bench) => {
    bench.rack.host.ip('route add 10.55.0.0/24 via 10.1.0.2 proto static')
    await eventually('offered', () => bench.observed.length === 1)
    bench.rack.host.ip('route replace 10.55.0.0/24 via 10.2.0.2 proto static')
    await eventually('offered anew', () => bench.observed.length === 3)
    bench.rack.host.ip('route del 10.55.0.0/24')
    await eventually('taken back', () => bench.observed.length === 4)
    expect(bench.observed).toEqual([
      '+ 10.55.0.0/24 10.1.0.2 eth0',
      '- 10.55.0.0/24 10.1.0.2 eth0',
      '+ 10.55.0.0/24 10.2.0.2 eth1',
      '- 10.55.0.0/24 10.2.0.2 eth1',
    ])
  })
})

it('appended foreign routes come and go one by one', async () => {
  await onBench(async (bench) => {
    bench.rack.host.ip('route add 10.55.0.0/24 via 10.1.0.2 proto static')
    bench.rack.host.ip('route append 10.55.0.0/24 via 10.2.0.2 proto static')
    await eventually('both offered', () => bench.observed.length === 2)
    bench.rack.host.ip('route del 10.55.0.0/24 via 10.1.0.2')
    await eventually('one taken back', () => bench.observed.length === 3)
    expect(bench.observed[2]).toBe('- 10.55.0.0/24 10.1.0.2 eth0')
    expect(bench.reachable([10, 55, 0, 1])).toBe(true)
    bench.rack.host.ip('route del 10.55.0.0/24')
    await eventually('the other too', () => !bench.reachable([10, 55, 0, 1]))
  })
})

it.each(['throw', 'local'])('a key held by a %s route is reported with who it is', async (kind) => {
  await onBench(async (bench) => {
    const where = kind === 'local' ? 'dev lo table main ' : ''
    bench.rack.host.ip(`route add ${kind} 10.100.0.0/24 ${where}proto static`)
    bench.programmer.set(parseWish(WISH))
    const text = `10.100.0.0/24 is held by a route of protocol static (4) ${kind}`
    await eventually('reported', () => bench.said[0] === `conflict ${text}`)
    expect(bench.conflicts).toEqual([text])
    expect(bench.counters.failures, 'writes that were refused').toBe(0)
    bench.rack.host.ip('route flush 10.100.0.0/24 proto static')
    await eventually('installed', () => bench.said[0] === 'installed')
  })
})

it.each(['prepend', 'append'])(
  'a second route of ours that somebody %ss is taken away, without a hole',
  async (how) => {
    await onBench(async (bench) => {
      await bench.wish(WISH)
      bench.rack.host.ip(`route ${how} 10.100.0.0/24 via 10.2.0.2 proto 12`)
      const wanted = ['10.100.0.0/24 via 10.1.0.2 dev eth0 proto bird']
      await eventually('one route', () => JSON.stringify(bench.there) === JSON.stringify(wanted))
      await eventually('installed', () => bench.said[0] === 'installed')
      expect(bench.counters.failures).toBe(0)
    })
  },
)

it('leftovers under one key go all', async () => {
  await onBench(async (bench) => {
    bench.rack.host.ip('route add 10.100.0.0/24 via 10.1.0.2 proto 12')
    bench.rack.host.ip('route append 10.100.0.0/24 via 10.2.0.2 proto 12')
    await eventually('gone', () => bench.there.length === 0)
    expect(bench.said).toEqual([])
  })
})

it('a leftover for one type of service goes too, and leaves the route for all of them alone', async () => {
  await onBench(async (bench) => {
    await bench.wish(WISH)
    bench.rack.host.ip('route add 10.100.0.0/24 tos 0x10 via 10.2.0.2 proto 12')
    const wanted = ['10.100.0.0/24 via 10.1.0.2 dev eth0 proto bird']
    await eventually('deleted', () => bench.counters.deleted === 1)
    expect(bench.there).toEqual(wanted)
    bench.rack.host.ip('route add 10.100.0.0/24 tos 0x10 via 10.2.0.2 proto static')
    await bench.programmer.settled()
    expect(bench.there, 'others may have one').toHaveLength(2)
    expect(bench.said).toEqual(['installed'])
  })
})

it('an interface with one address twice loses one of them and nothing else', async () => {
  await onBench(async (bench) => {
    bench.rack.host.ip('addr add 10.1.0.1/32 dev eth0')
    bench.rack.host.ip('route add 10.55.0.0/24 via 10.1.0.2 proto static')
    await bench.wish(WISH)
    bench.rack.host.ip('addr del 10.1.0.1/32 dev eth0')
    bench.rack.host.ip('route add 10.56.0.0/24 via 10.1.0.2 proto static')
    await eventually('the events behind it', () => bench.reachable([10, 56, 0, 1]))
    expect(bench.reachable([10, 55, 0, 1])).toBe(true)
    expect(bench.said).toEqual(['installed'])
  })
})

it('a route through a nexthop object goes with it, and one of ours is written plainly', async () => {
  await onBench(async (bench) => {
    bench.rack.host.ip('nexthop add id 5 via 10.1.0.2 dev eth0')
    bench.rack.host.ip('route add 10.60.0.0/24 nhid 5')
    await eventually('reachable', () => bench.reachable([10, 60, 0, 1]))
    bench.rack.host.ip('nexthop del id 5')
    await eventually('unreachable', () => !bench.reachable([10, 60, 0, 1]), 3000)
    bench.rack.host.ip('nexthop add id 6 via 10.1.0.2 dev eth0')
    bench.rack.host.ip('route add 10.100.0.0/24 nhid 6 proto 12')
    await bench.wish(WISH)
    await eventually('plain', () => bench.there[0]?.includes('nhid') === false)
    expect(bench.said).toEqual(['installed'])
  })
})

it('what was added to a route of ours is put right', async () => {
  await onBench(async (bench) => {
    await bench.wish(WISH)
    bench.rack.host.ip('route change 10.100.0.0/24 via 10.1.0.2 dev eth0 proto 12 advmss 500')
    await eventually('repaired', () => bench.counters.repairs === 1)
    await eventually('plain', () => bench.there[0]?.includes('advmss') === false)
  })
})

it('routes of other tables and other types of service are not ours to learn', async () => {
  await onBench(async (bench) => {
    bench.rack.host.ip('route add 10.77.0.0/24 via 10.1.0.2 table 100')
    bench.rack.host.ip('route add 10.78.0.0/24 via 10.1.0.2 tos 0x10')
    bench.rack.host.ip('route add 10.79.0.0/24 via 10.1.0.2')
    await eventually('the last one offered', () => bench.observed.length > 0)
    expect(bench.observed).toEqual(['+ 10.79.0.0/24 10.1.0.2 eth0'])
  })
})

it('a program that goes on writing under our protocol is named once and answered ever more calmly', async () => {
  await onBench(async (bench) => {
    const end = performance.now() + 2500
    while (performance.now() < end) {
      bench.rack.host.ip('route replace 10.100.0.0/24 via 10.1.0.2 proto 12')
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
    expect(bench.counters.deleted).toBeLessThanOrEqual(3)
    expect(bench.conflicts).toEqual([expect.stringContaining('does BIRD or another agent still run on this host?')])
  })
})

it('an IPv6 route appended to ours is taken out of it; one hop lost leaves a foreign route its others', async () => {
  await onBench(async (bench) => {
    const { host } = bench.rack
    host.ip('addr add 2001:db8:1::1/64 dev eth0 nodad')
    host.ip('addr add 2001:db8:2::1/64 dev eth1 nodad')
    const v6 = (...groups: number[]) => Uint8Array.from(groups.flatMap((group) => [group >> 8, group & 255]))
    const gateway = v6(0x2001, 0xdb8, 1, 0, 0, 0, 0, 2)
    const destination = { family: 6, address: v6(0x2001, 0xdb8, 5, 0, 0, 0, 0, 0), length: 64 } as const
    bench.programmer.set({ destination, kind: 'unicast', nextHops: [{ gateway }], why: 'test' })
    const shown = () => host.ip('-6 route show 2001:db8:5::/64').trim()
    const wanted = '2001:db8:5::/64 via 2001:db8:1::2 dev eth0 proto bird metric 1024 pref medium'
    await eventually('written', () => shown() === wanted)
    host.ip('-6 route append 2001:db8:5::/64 via 2001:db8:2::2 metric 1024 proto static')
    await eventually('ours alone again', () => shown() === wanted)

    const hops = 'nexthop via 2001:db8:1::2 nexthop via 2001:db8:2::2'
    host.ip(`-6 route add 2001:db8:6::/64 metric 1024 proto static ${hops}`)
    const behind = v6(0x2001, 0xdb8, 6, 0, 0, 0, 0, 1)
    await eventually('reachable', () => bench.reachable([...behind]))
    host.ip('-6 route del 2001:db8:6::/64 via 2001:db8:1::2')
    await eventually('through the other', () => bench.observed.at(-1)?.endsWith('eth1') === true)
    expect(bench.reachable([...behind])).toBe(true)
    host.ip('-6 route del 2001:db8:6::/64')
    await eventually('gone', () => !bench.reachable([...behind]))
  })
})

it('after its queue overflowed it reads again and goes on listening', async () => {
  await onBench(async (bench) => {
    const { host } = bench.rack
    const folder = mkdtempSync(join(tmpdir(), 'starling-overflow-'))
    const file = join(folder, 'batch')
    const lines = Array.from({ length: 65_536 }, (_, i) => `route add 20.${i >> 8}.${i & 255}.0/24 via 10.1.0.2`)
    writeFileSync(file, lines.join('\n'))
    try {
      // This thread waits for it: nobody takes the notifications away meanwhile.
      host.ip(`-batch ${file}`)
    } finally {
      rmSync(folder, { recursive: true })
    }
    await eventually('a gap', () => bench.counters.gaps > 0)
    await eventually('a read', () => bench.reachable([20, 255, 255, 1]), 10_000)
    host.ip('route add 10.99.0.0/24 via 10.1.0.2')
    await eventually('news of one more', () => bench.reachable([10, 99, 0, 1]))
    host.ip('route del 10.99.0.0/24 via 10.1.0.2')
    await eventually('and of its end', () => !bench.reachable([10, 99, 0, 1]))
  })
}, 30_000)
