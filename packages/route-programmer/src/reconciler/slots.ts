/**
 * The columns beside the key index: one row per route key that is wanted or there. Integers only; 46 bytes per route
 * with the index, so half a million routes cost 23 MB and the garbage collector never looks at them.
 */

import { KeyIndex } from './key-index.js'
import { ABSENT } from './way.js'

export const FLAG = {
  /** In a work queue. */
  QUEUED: 1,
  /** A foreign route holds the key. */
  FOREIGN: 2,
  /** That conflict has been reported. */
  REPORTED: 4,
  /** Seen by the read under way. */
  SEEN: 8,
  /** In a batch that is being written. */
  FLYING: 16,
  /** Asked for again while flying. */
  AGAIN: 32,
  /** The kernel holds more than one route of ours under the key; somebody appended or prepended one. */
  DOUBLED: 64,
} as const

export class Slots {
  readonly index: KeyIndex
  /** Wish number, 0 for none. */
  wish: Uint32Array
  /** Number of the text that says who asked. */
  why: Uint32Array
  /** Way number of what the kernel holds, ABSENT or UNKNOWN. */
  actual: Uint32Array
  flags: Uint8Array
  /** Rows with a wish. */
  desired = 0

  constructor(seed: number) {
    this.index = new KeyIndex(seed)
    const { capacity } = this.index
    this.wish = new Uint32Array(capacity)
    this.why = new Uint32Array(capacity)
    this.actual = new Uint32Array(capacity)
    this.flags = new Uint8Array(capacity)
  }

  /** After an intern that may have grown the index. */
  fit(): void {
    const { capacity } = this.index
    if (this.wish.length >= capacity) return
    const grow = (old: Uint32Array) => {
      const larger = new Uint32Array(capacity)
      larger.set(old)
      return larger
    }
    this.wish = grow(this.wish)
    this.why = grow(this.why)
    this.actual = grow(this.actual)
    const flags = new Uint8Array(capacity)
    flags.set(this.flags)
    this.flags = flags
  }

  has(slot: number, flag: number): boolean {
    return ((this.flags[slot] as number) & flag) !== 0
  }

  raise(slot: number, flag: number): void {
    this.flags[slot] = (this.flags[slot] as number) | flag
  }

  lower(slot: number, flag: number): void {
    this.flags[slot] = (this.flags[slot] as number) & ~flag
  }

  /** True for a row that holds a key at all: released rows keep nothing. */
  live(slot: number): boolean {
    return this.wish[slot] !== 0 || this.actual[slot] !== ABSENT
  }

  /** Gives the row back when nothing is wanted, there, queued or flying. */
  releaseIfIdle(slot: number): boolean {
    if (this.live(slot) || this.has(slot, FLAG.QUEUED | FLAG.FLYING)) return false
    this.flags[slot] = 0
    this.why[slot] = 0
    this.index.release(slot)
    return true
  }
}
