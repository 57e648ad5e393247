/**
 * The path slab of one family: one row per path, Adj-RIB-In and decision candidates at once.
 *
 * 34 octets a row in columns, linked by prefix (singly: lists are short) and by peer (doubly: a peer may lose any row
 * at any time). Nothing is freed when a path is withdrawn: the row becomes a zombie, is no candidate from then on, and
 * goes when its prefix was decided and every ADD-PATH group has withdrawn it (`family.ts`); announced again before
 * that, it simply lives on. Row 0 is "none". The row number is the path identifier we send (RFC 7911 section 3).
 */
import { growU8, growU16, growU32, nextCapacity } from '@starling/inet'

export type RowId = number

export const RowFlag = {
  /** Withdrawn; waits for the decision. */
  zombie: 1,
  /** Attributes changed since the prefix was decided. */
  changed: 2,
  /** Member of the multipath set (the best row included). */
  multi: 4,
  /** Long-lived stale (RFC 9494). */
  longLived: 8,
  /** On a list of rows to be freed; `late`: withdrawn once more since it was put there. */
  grave: 16,
  late: 32,
  /** Among the paths an ADD-PATH group is to have; set and cleared while one prefix is exported. */
  wanted: 64,
} as const

export class PathTable {
  /** Rows in use, zombies included. */
  size = 0
  limit = 1
  prefix = new Uint32Array(64)
  /** Slot + 1; 0 = local. */
  source = new Uint16Array(64)
  pathId = new Uint32Array(64)
  attrIn = new Uint32Array(64)
  /** After import policy; 0 = filtered. */
  attr = new Uint32Array(64)
  nextInPrefix = new Uint32Array(64)
  nextInPeer = new Uint32Array(64)
  prevInPeer = new Uint32Array(64)
  flags = new Uint8Array(64)
  /** Generation of the peer's routes the row was last announced in: an older one is stale. */
  epoch = new Uint8Array(64)
  /** Seconds of the engine's clock. */
  since = new Uint32Array(64)
  /** The row of the last {@link allocate} was never used before: all its columns are 0. */
  fresh = false
  #freeHead = 0

  /** A row without prefix, attributes, flags and source; the other columns hold what they held, unless it is {@link fresh}. */
  allocate(): RowId {
    this.size++
    const free = this.#freeHead
    this.fresh = free === 0
    if (free !== 0) {
      this.#freeHead = this.nextInPrefix[free]
      return free
    }
    const id = this.limit++
    if (id >= this.prefix.length) this.#grow(nextCapacity(id + 1))
    return id
  }

  release(id: RowId): void {
    this.prefix[id] = 0
    this.attrIn[id] = 0
    this.attr[id] = 0
    this.flags[id] = 0
    this.source[id] = 0
    this.nextInPrefix[id] = this.#freeHead
    this.#freeHead = id
    this.size--
  }

  #grow(capacity: number): void {
    this.prefix = growU32(this.prefix, capacity)
    this.source = growU16(this.source, capacity)
    this.pathId = growU32(this.pathId, capacity)
    this.attrIn = growU32(this.attrIn, capacity)
    this.attr = growU32(this.attr, capacity)
    this.nextInPrefix = growU32(this.nextInPrefix, capacity)
    this.nextInPeer = growU32(this.nextInPeer, capacity)
    this.prevInPeer = growU32(this.prevInPeer, capacity)
    this.flags = growU8(this.flags, capacity)
    this.epoch = growU8(this.epoch, capacity)
    this.since = growU32(this.since, capacity)
  }
}
