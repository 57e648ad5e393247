/**
 * Tunnel addresses of a cluster without Felix, claimed by real agents as Calico's own allocator would (calico.md 4.7):
 * handle, attributes and the field of the Node; the same after a restart; on the device; given back by cleanup. And a pod
 * that uses an address of another node's block is reached over VXLAN by a route of its own (calico.md 7.6).
 */

import { assignAddresses } from '@starling/ipam'
import { blockKey } from '@starling/resources'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Agent, calico, TwoHosts, until } from '../support/agents.js'
import { needs } from '../support/needs.js'

needs('root', 'netns', 'ip', 'ping', 'procps')

const RESOURCES = [
  calico('BGPConfiguration', 'default', { listenPort: 1179 }),
  calico('IPPool', 'pods', { cidr: '10.66.0.0/16', vxlanMode: 'Always', blockSize: 28 }),
  // No programClusterRoutes here: the address is claimed all the same, the device is Felix's.
  calico('IPPool', 'ipip', { cidr: '10.67.0.0/16', ipipMode: 'Always', blockSize: 28 }),
  ...[1, 2].map((n) => calico('Node', `n${n}`, { bgp: { ipv4Address: `10.0.0.${n}/24` } })),
]
const OPTIONS = ['--program-vxlan', '--claim-block']

let hosts: TwoHosts
let agent: Agent
beforeAll(async () => {
  hosts = await new TwoHosts().start(RESOURCES)
  agent = hosts.node(1, OPTIONS)
  hosts.node(2, OPTIONS)
})
afterAll(() => hosts?.destroy())

interface NodeSpec {
  readonly bgp: { readonly ipv4IPIPTunnelAddr?: string }
  readonly ipv4VXLANTunnelAddr?: string
}
const value = async (key: string) => JSON.parse((await hosts.datastore.get(key))?.value ?? 'null')
const nodeSpec = async (n: number): Promise<NodeSpec> =>
  (await value(`/calico/resources/v3/projectcalico.org/nodes/n${n}`)).spec
const device = () => {
  try {
    return hosts.n1.ip('addr show vxlan.calico')
  } catch {
    return ''
  }
}

/** The attribute of an address, found in whichever block holds it. */
async function assignment(address: string) {
  for (const { key } of await hosts.datastore.list('/calico/ipam/v2/assignment/').then(({ entries }) => entries)) {
    const { cidr, allocations, attributes } = await value(key)
    const ordinal = Number(address.split('.')[3]) - Number(cidr.split('/')[0].split('.')[3])
    if (cidr.split('.').slice(0, 3).join('.') !== address.split('.').slice(0, 3).join('.')) continue
    if (ordinal >= 0 && ordinal < 16) return attributes[allocations[ordinal]]
  }
  return undefined
}

test('claimed with handle and type, written to the Node, put on the device', async () => {
  await until('both addresses', async () => (await nodeSpec(1)).bgp.ipv4IPIPTunnelAddr !== undefined)
  await until('the VXLAN address', async () => (await nodeSpec(1)).ipv4VXLANTunnelAddr !== undefined)
  const { bgp, ipv4VXLANTunnelAddr: vxlan = '' } = await nodeSpec(1)
  expect(await assignment(bgp.ipv4IPIPTunnelAddr ?? '')).toEqual({
    handle_id: 'ipip-tunnel-addr-n1',
    secondary: { node: 'n1', type: 'ipipTunnelAddress' },
  })
  expect(await assignment(vxlan)).toEqual({
    handle_id: 'vxlan-tunnel-addr-n1',
    secondary: { node: 'n1', type: 'vxlanTunnelAddress' },
  })
  expect((await hosts.datastore.get('/calico/ipam/v2/handle/vxlan-tunnel-addr-n1'))?.value).toMatch(
    /^\{"block":\{"10\.66\.[0-9.]+\/28":1\}/,
  )
  await until('the address on the device', () => device().includes(`inet ${vxlan}/32`))
})

test('a restart keeps them, a killed one too', async () => {
  const before = await nodeSpec(1)
  for (const signal of ['SIGKILL', 'SIGTERM'] as const) {
    await agent.end(signal)
    expect(device()).toContain(`inet ${before.ipv4VXLANTunnelAddr}/32`)
    agent = hosts.node(1, OPTIONS)
    await until('the agent answers', () =>
      hosts.page(1, '/v1/summary').then(
        () => true,
        () => false,
      ),
    )
    await new Promise((resolve) => setTimeout(resolve, 1000))
    expect(await nodeSpec(1)).toEqual(before)
  }
})

test('a pod with an address of another node’s block is reached by a route of its own', async () => {
  await until('the VTEP of n2', async () => (await nodeSpec(2)).ipv4VXLANTunnelAddr !== undefined)
  const context = { datastore: hosts.datastore, now: Date.now }
  // A block of n1 with room, of which n2 borrows one.
  await assignAddresses(context, {
    node: 'n1',
    family: 'ipv4',
    count: 1,
    handle: 'pod-a',
    attributes: { node: 'n1' },
    pools: ['pods'],
  })
  const affinities = await hosts.datastore.list('/calico/ipam/v2/host/n1/ipv4/block/')
  const cidr =
    affinities.entries
      .map(({ key }) => (key.split('/').at(-1) ?? '').replace('-', '/'))
      .find((text) => text.startsWith('10.66.')) ?? ''
  const key = blockKey(cidr)
  const stored = await hosts.datastore.get(key)
  const raw = JSON.parse(stored?.value ?? '{}') as {
    allocations: (number | null)[]
    unallocated: number[]
    attributes: unknown[]
  }
  const ordinal = raw.unallocated.pop() ?? raw.allocations.length - 1
  raw.attributes.push({ handle_id: 'pod-b', secondary: { node: 'n2' } })
  raw.allocations[ordinal] = raw.attributes.length - 1
  await hosts.datastore.update(key, JSON.stringify(raw), stored?.revision ?? 0)
  const [network = '', length = ''] = cidr.split('/')
  expect(length).toBe('28')
  const octets = network.split('.')
  const borrowed = [...octets.slice(0, 3), Number(octets[3]) + ordinal].join('.')
  hosts.n2.ip(`addr add ${borrowed}/32 dev lo`)
  const vtep = (await nodeSpec(2)).ipv4VXLANTunnelAddr
  const wanted = `${borrowed} via ${vtep} dev vxlan.calico proto bird onlink`
  await until(wanted, () =>
    hosts.n1.ip('route show proto bird').replace(/ +/g, ' ').includes(`${borrowed} via ${vtep} dev vxlan.calico`),
  )
  hosts.n1.exec('ping', '-n', '-c', '1', '-w', '60', borrowed)
})

test('cleanup gives them back, and a dry run only says so', async () => {
  await agent.end('SIGTERM')
  const before = await nodeSpec(1)
  const clean = async (...more: string[]) => {
    const what = [
      'cleanup',
      '--program-vxlan',
      '--datastore',
      hosts.spec,
      '--name',
      'n1',
      '--cni-conf',
      '/nonexistent/x',
    ]
    const cleanup = hosts.run(hosts.n1, [...what, ...more])
    expect(await cleanup.gone).toBe(0)
    return cleanup.said
  }
  const line = `vxlan tunnel address ${before.ipv4VXLANTunnelAddr} of Node n1 in IPAM`
  expect(await clean('--dry-run')).toContain(`would remove ${line}`)
  expect(await nodeSpec(1)).toEqual(before)
  expect(device()).not.toBe('')
  const said = await clean('--force')
  expect(said).toContain(`removed ${line}`)
  expect(said).toContain('removed device vxlan.calico')
  expect(said).toContain(`removed ipip tunnel address ${before.bgp.ipv4IPIPTunnelAddr} of Node n1 in IPAM`)
  expect(await nodeSpec(1)).toEqual({ bgp: { ipv4Address: '10.0.0.1/24' } })
  expect(await hosts.datastore.get('/calico/ipam/v2/handle/vxlan-tunnel-addr-n1')).toBeUndefined()
  expect(device()).toBe('')
})
