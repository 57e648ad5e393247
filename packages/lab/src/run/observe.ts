/**
 * Looks at the daemons from outside, as an operator would: Starling's API over its control socket, the others' own clients.
 * Only what the tables and the convergence check need; a daemon that does not answer is an answer too.
 */
import { request } from 'node:http'
import type { ForeignPlace, PeerObservation } from '../daemons/foreign.js'
import { foreign } from '../daemons/index.js'
import { controlSocket } from '../daemons/starling.js'
import type { KernelRoute } from '../fabric/wiring.js'
import type { Daemon } from '../topology/types.js'

export type DaemonObservation =
  | { readonly answers: true; readonly peers: readonly PeerObservation[] }
  | { readonly answers: false; readonly reason: string }

const PATIENCE_MS = 3000

export async function observe(daemon: Daemon, device: string, place: ForeignPlace): Promise<DaemonObservation> {
  try {
    const other = foreign(daemon)
    const peers = other === undefined ? starlingPeers(controlSocket(place.folder, device)) : other.peers(device, place)
    return { answers: true, peers: await peers }
  } catch (error) {
    return { answers: false, reason: error instanceof Error ? error.message : String(error) }
  }
}

/** The fields of the API's peer view that are read here (packages/api, `/v1/peers`). */
interface PeerAnswer {
  readonly remoteAddress: string
  readonly state: string
  readonly reason: string
  readonly age?: number
  readonly families: readonly { readonly received: number; readonly sent: number }[]
}

async function starlingPeers(socket: string): Promise<PeerObservation[]> {
  const { peers } = (await getJson(socket, '/v1/peers?limit=1000')) as { peers: PeerAnswer[] }
  return peers.map(({ remoteAddress, state, reason, age, families }) => ({
    address: remoteAddress,
    state,
    reason,
    ageSeconds: age,
    received: families.reduce((sum, family) => sum + family.received, 0),
    sent: families.reduce((sum, family) => sum + family.sent, 0),
  }))
}

/** One GET over a Unix socket. Rejects on anything but 200. */
export function getJson(socket: string, path: string): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const get = request({ socketPath: socket, path, timeout: PATIENCE_MS }, (response) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.on('error', reject)
      response.on('end', () => {
        const text = Buffer.concat(chunks).toString()
        if (response.statusCode !== 200)
          return reject(new Error(`${path}: ${response.statusCode} ${text.slice(0, 200)}`))
        try {
          resolve(JSON.parse(text))
        } catch (error) {
          reject(error)
        }
      })
    })
    get.on('timeout', () => get.destroy(new Error(`${path}: no answer within ${PATIENCE_MS / 1000} s`)))
    get.on('error', (error: NodeJS.ErrnoException) => {
      const starting = error.code === 'ENOENT' || error.code === 'ECONNREFUSED'
      reject(starting ? new Error('not listening on its control socket') : error)
    })
    get.end()
  })
}

interface KernelAnswer {
  readonly routes: readonly {
    readonly prefix: string
    readonly state: string
    readonly actual?: { readonly kind: string; readonly protocol: number }
  }[]
}

/** The table of a daemon whose routes live in memory; undefined when it does not answer. */
export async function memoryKernel(socket: string): Promise<KernelRoute[] | undefined> {
  try {
    const { routes } = (await getJson(socket, '/v1/kernel?limit=1000')) as KernelAnswer
    return routes.flatMap(({ prefix, actual }) => {
      if (actual === undefined) return []
      const type = actual.kind === 'unicast' || actual.kind === 'blackhole' ? actual.kind : 'other'
      return [{ prefix, protocol: actual.protocol, type } as const]
    })
  } catch {
    return undefined
  }
}
