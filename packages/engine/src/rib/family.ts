/**
 * The RIB of one family: paths come and go, prefixes are decided, results go to kernel and groups.
 *
 * `announce` and `withdraw` only change rows and mark the prefix dirty; `decideNext` is the slice boundary of the road.
 * A withdrawal, however it came (explicit, treat-as-withdraw, session loss, sweep), is one thing here: `kill`.
 */

import { AttributeCode } from '@starling/bgp-packet'
import type { PrefixTable } from '@starling/inet'
import { isMultipath, rankRows, type SelectOptions, selectBest } from '../decision/select.js'
import { compare, type DecisionContext } from '../decision/steps.js'
import type { OutGroup } from '../out/group.js'
import type { Packer } from '../out/packer.js'
import type { RouteEdit } from '../policy/edit.js'
import { SourceKind } from '../policy/export.js'
import { attributeRange } from '../policy/import.js'
import type { AttrId, AttributeStore } from './attributes.js'
import type { FamilyIndex, LocalRoute } from './contract.js'
import { Graves } from './graves.js'
import type { KernelOut } from './kernel.js'
import { PathTable, RowFlag, type RowId } from './paths.js'
import { LOCAL_SOURCE, type PeerColumns, type PeerState } from './peers.js'
import { PrefixColumns, PrefixFlag } from './prefixes.js'

/** A walk over one peer's rows, sliced; rows freed meanwhile move it on. */
export interface Walker {
  readonly peer: PeerState
  cursor: RowId
  /** What to do with each row. */
  readonly visit: (row: RowId) => void
  readonly done: () => void
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
  readonly kernel: KernelOut
  readonly options: SelectOptions
}

export class FamilyRib {
  readonly index: FamilyIndex
  readonly table: PrefixTable
  readonly store: AttributeStore
  readonly peers: PeerColumns
  readonly states: (PeerState | undefined)[]
  readonly edit: RouteEdit
  readonly packer: Packer
  readonly side: Packer
  readonly kernel: KernelOut
  readonly options: SelectOptions
  readonly context: DecisionContext
  readonly paths = new PathTable()
  readonly prefixes = new PrefixColumns()
  readonly groups = new Map<string, OutGroup>()
  /** Local routes by row. */
  readonly locals = new Map<RowId, LocalRoute>()
  readonly walkers: Walker[] = []
  readonly #deadPrefixes = new Graves()
  readonly #deadRows = new Graves()
  #candidates = new Uint32Array(64)
  #slice = new Uint32Array(64)
  #sliceChanged = new Uint8Array(64)
  #addPathGroups = 0
  readonly #scratch = new Uint8Array(16)
  readonly #samePath = (a: AttrId, b: AttrId): boolean => sameAsPath(this.store, a, b)

  constructor(parts: FamilyParts, context: Omit<DecisionContext, 'paths'>) {
    this.index = parts.index
    this.table = parts.table
    this.store = parts.store
    this.peers = parts.peers
    this.states = parts.states
    this.edit = parts.edit
    this.packer = parts.packer
    this.side = parts.side
    this.kernel = parts.kernel
    this.options = parts.options
    this.context = { ...context, paths: this.paths }
  }

  get family(): FamilyIndex {
    return this.index
  }

  addGroup(group: OutGroup): void {
    this.groups.set(group.key, group)
    if (group.addPath > 0) this.#addPathGroups++
  }

  removeGroup(group: OutGroup): void {
    this.groups.delete(group.key)
    if (group.addPath > 0) this.#addPathGroups--
  }

  findRow(prefix: number, source: number, pathId: number): RowId {
    const { paths } = this
    for (let row = this.prefixes.head[prefix]; row !== 0; row = paths.nextInPrefix[row]) {
      if (paths.source[row] === source && paths.pathId[row] === pathId) return row
    }
    return 0
  }

  /** Adj-RIB-In takes a path; true when that is news. `attr` 0: kept, but import policy filtered it. */
  announce(
    peer: PeerState | undefined,
    prefix: number,
    pathId: number,
    attrIn: AttrId,
    attr: AttrId,
    seconds: number,
  ): RowId {
    const { paths, store, index } = this
    this.prefixes.reach(prefix)
    const source = peer === undefined ? LOCAL_SOURCE : peer.source
    let row = this.findRow(prefix, source, pathId)
    const epoch = peer === undefined ? 0 : peer.epoch[index]
    if (row === 0) {
      row = paths.allocate()
      paths.prefix[row] = prefix
      paths.source[row] = source
      // Unused columns stay untouched, and untouched pages take no memory.
      if (paths.pathId[row] !== pathId) paths.pathId[row] = pathId
      paths.nextInPrefix[row] = this.prefixes.head[prefix]
      this.prefixes.head[prefix] = row
      paths.flags[row] = RowFlag.changed
      if (peer !== undefined) this.#linkPeer(peer, row)
      this.#count(peer, 1, attr !== 0 ? 1 : 0)
    } else {
      const zombie = (paths.flags[row] & RowFlag.zombie) !== 0
      if (!zombie && paths.attrIn[row] === attrIn && paths.attr[row] === attr) {
        paths.epoch[row] = epoch
        return 0
      }
      if (zombie) this.#count(peer, 1, attr !== 0 ? 1 : 0)
      else this.#count(peer, 0, (attr !== 0 ? 1 : 0) - (paths.attr[row] !== 0 ? 1 : 0))
      paths.flags[row] = (paths.flags[row] & ~(RowFlag.zombie | RowFlag.longLived)) | RowFlag.changed
    }
    this.#setAttributes(row, attrIn, attr, store)
    if (paths.epoch[row] !== epoch) paths.epoch[row] = epoch
    paths.since[row] = seconds
    this.prefixes.mark(prefix)
    return row
  }

  #setAttributes(row: RowId, attrIn: AttrId, attr: AttrId, store: AttributeStore): void {
    const { paths } = this
    if (attrIn !== 0) store.retain(attrIn)
    if (attr !== 0) store.retain(attr)
    const oldIn = paths.attrIn[row]
    const old = paths.attr[row]
    paths.attrIn[row] = attrIn
    paths.attr[row] = attr
    if (oldIn !== 0) store.release(oldIn)
    if (old !== 0) store.release(old)
  }

  /** A new result of import policy for a row that stays. */
  reimport(row: RowId, attr: AttrId): void {
    const { paths } = this
    if (paths.attr[row] === attr || paths.flags[row] & RowFlag.zombie) return
    this.#count(this.#peerOf(row), 0, (attr !== 0 ? 1 : 0) - (paths.attr[row] !== 0 ? 1 : 0))
    this.#setAttributes(row, paths.attrIn[row], attr, this.store)
    this.touch(row)
  }

  /** Marks the row's prefix to be decided and exported again. */
  touch(row: RowId): void {
    this.paths.flags[row] |= RowFlag.changed
    this.prefixes.mark(this.paths.prefix[row])
  }

  /** Explicit withdrawal and treat-as-withdraw alike; true if there was such a path. */
  withdraw(peer: PeerState, prefix: number, pathId: number): boolean {
    const row = this.findRow(prefix, peer.source, pathId)
    return row !== 0 && this.kill(row)
  }

  kill(row: RowId): boolean {
    const { paths } = this
    if (paths.flags[row] & RowFlag.zombie) return false
    paths.flags[row] |= RowFlag.zombie | RowFlag.changed
    this.#count(this.#peerOf(row), -1, paths.attr[row] !== 0 ? -1 : 0)
    this.prefixes.mark(paths.prefix[row])
    return true
  }

  walk(peer: PeerState, visit: (row: RowId) => void, done: () => void = () => undefined): Walker {
    const walker: Walker = { peer, cursor: peer.head[this.index], visit, done }
    this.walkers.push(walker)
    return walker
  }

  /** Visits up to `limit` rows of the oldest walk; returns how many. */
  step(limit: number): number {
    const walker = this.walkers[0]
    if (walker === undefined) return 0
    let count = 0
    while (walker.cursor !== 0 && count < limit) {
      const row = walker.cursor
      walker.cursor = this.paths.nextInPeer[row]
      walker.visit(row)
      count++
    }
    if (walker.cursor === 0) {
      this.walkers.shift()
      walker.done()
    }
    return count + 1
  }

  /** Finishes at once what is under way for a peer: its next session must not meet the last one's work. */
  finishWalks(peer: PeerState): void {
    for (let i = 0; i < this.walkers.length; ) {
      if (this.walkers[i].peer !== peer) {
        i++
        continue
      }
      const [walker] = this.walkers.splice(i, 1)
      while (walker.cursor !== 0) {
        const row = walker.cursor
        walker.cursor = this.paths.nextInPeer[row]
        walker.visit(row)
      }
      walker.done()
    }
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
      for (const group of this.groups.values()) this.#exportSlice(group, count)
      for (let i = 0; i < count; i++) this.#bury(slice[i])
      prefixes.shrink()
    }
    this.reap()
    return count
  }

  /** Best path and multipath set of one prefix, and the kernel's news; true when the best path or its set changed. */
  #decide(prefix: number): boolean {
    const { paths, prefixes } = this
    const count = this.gather(prefix)
    const best = selectBest(this.context, this.options, this.#candidates, count)
    const before = prefixes.best[prefix]
    if (best !== before) {
      if (before !== 0) this.#prefer(before, -1)
      if (best !== 0) this.#prefer(best, 1)
      prefixes.best[prefix] = best
    }
    const changed = best !== before || (best !== 0 && (paths.flags[best] & RowFlag.changed) !== 0)
    const multipathChanged = this.#multipath(best, prefix, count)
    if (changed || multipathChanged) this.#kernel(prefix, best)
    return changed
  }

  #exportSlice(group: OutGroup, count: number): void {
    const slice = this.#slice
    const changed = this.#sliceChanged
    for (let i = 0; i < count; i++) {
      const prefix = slice[i]
      if (prefix >= group.built) continue
      if (group.addPath > 0) this.#exportAll(group, prefix, this.gather(prefix))
      else if (changed[i] === 1) this.exportBest(group, prefix)
    }
    group.pack()
  }

  /** Eligible rows of a prefix into the scratch array. */
  gather(prefix: number): number {
    const { paths } = this
    const usable = this.peers.usable[this.index]
    let count = 0
    for (let row = this.prefixes.head[prefix]; row !== 0; row = paths.nextInPrefix[row]) {
      if (paths.attr[row] === 0 || paths.flags[row] & RowFlag.zombie || usable[paths.source[row]] === 0) continue
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

  #exportAll(group: OutGroup, prefix: number, count: number): void {
    const { paths } = this
    let wanted = count
    if (count > 1 || group.addPath < count) {
      wanted = Math.min(group.addPath, rankRows(this.context, this.options, this.#candidates, count))
    } else if (this.prefixes.best[prefix] === 0) {
      wanted = 0
    }
    for (let row = this.prefixes.head[prefix]; row !== 0; row = paths.nextInPrefix[row]) {
      let attr = 0
      for (let i = 0; i < wanted; i++) {
        if (this.#candidates[i] === row) {
          attr = this.exportRow(group, row)
          break
        }
      }
      group.change(row, attr, paths.source[row])
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
      if (group.addPath > 0) this.#exportAll(group, prefix, this.gather(prefix))
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
  #multipath(best: RowId, prefix: number, count: number): boolean {
    if (this.options.maximumPaths <= 1) return false
    const { paths } = this
    const members: RowId[] = []
    if (best !== 0) {
      for (let i = 0; i < count; i++) {
        const row = this.#candidates[i]
        if (row !== best && isMultipath(this.context, this.options, best, row, this.#samePath)) members.push(row)
      }
    }
    if (members.length >= this.options.maximumPaths) {
      members.sort((a, b) => -compare(this.context, a, b, true))
      members.length = this.options.maximumPaths - 1
    }
    if (best !== 0) members.push(best)
    let changed = false
    for (let row = this.prefixes.head[prefix]; row !== 0; row = paths.nextInPrefix[row]) {
      const is = members.includes(row)
      const was = (paths.flags[row] & RowFlag.multi) !== 0
      if (is !== was || (is && paths.flags[row] & RowFlag.changed)) changed = true
      paths.flags[row] = is ? paths.flags[row] | RowFlag.multi : paths.flags[row] & ~RowFlag.multi
    }
    return changed
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

  // --- burial ---------------------------------------------------------------------------------------------------

  /** After the decision: flags are cleared, zombies go (or wait for ADD-PATH groups), an empty prefix is buried. */
  #bury(prefix: number): void {
    const { paths, prefixes } = this
    let previous = 0
    for (let row = prefixes.head[prefix]; row !== 0; ) {
      const next = paths.nextInPrefix[row]
      paths.flags[row] &= ~RowFlag.changed
      if ((paths.flags[row] & RowFlag.zombie) === 0) {
        previous = row
      } else if (this.#addPathGroups === 0 && (paths.flags[row] & RowFlag.grave) === 0) {
        this.#unlink(prefix, previous, row)
      } else {
        if (paths.attrIn[row] !== 0) {
          this.#setAttributes(row, 0, 0, this.store)
          this.#buryRow(row)
        }
        previous = row
      }
      row = next
    }
    if (prefixes.head[prefix] === 0) this.#buryPrefix(prefix)
  }

  #buryPrefix(prefix: number): void {
    const { flags } = this.prefixes
    if (flags[prefix] & PrefixFlag.grave) {
      flags[prefix] |= PrefixFlag.late
      return
    }
    flags[prefix] |= PrefixFlag.grave
    this.#deadPrefixes.bury(prefix)
  }

  #buryRow(row: RowId): void {
    const { flags } = this.paths
    if (flags[row] & RowFlag.grave) {
      flags[row] |= RowFlag.late
      return
    }
    flags[row] |= RowFlag.grave
    this.#deadRows.bury(row)
  }

  get buried(): number {
    return this.#deadPrefixes.size + this.#deadRows.size
  }

  reap(): void {
    if (this.#deadRows.size > 0) this.#deadRows.reap(this.groups.values(), this.#releaseRow)
    if (this.#deadPrefixes.size > 0) this.#deadPrefixes.reap(this.groups.values(), this.#releasePrefix)
  }

  readonly #releaseRow = (row: RowId): void => {
    const { paths, prefixes } = this
    const flags = paths.flags[row]
    if (flags & RowFlag.late) {
      paths.flags[row] &= ~RowFlag.late
      this.#deadRows.bury(row)
      return
    }
    paths.flags[row] &= ~RowFlag.grave
    // Alive again, or withdrawn again and not decided yet: the decision will see to it.
    const prefix = paths.prefix[row]
    if ((flags & RowFlag.zombie) === 0 || paths.attrIn[row] !== 0) return
    let previous = 0
    for (let at = prefixes.head[prefix]; at !== row; at = paths.nextInPrefix[at]) previous = at
    this.#unlink(prefix, previous, row)
    if (prefixes.head[prefix] === 0 && (prefixes.flags[prefix] & PrefixFlag.dirty) === 0) this.#buryPrefix(prefix)
  }

  readonly #releasePrefix = (prefix: number): void => {
    const { flags, head } = this.prefixes
    if (flags[prefix] & PrefixFlag.late) {
      flags[prefix] &= ~PrefixFlag.late
      this.#deadPrefixes.bury(prefix)
      return
    }
    flags[prefix] &= ~PrefixFlag.grave
    if (head[prefix] === 0 && (flags[prefix] & PrefixFlag.dirty) === 0) this.table.release(prefix)
  }

  /** For a prefix that was interned and then got no path. */
  dropIfUnused(prefix: number): void {
    this.prefixes.reach(prefix)
    const { flags, head } = this.prefixes
    if (head[prefix] === 0 && (flags[prefix] & (PrefixFlag.dirty | PrefixFlag.grave)) === 0) this.table.release(prefix)
  }

  #unlink(prefix: number, previous: RowId, row: RowId): void {
    const { paths, prefixes } = this
    if (previous === 0) prefixes.head[prefix] = paths.nextInPrefix[row]
    else paths.nextInPrefix[previous] = paths.nextInPrefix[row]
    this.#setAttributes(row, 0, 0, this.store)
    const peer = this.#peerOf(row)
    if (peer !== undefined) this.#unlinkPeer(peer, row)
    else this.locals.delete(row)
    paths.release(row)
  }

  #linkPeer(peer: PeerState, row: RowId): void {
    const { paths, index } = this
    const first = peer.head[index]
    paths.nextInPeer[row] = first
    paths.prevInPeer[row] = 0
    if (first !== 0) paths.prevInPeer[first] = row
    peer.head[index] = row
    peer.rows++
  }

  #unlinkPeer(peer: PeerState, row: RowId): void {
    const { paths, index } = this
    const next = paths.nextInPeer[row]
    const previous = paths.prevInPeer[row]
    for (const walker of this.walkers) if (walker.cursor === row) walker.cursor = next
    if (previous === 0) peer.head[index] = next
    else paths.nextInPeer[previous] = next
    if (next !== 0) paths.prevInPeer[next] = previous
    peer.rows--
  }

  #peerOf(row: RowId): PeerState | undefined {
    const source = this.paths.source[row]
    return source === LOCAL_SOURCE ? undefined : this.states[source - 1]
  }

  #count(peer: PeerState | undefined, received: number, accepted: number): void {
    if (peer === undefined) return
    peer.received[this.index] += received
    peer.accepted[this.index] += accepted
  }

  #prefer(row: RowId, by: number): void {
    const peer = this.#peerOf(row)
    if (peer !== undefined) peer.preferred[this.index] += by
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
