/**
 * A cluster in memory whose sessions come up as its nodes plan them: what the migration waits for happens because of what it
 * wrote. For the tests beside it.
 */
import { type Datastore, type Entry, MemoryStore } from '@starling/datastore'
import { plan } from '@starling/intent'
import { affinityKey, mapDocument } from '@starling/resources'
import { readEntries } from '../commands/datastore-reader.js'
import { type Cluster, clusterOf, type Entries, type Member } from './cluster.js'
import type { Sight } from './judge.js'

export interface NodeSpec {
  readonly name: string
  readonly ipv6?: boolean
  readonly asNumber?: number
  readonly labels?: Readonly<Record<string, string>>
  readonly clusterId?: string
  readonly blocks?: number
}

export function nodeDocument({ name, ipv6, asNumber, labels, clusterId }: NodeSpec, at: number): object {
  const bgp = {
    ipv4Address: `10.0.0.${at + 1}/24`,
    ...(ipv6 === true ? { ipv6Address: `fd00::${at + 1}/64` } : {}),
    ...(asNumber === undefined ? {} : { asNumber }),
    ...(clusterId === undefined ? {} : { routeReflectorClusterID: clusterId }),
  }
  return { apiVersion: 'projectcalico.org/v3', kind: 'Node', metadata: { name, labels }, spec: { bgp } }
}

export const configuration = (spec: object): object => ({
  apiVersion: 'projectcalico.org/v3',
  kind: 'BGPConfiguration',
  metadata: { name: 'default' },
  spec,
})

export function entriesOf(nodes: readonly NodeSpec[], more: readonly object[] = []): Entries {
  const entries = new Map<string, Entry>()
  for (const document of [...nodes.map(nodeDocument), ...more]) {
    const mapped = mapDocument(document)
    if (!mapped.ok) throw new Error(JSON.stringify(mapped.problems))
    entries.set(mapped.key, { key: mapped.key, value: mapped.value, revision: 1 })
  }
  nodes.forEach(({ name, blocks = 1 }, at) => {
    for (let block = 0; block < blocks; block++) {
      const key = affinityKey(name, `10.244.${at}.${block * 64}/26`)
      entries.set(key, { key, value: '{"state":"confirmed","deleted":false}', revision: 1 })
    }
  })
  return entries
}

export const clusterFrom = (nodes: readonly NodeSpec[], more: readonly object[] = []): Cluster =>
  clusterOf(entriesOf(nodes, more))

export async function storeOf(entries: Entries): Promise<Datastore> {
  const datastore = new MemoryStore().connect()
  for (const { key, value } of entries.values()) await datastore.create(key, value)
  return datastore
}

/** Who is Established with whom when both want it, by name: the set holds `a b` and `b a`. */
export function sessionsOf(entries: Entries, dead: ReadonlySet<string> = new Set()): Set<string> {
  const { state, members } = clusterOf(entries)
  const owner = new Map(members.flatMap(({ name, addresses }) => addresses.map((address) => [address, name] as const)))
  const wanted = new Set<string>()
  for (const { name } of members.filter((each) => !dead.has(each.name)))
    for (const { config } of plan(state, name).peers.values())
      if (owner.has(config.remoteAddress)) wanted.add(`${name} ${owner.get(config.remoteAddress)}`)
  return new Set([...wanted].filter((pair) => wanted.has(pair.split(' ').reverse().join(' '))))
}

/** What the nodes would answer now. `silent` ones do not. */
export async function sightsOf(
  datastore: Datastore,
  asked: readonly Member[],
  { silent = new Set<string>(), bird = new Set<string>(), dead = new Set<string>() } = {},
): Promise<Map<string, Sight>> {
  const { entries } = await readEntries(datastore)
  const { state, members } = clusterOf(entries)
  const up = sessionsOf(entries, dead)
  const names = new Map(members.flatMap(({ name, addresses }) => addresses.map((address) => [address, name] as const)))
  return new Map(
    asked
      .filter(({ name }) => !silent.has(name) && !dead.has(name))
      .map(({ name }) => {
        const peers = [...plan(state, name).peers.values()].map(({ config: { remoteAddress } }) => remoteAddress)
        const stateOf = (address: string) => (up.has(`${name} ${names.get(address)}`) ? 'Established' : 'Connect')
        return [
          name,
          { sessions: new Map(peers.map((address) => [address, stateOf(address)])), starling: !bird.has(name) },
        ]
      }),
  )
}

/** Pairs of nodes that do not know each other's blocks: neither a session nor a reflector between them. */
export function withoutWay(entries: Entries): string[] {
  const sessions = sessionsOf(entries)
  const { members } = clusterOf(entries)
  const lost: string[] = []
  for (const { name: a } of members)
    for (const { name: b } of members) {
      if (a === b || sessions.has(`${a} ${b}`)) continue
      const reflected = members.some(
        ({ name, reflector }) => reflector && sessions.has(`${a} ${name}`) && sessions.has(`${name} ${b}`),
      )
      if (!reflected) lost.push(`${a} ${b}`)
    }
  return lost
}
