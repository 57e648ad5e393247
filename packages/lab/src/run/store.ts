/**
 * The datastores of a lab: an embedded one served over a Unix socket (no etcd needed), or a real etcd, started on a
 * loopback port or given by its endpoints. `spec` is what a daemon in a namespace gets as `--datastore`.
 */
import { once } from 'node:events'
import { createServer } from 'node:net'
import { join } from 'node:path'
import type { Datastore } from '@starling/datastore'
import { type EmbeddedServer, serveEmbedded } from '@starling/datastore/embedded'
import type { Netns } from '../fabric/netns.js'
import type { StoreEntry } from '../topology/resources.js'
import type { Processes } from './processes.js'
import { openRelay, type Relay } from './relay.js'

export interface Store {
  readonly description: string
  /** The lab's own access. */
  readonly datastore: Datastore
  /** The argument of `--datastore` for a daemon in this namespace. */
  spec(ns: Netns | undefined): string
  /** What a fault injection does to it, and undoes. */
  kill(): Promise<void>
  restart(): Promise<void>
  close(): Promise<void>
}

export async function embeddedStore(folder: string, name: string): Promise<Store> {
  const path = join(folder, `${name}.sock`)
  let server: EmbeddedServer | undefined = await serveEmbedded({ listen: { path } })
  const { store } = server
  return {
    description: 'embedded',
    datastore: store.connect(),
    spec: () => `embedded:unix:${path}`,
    kill: async () => {
      await server?.close()
      server = undefined
    },
    restart: async () => {
      server ??= await serveEmbedded({ listen: { path }, store })
    },
    close: async () => server?.close(),
  }
}

const ETCD = 'etcd'
const READY_MS = 30_000
const RETRY_MS = 200

/** Starts Debian's etcd. Throws with its last words when it does not come up. */
export async function startEtcd(folder: string, processes: Processes, stillWanted = () => {}): Promise<Store> {
  const [client, peer] = [await freePort(), await freePort()]
  const url = `http://127.0.0.1:${client}`
  const peerUrl = `http://127.0.0.1:${peer}`
  processes.start({
    name: ETCD,
    command: 'etcd',
    args: [
      ...['--name', 'lab', '--data-dir', join(folder, 'etcd'), '--log-level', 'warn'],
      ...['--listen-client-urls', url, '--advertise-client-urls', url],
      ...['--listen-peer-urls', peerUrl, '--initial-advertise-peer-urls', peerUrl],
      ...['--initial-cluster', `lab=${peerUrl}`],
    ],
  })
  const store = await etcdStore([url], () => {
    stillWanted()
    const status = processes.status(ETCD)
    if (status?.running === false) throw new Error([`etcd: ${status.ended}`, ...processes.tail(ETCD)].join('\n'))
  })
  return {
    ...store,
    kill: () => processes.kill(ETCD, 'SIGKILL'),
    restart: async () => processes.restart(ETCD),
  }
}

/** An etcd that runs elsewhere. `stillPossible` may throw to end the waiting early. */
export async function etcdStore(endpoints: readonly string[], stillPossible = () => {}): Promise<Store> {
  // Loaded here, so that a lab without etcd never loads gRPC.
  const { etcdDatastore } = await import('@starling/datastore/etcd')
  const datastore = await etcdDatastore({ endpoints })
  try {
    await ready(datastore, stillPossible)
  } catch (error) {
    await datastore.close()
    throw error
  }
  const relays: Relay[] = []
  const targets = endpoints.map((endpoint, at) => ({ url: new URL(endpoint), port: 2379 + at }))
  const refuse = () => Promise.reject(new Error('this etcd is not the lab’s own'))
  return {
    description: datastore.description,
    datastore,
    spec: (ns) => {
      if (ns === undefined) return `etcd:${endpoints.join(',')}`
      for (const { url, port } of targets) {
        relays.push(openRelay({ ns, port }, { host: url.hostname, port: Number(url.port) || 2379 }))
      }
      return `etcd:${targets.map(({ url, port }) => `${url.protocol}//127.0.0.1:${port}`).join(',')}`
    },
    kill: refuse,
    restart: refuse,
    close: async () => {
      for (const relay of relays) relay.close()
      await datastore.close()
    },
  }
}

/** Until it answers; one that does not even refuse is no reason to wait after the lab is no longer wanted. */
async function ready(datastore: Datastore, stillPossible: () => void): Promise<void> {
  const end = Date.now() + READY_MS
  const ask = () =>
    datastore.get('/calico/resources/v3/projectcalico.org/clusterinformations/default').then(
      () => true,
      async (error: unknown) => {
        if (Date.now() > end) throw error
        await pause(RETRY_MS)
        return false
      },
    )
  let answer = ask()
  for (;;) {
    const answered = await Promise.race([answer, pause(RETRY_MS)])
    if (answered === true) return
    stillPossible()
    if (answered === false) answer = ask()
  }
}

const pause = (milliseconds: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, milliseconds))

/** Writes entries over whatever stands there. */
export async function fill(datastore: Datastore, entries: readonly StoreEntry[]): Promise<void> {
  for (const { key, value } of entries) {
    for (;;) {
      const created = await datastore.create(key, value)
      if (!('conflict' in created)) break
      if (created.current === undefined) continue
      const updated = await datastore.update(key, value, created.current.revision)
      if (!('conflict' in updated)) break
    }
  }
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1')
  await once(probe, 'listening')
  const address = probe.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  probe.close()
  await once(probe, 'close')
  return port
}
