/**
 * The cluster as typed resources: a view over a datastore snapshot that decodes only what changed.
 *
 * A value that does not decode leaves the last good one of its key in force and raises a problem (design section 6);
 * when there never was a good one the resource is absent. Nothing here depends on the order in which keys arrived: every
 * list is sorted by name before anybody sees it. Blocks and handles are not decoded, no plan needs them.
 */
import type { Entry, Snapshot } from '@starling/datastore'
import {
  type DecodedKind,
  decodeEntry,
  describeKey,
  findingToProblem,
  flattenDocument,
  IPAM_PREFIX,
  type IpamAffinity,
  lint,
  mapDocument,
  type NodeResource,
  type Problem,
  RESOURCE_PREFIX,
  type Resource,
  type ResourceOf,
  resourceKey,
  STARLING_PREFIX,
} from '@starling/resources'
import { NodeIndex } from './nodes.js'

const ROOTS = [RESOURCE_PREFIX, `${IPAM_PREFIX}host/`, STARLING_PREFIX]
/** Kinds that are carried but never planned from: endless in number, or written by ourselves. */
const UNREAD = [
  `${RESOURCE_PREFIX}workloadendpoints/`,
  `${RESOURCE_PREFIX}caliconodestatuses/`,
  `${RESOURCE_PREFIX}blockaffinities/`,
]

export class ClusterState {
  readonly #kinds = new Map<string, Map<string, Resource>>()
  readonly #sorted = new Map<string, readonly Resource[]>()
  readonly #affinities = new Map<string, Map<string, IpamAffinity>>()
  readonly #problems = new Map<string, readonly Problem[]>()
  /** What every key of the present decodes to; the last good value where it does not decode. */
  readonly #good = new Map<string, Resource | IpamAffinity>()
  readonly nodes = new NodeIndex()

  static from(snapshot: Snapshot): ClusterState {
    const state = new ClusterState()
    for (const root of ROOTS) for (const entry of snapshot.under(root)) state.#put(entry)
    return state
  }

  /** From documents as people write them; those that map to no entry are left out and told in `problems`. */
  static fromDocuments(documents: Iterable<unknown>): ClusterState {
    const state = new ClusterState()
    for (const document of documents)
      for (const single of flattenDocument(document)) {
        const mapped = mapDocument(single)
        if (mapped.ok) state.#put({ key: mapped.key, value: mapped.value, revision: 1 })
        else if (mapped.foreign !== true)
          for (const problem of mapped.problems) state.#problems.set(`${problem.resource} ${problem.field}`, [problem])
      }
    return state
  }

  /** `changed` as the syncer reports it: keys whose value differs from the snapshot before. */
  update(snapshot: Snapshot, changed: Iterable<string>): void {
    for (const key of changed) {
      if (!ROOTS.some((root) => key.startsWith(root))) continue
      const entry = snapshot.get(key)
      if (entry === undefined) this.#remove(key)
      else this.#put(entry)
    }
  }

  get problems(): readonly Problem[] {
    return [...this.#problems.keys()].sort().flatMap((key) => this.#problems.get(key) as readonly Problem[])
  }

  /** All resources of a kind, by name (and namespace). */
  all<K extends DecodedKind>(kind: K): readonly ResourceOf<K>[] {
    let list = this.#sorted.get(kind)
    if (list === undefined) {
      const map = this.#kinds.get(kind)
      list = map === undefined ? [] : [...map.keys()].sort().map((key) => map.get(key) as Resource)
      this.#sorted.set(kind, list)
    }
    return list as readonly ResourceOf<K>[]
  }

  /** A resource of a kind without namespaces. */
  named<K extends DecodedKind>(kind: K, name: string): ResourceOf<K> | undefined {
    return this.#good.get(resourceKey(kind, name)) as ResourceOf<K> | undefined
  }

  /** Block affinities of one node, by key. */
  affinities(owner: string): readonly IpamAffinity[] {
    const map = this.#affinities.get(owner)
    return map === undefined ? [] : [...map.keys()].sort().map((key) => map.get(key) as IpamAffinity)
  }

  #put(entry: Entry): void {
    const { key } = entry
    if (UNREAD.some((prefix) => key.startsWith(prefix))) return
    const decoded = decodeEntry(key, entry.value)
    if (decoded === undefined) return
    if (!decoded.ok) {
      const kept = this.#good.has(key)
      this.#problems.set(
        key,
        kept
          ? decoded.problems.map((problem) => ({
              ...problem,
              message: `${problem.message}; the last good value stays`,
            }))
          : decoded.problems,
      )
      return
    }
    const { value } = decoded
    if (value.kind === 'IPAMAffinity') this.#affinity(key, value)
    else if ('metadata' in value) this.#resource(key, value)
  }

  #resource(key: string, resource: Resource): void {
    this.#good.set(key, resource)
    const findings = lint(resource)
    if (findings.length === 0) this.#problems.delete(key)
    else {
      const name = describeKey(key)
      this.#problems.set(
        key,
        findings.map((finding) => findingToProblem(key, name, finding)),
      )
    }
    let map = this.#kinds.get(resource.kind)
    if (map === undefined) {
      map = new Map()
      this.#kinds.set(resource.kind, map)
    }
    map.set(key, resource)
    this.#sorted.delete(resource.kind)
    if (resource.kind === 'Node') this.nodes.put(resource as NodeResource)
  }

  #affinity(key: string, affinity: IpamAffinity): void {
    this.#good.set(key, affinity)
    this.#problems.delete(key)
    let map = this.#affinities.get(affinity.owner)
    if (map === undefined) {
      map = new Map()
      this.#affinities.set(affinity.owner, map)
    }
    map.set(key, affinity)
  }

  #remove(key: string): void {
    this.#problems.delete(key)
    const gone = this.#good.get(key)
    if (gone === undefined) return
    this.#good.delete(key)
    if (gone.kind === 'IPAMAffinity') {
      const map = this.#affinities.get(gone.owner)
      map?.delete(key)
      if (map?.size === 0) this.#affinities.delete(gone.owner)
      return
    }
    this.#kinds.get(gone.kind)?.delete(key)
    this.#sorted.delete(gone.kind)
    if (gone.kind === 'Node') this.nodes.remove(gone.metadata.name)
  }
}
