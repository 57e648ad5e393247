import { formatAddress } from '@starling/bgp-packet/address'
import { ClusterState, plan } from '@starling/intent'
import type { ActualTunnel, DesiredRoute, TunnelDriver, TunnelOperation } from '@starling/route-programmer'
import { expect, test } from 'vitest'
import { KernelTunnels } from './kernel-tunnels.js'

const calico = (kind: string, name: string, spec: unknown) => ({
  apiVersion: 'projectcalico.org/v3',
  kind,
  metadata: { name },
  spec,
})
const host = (n: number, address: string) =>
  calico('Node', `n${n}`, {
    bgp: { ipv4Address: address, ipv4IPIPTunnelAddr: `10.65.${n}.1` },
    ipv4VXLANTunnelAddr: `10.65.${n}.2`,
  })
const affinity = (n: number) =>
  calico('BlockAffinity', `n${n}-block`, {
    node: `n${n}`,
    cidr: `10.65.${n}.0/26`,
    state: 'confirmed',
    deleted: 'false',
  })
const NODES = [host(1, '10.0.0.1/24'), host(2, '10.0.0.2/24'), host(3, '10.0.9.3/24'), ...[1, 2, 3].map(affinity)]

function world(vxlan: boolean) {
  const operations: TunnelOperation[] = []
  const wishes = new Map<string, DesiredRoute>()
  const timers: (() => void)[] = []
  const key = ({ destination: { address, length } }: DesiredRoute) => `${formatAddress(address)}/${length}`
  const driver: TunnelDriver = {
    read: async (): Promise<ActualTunnel[]> => [],
    apply: async (given) => {
      operations.push(...given)
      return given.map(() => ({ errno: 0 }))
    },
    close: async () => {},
  }
  const interfaces = new Map([['10.0.0.1', { name: 'eth7', mtu: 1500 }]])
  const tunnels = new KernelTunnels({
    driver,
    clock: {
      now: () => 0,
      at: (_time, callback) => {
        timers.push(callback)
        return () => timers.splice(timers.indexOf(callback), 1)
      },
      turn: () => Promise.resolve(),
    },
    vxlan,
    routes: { set: (route) => wishes.set(key(route), route), remove: (route) => wishes.delete(key(route)) },
    parent: (address) => interfaces.get(address),
    event: () => {},
  })
  const run = async (documents: readonly unknown[]) => {
    const state = ClusterState.fromDocuments(documents)
    tunnels.planned(state, plan(state, 'n1'))
    for (let i = 0; i < 20; i++) await Promise.resolve()
  }
  const devices = () =>
    [...wishes].map(([prefix, { kind, nextHops }]) => `${prefix} ${nextHops[0]?.device ?? kind}`).sort()
  return { operations, interfaces, timers, run, devices, tunnels }
}

const VXLAN = [...NODES, calico('IPPool', 'p', { cidr: '10.65.0.0/16', vxlanMode: 'CrossSubnet' })]

test('VXLAN gets the interface that has the node’s address, and routes near and far', async () => {
  const { operations, run, devices } = world(true)
  await run(VXLAN)
  expect(operations[0]).toMatchObject({
    op: 'create',
    tunnel: { name: 'vxlan.calico', mtu: 1450, vxlan: { parent: 'eth7', id: 4096 } },
  })
  expect(devices()).toEqual(['10.65.1.0/26 blackhole', '10.65.2.0/26 eth7', '10.65.3.0/26 vxlan.calico'])
  await run(NODES)
  expect(devices()).toEqual([])
})

test('a change of a device concerned is looked at once, of others not at all', async () => {
  const { operations, timers, run, tunnels } = world(true)
  await run(VXLAN)
  const [made, waiting] = [operations.length, timers.length]
  tunnels.touched('cali123')
  expect(timers).toHaveLength(waiting)
  for (const device of ['vxlan.calico', 'eth7', 'vxlan.calico']) tunnels.touched(device)
  expect(timers).toHaveLength(waiting + 1)
  timers.at(-1)?.()
  for (let i = 0; i < 20; i++) await Promise.resolve()
  expect(operations.length).toBe(2 * made)
})

test('a node whose interface is not there yet waits for it', async () => {
  const { operations, interfaces, timers, run } = world(true)
  interfaces.clear()
  await run(VXLAN)
  expect(operations).toEqual([])
  interfaces.set('10.0.0.1', { name: 'eth0', mtu: 9000 })
  for (const timer of [...timers]) timer()
  for (let i = 0; i < 20; i++) await Promise.resolve()
  expect(operations[0]).toMatchObject({ op: 'create', tunnel: { mtu: 8950, vxlan: { parent: 'eth0' } } })
})

test('tunl0 is wanted where BGP programs IPIP, and VXLAN stays Felix’s unless asked for', async () => {
  const { operations, run, devices } = world(false)
  await run(VXLAN)
  expect(operations).toEqual([])
  await run([
    ...NODES,
    calico('BGPConfiguration', 'default', { programClusterRoutes: 'Enabled' }),
    calico('IPPool', 'p', { cidr: '10.65.0.0/16', ipipMode: 'Always' }),
  ])
  expect(operations.map(({ op }) => op)).toEqual(['create', 'configure', 'add-address'])
  expect(devices()).toEqual([])
})
