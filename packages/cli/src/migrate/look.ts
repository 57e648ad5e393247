/**
 * Asks nodes for their sessions: over their API where one answers, else through a CalicoNodeStatus object of ours that the
 * node's own reporter fills in (calico.md 1.12, 6.5). That reporter is calico-node's for BIRD, and `--node-status` for ours.
 *
 * A reporter writes only when something changed, so an old object may show what a dead node once had. A decisive question
 * therefore removes our objects and makes new ones: what is in them was written after the question.
 */
import { randomUUID } from 'node:crypto'
import type { Datastore } from '@starling/datastore'
import { isJsonObject, type JsonObject, newResourceValue, parseJson, resourceKey } from '@starling/resources'
import type { ApiClient } from '../client/client.js'
import type { PeerJson } from '../commands/show/views.js'
import { pages } from '../commands/show/views.js'
import { CliError } from '../exit.js'
import { MARK, type Member } from './cluster.js'
import type { Sight } from './judge.js'

export interface LookOptions {
  readonly datastore: Datastore
  /** Where a node's API is; undefined: it is not asked. */
  readonly clientFor: (member: Member) => ApiClient | undefined
  /** Make CalicoNodeStatus objects for nodes without an answering API. */
  readonly nodeStatus: boolean
}

const AT_A_TIME = 16
const MOST_PEERS = 100_000
const STATUS_PERIOD_SECONDS = 2
const statusKey = (node: string): string => resourceKey('CalicoNodeStatus', `starling-migrate-${node}`)

export class Looker {
  readonly #options: LookOptions
  /** Nodes that have an object of ours. */
  readonly #statuses = new Set<string>()
  /** Nodes whose API did not answer; asked again at every decisive question. */
  readonly #silent = new Set<string>()

  constructor(options: LookOptions) {
    this.#options = options
  }

  /** Forget what may be old: the next looks hold only what was said after this. */
  async renew(): Promise<void> {
    this.#silent.clear()
    await this.close()
  }

  async look(members: readonly Member[]): Promise<Map<string, Sight>> {
    const sights = new Map<string, Sight>()
    const waiting = members.values()
    const worker = async (): Promise<void> => {
      for (const member of waiting) {
        const sight = (await this.#ask(member)) ?? (await this.#read(member.name))
        if (sight !== undefined) sights.set(member.name, sight)
      }
    }
    await Promise.all(Array.from({ length: Math.min(AT_A_TIME, members.length) }, worker))
    return sights
  }

  /** Removes the objects of ours. */
  async close(): Promise<void> {
    for (const name of this.#statuses) await this.#options.datastore.delete(statusKey(name))
    this.#statuses.clear()
  }

  async #ask(member: Member): Promise<Sight | undefined> {
    const client = this.#silent.has(member.name) ? undefined : this.#options.clientFor(member)
    if (client === undefined) return undefined
    try {
      const { items } = await pages<PeerJson>(MOST_PEERS, async (limit, cursor) => {
        const page = await client.get<{ peers: PeerJson[]; next?: string }>('/v1/peers', { limit, cursor })
        return { items: page.peers, ...(page.next === undefined ? {} : { next: page.next }) }
      })
      return { sessions: new Map(items.map(({ remoteAddress, state }) => [remoteAddress, state])), starling: true }
    } catch (error) {
      if (!(error instanceof CliError)) throw error
      this.#silent.add(member.name)
      return undefined
    }
  }

  async #read(name: string): Promise<Sight | undefined> {
    const { datastore, nodeStatus } = this.#options
    if (!nodeStatus) return undefined
    if (!this.#statuses.has(name)) {
      // One that a run left which was killed: whatever it says, it is old.
      await datastore.delete(statusKey(name))
      await datastore.create(statusKey(name), statusRequest(name))
      this.#statuses.add(name)
      return undefined
    }
    const entry = await datastore.get(statusKey(name))
    const value = entry === undefined ? undefined : parseJson(entry.value)
    const status = isJsonObject(value) ? value['status'] : undefined
    return isJsonObject(status) ? sightOf(status) : undefined
  }
}

function statusRequest(node: string): string {
  return newResourceValue({
    kind: 'CalicoNodeStatus',
    name: `starling-migrate-${node}`,
    uid: randomUUID(),
    now: Date.now(),
    annotations: { [MARK]: '{}' },
    spec: { node, classes: ['BGP'], updatePeriodSeconds: STATUS_PERIOD_SECONDS },
  })
}

/** Undefined until the reporter wrote; a fresh object has no time in it, or Go's zero. */
export function sightOf(status: JsonObject): Sight | undefined {
  const { lastUpdated, bgp } = status
  if (typeof lastUpdated !== 'string' || lastUpdated.startsWith('0001-') || !isJsonObject(bgp)) return undefined
  const sessions = new Map<string, string>()
  for (const field of ['peersV4', 'peersV6']) {
    const peers = bgp[field]
    for (const peer of Array.isArray(peers) ? peers : []) {
      if (!isJsonObject(peer) || typeof peer['peerIP'] !== 'string') continue
      // Sessions with a port in their name are shown with it (calico.md 6.1).
      const address = peer['peerIP'].replace(/\.port\.\d+$/, '')
      sessions.set(address, typeof peer['state'] === 'string' ? peer['state'] : 'unknown')
    }
  }
  return { sessions, starling: false }
}
