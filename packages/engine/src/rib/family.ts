/**
 * The RIB of one family from the slice boundary on: decision, Loc-RIB, kernel, export to every group.
 *
 * `decide` takes a slice of dirty prefixes, chooses best path and multipath set of each, then lets every group export and
 * pack the slice, then buries what is gone. Groups take turns per slice, because they share one packer.
 */

import { AttributeCode } from '@starling/bgp-packet'
import type { PrefixTable } from '@starling/inet'
import { multipathOf, rankRows, resolvable, type SelectOptions, selectBest } from '../decision/select.js'
import type { DecisionContext } from '../decision/steps.js'
import type { OutGroup } from '../out/group.js'
import type { Packer } from '../out/packer.js'
import type { RouteEdit } from '../policy/edit.js'
import { SourceKind } from '../policy/export.js'
import { attributeRange } from '../policy/import.js'
import { AdjRibIn } from './adj-rib-in.js'
import type { AttrId, AttributeStore } from './attributes.js'
import type { FamilyIndex } from './contract.js'
import { RowFlag, type RowId } from './paths.js'
import { LOCAL_SOURCE, type PeerColumns } from './peer-columns.js'
import type { PeerState } from './peers.js'
import { PrefixFlag } from './prefixes.js'

/** Who is told of best routes (`kernel.ts`). */
export interface KernelNews {
  readonly installs: boolean
  install(rib: FamilyRib, prefix: number, best: RowId): void
  remove(rib: FamilyRib, prefix: number): void
}

export interface FamilyParts {
  readonly index: FamilyIndex
  readonly table: PrefixTable
  readonly store: AttributeStore
  readonly peers: PeerColumns
  readonly states: (PeerState | undefined)[]
  readonly edit: RouteEdit
  readonly packer: Packer
  readonly side: Packer
  readonly kernel: KernelNews
  readonly options: SelectOptions
}

export class FamilyRib extends AdjRibIn {
  readonly peers: PeerColumns
  readonly edit: RouteEdit
  readonly packer: Packer
  readonly side: Packer
  readonly kernel: KernelNews
  readonly options: SelectOptions
  readonly context: DecisionContext
  readonly groups = new Map<string, OutGroup>()
  #candidates = new Uint32Array(64)
  #slice = new Uint32Array(64)
  #sliceChanged = new Uint8Array(64)
  #addPathGroups = 0
  #preferredSource = LOCAL_SOURCE
  #preferredBy = 0
  readonly #scratch = new Uint8Array(16)
  /** Is there a kernel to be told? */
  readonly #installs: boolean
  readonly #samePath = (a: AttrId, b: AttrId): boolean => sameAsPath(this.store, a, b)

  constructor(parts: FamilyParts, context: Omit<DecisionContext, 'paths'>) {
    super(parts.index, parts.table, parts.store, parts.states)
    this.peers = parts.peers
    this.edit = parts.edit
    this.packer = parts.packer
    this.side = parts.side
    this.kernel = parts.kernel
    this.#installs = parts.kernel.installs
    this.options = parts.options
    this.context = { ...context, paths: this.paths }
  }

  addGroup(group: OutGroup): void {
    this.groups.set(group.key, group)
    if (group.addPath > 0) this.#addPathGroups++
  }

  removeGroup(group: OutGroup): void {
    this.groups.delete(group.key)
    if (group.addPath > 0) this.#addPathGroups--
  }

  // --- decision -------------------------------------------------------------------------------------------------

  /** Decides up to `limit` dirty prefixes, then lets each group export and pack them; returns how many. */
  decide(limit: number): number {
    const { prefixes } = this
    const count = Math.min(limit, prefixes.waiting)
    if (count > this.#slice.length) {
      this.#slice = new Uint32Array(count * 2)
      this.#sliceChanged = new Uint8Array(count * 2)
    }
    const slice = this.#slice
    const changed = this.#sliceChanged
    for (let i = 0; i < count; i++) {
      const prefix = prefixes.take()
      slice[i] = prefix
      changed[i] = this.#decide(prefix) ? 1 : 0
    }
    if (count > 0) {
      this.#tellPreferred()
      for (const group of this.groups.values()) this.#exportSlice(group, count)
      for (let i = 0; i < count; i++) this.bury(slice[i], this.#addPathGroups > 0)
      prefixes.shrink()
      this.reap(this.groups)
    }
    return count
  }

  /** Best path and multipath set of one prefix, and the kernel's news; true when the best path or its set changed. */
  #decide(prefix: number): boolean {
    const { paths, prefixes } = this
    const head = prefixes.head[prefix]
    let count = 0
    let best = 0
    const before = prefixes.best[prefix]
    if (head !== 0 && paths.nextInPrefix[head] === 0) {
      // One path, the common case: nobody to compare with.
      if (this.#eligible(head)) {
        count = 1
        this.#candidates[0] = head
        best = resolvable(this.context, head) ? head : 0
      }
    } else {
      count = this.gather(prefix)
      best = selectBest(this.context, this.options, this.#candidates, count, before)
    }
    if (best !== before) {
      if (before !== 0) this.#prefer(before, -1)
      if (best !== 0) this.#prefer(best, 1)
      prefixes.best[prefix] = best
    }
    const changed = best !== before || (best !== 0 && (paths.flags[best] & RowFlag.changed) !== 0)
    const multipathChanged = this.#multipath(best, before, prefix, count)
    if (this.#installs && (changed || multipathChanged)) this.#kernel(prefix, best)
    return changed
  }

  #exportSlice(group: OutGroup, count: number): void {
    const slice = this.#slice
    const changed = this.#sliceChanged
    for (let i = 0; i < count; i++) {
      const prefix = slice[i]
      if (prefix >= group.built) continue
      if (group.addPath > 0) this.#exportAll(group, prefix, false)
      else if (changed[i] === 1) this.exportBest(group, prefix)
    }
    group.pack()
  }

  #eligible(row: RowId): boolean {
    const { paths } = this
    if (paths.attr[row] === 0 || (paths.flags[row] & RowFlag.zombie) !== 0) return false
    return this.peers.usable[this.index][paths.source[row]] !== 0
  }

  /** Eligible rows of a prefix into the scratch array. */
  gather(prefix: number): number {
    const { paths } = this
    let count = 0
    for (let row = this.prefixes.head[prefix]; row !== 0; row = paths.nextInPrefix[row]) {
      if (!this.#eligible(row)) continue
      if (count === this.#candidates.length) {
        const grown = new Uint32Array(count * 2)
        grown.set(this.#candidates)
        this.#candidates = grown
      }
      this.#candidates[count++] = row
    }
    return count
  }

  get candidates(): Uint32Array {
    return this.#candidates
  }

  /** Exports the best path of a prefix to a group without ADD-PATH. */
  exportBest(group: OutGroup, prefix: number): void {
    const best = this.prefixes.best[prefix]
    if (best === 0) group.change(prefix, 0, 0)
    else group.change(prefix, this.exportRow(group, best), this.paths.source[best])
  }

  /**
   * Exports the paths of a prefix to a group with ADD-PATH. Only what changed is exported anew (`whole`: everything), so
   * that one change among a thousand paths costs a walk over their flags and no more.
   */
  #exportAll(group: OutGroup, prefix: number, whole: boolean): void {
    const { paths } = this
    const candidates = this.#candidates
    const wanted = rankRows(this.context, this.options, candidates, this.gather(prefix), group.addPath)
    for (let i = 0; i < wanted; i++) paths.flags[candidates[i]] |= RowFlag.wanted
    for (let row = this.prefixes.head[prefix]; row !== 0; row = paths.nextInPrefix[row]) {
      const flags = paths.flags[row]
      if ((flags & RowFlag.wanted) === 0) {
        group.change(row, 0, paths.source[row])
        continue
      }
      paths.flags[row] = flags & ~RowFlag.wanted
      if (!whole && (flags & RowFlag.changed) === 0 && group.holds(row)) continue
      group.change(row, this.exportRow(group, row), paths.source[row])
    }
  }

  /** What the group is told about a row: an attribute set, or 0. */
  exportRow(group: OutGroup, row: RowId): AttrId {
    const { profile } = group
    const attr = this.paths.attr[row]
    const source = this.paths.source[row]
    if (profile.looksAtPrefix) this.setEditPrefix(this.paths.prefix[row])
    if (source === LOCAL_SOURCE) {
      const local = this.locals.get(row)
      return local === undefined ? 0 : profile.evaluate(this.edit, attr, SourceKind.local, local)
    }
    return profile.run(this.edit, attr, this.sourceKind(source))
  }

  sourceKind(source: number): SourceKind {
    if (source === LOCAL_SOURCE) return SourceKind.local
    if (this.peers.external[source] === 1) return SourceKind.external
    return this.peers.client[source] === 1 ? SourceKind.client : SourceKind.nonClient
  }

  setEditPrefix(prefix: number): void {
    const { edit, table } = this
    const bytes = this.#scratch
    table.writeAddress(prefix, bytes, 0)
    for (let w = 0; w < 4; w++) {
      edit.words[w] = (bytes[w * 4] << 24) | (bytes[w * 4 + 1] << 16) | (bytes[w * 4 + 2] << 8) | bytes[w * 4 + 3]
    }
    edit.length = table.lengths[prefix]
  }

  /** Lets a new group catch up with prefixes decided before it was made; returns the work done. */
  build(group: OutGroup, limit: number): number {
    const { table } = this
    const end = Math.min(table.limit, group.built + limit)
    const first = group.built
    for (let prefix = first; prefix < end; prefix++) {
      if (!table.isLive(prefix) || prefix >= this.prefixes.head.length || this.prefixes.head[prefix] === 0) continue
      if (group.addPath > 0) this.#exportAll(group, prefix, true)
      else this.exportBest(group, prefix)
    }
    group.built = end >= table.limit ? Number.POSITIVE_INFINITY : end
    group.pack()
    if (group.ready) group.awake = true
    return end - first + 1
  }

  /** Marks everything to be decided and exported again: decision options changed. */
  touchAll(): void {
    for (let row = 1; row < this.paths.limit; row++) if (this.paths.prefix[row] !== 0) this.touch(row)
  }

  /** Marks the prefixes that have a path over one of these next hops. */
  touchNextHops(ids: readonly number[]): void {
    const { paths, store } = this
    for (let row = 1; row < paths.limit; row++) {
      const attr = paths.attr[row]
      if (attr !== 0 && ids.includes(store.nextHop[attr])) this.touch(row)
    }
  }

  // --- multipath and kernel -------------------------------------------------------------------------------------

  /** Brings the `multi` flags up to date; true when the set (or a member's attributes) changed. */
  #multipath(best: RowId, before: RowId, prefix: number, count: number): boolean {
    const { paths, options } = this
    if (options.maximumPaths <= 1) return false
    const settled = best === before && this.#settled(prefix)
    const members = multipathOf(this.context, options, this.#candidates, count, best, settled, this.#samePath)
    let changed = false
    for (let row = this.prefixes.head[prefix]; row !== 0; row = paths.nextInPrefix[row]) {
      const is = members.includes(row)
      const was = (paths.flags[row] & RowFlag.multi) !== 0
      if (is !== was || (is && paths.flags[row] & RowFlag.changed)) changed = true
      paths.flags[row] = is ? paths.flags[row] | RowFlag.multi : paths.flags[row] & ~RowFlag.multi
    }
    return changed
  }

  /** No member of the prefix's multipath set changed or went: only newcomers can change the set. */
  #settled(prefix: number): boolean {
    const { paths } = this
    for (let row = this.prefixes.head[prefix]; row !== 0; row = paths.nextInPrefix[row]) {
      const flags = paths.flags[row]
      if ((flags & RowFlag.multi) !== 0 && ((flags & RowFlag.changed) !== 0 || !this.#eligible(row))) return false
    }
    return true
  }

  #kernel(prefix: number, best: RowId): void {
    const { flags } = this.prefixes
    if (best !== 0) {
      flags[prefix] |= PrefixFlag.installed
      this.kernel.install(this, prefix, best)
    } else if (flags[prefix] & PrefixFlag.installed) {
      flags[prefix] &= ~PrefixFlag.installed
      this.kernel.remove(this, prefix)
    }
  }

  /** Counted in runs of one source, which is what a slice of a large table is. */
  #prefer(row: RowId, by: number): void {
    const source = this.paths.source[row]
    if (source !== this.#preferredSource) {
      this.#tellPreferred()
      this.#preferredSource = source
    }
    this.#preferredBy += by
  }

  #tellPreferred(): void {
    const source = this.#preferredSource
    const peer = source === LOCAL_SOURCE ? undefined : this.states[source - 1]
    if (peer !== undefined) peer.preferred[this.index] += this.#preferredBy
    this.#preferredBy = 0
  }
}

/** Equal AS_PATH octets: what multipath asks for unless relaxed. */
export function sameAsPath(store: AttributeStore, a: AttrId, b: AttrId): boolean {
  if (a === b) return true
  const chunkA = store.chunk(a)
  const chunkB = store.chunk(b)
  const [startA, endA] = attributeRange(chunkA, store.offset(a), store.lengths[a], AttributeCode.asPath)
  const [startB, endB] = attributeRange(chunkB, store.offset(b), store.lengths[b], AttributeCode.asPath)
  if (endA - startA !== endB - startB) return false
  for (let i = 0; i < endA - startA; i++) if (chunkA[startA + i] !== chunkB[startB + i]) return false
  return true
}
