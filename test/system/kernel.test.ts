/**
 * The kernel side of a real `starling node`, two of them on a wire, with a folder of YAML resources as datastore: what
 * `ip route` shows (calico.md 2.12), whose routes stay, what comes back when somebody takes it away, and that a killed
 * daemon's successor adopts what it finds. VXLAN is Starling's here; IPIP is tried in test/kernel/ipip.test.ts.
 */
import type { ChildProcess } from 'node:child_process'
import { spawn } from 'node:child_process'
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { connect, eventually, Namespace } from '../kernel/netns.js'
import { needs } from '../support/needs.js'
import { page } from '../support/places.js'
import { finished, PROGRAM, starling } from './support.js'

needs('root', 'netns', 'ip', 'ping', 'setpriv')

const node = (n: number) => `
apiVersion: projectcalico.org/v3
kind: Node
metadata: { name: n${n} }
spec: { bgp: { ipv4Address: 10.0.0.${n}/24 }, ipv4VXLANTunnelAddr: 10.66.${n}.1 }`
const pool = (name: string, cidr: string, vxlanMode: string) => `
apiVersion: projectcalico.org/v3
kind: IPPool
metadata: { name: ${name} }
spec: { cidr: ${cidr}, ipipMode: Never, vxlanMode: ${vxlanMode} }`
const block = (n: number, cidr: string) => `
apiVersion: projectcalico.org/v3
kind: BlockAffinity
metadata: { name: n${n}-${cidr.replaceAll(/[./]/g, '-')} }
spec: { node: n${n}, cidr: ${cidr}, state: confirmed, deleted: "false" }`
/** A port that a daemon without capabilities may listen on. */
const configuration = `
apiVersion: projectcalico.org/v3
kind: BGPConfiguration
metadata: { name: default }
spec: { listenPort: 1179 }`
const RESOURCES = [
  configuration,
  node(1),
  node(2),
  pool('plain', '10.64.0.0/16', 'Never'),
  pool('vxlan', '10.66.0.0/16', 'Always'),
  block(1, '10.64.1.0/26'),
  block(1, '10.64.1.64/26'),
  block(1, '10.66.1.0/26'),
  block(2, '10.64.2.0/26'),
  block(2, '10.66.2.0/26'),
  `
apiVersion: projectcalico.org/v3
kind: BGPPeer
metadata: { name: tor }
spec: { node: n1, peerIP: 192.0.2.77, asNumber: 65001, reachableBy: 10.0.0.254 }`,
].join('\n---')

let folder = ''
let hosts: readonly [Namespace, Namespace]
const daemons = new Map<string, ChildProcess>()

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'starling-kernel-'))
  // Also for a daemon that runs as nobody.
  chmodSync(folder, 0o777)
  mkdirSync(join(folder, 'resources'))
  writeFileSync(join(folder, 'resources', 'cluster.yaml'), RESOURCES)
  hosts = [new Namespace('n1'), new Namespace('n2')]
  connect(hosts[0], 'eth0', hosts[1], 'eth0')
  hosts.forEach((host, i) => {
    host.ip(`addr add 10.0.0.${i + 1}/24 dev eth0`)
  })
  hosts[1].ip('addr add 10.66.2.5/32 dev lo')
  // Other programs' routes: one on the key of our own block, one of Felix's.
  hosts[0].ip('route add 10.64.1.64/26 via 10.0.0.9 proto static')
  hosts[0].ip('route add 172.30.0.0/16 via 10.0.0.9 proto 80')
})

afterAll(() => {
  for (const child of daemons.values()) child.kill('SIGKILL')
  for (const host of hosts ?? []) host.destroy()
  rmSync(folder, { recursive: true, force: true })
})

const control = (name: string) => join(folder, `${name}.sock`)
const routes = (host: Namespace) =>
  host
    .ip('route')
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.includes('proto kernel'))
    .sort()

/** Into the namespace and then the program itself: the pid is the daemon's. */
function start(host: Namespace, name: string, more: readonly string[], as: readonly string[] = []): ChildProcess {
  const datastore = `file:${join(folder, 'resources')}`
  const given = ['node', '--name', name, '--datastore', datastore, '--control', control(name), ...more]
  const command = ['netns', 'exec', host.name, ...as, process.execPath, PROGRAM, ...given]
  const child = spawn('ip', command, { stdio: ['ignore', 'ignore', 'pipe'] })
  daemons.set(name, child)
  return child
}

const ask = async (...words: string[]): Promise<string> => {
  const { out, err, code } = await starling(words, { STARLING_CONTROL: control('n1') })
  if (code !== 0) throw new Error(err)
  return out
}

interface Kernel {
  readonly kernel: { readonly repairs: number; readonly installed: number }
  readonly routes: readonly { readonly prefix: string; readonly state: string; lastError?: { text: string } }[]
}
const kernel = async (): Promise<Kernel> => JSON.parse(await ask('show', 'kernel', '-o', 'json')) as Kernel
const eventCodes = async (): Promise<string[]> =>
  (JSON.parse(await ask('show', 'events', '-o', 'json')) as { code: string }[]).map(({ code }) => code)

const OURS = [
  '10.64.2.0/26 via 10.0.0.2 dev eth0 proto bird metric 1024',
  '10.66.2.0/26 via 10.66.2.1 dev vxlan.calico proto bird onlink',
  '192.0.2.77 via 10.0.0.254 dev eth0 proto bird',
  'blackhole 10.64.1.0/26 proto bird',
  'blackhole 10.66.1.0/26 proto bird',
]
const FOREIGN = ['10.64.1.64/26 via 10.0.0.9 dev eth0 proto static', '172.30.0.0/16 via 10.0.0.9 dev eth0 proto 80']
const ALL = [...OURS, ...FOREIGN].sort()

test('the kernel gets what the cluster says, beside what others wrote', async () => {
  start(hosts[0], 'n1', ['--program-vxlan'])
  start(hosts[1], 'n2', ['--program-vxlan'])
  await eventually('all routes', () => JSON.stringify(routes(hosts[0])) === JSON.stringify(ALL)).catch(() => {
    expect(routes(hosts[0])).toEqual(ALL)
  })
  const { routes: rows } = await kernel()
  const foreign = rows.find(({ prefix }) => prefix === '10.64.1.64/26')
  expect(foreign).toMatchObject({ state: 'foreign', lastError: { text: expect.stringContaining('protocol static') } })
  expect((await eventCodes()).filter((code) => code === 'KERNEL_CONFLICT')).toHaveLength(1)
  hosts[0].exec('ping', '-n', '-c', '1', '-w', '60', '10.66.2.5')
})

test('a route that another program deletes is back by the kernel’s word, and counted', async () => {
  hosts[0].ip('route del 10.64.2.0/26')
  // Long before the look at all routes, every five minutes.
  await eventually('the route again', () => routes(hosts[0]).length === ALL.length, 60_000)
  expect(routes(hosts[0])).toEqual(ALL)
  await expect.poll(async () => (await kernel()).kernel.repairs).toBe(1)
  await expect.poll(eventCodes).toContain('KERNEL_REPAIR')
  expect(await page(control('n1'), '/metrics')).toMatch(/^starling_kernel_repairs_total 1$/m)
})

test('a killed daemon’s successor adopts what it finds: not one route moves', async () => {
  const changes: string[] = []
  const monitor = hosts[0].spawn('ip', 'monitor', 'route')
  monitor.stdout?.on('data', (chunk: Buffer) => changes.push(chunk.toString()))
  const gone = new Promise((resolve) => daemons.get('n1')?.once('exit', resolve))
  daemons.get('n1')?.kill('SIGKILL')
  await gone
  expect(routes(hosts[0])).toEqual(ALL)
  start(hosts[0], 'n1', ['--program-vxlan'])
  const installed = async () => (await kernel().catch(() => undefined))?.kernel.installed ?? 0
  const end = performance.now() + 90_000
  while ((await installed()) < OURS.length) {
    if (performance.now() > end) throw new Error(`adopted only ${await installed()}`)
  }
  expect(changes.filter((text) => text.includes('proto bird') || text.includes('Deleted'))).toEqual([])
  expect(routes(hosts[0])).toEqual(ALL)
})

test('cleanup takes away what was ours, says it, and nothing else', async () => {
  const gone = new Promise((resolve) => daemons.get('n1')?.once('exit', resolve))
  daemons.get('n1')?.kill('SIGTERM')
  await gone
  expect(routes(hosts[0])).toEqual(ALL)
  const clean = async (...more: string[]) => {
    const cni = ['--cni-conf', join(folder, 'none')]
    const command = ['netns', 'exec', hosts[0].name, process.execPath, PROGRAM, 'cleanup', ...cni, ...more]
    return finished(spawn('ip', command, { env: { ...process.env, STARLING_CONTROL: control('n1') } }))
  }
  const dry = await clean('--dry-run', '--program-vxlan')
  expect(dry.out.trim().split('\n')).toHaveLength(OURS.length + 1)
  expect(routes(hosts[0])).toEqual(ALL)
  const { out, code } = await clean('--program-vxlan')
  expect(code).toBe(0)
  expect(out).toContain('removed route blackhole 10.64.1.0/26')
  expect(out).toContain('removed device vxlan.calico')
  expect(routes(hosts[0])).toEqual([...FOREIGN].sort())
})

test('a node without any capability writes through a programmer that was told to let it in', async () => {
  const NOBODY = '65534'
  const confined = ['--reuid', NOBODY, '--regid', NOBODY, '--clear-groups', '--no-new-privs']
  const asNobody = ['setpriv', ...confined, '--inh-caps=-all', '--ambient-caps=-all', '--bounding-set=-all']
  const socket = join(folder, 'programmer.sock')
  const allowed = ['--socket', socket, '--allow-uid', NOBODY]
  const programmer = hosts[0].spawn(process.execPath, PROGRAM, 'programmer', ...allowed)
  let said = ''
  programmer.stderr?.on('data', (chunk: Buffer) => {
    said += chunk.toString()
  })
  await eventually('the programmer listens', () => said.includes('listening'))

  const direct = await finished(start(hosts[0], 'n1', ['--program-vxlan'], asNobody))
  expect(direct.code).toBe(1)
  expect(direct.err).toMatch(/needs CAP_NET_ADMIN.*--fib remote:PATH.*--fib memory/)

  start(hosts[0], 'n1', ['--program-vxlan', '--fib', `remote:${socket}`], asNobody)
  await eventually('all routes', () => routes(hosts[0]).length === ALL.length)
  expect(routes(hosts[0])).toEqual(ALL)
  hosts[0].exec('ping', '-n', '-c', '1', '-w', '60', '10.66.2.5')
})
