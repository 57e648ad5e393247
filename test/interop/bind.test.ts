/**
 * Where a node listens, and from where it dials: `bindMode`, the port of the cluster, a port per peer, the source address.
 * Asked of `ss` in the namespace of a whole `starling node`; two BIRDs at the far end, one on a port of its own. Then a
 * session bound to its device, and the words for a device that is not there.
 */
import type { ChildProcess } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openTcpClient } from '@starling/sys'
import { afterEach, describe, expect, it } from 'vitest'
import { connect, inside, Namespace } from '../kernel/netns.js'
import { PROGRAM } from '../support/command.js'
import { needs } from '../support/needs.js'
import { Daemon, workFolder } from './support/daemon.js'
import { eventually } from './support/wait.js'

needs('root', 'netns', 'ip', 'bird')

const ends: (() => unknown)[] = []
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end()
})

/** host eth0 10.1.0.1, 10.1.0.9, fd01::1 ---- port 10.1.0.2, 10.1.0.3 tor */
function cable(): readonly [host: Namespace, tor: Namespace] {
  const [host, tor] = [new Namespace('host'), new Namespace('tor')]
  ends.push(() => [host, tor].map((place) => place.destroy()))
  connect(host, 'eth0', tor, 'port')
  for (const address of ['10.1.0.1/24', '10.1.0.9/24', 'fd01::1/64 nodad']) {
    const [prefix, nodad = ''] = address.split(' ')
    host.ip(`addr add ${prefix} dev eth0 ${nodad}`.trim())
  }
  for (const address of ['10.1.0.2/24', '10.1.0.3/24']) tor.ip(`addr add ${address} dev port`)
  return [host, tor]
}

interface Running {
  readonly log: () => string
  edit(...documents: readonly object[]): void
}

function startNode(place: Namespace, ...documents: readonly object[]): Running {
  const folder = mkdtempSync(join(tmpdir(), 'starling-bind-'))
  mkdirSync(join(folder, 'cluster'))
  const edit = (...all: readonly object[]) =>
    writeFileSync(join(folder, 'cluster', 'cluster.yaml'), all.map((each) => JSON.stringify(each)).join('\n---\n'))
  edit(...documents)
  const options = ['--name', 'n1', '--datastore', `file:${join(folder, 'cluster')}`, '--fib', 'memory']
  const child: ChildProcess = place.spawn(
    ...[process.execPath, PROGRAM, 'node', ...options, '--control', join(folder, 'ctl.sock')],
  )
  let log = ''
  for (const stream of [child.stdout, child.stderr])
    stream?.on('data', (chunk: Buffer) => {
      log += chunk.toString()
    })
  ends.push(async () => {
    const ended = new Promise((resolve) => child.once('close', resolve))
    child.kill('SIGTERM')
    await ended
    rmSync(folder, { recursive: true, force: true })
  })
  return { log: () => log, edit }
}

/** A BIRD of the tor at an address and port, which waits for the node. */
function bird(place: Namespace, address: string, port: number, node: string): Daemon {
  const folder = workFolder('bind-bird')
  const socket = join(folder, 'bird.ctl')
  writeFileSync(
    join(folder, 'bird.conf'),
    `router id ${address};
protocol device {}
protocol bgp starling {
  local ${address} port ${port} as 65001; neighbor ${node} as 64512; direct; strict bind; passive;
  ipv4 { import all; export all; };
}`,
  )
  const run = ['bird', '-f', '-c', join(folder, 'bird.conf'), '-s', socket, '-P', join(folder, 'pid')]
  const daemon = new Daemon(folder, ['ip', 'netns', 'exec', place.name, ...run], (command) => [
    ...['birdc', '-s', socket, ...command.split(' ')],
  ])
  ends.push(() => daemon.stop())
  return daemon
}

const calico = (kind: string, name: string, spec: object) => ({
  apiVersion: 'projectcalico.org/v3',
  kind,
  metadata: { name },
  spec,
})
const NODE = calico('Node', 'n1', { bgp: { ipv4Address: '10.1.0.1/24', ipv6Address: 'fd01::1/64', asNumber: 64512 } })
const settings = (spec: object) => calico('BGPConfiguration', 'default', { nodeToNodeMeshEnabled: false, ...spec })

/** Local addresses of the sockets that listen, sorted. */
const listening = (place: Namespace): string[] =>
  place
    .exec('ss', '-Htln')
    .split('\n')
    .map((line) => line.trim().split(/\s+/)[3] ?? '')
    .filter((address) => address !== '')
    .sort()

async function listens(place: Namespace, node: Running, ...wanted: readonly string[]): Promise<void> {
  await eventually(
    `it listens at ${wanted.join(' and ')}`,
    () => listening(place).join() === [...wanted].sort().join(),
    {
      state: () => `${listening(place).join(' ')}\n${node.log().slice(-2_000)}`,
    },
  )
}

describe('where a node listens', () => {
  it('everywhere, at its own addresses, at another port: as the configuration says, while it runs', async () => {
    const [host] = cable()
    const node = startNode(host, NODE)
    await listens(host, node, '0.0.0.0:179', '[::]:179')
    node.edit(NODE, settings({ bindMode: 'NodeIP' }))
    await listens(host, node, '10.1.0.1:179', '[fd01::1]:179')
    node.edit(NODE, settings({ bindMode: 'NodeIP', listenPort: 1790 }))
    await listens(host, node, '10.1.0.1:1790', '[fd01::1]:1790')
    node.edit(NODE, settings({ bindMode: 'None', listenPort: 1790 }))
    await listens(host, node, '0.0.0.0:1790', '[::]:1790')
  })
})

describe('from where a node dials, and where to', () => {
  it('its own address or any, and the port of each peer', async () => {
    const [host, tor] = cable()
    bird(tor, '10.1.0.2', 179, '10.1.0.1')
    bird(tor, '10.1.0.3', 1179, '10.1.0.1')
    const node = startNode(
      host,
      NODE,
      settings({ bindMode: 'NodeIP' }),
      calico('BGPPeer', 'one', { peerIP: '10.1.0.2', asNumber: 65001, sourceAddress: 'UseNodeIP' }),
      calico('BGPPeer', 'two', { peerIP: '10.1.0.3:1179', asNumber: 65001, sourceAddress: 'None' }),
    )
    const established = () => host.exec('ss', '-Htn', 'state', 'established')
    await eventually(
      'both sessions are up',
      () => /10\.1\.0\.1:\d+\s+10\.1\.0\.2:179\b/.test(established()) && /10\.1\.0\.3:1179\b/.test(established()),
      { state: () => `${established()}\n${node.log().slice(-2_000)}` },
    )
    // Nobody dialled us: the ports of ours are ephemeral ones.
    expect(established()).not.toMatch(/10\.1\.0\.1:179\s/)
  })
})

describe('a connection bound to a device', () => {
  it('leaves by it whatever the routes say; a device that is not there is named', async () => {
    const [host, tor] = cable()
    const other = new Namespace('other')
    ends.push(() => other.destroy())
    connect(host, 'eth1', other, 'port')
    for (const place of [tor, other]) place.ip('addr add 10.9.0.2/32 dev lo')
    // Both know 10.9.0.2; the routes prefer the first cable.
    other.ip('addr add 10.2.0.2/24 dev port')
    host.ip('addr add 10.2.0.1/24 dev eth1')
    host.ip('route add 10.9.0.2/32 via 10.1.0.2 metric 1')
    host.ip('route add 10.9.0.2/32 via 10.2.0.2 metric 2')
    for (const [i, place] of [tor, other].entries()) {
      await inside(place, async () => {
        const server = createServer((socket) => socket.end(`${i}`))
        await new Promise<void>((resolve) => server.listen(1179, '10.9.0.2', resolve))
        ends.push(() => server.close())
      })
    }
    const reached = (device: string | undefined) =>
      inside(host, async () => {
        const socket = openTcpClient({
          remoteAddress: '10.9.0.2',
          remotePort: 1179,
          ...(device !== undefined && { interface: device }),
        })
        ends.push(() => socket.destroy())
        return await new Promise<string>((resolve, reject) => {
          socket.once('data', (bytes: Buffer) => resolve(bytes.toString()))
          socket.once('error', reject)
        })
      })
    expect(await reached(undefined)).toBe('0')
    expect(await reached('eth0')).toBe('0')
    expect(await reached('eth1')).toBe('1')
    await expect(reached('vrf-blue')).rejects.toThrow(
      /no such network device.*vrf-blue|vrf-blue.*no such network device/,
    )
  })
})
