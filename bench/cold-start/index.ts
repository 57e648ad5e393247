/**
 * From a real etcd to a node's first full plan, and from one changed key to the plan that shows it, on the very road the
 * node agent uses: etcd driver, syncer, cluster state, plan.
 *
 * `npm run bench -- cold-start [--nodes N] [--runs N] [--changes N]`. Every run is a new thread, with nothing compiled or
 * cached; memory is that thread's. Blocks are as IPAM writes them, 64 allocations each, because a node follows them too.
 */
import { parseArgs } from 'node:util'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'
import { ClusterFollower } from '@starling/daemon'
import { etcdDatastore } from '@starling/datastore/etcd'
import { EtcdClient, type RequestOp } from '@starling/etcd3'
import type { Plan } from '@starling/intent'
import { EtcdRig } from '../../test/interop/etcd-rig.js'
import { fixture } from '../intent/index.js'

interface Task {
  readonly kind: 'cold-start'
  readonly endpoints: readonly string[]
  readonly node: string
  readonly followBlocks: boolean
  readonly changes: number
}

interface Figures {
  readonly coldMs: number
  /** What this process worked for it, all threads: on a busy machine the fairer figure. */
  readonly cpuMs: number
  readonly keys: number
  readonly sessions: number
  readonly megabytes: number
  readonly changes: readonly number[]
}

export async function run(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      nodes: { type: 'string', default: '5000' },
      runs: { type: 'string', default: '3' },
      changes: { type: 'string', default: '100' },
    },
  })
  const nodes = Number(values.nodes)
  for (const mesh of [true, false]) {
    const rig = await EtcdRig.start()
    try {
      await fill(rig, nodes, mesh)
      for (const followBlocks of [true, false]) {
        const found: Figures[] = []
        for (let i = 0; i < Number(values.runs); i++)
          found.push(
            await inThread({
              kind: 'cold-start',
              endpoints: rig.urls,
              node: 'node-7',
              followBlocks,
              changes: i === 0 ? Number(values.changes) : 0,
            }),
          )
        report(`${mesh ? 'full mesh' : 'reflectors'}, ${followBlocks ? 'blocks followed' : 'without blocks'}`, found)
      }
    } finally {
      await rig.close()
    }
  }
}

function report(what: string, found: readonly Figures[]): void {
  const [first] = found
  if (first === undefined) return
  const cold = found.map(({ coldMs, cpuMs }) => `${coldMs.toFixed(0)} (CPU ${cpuMs.toFixed(0)})`).join(', ')
  console.log(
    `${what.padEnd(28)} ${first.keys} keys, ${first.sessions} sessions: etcd to plan ${cold} ms; one key to plan p50 ` +
      `${quantile(first.changes, 0.5)} ms, p99 ${quantile(first.changes, 0.99)} ms; ${first.megabytes.toFixed(0)} MB of heap`,
  )
}

function quantile(values: readonly number[], q: number): string {
  const sorted = [...values].sort((a, b) => a - b)
  return (sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))] ?? 0).toFixed(1)
}

async function fill(rig: EtcdRig, nodes: number, mesh: boolean): Promise<void> {
  const sizes = { nodes, blocks: nodes * 4, peers: 200, filters: 50 }
  const entries = fixture(sizes, mesh).flatMap(({ key, value }) => [[key, value] as const, ...blockOf(key)])
  const writer = await EtcdClient.open({ endpoints: rig.urls })
  for (let i = 0; i < entries.length; i += 100) {
    const success = entries.slice(i, i + 100).map(([key, value]): RequestOp => ({ put: { key, value } }))
    await writer.txn({ compare: [], success, failure: [] })
  }
  writer.close()
}

/** The block behind an affinity, as Calico writes it. */
function blockOf(key: string): readonly (readonly [string, string])[] {
  const [, node, element] = /^\/calico\/ipam\/v2\/host\/([^/]+)\/ipv4\/block\/(.+)$/.exec(key) ?? []
  if (node === undefined || element === undefined) return []
  const value = {
    cidr: element.replace('-', '/'),
    affinity: `host:${node}`,
    allocations: Array.from({ length: 64 }, (_, i) => (i < 8 ? i : null)),
    unallocated: Array.from({ length: 56 }, (_, i) => i + 8),
    attributes: Array.from({ length: 8 }, (_, i) => ({
      handle_id: `k8s-pod-network.${element}.${i}`,
      secondary: { namespace: 'default', node, pod: `web-${i}`, timestamp: '2026-08-01 09:13:02.123456789 +0000 UTC' },
    })),
    deleted: false,
  }
  return [[`/calico/ipam/v2/assignment/ipv4/block/${element}`, JSON.stringify(value)]]
}

function inThread(task: Task): Promise<Figures> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL(import.meta.url), { workerData: task })
    worker.once('message', (figures: Figures) => {
      resolve(figures)
      void worker.terminate()
    })
    worker.once('error', reject)
  })
}

async function coldStart({ endpoints, node, followBlocks, changes }: Task): Promise<Figures> {
  const start = performance.now()
  const before = process.cpuUsage()
  const datastore = await etcdDatastore({ endpoints })
  let told: ((plan: Plan) => void) | undefined
  const next = () =>
    new Promise<Plan>((resolve) => {
      told = resolve
    })
  const first = next()
  const follower = new ClusterFollower({
    datastore,
    node,
    followBlocks,
    planOptions: () => ({}),
    planned: (plan) => told?.(plan),
    status: () => {},
    failed: (error) => {
      throw error
    },
  })
  follower.start()
  const plan = await first
  const coldMs = performance.now() - start
  const { user, system } = process.cpuUsage(before)
  const megabytes = process.memoryUsage().heapUsed / 1e6
  const writer = await EtcdClient.open({ endpoints })
  const key = '/calico/resources/v3/projectcalico.org/bgppeers/tor-0'
  const took: number[] = []
  for (let i = 0; i < changes; i++) {
    const value = (follower.snapshot.get(key)?.value ?? '').replace(/"asNumber":\d+/, `"asNumber":${64000 + i}`)
    const seen = next()
    const begun = performance.now()
    await writer.put(key, value)
    await seen
    took.push(performance.now() - begun)
  }
  writer.close()
  follower.stop()
  await datastore.close()
  return {
    coldMs,
    cpuMs: (user + system) / 1000,
    keys: follower.snapshot.size,
    sessions: plan.peers.size,
    megabytes,
    changes: took,
  }
}

const task = workerData as Task | undefined
if (!isMainThread && task?.kind === 'cold-start') {
  const figures = await coldStart(task)
  parentPort?.postMessage(figures)
}
