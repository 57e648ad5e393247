/** The netlink drivers against the compliance suite, each check in its own fresh namespace. */

import { rmSync } from 'node:fs'
import type { FibDriver } from '@starling/route-programmer'
import { complianceChecks, tunnelChecks, type World } from '@starling/route-programmer/compliance'
import { NetlinkDriver, NetlinkTunnelDriver, WorkerNetlinkDriver } from '@starling/route-programmer/netlink'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { needs } from '../support/needs.js'
import { inside, Namespace } from './netns.js'
import { buildWorker } from './worker.js'

needs('root', 'netns', 'ip', 'procps')

const dotted = (bytes: Uint8Array) => bytes.join('.')

function world(open: () => FibDriver): World & { namespace: Namespace } {
  const namespace = new Namespace('host')
  namespace.ip('link add eth0 type veth peer name peer0')
  namespace.sysctl('net.ipv6.conf.eth0.accept_dad', 0)
  namespace.ip('addr add 192.0.2.1/24 dev eth0')
  namespace.ip('addr add 2001:db8::1/64 dev eth0 nodad')
  namespace.ip('link set peer0 up')
  namespace.ip('link set eth0 up')
  return {
    namespace,
    device: 'eth0',
    open: async () => open(),
    foreignAdd: async (prefix, length, gateway, metric) => {
      namespace.ip(`route add ${dotted(prefix)}/${length} via ${dotted(gateway)} metric ${metric} proto static`)
    },
    foreignDelete: async (prefix, length, metric) => {
      namespace.ip(`route del ${dotted(prefix)}/${length} metric ${metric} proto static`)
    },
    deleteOurs: async (prefix, length, metric) => {
      namespace.ip(`route del ${dotted(prefix)}/${length} metric ${metric} proto 12`)
    },
    setDeviceUp: async (up) => {
      namespace.ip(`link set eth0 ${up ? 'up' : 'down'}`)
    },
    close: async () => namespace.destroy(),
  }
}

let script: URL

beforeAll(() => {
  script = buildWorker()
})
afterAll(() => rmSync(script, { force: true }))

const DRIVERS: [name: string, open: () => FibDriver][] = [
  ['in this thread', () => new NetlinkDriver()],
  ['in a worker', () => new WorkerNetlinkDriver(script)],
]

describe.each(DRIVERS)('netlink driver %s', (_where, open) => {
  it.each(complianceChecks.map((check) => [check.name, check] as const))('%s', async (_name, check) => {
    const host = world(open)
    try {
      // A dump opens its own socket when it runs, so the whole check runs inside.
      await inside(host.namespace, () => check.run(host))
    } finally {
      await host.close()
    }
  })
})

describe('netlink tunnel driver', () => {
  it.each(tunnelChecks.map((check) => [check.name, check] as const))('%s', async (_name, check) => {
    const host = world(() => new NetlinkDriver())
    try {
      const open = async () => new NetlinkTunnelDriver()
      await inside(host.namespace, () => check.run({ parent: 'eth0', open, close: host.close }))
    } finally {
      await host.close()
    }
  })
})

it('a worker that dies is a gap, and the next call starts another', async () => {
  const host = world(() => new NetlinkDriver())
  try {
    await inside(host.namespace, async () => {
      const driver = new WorkerNetlinkDriver(new URL('data:text/javascript,throw new Error("no luck")'))
      const reasons: string[] = []
      driver.subscribe((events) => {
        for (const event of events) if (event.type === 'gap') reasons.push(event.reason)
      })
      await expect(driver.read()).rejects.toThrow('no luck')
      await expect(driver.read()).rejects.toThrow('no luck')
      expect(reasons).toEqual(['no luck', 'no luck'])
      await driver.close()
    })
  } finally {
    await host.close()
  }
})
