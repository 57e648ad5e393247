/**
 * Adj-RIB-In of one family: paths arrive, change and go, prefixes become dirty; nothing is decided here.
 *
 * A withdrawal, however it came (explicit, treat-as-withdraw, session loss, sweep), is one thing: `kill`. It only turns
 * the row into a zombie; `bury` and `reap` take it away once the prefix was decided and everybody knows.
 * Long walks over a peer's rows (its loss, a new import policy) are sliced: {@link AdjRibIn.step}.
 */
import type { PrefixTable } from '@starling/inet'
import type { OutGroup } from '../out/group.js'
import type { AttrId, AttributeStore } from './attributes.js'
import type { FamilyIndex, LocalRoute } from './contract.js'
import { Graves } from './graves.js'
import { PathTable, RowFlag, type RowId } from './paths.js'
import { LOCAL_SOURCE } from './peer-columns.js'
import type { PeerState } from './peers.js'
import { PrefixColumns, PrefixFlag } from './prefixes.js'

/** A walk over one peer's rows, sliced; rows freed meanwhile move it on. */
export interface Walker {
  readonly peer: PeerState
  cursor: RowId
  /** What to do with each row. */
  readonly visit: (row: RowId) => void
  readonly done: () => void
}

export class AdjRibIn {
  readonly index: FamilyIndex
  readonly table: PrefixTable
  readonly store: AttributeStore
  readonly states: (PeerState | undefined)[]
  readonly paths = new PathTable()
  readonly prefixes = new PrefixColumns()
  /** Local routes by row. */
  readonly locals = new Map<RowId, LocalRoute>()
  readonly walkers: Walker[] = []
  readonly #deadPrefixes = new Graves()
  readonly #deadRows = new Graves()

  constructor(index: FamilyIndex, table: PrefixTable, store: AttributeStore, states: (PeerState | undefined)[]) {
    this.index = index
    this.table = table
    this.store = store
    this.states = states
    table.reclaim = () => this.prefixes.takeCold()
  }

  findRow(prefix: number, source: number, pathId: number): RowId {
    const { paths } = this
    for (let row = this.prefixes.head[prefix]; row !== 0; row = paths.nextInPrefix[row]) {
      if (paths.source[row] === source && paths.pathId[row] === pathId) return row
    }
    return 0
  }

  /**
   * Adj-RIB-In takes a path; true when that is news. `accepted` 0: kept, but import policy filtered it. A prefix that
   * means nothing to others is ignored whatever policy says (RFC 4271 section 6.3): kept, visible, never a candidate.
   */
  announce(
    peer: PeerState | undefined,
    prefix: number,
    pathId: number,
    attrIn: AttrId,
    accepted: AttrId,
    seconds: number,
  ): RowId {
    const { paths, index } = this
    this.prefixes.reach(prefix)
    const attr = peer === undefined || accepted === 0 || this.table.isUnicast(prefix) ? accepted : 0
    const source = peer === undefined ? LOCAL_SOURCE : peer.source
    const row = this.findRow(prefix, source, pathId)
    if (row === 0) return this.#insert(peer, source, prefix, pathId, attrIn, attr, seconds)
    const epoch = peer === undefined ? 0 : peer.epoch[index]
    const zombie = (paths.flags[row] & RowFlag.zombie) !== 0
    if (!zombie && paths.attrIn[row] === attrIn && paths.attr[row] === attr) {
      paths.epoch[row] = epoch
      return 0
    }
    if (zombie) this.#count(peer, 1, attr !== 0 ? 1 : 0)
    else this.#count(peer, 0, (attr !== 0 ? 1 : 0) - (paths.attr[row] !== 0 ? 1 : 0))
    paths.flags[row] = (paths.flags[row] & ~(RowFlag.zombie | RowFlag.longLived)) | RowFlag.changed
    this.#setAttributes(row, attrIn, attr, this.store)
    if (paths.epoch[row] !== epoch) paths.epoch[row] = epoch
    paths.since[row] = seconds
    this.prefixes.mark(prefix)
    return row
  }

  /** A path that was not there. Most of a large table is this, once: no column is read that was never written. */
  #insert(
    peer: PeerState | undefined,
    source: number,
    prefix: number,
    pathId: number,
    attrIn: AttrId,
    attr: AttrId,
    seconds: number,
  ): RowId {
    const { paths, prefixes, store } = this
    prefixes.thaw(prefix)
    const row = paths.allocate()
    const used = !paths.fresh
    const next = prefixes.head[prefix]
    const epoch = peer === undefined ? 0 : peer.epoch[this.index]
    prefixes.head[prefix] = row
    paths.prefix[row] = prefix
    paths.source[row] = source
    paths.flags[row] = RowFlag.changed
    paths.since[row] = seconds
    // What is 0 need not be written into a fresh row: pages nobody writes to take no memory.
    if (used || pathId !== 0) paths.pathId[row] = pathId
    if (used || next !== 0) paths.nextInPrefix[row] = next
    if (used || epoch !== 0) paths.epoch[row] = epoch
    if (attrIn !== 0) {
      store.retain(attrIn)
      paths.attrIn[row] = attrIn
    }
    if (attr !== 0) {
      store.retain(attr)
      paths.attr[row] = attr
    }
    if (peer !== undefined) this.#linkPeer(peer, row, used)
    this.#count(peer, 1, attr !== 0 ? 1 : 0)
    prefixes.mark(prefix)
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
  reimport(row: RowId, accepted: AttrId): void {
    const { paths } = this
    const attr = this.table.isUnicast(paths.prefix[row]) ? accepted : 0
    if (paths.attr[row] === attr || paths.flags[row] & RowFlag.zombie) return
    this.#count(this.peerOf(row), 0, (attr !== 0 ? 1 : 0) - (paths.attr[row] !== 0 ? 1 : 0))
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
    this.#count(this.peerOf(row), -1, paths.attr[row] !== 0 ? -1 : 0)
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

  /** After the decision: flags are cleared, zombies go (or wait for ADD-PATH groups), an empty prefix is buried. */
  bury(prefix: number, keepRows: boolean): void {
    const { paths, prefixes } = this
    let previous = 0
    for (let row = prefixes.head[prefix]; row !== 0; ) {
      const next = paths.nextInPrefix[row]
      paths.flags[row] &= ~RowFlag.changed
      if ((paths.flags[row] & RowFlag.zombie) === 0) {
        previous = row
      } else if (!keepRows && (paths.flags[row] & RowFlag.grave) === 0) {
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

  /** Releases what every follower of every group knows to be gone. */
  reap(groups: ReadonlyMap<string, OutGroup>): void {
    if (this.#deadRows.size > 0) this.#deadRows.reap(groups.values(), this.#releaseRow)
    if (this.#deadPrefixes.size > 0) this.#deadPrefixes.reap(groups.values(), this.#releasePrefix)
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
    if (head[prefix] === 0 && (flags[prefix] & PrefixFlag.dirty) === 0) this.prefixes.chill(prefix)
  }

  #unlink(prefix: number, previous: RowId, row: RowId): void {
    const { paths, prefixes } = this
    if (previous === 0) prefixes.head[prefix] = paths.nextInPrefix[row]
    else paths.nextInPrefix[previous] = paths.nextInPrefix[row]
    this.#setAttributes(row, 0, 0, this.store)
    const peer = this.peerOf(row)
    if (peer !== undefined) this.#unlinkPeer(peer, row)
    else this.locals.delete(row)
    paths.release(row)
  }

  #linkPeer(peer: PeerState, row: RowId, used: boolean): void {
    const { paths, index } = this
    const first = peer.head[index]
    paths.nextInPeer[row] = first
    if (used) paths.prevInPeer[row] = 0
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

  peerOf(row: RowId): PeerState | undefined {
    const source = this.paths.source[row]
    return source === LOCAL_SOURCE ? undefined : this.states[source - 1]
  }

  #count(peer: PeerState | undefined, received: number, accepted: number): void {
    if (peer === undefined) return
    peer.received[this.index] += received
    peer.accepted[this.index] += accepted
  }
}
