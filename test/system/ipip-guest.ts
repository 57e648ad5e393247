/**
 * What runs inside the guest kernel of ipip.test.ts: three hosts as namespaces, a real `starling node` on each, one
 * shared store. The second host joins two subnets, so that near and far differ.
 *
 *   n1 10.0.0.1 ---- 10.0.0.2 n2 10.0.9.254 ---- 10.0.9.3 n3
 */

import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { writeFileSync } from 'node:fs'
import { MemoryStore } from '@starling/datastore'
import { serveEmbedded } from '@starling/datastore/embedded'
import { flattenDocument, mapDocument } from '@starling/resources'

const PROGRAM = `${process.cwd()}/packages/cli/bin/starling.js`
const ip = (command: string): string => execFileSync('ip', command.split(' '), { stdio: 'pipe' }).toString()
const inside = (host: string, ...command: string[]): string =>
  execFileSync('ip', ['netns', 'exec', host, ...command], { stdio: 'pipe' }).toString()
const pause = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds))

const calico = (kind: string, name: string, spec: unknown) => ({
  apiVersion: 'projectcalico.org/v3',
  kind,
  metadata: { name },
  spec,
})
const block = (n: number, cidr: string) =>
  calico('BlockAffinity', `n${n}-${cidr.replaceAll(/[./]/g, '-')}`, {
    node: `n${n}`,
    cidr,
    state: 'confirmed',
    deleted: 'false',
  })
const RESOURCES = [
  calico('BGPConfiguration', 'default', { programClusterRoutes: 'Enabled' }),
  calico('IPPool', 'always', { cidr: '10.65.0.0/16', ipipMode: 'Always' }),
  calico('IPPool', 'cross', { cidr: '10.66.0.0/16', ipipMode: 'CrossSubnet' }),
  calico('Node', 'n1', { bgp: { ipv4Address: '10.0.0.1/24', ipv4IPIPTunnelAddr: '10.65.1.1' } }),
  calico('Node', 'n2', { bgp: { ipv4Address: '10.0.0.2/24', ipv4IPIPTunnelAddr: '10.65.2.1' } }),
  // This one has no address yet and claims one.
  calico('Node', 'n3', { bgp: { ipv4Address: '10.0.9.3/24' } }),
  ...[1, 2].flatMap((n) => [block(n, `10.65.${n}.0/26`), block(n, `10.66.${n}.0/26`)]),
  block(3, '10.66.3.0/26'),
]

function wire(): void {
  for (const host of ['n1', 'n2', 'n3']) {
    ip(`netns add ${host}`)
    ip(`-n ${host} link set lo up`)
    for (const key of ['all/rp_filter=0', 'default/rp_filter=0', 'all/forwarding=1']) {
      const [name, value = ''] = key.split('=')
      inside(host, 'sh', '-c', `echo ${value} > /proc/sys/net/ipv4/conf/${name}`)
    }
    inside(host, 'sh', '-c', 'echo 1 > /proc/sys/net/ipv4/fib_multipath_hash_policy')
  }
  const join = (a: string, nameA: string, addressA: string, b: string, nameB: string, addressB: string): void => {
    ip(`link add ${nameA} netns ${a} type veth peer name ${nameB} netns ${b}`)
    ip(`-n ${a} addr add ${addressA} dev ${nameA}`)
    ip(`-n ${b} addr add ${addressB} dev ${nameB}`)
    ip(`-n ${a} link set ${nameA} up`)
    ip(`-n ${b} link set ${nameB} up`)
  }
  join('n1', 'eth0', '10.0.0.1/24', 'n2', 'eth0', '10.0.0.2/24')
  join('n2', 'eth1', '10.0.9.254/24', 'n3', 'eth0', '10.0.9.3/24')
  ip('-n n1 route add 10.0.9.0/24 via 10.0.0.2')
  ip('-n n3 route add 10.0.0.0/24 via 10.0.9.254')
  for (const n of [2, 3]) {
    for (const pod of [`10.65.${n}.5`, `10.66.${n}.5`]) ip(`-n n${n} addr add ${pod}/32 dev lo`)
    // One service address on two hosts, as the workload route that Felix would write.
    ip(`-n n${n} link add cali1 type veth peer name pod1`)
    ip(`-n n${n} link set cali1 up`)
    ip(`-n n${n} link set pod1 up`)
    ip(`-n n${n} route add 10.65.200.7/32 dev cali1 metric 1024`)
    ip(`-n n${n} addr add 10.65.200.7/32 dev lo`)
  }
}

const bird = (host: string): string[] =>
  ip(`-n ${host} -o route show`)
    .split('\n')
    .filter((line) => line.includes('proto bird'))
    .map((line) => line.replace(/[\\\s]+/g, ' ').trim())
    .sort()

function ping(host: string, target: string): string {
  try {
    const output = inside(host, 'ping', '-n', '-c', '3', '-i', '0.2', '-W', '3', target)
    return /, (\S+ packet loss)/.exec(output)?.[1] ?? output
  } catch (error) {
    return String(error)
  }
}

const arrived = (host: string): number => {
  const [link] = JSON.parse(ip(`-n ${host} -s -j link show dev tunl0`)) as { stats64: { rx: { packets: number } } }[]
  return link?.stats64.rx.packets ?? 0
}

/** One packet each from many ports, from inside the first host: a child, because this process is elsewhere. */
export async function flows(count: number): Promise<void> {
  for (let i = 0; i < count; i++) {
    const socket = createSocket('udp4')
    await new Promise((resolve) => socket.send('x', 9000 + i, '10.65.200.7', resolve))
    socket.close()
  }
}

export default async function guest() {
  wire()
  const store = new MemoryStore()
  const datastore = store.connect()
  await serveEmbedded({ store, listen: { path: '/run/store.sock' } })
  for (const single of RESOURCES.flatMap((document) => flattenDocument(document))) {
    const mapped = mapDocument(single)
    if (!mapped.ok) throw new Error(JSON.stringify(mapped.problems))
    await datastore.create(mapped.key, mapped.value)
  }
  const said: string[] = []
  const daemons: ChildProcess[] = []
  for (const name of ['n1', 'n2', 'n3']) {
    const given = ['node', '--name', name, '--datastore', 'embedded:unix:/run/store.sock', '--log-level', 'warn']
    const own = ['--control', `/run/${name}.sock`, ...(name === 'n3' ? ['--claim-block'] : [])]
    const child = spawn('ip', ['netns', 'exec', name, process.execPath, PROGRAM, ...given, ...own])
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (chunk: Buffer) => said.push(`${name}: ${chunk.toString()}`))
    daemons.push(child)
  }
  const begun = performance.now()
  /** What n3 has claimed for itself: its block comes first, then the address, then the device has it. */
  const claim = async (): Promise<string | undefined> => {
    const stored = (await datastore.get('/calico/resources/v3/projectcalico.org/nodes/n3'))?.value ?? '{}'
    const node = JSON.parse(stored) as { spec?: { bgp?: { ipv4IPIPTunnelAddr?: string } } }
    return node.spec?.bgp?.ipv4IPIPTunnelAddr
  }
  const complete = async (): Promise<boolean> => {
    const address = await claim()
    return (
      address !== undefined &&
      ip('-n n3 addr show tunl0').includes(`inet ${address}/32`) &&
      bird('n1').length >= 7 &&
      bird('n1').some((line) => line.includes('nexthop')) &&
      bird('n3').length >= 6
    )
  }
  while (!(await complete().catch(() => false)) && performance.now() - begun < 200_000) await pause(500)
  const before = [arrived('n2'), arrived('n3')]
  writeFileSync(
    '/run/flows.mjs',
    `import { createSocket } from 'node:dgram'\n${flows.toString()}\nawait flows(200)`.replace('export ', ''),
  )
  inside('n1', process.execPath, '/run/flows.mjs')
  const counts = () => [arrived('n2'), arrived('n3')].map((count, i) => count - (before[i] ?? 0))
  for (let looks = 0; looks < 100 && counts().reduce((sum, count) => sum + count, 0) < 200; looks++) await pause(100)
  const spread = counts()
  const claimed = await claim()
  const prefix = '/calico/ipam/v2/host/n3/ipv4/block/10.65.'
  const blocks = await datastore.list(prefix)
  const result = {
    said,
    n1: bird('n1'),
    n3: bird('n3'),
    devices: ['n1', 'n3'].map((host) => ip(`-n ${host} addr show tunl0`).replace(/\s+/g, ' ')),
    claimed,
    claimedBlocks: blocks.entries.map(({ key }) => key.slice(prefix.length - '10.65.'.length).replace('-', '/')).sort(),
    pings: ['10.65.2.5', '10.66.2.5', '10.66.3.5', claimed ?? ''].map((target) => `${target} ${ping('n1', target)}`),
    spread,
  }
  for (const child of daemons) child.kill('SIGKILL')
  return result
}
