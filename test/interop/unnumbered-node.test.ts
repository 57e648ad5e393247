/**
 * A whole node between two ToRs that it knows by nothing but its interfaces: `starling node` with its kernel routes in
 * one namespace, FRR in two others, the same link-local address at the far end of both links. Packets across, flows over
 * both, one link lost. Then two nodes that find each other.
 */
import type { ChildProcess } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { connect, Namespace } from '../kernel/netns.js'
import { PROGRAM, words } from '../support/command.js'
import { needs } from '../support/needs.js'
import { page } from '../support/places.js'
import { frrSuite, type Suite } from './support/far.js'
import { recipe } from './support/recipes.js'
import { eventually } from './support/wait.js'

needs('root', 'netns', 'ip', 'ping', 'frr')

const namespaces: Namespace[] = []
const nodes: Node[] = []
const routers: Suite[] = []

function namespace(label: string): Namespace {
  const made = new Namespace(label)
  namespaces.push(made)
  for (const key of ['net.ipv4.conf.all.rp_filter', 'net.ipv4.conf.default.rp_filter']) made.sysctl(key, 0)
  made.sysctl('net.ipv4.fib_multipath_hash_policy', 1)
  return made
}

class Node {
  readonly #folder = mkdtempSync(join(tmpdir(), 'starling-unnumbered-'))
  readonly #child: ChildProcess
  log = ''

  constructor(place: Namespace, name: string, cluster: string) {
    nodes.push(this)
    mkdirSync(join(this.#folder, 'cluster'))
    writeFileSync(join(this.#folder, 'cluster', 'cluster.yaml'), cluster)
    const args = ['--name', name, '--datastore', `file:${join(this.#folder, 'cluster')}`, '--fib', 'netlink']
    this.#child = place.spawn(process.execPath, PROGRAM, 'node', ...args, '--control', this.control)
    for (const stream of [this.#child.stdout, this.#child.stderr])
      stream?.on('data', (chunk: Buffer) => {
        this.log += chunk.toString()
      })
  }

  get control(): string {
    return join(this.#folder, 'ctl.sock')
  }

  /** `starling ...` towards the node; what it prints. */
  ask(...args: string[]): Promise<string> {
    return words(...args, '--control', this.control)
  }

  /** What Prometheus would read. */
  metrics(): Promise<string> {
    return page(this.control, '/metrics')
  }

  async shows(pattern: RegExp, ...args: string[]): Promise<string> {
    let last = ''
    await eventually(
      `${args.join(' ')} shows ${pattern}`,
      async () => {
        last = await this.ask(...args)
        return pattern.test(last)
      },
      { state: () => `${last}\n${this.log.slice(-3_000)}` },
    )
    return last
  }

  async stop(): Promise<void> {
    const ended = new Promise((resolve) => this.#child.once('close', resolve))
    this.#child.kill('SIGTERM')
    await ended
    rmSync(this.#folder, { recursive: true, force: true })
  }
}

afterEach(async () => {
  for (const node of nodes.splice(0)) await node.stop()
  for (const router of routers.splice(0)) await router.stop()
  for (const place of namespaces.splice(0)) place.destroy()
})

/** A node with an address nobody routes to, its block, and what it peers with. */
const cluster = (
  name: string,
  address: string,
  block: string,
  asNumber: number,
  more: string,
) => `apiVersion: projectcalico.org/v3
kind: Node
metadata: { name: ${name} }
spec: { bgp: { ipv4Address: ${address}/32, asNumber: ${asNumber} } }
---
apiVersion: projectcalico.org/v3
kind: BGPConfiguration
metadata: { name: default }
spec: { nodeToNodeMeshEnabled: false, serviceClusterIPs: [{ cidr: ${block} }] }
---
${more}`

async function tor(label: string, asNumber: number): Promise<{ readonly place: Namespace; readonly suite: Suite }> {
  const place = namespaces.find(({ name }) => name.endsWith(label)) as Namespace
  place.ip('addr add 10.60.0.1/32 dev lo')
  const config = recipe('frr-unnumbered').replaceAll('65001', String(asNumber))
  const suite = await frrSuite((...words) => ['ip', 'netns', 'exec', place.name, ...words], config)
  routers.push(suite)
  return { place, suite }
}

function received(place: Namespace): number {
  const [link] = JSON.parse(place.ip('-s -j link show dev swp1')) as { stats64: { rx: { packets: number } } }[]
  return link?.stats64.rx.packets ?? 0
}

describe('a node between two ToRs', () => {
  it('reaches what is behind them over both links, by interfaces alone', async () => {
    const [host, one, two] = [namespace('host'), namespace('tor1'), namespace('tor2')] as const
    connect(host, 'eth0', one, 'swp1')
    connect(host, 'eth1', two, 'swp1')
    for (const place of [one, two]) {
      place.ip('link set swp1 addrgenmode none')
      place.tryIp('-6 addr flush dev swp1')
      place.ip('addr add fe80::1/64 dev swp1 nodad')
    }
    host.ip('addr add 10.50.0.1/32 dev lo')
    const torOne = await tor('tor1', 65001)
    await tor('tor2', 65002)
    const node = new Node(
      host,
      'n11',
      cluster('n11', '192.0.2.11', '10.50.0.0/24', 64512, recipe('starling-unnumbered')),
    )
    await node.shows(/Unnumbered_eth0\s.*Established[\s\S]*Unnumbered_eth1\s.*Established/, 'show', 'peers')

    const peers = await node.ask('show', 'peers', '-o', 'wide')
    expect(peers).toMatch(/fe80::1%eth0/)
    expect(peers).toMatch(/fe80::1%eth1/)
    const details = await node.ask('show', 'peers', 'eth0')
    expect(details).toMatch(/Router:\s+fe80::1%eth0 \(fe80::1 heard/)
    expect(details).toMatch(/Because of:\s+StarlingPeerOptions\/uplinks spec\.unnumbered\[0\]: the router behind eth0/)
    await node.shows(/fe80::1 dev eth0.*fe80::1 dev eth1|fe80::1%eth0/s, 'explain', '10.60.0.1')

    // One route, two ways out, the same gateway on two links.
    const route = () => host.ip('route show 10.60.0.1').replace(/\s+/g, ' ')
    await eventually(
      'both ways are in the kernel',
      () => {
        const text = route()
        return /proto bird/.test(text) && /inet6 fe80::1 dev eth0/.test(text) && /inet6 fe80::1 dev eth1/.test(text)
      },
      { state: route },
    )
    for (const place of [one, two]) {
      await eventually(
        'the ToR knows the way back',
        () => /10\.50\.0\.0\/24 .*inet6 fe80::/.test(place.ip('route show')),
        {
          state: () => place.ip('route show'),
        },
      )
    }
    expect(host.exec('ping', '-c', '3', '-W', '2', '-I', '10.50.0.1', '10.60.0.1')).toMatch(/3 received/)

    const before = [received(one), received(two)]
    const flows = 200
    const script = `const s=require('dgram').createSocket('udp4');let n=${flows};s.bind(0,'10.50.0.1',()=>{for(let i=0;i<${flows};i++)s.send('x',9000+i,'10.60.0.1',()=>--n||s.close())})`
    host.exec(process.execPath, '-e', script)
    const counts = () => [received(one) - (before[0] ?? 0), received(two) - (before[1] ?? 0)]
    await eventually('all packets arrive', () => (counts()[0] ?? 0) + (counts()[1] ?? 0) >= flows)
    for (const count of counts()) expect(count).toBeGreaterThan(flows / 4)

    // BFD over link-local addresses, on both links with the same one.
    await node.shows(/Unnumbered_eth0\s+Up[\s\S]*Unnumbered_eth1\s+Up/, 'show', 'bfd')
    await torOne.suite.shows('show bfd peers brief', /fe80::\S+\s+up/)
    const metrics = await node.metrics()
    expect(metrics.match(/^starling_bfd_up\{.*\} 1$/gm)).toHaveLength(2)
    // Its own jitter: how late its timers fire.
    expect(metrics).toMatch(/^starling_bfd_timer_lateness_seconds\{statistic="p50"\} [\d.e-]+$/m)
    expect(metrics).toMatch(/^starling_bfd_timer_lateness_seconds\{statistic="maximum"\} [\d.e-]+$/m)

    one.ip('link set swp1 down')
    await eventually('one way is left', () => !/eth0/.test(route()) && /fe80::1 dev eth1/.test(route()), {
      state: route,
    })
    expect(host.exec('ping', '-c', '3', '-W', '2', '-I', '10.50.0.1', '10.60.0.1')).toMatch(/3 received/)
    await node.shows(/Unnumbered_eth0.*interface eth0 has no carrier/, 'show', 'peers')
    one.ip('link set swp1 up')
    one.tryIp('addr add fe80::1/64 dev swp1 nodad')
    await eventually('both ways again', () => /eth0/.test(route()) && /eth1/.test(route()), {
      state: route,
    })
  })
})

describe('two nodes', () => {
  it('find each other, and one says in words when nobody is there', async () => {
    const [a, b] = [namespace('a'), namespace('b')] as const
    connect(a, 'eth0', b, 'eth0')
    a.ip('addr add 10.50.0.1/32 dev lo')
    b.ip('addr add 10.51.0.1/32 dev lo')
    const one = new Node(a, 'n1', cluster('n1', '192.0.2.1', '10.50.0.0/24', 64512, recipe('starling-unnumbered')))
    await one.shows(
      /Unnumbered_eth0.*no router advertisement seen on eth0 for 5 s: is RA sending on at the other side/,
      'show',
      'peers',
    )
    await one.shows(/Unnumbered_eth1.*interface eth1 does not exist/, 'show', 'peers')
    expect(await one.ask('explain', '10.50.0.0/24', '--to', 'eth1')).toMatch(
      /session not Established: interface eth1 does not exist/,
    )
    new Node(b, 'n2', cluster('n2', '192.0.2.2', '10.51.0.0/24', 64513, recipe('starling-unnumbered')))
    await one.shows(/Unnumbered_eth0.*Established/, 'show', 'peers')
    await eventually(
      'packets go across',
      () => {
        try {
          return /1 received/.test(a.exec('ping', '-c', '1', '-W', '1', '-I', '10.50.0.1', '10.51.0.1'))
        } catch {
          return false
        }
      },
      { state: () => a.ip('route show') + b.ip('route show') },
    )
    expect(b.ip('-6 route show default')).toBe('')
  })
})
