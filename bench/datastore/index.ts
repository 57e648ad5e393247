/**
 * How fast cluster state arrives: `npm run bench -- datastore [--driver etcd|embedded|memory] [--keys N] [--changes N]`.
 *
 * Cold start: from opening the driver to the first complete snapshot of N keys (a fifth nodes, the rest IPAM blocks, of
 * realistic size). Change: from the call that writes a key to the snapshot that shows it, the write itself included.
 * For etcd a real member runs on loopback, and `etcdctl get --prefix` on the same keys stands beside it.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { type Datastore, MemoryStore, type Snapshot, Syncer } from '@starling/datastore'
import { systemClock } from '@starling/datastore/clock'
import { embeddedDatastore, serveEmbedded } from '@starling/datastore/embedded'
import { etcdDatastore } from '@starling/datastore/etcd'
import { EtcdClient, type RequestOp } from '@starling/etcd3'
import { EtcdRig, pause } from '../../test/interop/etcd-rig.js'

interface Bed {
  open(): Promise<Datastore>
  set(key: string, value: string): Promise<unknown>
  /** Something else that reads the same keys, for comparison. */
  readonly rival?: { readonly name: string; read(): void }
  close(): Promise<void>
}

type Contents = readonly (readonly [string, string])[]

const beds: Record<string, (contents: Contents) => Promise<Bed>> = { memory, embedded, etcd }

export async function run(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      driver: { type: 'string', default: 'etcd,embedded,memory' },
      keys: { type: 'string', default: '25000' },
      changes: { type: 'string', default: '300' },
    },
  })
  const contents = cluster(Number(values.keys))
  const bytes = contents.reduce((sum, [key, value]) => sum + key.length + value.length, 0)
  console.log(`${contents.length} keys, ${(bytes / 1e6).toFixed(1)} MB`)
  for (const name of values.driver.split(',')) {
    const make = beds[name]
    if (!make) throw new Error(`no driver ${name}: ${Object.keys(beds).join(', ')}`)
    const bed = await make(contents)
    try {
      await measure(name, bed, contents, Number(values.changes))
    } finally {
      await bed.close()
    }
  }
}

async function measure(name: string, bed: Bed, contents: Contents, changes: number): Promise<void> {
  const cold: number[] = []
  for (let i = 0; i < 5; i++) {
    const run = await follow(bed, contents.length)
    cold.push(run.took)
    await run.stop()
  }
  const before = process.memoryUsage()
  const run = await follow(bed, contents.length)
  const after = process.memoryUsage()
  const latencies: number[] = []
  for (let i = 0; i < changes; i++) {
    await pause((i * 7) % 25)
    const [key] = contents[(i * 7919) % contents.length]!
    const value = JSON.stringify({ change: i })
    const start = performance.now()
    const [seen] = await Promise.all([run.shows(key, value), bed.set(key, value)])
    latencies.push(seen - start)
  }
  await run.stop()
  const heap = (after.heapUsed - before.heapUsed) / 1e6
  console.log(`${name}: cold ${list(cold)} ms; heap about ${heap.toFixed(0)} MB before collection`)
  console.log(`${name}: change to snapshot p50 ${quantile(latencies, 0.5)} ms, p99 ${quantile(latencies, 0.99)} ms`)
  if (bed.rival) {
    const start = performance.now()
    bed.rival.read()
    console.log(`${name}: ${bed.rival.name} ${(performance.now() - start).toFixed(0)} ms`)
  }
}

/** A syncer on the bed, once it has the whole picture. */
async function follow(bed: Bed, size: number) {
  const start = performance.now()
  const datastore = await bed.open()
  let waiting: { key: string; value: string; resolve: (at: number) => void } | undefined
  let syncer: Syncer | undefined
  const took = await new Promise<number>((resolve) => {
    const listener = {
      snapshot(snapshot: Snapshot) {
        if (snapshot.size >= size) resolve(performance.now() - start)
        if (waiting && snapshot.get(waiting.key)?.value === waiting.value) waiting.resolve(performance.now())
      },
      status() {},
    }
    syncer = new Syncer({ datastore, prefixes: ['/calico/'], clock: systemClock, listener })
    syncer.start()
  })
  return {
    took,
    shows: (key: string, value: string) =>
      new Promise<number>((resolve) => {
        waiting = { key, value, resolve }
      }),
    async stop() {
      syncer?.stop()
      await datastore.close()
    },
  }
}

function cluster(keys: number): Contents {
  const nodes = Math.floor(keys / 5)
  return Array.from({ length: keys }, (_, i) => (i < nodes ? node(i) : block(i - nodes, nodes)))
}

function node(i: number): readonly [string, string] {
  const name = `node-${String(i).padStart(5, '0')}`
  const address = `10.${(i >> 16) & 255}.${(i >> 8) & 255}.${i & 255}`
  const value = {
    kind: 'Node',
    apiVersion: 'projectcalico.org/v3',
    metadata: { name, uid: `00000000-0000-4000-8000-${String(i).padStart(12, '0')}`, labels: { rack: `r${i % 40}` } },
    spec: {
      bgp: { ipv4Address: `${address}/16`, ipv4IPIPTunnelAddr: `10.244.${(i >> 8) & 255}.${i & 255}` },
      addresses: [{ address: `${address}/16`, type: 'CalicoNodeIP' }],
      orchRefs: [{ nodeName: name, orchestrator: 'k8s' }],
    },
    status: {},
  }
  return [`/calico/resources/v3/projectcalico.org/nodes/${name}`, JSON.stringify(value)]
}

function block(i: number, nodes: number): readonly [string, string] {
  const first = i * 64
  const cidr = `10.${(first >> 16) & 255}.${(first >> 8) & 255}.${first & 255}`
  const host = `node-${String(i % Math.max(1, nodes)).padStart(5, '0')}`
  const value = {
    cidr: `${cidr}/26`,
    affinity: `host:${host}`,
    allocations: Array.from({ length: 64 }, (_, n) => (n < 4 ? n : null)),
    unallocated: Array.from({ length: 60 }, (_, n) => n + 4),
    attributes: [{ handle_id: `ipip-tunnel-addr-${host}`, secondary: { node: host, type: 'ipipTunnelAddress' } }],
    deleted: false,
  }
  return [`/calico/ipam/v2/assignment/ipv4/block/${cidr}-26`, JSON.stringify(value)]
}

async function memory(contents: Contents): Promise<Bed> {
  const store = new MemoryStore()
  store.commit(contents.map(([key, value]) => ({ key, value })))
  return {
    open: async () => store.connect(),
    set: async (key, value) => store.commit([{ key, value }]),
    close: async () => {},
  }
}

async function embedded(contents: Contents): Promise<Bed> {
  const folder = mkdtempSync(join(tmpdir(), 'starling-bench-'))
  const server = await serveEmbedded({ listen: { path: join(folder, 'store.sock') } })
  server.store.commit(contents.map(([key, value]) => ({ key, value })))
  return {
    open: async () => embeddedDatastore(server.address),
    set: async (key, value) => server.store.commit([{ key, value }]),
    close: async () => {
      await server.close()
      rmSync(folder, { recursive: true })
    },
  }
}

async function etcd(contents: Contents): Promise<Bed> {
  const rig = await EtcdRig.start()
  const writer = await EtcdClient.open({ endpoints: rig.urls })
  for (let i = 0; i < contents.length; i += 100) {
    const success = contents.slice(i, i + 100).map(([key, value]): RequestOp => ({ put: { key, value } }))
    await writer.txn({ compare: [], success, failure: [] })
  }
  return {
    open: () => etcdDatastore({ endpoints: rig.urls }),
    set: (key, value) => writer.put(key, value),
    rival: { name: 'etcdctl get --prefix', read: () => void rig.ctl(['get', '/calico/', '--prefix', '-w', 'json']) },
    close: async () => {
      writer.close()
      await rig.close()
    },
  }
}

const list = (times: readonly number[]) => times.map((time) => time.toFixed(0)).join(' ')

function quantile(values: readonly number[], q: number): string {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))]!.toFixed(1)
}
