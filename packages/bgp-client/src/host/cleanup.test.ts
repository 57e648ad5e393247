import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  type KernelRoute,
  MemoryDriver,
  MemoryKernel,
  type TunnelDriver,
  type TunnelOperation,
} from '@starling/route-programmer'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { cleanupHost } from './cleanup.js'

let folder = ''
let cniConf = ''
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'starling-cleanup-'))
  cniConf = join(folder, '10-starling.conflist')
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

function host() {
  const kernel = new MemoryKernel()
  kernel.setLink({ index: 2, name: 'eth0', up: true, running: true, mtu: 1500, kind: '' })
  kernel.addAddress({ ifindex: 2, family: 4, address: Uint8Array.of(192, 0, 2, 1), length: 24, scope: 0 })
  const route = (third: number, protocol: number, change: Partial<KernelRoute> = {}): KernelRoute => ({
    destination: { family: 4, address: Uint8Array.of(10, 65, third, 0), length: 26 },
    kind: 'unicast',
    table: 254,
    metric: 1024,
    protocol,
    scope: 0,
    nextHops: [{ gateway: Uint8Array.of(192, 0, 2, 9), ifindex: 2, onlink: false, weight: 1 }],
    ...change,
  })
  kernel.foreignReplace(route(1, 12))
  kernel.foreignReplace(route(2, 12, { kind: 'blackhole', nextHops: [], metric: 0 }))
  kernel.foreignReplace(route(3, 80))
  kernel.foreignReplace(route(4, 12, { table: 100 }))
  const applied: TunnelOperation[] = []
  const address = { bytes: Uint8Array.of(10, 65, 1, 1), length: 32 }
  const tunnels: TunnelDriver = {
    read: async (names) =>
      ['tunl0', 'vxlan.calico']
        .filter((name) => names.includes(name))
        .map((name) => ({
          name,
          index: 5,
          kind: name === 'tunl0' ? 'ipip' : 'vxlan',
          up: true,
          mtu: 1480,
          addresses: [address],
          neighbours: [],
          forwarding: [],
        })),
    apply: async (operations) => {
      applied.push(...operations)
      return operations.map(() => ({ errno: 0 }))
    },
    close: async () => {},
  }
  const left = () => kernel.allRoutes().filter(({ protocol }) => protocol !== 2).length
  return { routes: new MemoryDriver(kernel), tunnels, applied, left }
}

const ALL = [
  'route 10.65.1.0/26 via 192.0.2.9 dev eth0 metric 1024',
  'route blackhole 10.65.2.0/26',
  'address 10.65.1.1/32 of tunl0',
]

test('everything of ours goes and is named; other programs’ routes, tables and files stay', async () => {
  const { routes, tunnels, applied, left } = host()
  writeFileSync(cniConf, '{"name": "starling", "plugins": []}')
  const { removed, failed } = await cleanupHost({ dryRun: false, cniConf, vxlan: false, routes, tunnels })
  expect([...removed].sort()).toEqual([...ALL, `CNI configuration ${cniConf}`].sort())
  expect(failed).toEqual([])
  expect(existsSync(cniConf)).toBe(false)
  expect(applied.map(({ op }) => op)).toEqual(['remove-address'])
  expect(left()).toBe(2)
})

test('a dry run says the same and touches nothing', async () => {
  const { routes, tunnels, applied, left } = host()
  const { removed } = await cleanupHost({ dryRun: true, cniConf, vxlan: false, routes, tunnels })
  expect([...removed].sort()).toEqual([...ALL].sort())
  expect(applied).toEqual([])
  expect(left()).toBe(4)
})

test('VXLAN devices go only where asked, and a CNI file of somebody else never', async () => {
  const { routes, tunnels } = host()
  writeFileSync(cniConf, '{"name": "k8s-pod-network"}')
  const { removed, failed } = await cleanupHost({ dryRun: false, cniConf, vxlan: true, routes, tunnels })
  expect(removed).toContain('device vxlan.calico')
  expect(failed).toEqual([{ what: `CNI configuration ${cniConf}`, why: 'not written by starling; left alone' }])
  expect(existsSync(cniConf)).toBe(true)
})
