/**
 * What a migration between mesh and reflectors needs to know of a cluster: who takes part, with which addresses, who is a
 * reflector, who owns blocks, and what an earlier run left as marks. Pure: entries in, values out.
 *
 * Marks are annotations on the resources that were changed, so that a run which was interrupted, or another person on another
 * host, goes on or goes back from what stands in the datastore and from nothing else.
 */
import type { Entry } from '@starling/datastore'
import type { ClusterState, NodeView } from '@starling/intent'
import { isJsonObject, type JsonObject, parseJson, resourceKey } from '@starling/resources'
import { stateOf } from '../commands/datastore-reader.js'

export type Entries = ReadonlyMap<string, Entry>

export const CONFIGURATION = resourceKey('BGPConfiguration', 'default')
export const nodeKey = (name: string): string => resourceKey('Node', name)

/** Not `starling.io/`: that prefix holds peer options, and an unknown one there is a problem (annotations.ts). */
export const MARK = 'migrate.starling.io/mesh-to-reflectors'

export interface Member {
  readonly name: string
  readonly addresses: readonly string[]
  readonly reflector: boolean
  readonly ownsBlocks: boolean
}

export interface Cluster {
  readonly entries: Entries
  readonly state: ClusterState
  readonly mesh: boolean
  readonly globalAs: number
  /** Nodes with a BGP address, by name. */
  readonly members: readonly Member[]
}

const DEFAULT_AS = 64512

export function clusterOf(entries: Entries): Cluster {
  const state = stateOf({ entries, revision: 1 })
  const spec = state.named('BGPConfiguration', 'default')?.spec
  return {
    entries,
    state,
    mesh: spec?.nodeToNodeMeshEnabled !== false,
    globalAs: spec?.asNumber ?? DEFAULT_AS,
    members: state.nodes.all.flatMap((node) => {
      const addresses = addressesOf(node)
      if (addresses.length === 0) return []
      const { name, clusterId } = node
      return [{ name, addresses, reflector: clusterId !== undefined, ownsBlocks: state.affinities(name).length > 0 }]
    }),
  }
}

export const addressesOf = ({ ipv4, ipv6 }: NodeView): readonly string[] =>
  [ipv4?.address, ipv6?.address].filter((address) => address !== undefined)

export const familyOf = (address: string): 'ipv4' | 'ipv6' => (address.includes(':') ? 'ipv6' : 'ipv4')

/** The stored document of a key, with everything in it that no schema knows. */
export function documentAt(entries: Entries, key: string): JsonObject | undefined {
  const value = entries.get(key)?.value
  const parsed = value === undefined || value === '' ? undefined : parseJson(value)
  return isJsonObject(parsed) ? parsed : undefined
}

export function markAt(entries: Entries, key: string): JsonObject | undefined {
  const metadata = documentAt(entries, key)?.['metadata']
  const annotations = isJsonObject(metadata) ? metadata['annotations'] : undefined
  const text = isJsonObject(annotations) ? annotations[MARK] : undefined
  if (typeof text !== 'string') return undefined
  try {
    const mark = parseJson(text)
    return isJsonObject(mark) ? mark : undefined
  } catch {
    return undefined
  }
}

export const marked = ({ members, entries }: Cluster): readonly Member[] =>
  members.filter(({ name }) => markAt(entries, nodeKey(name)) !== undefined)
