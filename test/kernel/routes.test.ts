/** Routes on a real kernel with real packets: multipath, failover, address and interface changes, foreign hands. */

import { createSocket } from 'node:dgram'
import { RouteProgrammer } from '@starling/route-programmer'
import { NetlinkDriver, systemClock } from '@starling/route-programmer/netlink'
import { describe, expect, it } from 'vitest'
import { needs } from '../support/needs.js'
import { parseWish } from './agent.js'
import { eventually, inside } from './netns.js'
import { Rack, startPing } from './rack.js'

needs('root', 'netns', 'ip', 'ping')

const MULTIPATH = '10.100.0.0/24=10.1.0.2,10.2.0.2'

/** A programmer in the rack's host; the body runs in its namespace. */
async function onRack(body: (rack: Rack, programmer: RouteProgrammer) => Promise<void>): Promise<void> {
  const rack = new Rack()
  try {
    await inside(rack.host, async () => {
      const programmer = new RouteProgrammer(new NetlinkDriver(), systemClock)
      programmer.start()
      programmer.allowDeletes()
      try {
        await body(rack, programmer)
      } finally {
        await programmer.stop()
      }
    })
  } finally {
    rack.destroy()
  }
}

async function installed(rack: Rack, programmer: RouteProgrammer, wish: string): Promise<void> {
  programmer.set(parseWish(wish))
  await eventually(`${wish} in the kernel`, () => rack.routes().length === 1)
}

describe('routes on a real kernel', () => {
  it('a multipath route spreads flows over both next hops', async () => {
    await onRack(async (rack, programmer) => {
      await installed(rack, programmer, MULTIPATH)
      const [before1, before2] = [rack.received(rack.r1), rack.received(rack.r2)]
      const flows = 400
      for (let i = 0; i < flows; i++) {
        const socket = createSocket('udp4')
        await new Promise((resolve) => socket.send('x', 9000 + i, '10.100.0.7', resolve))
        socket.close()
      }
      const counts = () => [rack.received(rack.r1) - before1, rack.received(rack.r2) - before2]
      await eventually('all packets arrive', () => (counts()[0] ?? 0) + (counts()[1] ?? 0) >= flows)
      for (const count of counts()) expect(count).toBeGreaterThan(flows / 4)
    })
  })

  it.each(['carrier', 'admin'])('a next hop lost by %s moves traffic to the other within 100 ms', async (how) => {
    await onRack(async (rack, programmer) => {
      await installed(rack, programmer, MULTIPATH)
      const interval = 2
      const ping = await startPing(rack.host, '10.100.0.5', interval)
      const uses = () => (rack.host.ip('route get 10.100.0.5').includes('eth0') ? 'eth0' : 'eth1')
      const used = uses()
      if (how === 'admin') rack.host.ip(`link set ${used} down`)
      else (used === 'eth0' ? rack.r1 : rack.r2).ip('link set port down')
      // This thread is the programmer's: asking the kernel by a command would stop it just when it has something to do.
      await new Promise((resolve) => setTimeout(resolve, 200))
      await eventually('the other next hop alone', () => {
        const [route = ''] = rack.routes()
        return route.includes('10.100.0.0/24') && !route.includes(used)
      })
      const { sent, received } = await ping.stop()
      expect(received).toBeGreaterThan(50)
      expect((sent - received) * interval).toBeLessThanOrEqual(100)
    })
  })

  it('a next hop comes back with its link', async () => {
    await onRack(async (rack, programmer) => {
      await installed(rack, programmer, MULTIPATH)
      rack.host.ip('link set eth0 down')
      await eventually('eth1 alone', () => rack.routes()[0]?.includes('eth0') === false)
      rack.host.ip('link set eth0 up')
      await eventually('both again', () => rack.routes()[0]?.includes('eth0') === true)
      expect(rack.routes()[0]).toContain('eth1')
    })
  })

  it('an address change moves the route to where its next hop now lives', async () => {
    await onRack(async (rack, programmer) => {
      await installed(rack, programmer, '10.100.0.0/24=10.1.0.2')
      rack.host.ip('addr del 10.1.0.1/24 dev eth0')
      rack.host.ip('addr add 10.1.0.1/24 dev eth1')
      await eventually('via eth1', () => rack.routes()[0]?.includes('dev eth1') === true)
    })
  })

  it('a route follows its interface through rename, deletion and a new one of that name', async () => {
    await onRack(async (rack, programmer) => {
      const onUplink = { ...parseWish('10.100.0.0/24=10.1.0.2'), nextHops: [{ device: 'uplink' }] }
      programmer.set(onUplink)
      rack.host.ip('link set eth0 down')
      rack.host.ip('link set eth0 name uplink')
      rack.host.ip('link set uplink up')
      await eventually('after the rename', () => rack.routes()[0]?.includes('dev uplink') === true)
      rack.host.ip('link del uplink')
      await eventually('gone with the interface', () => rack.routes().length === 0)
      rack.host.ip('link add uplink type veth peer name far')
      rack.host.ip('link set far up')
      rack.host.ip('link set uplink up')
      await eventually('on the new interface', () => rack.routes()[0]?.includes('dev uplink') === true)
    })
  })

  it('a route another program deletes is back by the kernel’s word, long before the look at all routes, and counted', async () => {
    await onRack(async (rack, programmer) => {
      await installed(rack, programmer, '10.100.0.0/24=10.1.0.2')
      for (let i = 0; i < 5; i++) {
        rack.host.ip('route del 10.100.0.0/24 proto 12')
        await eventually('the route is back', () => rack.routes().length === 1, 60_000)
      }
      expect(programmer.reconciler.counters.repairs).toBe(5)
    })
  })

  it('unreachability of a tracked next hop is told at once', async () => {
    const rack = new Rack()
    try {
      await inside(rack.host, async () => {
        const told: boolean[] = []
        const programmer = new RouteProgrammer(
          new NetlinkDriver(),
          systemClock,
          {},
          {
            nextHopChanged: (_gateway, { reachable }) => told.push(reachable),
          },
        )
        programmer.start()
        await eventually('the first read', () => programmer.reconciler.counters.reads >= 1)
        expect(programmer.reconciler.trackNextHop(Uint8Array.of(10, 1, 0, 2)).reachable).toBe(true)
        rack.r1.ip('link set port down')
        await eventually('told', () => told.length === 1, 60_000)
        expect(told).toEqual([false])
        await programmer.stop()
      })
    } finally {
      rack.destroy()
    }
  })
})
