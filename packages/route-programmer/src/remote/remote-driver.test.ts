/** The remote driver against the compliance suite: a server over the in-memory kernel, a Unix socket between. */

import { connect } from 'node:net'
import { hasNative } from '@starling/sys'
import { describe, expect, it } from 'vitest'
import { complianceChecks, tunnelChecks, type World } from '../compliance/index.js'
import { type FibDriver, MemoryDriver, MemoryKernel, MemoryTunnelDriver, type TunnelOperation } from '../index.js'
import type { KernelLink } from '../routes.js'
import { ClaimRefused, RemoteDriver, serveProgrammer } from './index.js'

let sockets = 0
const freshPath = () => `\0starling-test-${process.pid}-${++sockets}`

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
  const path = freshPath()
  const server = serveProgrammer({ path, tables: [254, 1000], open: () => new MemoryDriver(kernel) })
  return {
    device: 'eth0',
    open: async () => {
      await server.ready
      return new RemoteDriver(path)
    },
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
    close: () => server.close(),
  }
}

describe.runIf(hasNative())('remote driver', () => {
  it.each(complianceChecks.map((check) => [check.name, check] as const))('%s', async (_name, check) => {
    const host = world()
    await check.run(host)
    await host.close()
  })

  it.each(tunnelChecks.map((check) => [check.name, check] as const))('tunnels: %s', async (_name, check) => {
    const path = freshPath()
    const openTunnels = () => new MemoryTunnelDriver({ parents: ['eth0'] })
    const server = serveProgrammer({ path, open: () => new MemoryDriver(), openTunnels })
    await server.ready
    const driver = new RemoteDriver(path)
    await check.run({ parent: 'eth0', open: async () => driver.tunnels, close: async () => undefined })
    await driver.close()
    await server.close()
  })

  it('deletes leftovers of every kind, also those it would not write', async () => {
    const kernel = new MemoryKernel()
    const path = freshPath()
    const server = serveProgrammer({ path, open: () => new MemoryDriver(kernel) })
    await server.ready
    const driver = new RemoteDriver(path)
    const destination = { family: 4, address: Uint8Array.of(10, 65, 0, 0), length: 26 } as const
    const leftover = { destination, table: 254, metric: 0, protocol: 12, scope: 0, nextHops: [] }
    for (const kind of ['throw', 'local', 'other'] as const) {
      kernel.foreignReplace({ ...leftover, kind })
      expect(await driver.write([{ op: 'delete', route: { ...leftover, kind } }])).toEqual([{ errno: 0 }])
    }
    expect(kernel.allRoutes()).toEqual([])
    await driver.close()
    await server.close()
  })

  const until = (driver: FibDriver) =>
    new Promise<string>((resolve) => {
      driver.subscribe((events) => {
        for (const event of events) if (event.type === 'gap') resolve(event.reason)
      })
    })

  it('a server that goes away is a gap, and a new one is found by the next call', async () => {
    const kernel = new MemoryKernel()
    kernel.setLink(ETH0)
    const path = freshPath()
    const serve = () => serveProgrammer({ path, open: () => new MemoryDriver(kernel) })
    const first = serve()
    await first.ready
    const driver = new RemoteDriver(path)
    const gap = until(driver)
    expect((await driver.read()).links).toHaveLength(1)
    await first.close()
    expect(await gap).toContain('closed the connection')
    await expect(driver.read()).rejects.toThrow(/no connection to the programmer/)
    const second = serve()
    await second.ready
    expect((await driver.read()).links).toHaveLength(1)
    await driver.close()
    await second.close()
  })

  it('one agent at a time writes; the next one may once the first is gone, and again after a new programmer', async () => {
    const kernel = new MemoryKernel()
    const path = freshPath()
    let holder = ''
    const claim = async (node: string) => {
      if (holder !== '') throw new Error(`${holder} writes already`)
      holder = node
      const release = async () => {
        holder = ''
      }
      return { release }
    }
    const serve = () => serveProgrammer({ path, open: () => new MemoryDriver(kernel), claim })
    const first = serve()
    await first.ready
    const [a, b] = [new RemoteDriver(path, 'worker-1'), new RemoteDriver(path, 'worker-2')]
    await a.claim()
    await expect(b.claim()).rejects.toThrow(ClaimRefused)
    await expect(b.write([])).rejects.toThrow('worker-1 writes already')
    expect(await b.read(), 'reading is free').toMatchObject({ routes: [] })
    await a.close()
    await expect.poll(() => holder).toBe('')
    await b.write([])
    expect(holder).toBe('worker-2')
    await first.close()
    await expect.poll(() => holder).toBe('')
    const second = serve()
    await second.ready
    await b.write([])
    expect(holder, 'asked for before anything else on the new connection').toBe('worker-2')
    await b.close()
    await second.close()
  })

  it('a programmer that is not there yet refuses nobody', async () => {
    await expect(new RemoteDriver(freshPath(), 'worker-1').claim()).resolves.toBeUndefined()
  })

  it('a client that is not allowed is turned away', async () => {
    const path = freshPath()
    const refused: string[] = []
    const server = serveProgrammer({
      path,
      open: () => new MemoryDriver(),
      allow: ({ pid }) => pid !== process.pid,
      log: (text) => refused.push(text),
    })
    await server.ready
    await expect(new RemoteDriver(path).read()).rejects.toThrow(/programmer/)
    expect(refused).toEqual([`refused a client with uid ${process.getuid?.()}`])
    await server.close()
  })

  it('tunnels pass through unharmed, and so do refusals', async () => {
    const path = freshPath()
    const mac = Uint8Array.of(0x66, 1, 2, 3, 4, 5)
    const local = Uint8Array.of(192, 0, 2, 1)
    const vxlan = { id: 4096, port: 4789, parent: 'eth0', local }
    const remote = { address: Uint8Array.of(10, 65, 2, 0), mac, node: Uint8Array.of(192, 0, 2, 2) }
    const there = {
      name: 'vxlan.calico',
      index: 7,
      kind: 'vxlan',
      up: true,
      mtu: 1450,
      mac,
      vxlan,
      addresses: [{ bytes: Uint8Array.of(10, 65, 1, 0), length: 32 }],
      neighbours: [{ address: remote.address, mac }],
      forwarding: [{ mac, node: remote.node }],
    }
    const applied: TunnelOperation[] = []
    const server = serveProgrammer({
      path,
      open: () => new MemoryDriver(),
      openTunnels: () => ({
        read: async (names) => (names.includes(there.name) ? [there] : []),
        apply: async (operations) => {
          applied.push(...operations)
          return operations.map(({ op }) => (op === 'create' ? { errno: 95, name: 'EOPNOTSUPP' } : { errno: 0 }))
        },
        close: async () => {},
      }),
    })
    await server.ready
    const driver = new RemoteDriver(path)
    const { tunnels } = driver
    expect(await tunnels.read(['vxlan.calico'])).toEqual([there])
    const operations: TunnelOperation[] = [
      { op: 'create', tunnel: { name: 'vxlan.calico', kind: 'vxlan', mtu: 1450, mac, vxlan } },
      { op: 'configure', device: 'vxlan.calico', mtu: 1450, mac },
      { op: 'add-address', device: 'vxlan.calico', bytes: remote.address, length: 32 },
      { op: 'add-neighbour', device: 'vxlan.calico', address: remote.address, mac },
      { op: 'add-forwarding', device: 'vxlan.calico', mac, node: remote.node },
      { op: 'delete', device: 'tunl0' },
    ]
    const outcomes = await tunnels.apply(operations)
    expect(applied).toEqual(operations)
    expect(outcomes.map(({ errno }) => errno)).toEqual([95, 0, 0, 0, 0, 0])
    await driver.close()
    await server.close()
  })

  const JUNK: [name: string, frame: Buffer][] = [
    ['an endless frame', Buffer.from('ffffffff', 'hex')],
    ['no JSON', Buffer.from('\0\0\0\x02{x', 'latin1')],
    ['a device that is not ours', frame({ id: 1, op: 'tunnels', names: ['eth0'] })],
    ['a deletion of such', frame({ id: 1, op: 'tunnel-apply', operations: [{ op: 'delete', device: 'eth0' }] })],
    ['an unknown operation', frame({ id: 1, op: 'exec' })],
    ['a table that is not ours', frame({ id: 1, op: 'write', writes: [{ op: 'add', route: wireRoute({ t: 255 }) }] })],
    [
      'a prefix length beyond the family',
      frame({ id: 1, op: 'write', writes: [{ op: 'add', route: wireRoute({ d: ['0a000000', 64] }) }] }),
    ],
  ]
  it.each(JUNK)('%s ends the connection before anything is written', async (_name, bytes) => {
    const path = freshPath()
    const kernel = new MemoryKernel()
    const server = serveProgrammer({ path, open: () => new MemoryDriver(kernel) })
    await server.ready
    const socket = connect(path)
    socket.write(bytes)
    await new Promise((resolve) => socket.once('close', resolve))
    expect(kernel.allRoutes()).toEqual([])
    await server.close()
  })
})

function frame(value: unknown): Buffer {
  const text = Buffer.from(JSON.stringify(value))
  const head = Buffer.alloc(4)
  head.writeUInt32BE(text.length)
  return Buffer.concat([head, text])
}

function wireRoute(change: Record<string, unknown>): Record<string, unknown> {
  return { d: ['0a000000', 8], k: 'blackhole', t: 254, m: 0, p: 12, s: 0, h: [], ...change }
}
