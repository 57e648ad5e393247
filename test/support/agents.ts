/**
 * Real agents on hosts that are namespaces: two on a wire, each with a pod behind a workload interface as Felix makes
 * them, one store in this process. For tests and benchmarks that kill and restart what they measure. Runs the built tree.
 *
 *   pod1 10.64.1.5 --- cali1 n1 10.0.0.1 ---- 10.0.0.2 n2 cali1 --- 10.64.2.5 pod2
 */

import { type ChildProcess, spawn } from 'node:child_process'
import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Datastore, MemoryStore } from '@starling/datastore'
import { type EmbeddedServer, serveEmbedded } from '@starling/datastore/embedded'
import { flattenDocument, mapDocument } from '@starling/resources'
import { connect, Namespace } from '../kernel/netns.js'
import { PROGRAM } from './command.js'
import { page } from './places.js'

export const calico = (kind: string, name: string, spec: unknown) => ({
  apiVersion: 'projectcalico.org/v3',
  kind,
  metadata: { name },
  spec,
})

export const blockOf = (n: number, cidr: string) =>
  calico('BlockAffinity', `n${n}-${cidr.replaceAll(/[./]/g, '-')}`, {
    node: `n${n}`,
    cidr,
    state: 'confirmed',
    deleted: 'false',
  })

/** Two nodes, a pool without encapsulation, a block each. */
export const TWO_NODES = [
  // A port that a daemon without capabilities may listen on.
  calico('BGPConfiguration', 'default', { listenPort: 1179 }),
  calico('IPPool', 'pods', { cidr: '10.64.0.0/16' }),
  ...[1, 2].map((n) => calico('Node', `n${n}`, { bgp: { ipv4Address: `10.0.0.${n}/24` } })),
  ...[1, 2].map((n) => blockOf(n, `10.64.${n}.0/26`)),
]

/** Waits for an answer of the real world, looked at every 20 ms, bounded. */
export async function until(what: string, holds: () => boolean | Promise<boolean>, limit = 90_000): Promise<number> {
  const start = performance.now()
  while (!(await holds())) {
    if (performance.now() - start > limit) throw new Error(`not within ${limit} ms: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  return performance.now() - start
}

/** One process: `starling node` or `starling programmer`. */
export class Agent {
  readonly child: ChildProcess
  said = ''
  readonly gone: Promise<number | null>

  constructor(host: Namespace, args: readonly string[], as: readonly string[] = []) {
    // Into the namespace and then the program itself: the pid is the daemon's.
    this.child = spawn('ip', ['netns', 'exec', host.name, ...as, process.execPath, PROGRAM, ...args])
    for (const stream of [this.child.stdout, this.child.stderr])
      stream?.on('data', (chunk: Buffer) => {
        this.said += chunk.toString()
      })
    this.gone = new Promise((resolve) => this.child.once('close', resolve))
  }

  async end(signal: NodeJS.Signals): Promise<number | null> {
    this.child.kill(signal)
    return this.gone
  }
}

interface Summary {
  readonly peers: readonly { readonly state: string }[]
}
interface KernelAnswer {
  readonly kernel: { readonly desired: number; readonly installed: number; readonly repairs: number }
  readonly routes: readonly { readonly prefix: string; readonly state: string; lastError?: { text: string } }[]
}

export class TwoHosts {
  readonly folder = mkdtempSync(join(tmpdir(), 'starling-agents-'))
  readonly n1 = new Namespace('n1')
  readonly n2 = new Namespace('n2')
  readonly pod1 = new Namespace('pod1')
  readonly pod2 = new Namespace('pod2')
  readonly agents = new Set<Agent>()
  readonly store = new MemoryStore()
  readonly datastore: Datastore = this.store.connect()
  private server: EmbeddedServer | undefined

  async start(resources: readonly unknown[] = TWO_NODES): Promise<this> {
    // Also for a daemon that runs as nobody.
    chmodSync(this.folder, 0o777)
    this.server = await serveEmbedded({ store: this.store, listen: { path: join(this.folder, 'store.sock') } })
    chmodSync(join(this.folder, 'store.sock'), 0o666)
    connect(this.n1, 'eth0', this.n2, 'eth0')
    this.host(this.n1, this.pod1, 1)
    this.host(this.n2, this.pod2, 2)
    await this.put(...resources)
    return this
  }

  private host(host: Namespace, pod: Namespace, n: number): void {
    host.ip(`addr add 10.0.0.${n}/24 dev eth0`)
    // Proxy ARP answers for what is behind another interface: every real host has a default route.
    host.ip('route add default via 10.0.0.254')
    host.sysctl('net.ipv4.ip_forward', 1)
    connect(host, 'cali1', pod, 'eth0')
    host.sysctl('net.ipv4.conf.cali1.proxy_arp', 1)
    host.sysctl('net.ipv4.neigh.cali1.proxy_delay', 0)
    host.ip(`route add 10.64.${n}.5/32 dev cali1 metric 1024`)
    pod.ip(`addr add 10.64.${n}.5/32 dev eth0`)
    pod.ip('route add 169.254.1.1/32 dev eth0')
    pod.ip('route add default via 169.254.1.1 dev eth0')
  }

  /** Creates or replaces resources. */
  async put(...documents: readonly unknown[]): Promise<void> {
    for (const single of documents.flatMap((document) => flattenDocument(document))) {
      const mapped = mapDocument(single)
      if (!mapped.ok) throw new Error(JSON.stringify(mapped.problems))
      const before = await this.datastore.get(mapped.key)
      if (before === undefined) await this.datastore.create(mapped.key, mapped.value)
      else await this.datastore.update(mapped.key, mapped.value, before.revision)
    }
  }

  get spec(): string {
    return `embedded:unix:${join(this.folder, 'store.sock')}`
  }

  node(n: 1 | 2, more: readonly string[] = [], as: readonly string[] = []): Agent {
    const own = ['--datastore', this.spec, '--control', this.control(n), '--log-level', 'warn']
    return this.run(n === 1 ? this.n1 : this.n2, ['node', '--name', `n${n}`, ...own, ...more], as)
  }

  run(host: Namespace, args: readonly string[], as: readonly string[] = []): Agent {
    const agent = new Agent(host, args, as)
    this.agents.add(agent)
    return agent
  }

  control(n: 1 | 2): string {
    return join(this.folder, `n${n}.sock`)
  }

  /** Rejects while the agent does not answer. */
  page(n: 1 | 2, path: string): Promise<string> {
    return page(this.control(n), path)
  }

  async kernel(n: 1 | 2): Promise<KernelAnswer> {
    return JSON.parse(await this.page(n, '/v1/kernel?limit=100')) as KernelAnswer
  }

  /** Sessions up, everything wanted in the kernel, nothing of a former life left. */
  async whole(n: 1 | 2): Promise<boolean> {
    try {
      const { peers } = JSON.parse(await this.page(n, '/v1/peers')) as Summary
      const { kernel, routes } = await this.kernel(n)
      const settled = kernel.desired >= 2 && routes.every(({ state }) => state === 'installed')
      return settled && peers.length > 0 && peers.every(({ state }) => state === 'Established')
    } catch {
      return false
    }
  }

  async converged(): Promise<void> {
    await until('both whole', async () => (await this.whole(1)) && (await this.whole(2))).catch((error: Error) => {
      throw new Error(`${error.message}\n${[...this.agents].map(({ said }) => said).join('\n')}`)
    })
  }

  async destroy(): Promise<void> {
    for (const { child } of this.agents) child.kill('SIGKILL')
    for (const namespace of [this.n1, this.n2, this.pod1, this.pod2]) namespace.destroy()
    await this.server?.close()
    rmSync(this.folder, { recursive: true, force: true })
  }
}
