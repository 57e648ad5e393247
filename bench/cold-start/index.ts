/**
 * From a real etcd to a node's first full plan, and from one changed key to the engine that has it in force, on the very
 * road the node agent uses: etcd driver, syncer, cluster state, plan, `Engine.configure`. Every session of the plan is
 * Established in that engine; only the wire behind it is missing.
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
import { EstablishedEngine } from '../../test/support/established.js'
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
  readonly established: number
  readonly changes: readonly Change[]
}

/** Milliseconds from the write. */
interface Change {
  readonly what: string
  readonly planned: number
  readonly applied: number
}

export async function run(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      nodes: { type: 'string', default: '5000' },
      runs: { type: 'string', default: '3' },
      changes: { type: 'string', default: '300' },
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
      `${quantile(first.changes, 'planned', 0.5)} ms, p99 ${quantile(first.changes, 'planned', 0.99)} ms; ${first.megabytes.toFixed(0)} MB of heap`,
  )
  for (const what of new Set(first.changes.map((change) => change.what))) {
    const changes = first.changes.filter((change) => change.what === what)
    const at = (q: number): string => quantile(changes, 'applied', q)
    console.log(
      `    ${what.padEnd(24)} ${changes.length} changes, ${first.established} sessions up: write to applied p50 ${at(0.5)}, ` +
        `p99 ${at(0.99)}, worst ${at(1)} ms`,
    )
  }
}

function quantile(changes: readonly Change[], member: 'planned' | 'applied', q: number): string {
  const sorted = changes.map((change) => change[member]).sort((a, b) => a - b)
  return (sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))] ?? 0).toFixed(1)
}

export async function fill(rig: EtcdRig, nodes: number, mesh: boolean): Promise<void> {
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

interface Edit {
  readonly what: string
  readonly key: string
  readonly value: string
  readonly shows: (plan: Plan) => boolean
}

const RESOURCES = '/calico/resources/v3/projectcalico.org/'
const LAST = 'zz-new'

/** One change of each kind that clusters see: a peer's option, a filter everybody at a ToR uses, a node that comes. */
function edits(i: number, follower: ClusterFollower): readonly Edit[] {
  const stored = (key: string): string => follower.snapshot.get(key)?.value ?? ''
  const peer = `${RESOURCES}bgppeers/tor-7`
  const filter = `${RESOURCES}bgpfilters/filter-7`
  const address = `172.31.${(i + 1) >> 8}.${(i + 1) & 255}`
  const node = { kind: 'Node', apiVersion: 'projectcalico.org/v3', metadata: { name: LAST } }
  return [
    {
      what: 'one BGPPeer',
      key: peer,
      value: stored(peer).replace(
        /"asNumber":\d+(,"keepaliveTime":"\d+s")?/,
        `"asNumber":65007,"keepaliveTime":"${10 + (i % 50)}s"`,
      ),
      shows: (plan) => plan.engine.peers.get('192.0.2.7')?.timers.keepaliveTime === 10 + (i % 50),
    },
    {
      what: 'a filter of it',
      key: filter,
      value: stored(filter).replace(/"10\.\d+\.0\.0\/16"/, `"10.${i % 250}.0.0/16"`),
      shows: (plan) =>
        JSON.stringify(plan.engine.peers.get('192.0.2.7')?.exportPolicy.slice(0, 2)).includes(`"10.${i % 250}.0.0/16"`),
    },
    {
      what: 'a node that moves',
      key: `${RESOURCES}nodes/${LAST}`,
      value: JSON.stringify({ ...node, spec: { bgp: { ipv4Address: `${address}/16` } }, status: {} }),
      shows: (plan) => plan.engine.peers.has(address) === (plan.mesh !== undefined),
    },
  ]
}

async function coldStart({ endpoints, node, followBlocks, changes }: Task): Promise<Figures> {
  const start = performance.now()
  const before = process.cpuUsage()
  const datastore = await etcdDatastore({ endpoints })
  let told: ((plan: Plan, planned: number, applied: number) => void) | undefined
  const next = () =>
    new Promise<{ plan: Plan; planned: number; applied: number }>((resolve) => {
      told = (plan, planned, applied) => resolve({ plan, planned, applied })
    })
  let engine: EstablishedEngine | undefined
  const first = next()
  const follower = new ClusterFollower({
    datastore,
    node,
    followBlocks,
    planOptions: () => ({}),
    planned: (plan) => {
      const planned = performance.now()
      engine?.configure(plan.engine)
      told?.(plan, planned, performance.now())
    },
    status: () => {},
    failed: (error) => {
      throw error
    },
  })
  follower.start()
  const { plan } = await first
  const coldMs = performance.now() - start
  const { user, system } = process.cpuUsage(before)
  const megabytes = process.memoryUsage().heapUsed / 1e6
  const took: Change[] = []
  const writer = await EtcdClient.open({ endpoints })
  if (changes > 0) engine = new EstablishedEngine(plan.engine)
  for (let i = 0; i < changes; i++) {
    for (const { what, key, value, shows } of edits(i, follower)) {
      const seen = next()
      const begun = performance.now()
      await writer.put(key, value)
      const { plan: after, planned, applied } = await seen
      if (!shows(after)) throw new Error(`${what}: the change is not in the plan`)
      took.push({ what, planned: planned - begun, applied: applied - begun })
      // What a session that is reset does next is not part of this.
      engine?.settle()
    }
  }
  writer.close()
  follower.stop()
  await datastore.close()
  return {
    coldMs,
    cpuMs: (user + system) / 1000,
    keys: follower.snapshot.size,
    sessions: plan.peers.size,
    established: engine?.established ?? 0,
    megabytes,
    changes: took,
  }
}

const task = workerData as Task | undefined
if (!isMainThread && task?.kind === 'cold-start') {
  const figures = await coldStart(task)
  parentPort?.postMessage(figures)
}
