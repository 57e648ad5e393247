/**
 * Another program adds, replaces and deletes routes at random, ours among them, while ten thousand routes change. Once it
 * stops, what is wanted is what the kernel has, wherever that program does not itself hold the key.
 */

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { encodeRoute, NLM_F, type RouteMessage, RTM, RTN } from '@starling/netlink'
import { openRequestSocket } from '@starling/netlink/socket'
import { countStates, type DesiredRoute, RouteProgrammer } from '@starling/route-programmer'
import { NetlinkDriver, systemClock } from '@starling/route-programmer/netlink'
import { describe, expect, it } from 'vitest'
import { needs } from '../support/needs.js'
import { eventually, inside } from './netns.js'
import { Rack } from './rack.js'

needs('root', 'netns', 'ip')

const ROUTES = 10_000
const GATEWAYS = [Uint8Array.of(10, 1, 0, 2), Uint8Array.of(10, 2, 0, 2)] as const

const address = (i: number) => Uint8Array.of(20, i >> 8, i & 255, 0)

function wish(i: number, round: number): DesiredRoute {
  const single = [{ gateway: GATEWAYS[(i + round) % 2] }]
  const both = GATEWAYS.map((gateway) => ({ gateway }))
  return {
    destination: { family: 4, address: address(i), length: 24 },
    kind: 'unicast',
    nextHops: (i + round) % 5 === 0 ? both : single,
    why: 'chaos',
  }
}

function foreignMessage(i: number, protocol: number, ifindex: number): RouteMessage {
  return {
    family: 2,
    destinationLength: 24,
    sourceLength: 0,
    tos: 0,
    table: 254,
    protocol,
    scope: 0,
    type: RTN.UNICAST,
    flags: 0,
    destination: address(i),
    nextHops: [{ gateway: GATEWAYS[1], ifindex, flags: 0, weight: 1 }],
  }
}

describe('chaos', () => {
  it('ten thousand changing routes survive a foreign writer', async () => {
    const rack = new Rack()
    try {
      await inside(rack.host, async () => {
        const programmer = new RouteProgrammer(new NetlinkDriver(), systemClock)
        programmer.start()
        programmer.allowDeletes()
        const chaos = openRequestSocket()
        const eth1 = Number(/^(\d+):/.exec(rack.host.ip('-o link show eth1'))?.[1])
        const random = (n: number) => Math.floor(Math.random() * n)
        const disturb = (count: number) => {
          chaos.submit(count, (writer, _i, sequence) => {
            const kind = random(4)
            const protocol = kind % 2 === 0 ? 12 : 4
            const flags = kind < 2 ? NLM_F.CREATE | NLM_F.REPLACE : 0
            writer.begin(kind < 2 ? RTM.NEWROUTE : RTM.DELROUTE, NLM_F.REQUEST | flags, sequence)
            const message = foreignMessage(random(ROUTES), protocol, eth1)
            encodeRoute(writer, kind < 2 ? message : { ...message, type: 0, scope: 255, nextHops: [] })
          })
        }
        for (let round = 0; round < 5; round++) {
          for (let i = 0; i < ROUTES; i++) {
            programmer.set(wish(i, round))
            if (i % 500 !== 499) continue
            disturb(50)
            await systemClock.turn()
          }
        }
        // The other program ends and takes its own routes along.
        for (let start = 0; start < ROUTES; start += 500) {
          chaos.submit(500, (writer, i, sequence) => {
            writer.begin(RTM.DELROUTE, NLM_F.REQUEST, sequence)
            encodeRoute(writer, { ...foreignMessage(start + i, 4, eth1), type: 0, scope: 255, nextHops: [] })
          })
        }
        chaos.close()
        const { reconciler } = programmer
        await eventually('all installed', () => countStates(reconciler).installed === ROUTES)
        const repaired = reconciler.counters.repairs
        const reads = reconciler.counters.reads
        programmer.verify()
        await eventually('a verification read', () => reconciler.counters.reads > reads)
        expect(reconciler.counters.repairs, 'the read found nothing the events had not told').toBe(repaired)
        expect(rack.routes().filter((line) => line.startsWith('20.') || line.includes(' 20.'))).toHaveLength(ROUTES)
        expect(repaired).toBeGreaterThan(100)
        await programmer.stop()
      })
    } finally {
      rack.destroy()
    }
  })

  it('four thousand routes that go while others take them away, and the link under them, go once', async () => {
    const some = Array.from({ length: 4000 }, (_, i) => i)
    const left = some.filter((i) => i % 3 === 0)
    const via = (i: number, gateway: Uint8Array) => ({ ...wish(i, 0), nextHops: [{ gateway }] })
    const rack = new Rack()
    try {
      await inside(rack.host, async () => {
        const conflicts: string[] = []
        const programmer = new RouteProgrammer(
          new NetlinkDriver(),
          systemClock,
          {},
          { conflict: ({ text }) => conflicts.push(text) },
        )
        programmer.start()
        programmer.allowDeletes()
        const installed = (count: number) => () =>
          countStates(programmer.reconciler).installed === count && rack.routes().length === count
        for (const disturbance of ['route flush proto 12', 'link set eth0 down', 'route flush proto 12']) {
          for (const i of some) programmer.set(via(i, GATEWAYS[0]))
          await eventually('all installed', installed(some.length))
          const over = once(spawn('ip', ['-n', rack.host.name, ...disturbance.split(' ')]), 'exit')
          for (const i of some) {
            programmer.remove(via(i, GATEWAYS[0]))
            if (i % 100 === 0) await systemClock.turn()
          }
          for (const i of left) programmer.set(via(i, GATEWAYS[1]))
          await over
          rack.host.ip('link set eth0 up')
          await eventually('what is left', installed(left.length))
          for (const i of left) programmer.remove(via(i, GATEWAYS[1]))
          await eventually('nothing', installed(0))
        }
        expect(conflicts, 'who only takes away is no rival').toEqual([])
        await programmer.stop()
      })
    } finally {
      rack.destroy()
    }
  })
})
