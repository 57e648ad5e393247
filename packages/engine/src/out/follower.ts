/**
 * One peer in an update group: where it stands in what the group has written.
 *
 * A follower reads, in this order: what is left of a group it came from, a dump (first table, refresh, catching up), then
 * the group's log. Falling off the log costs it its place and leaves one number, the `floor`: the flush from which on it
 * must be told everything again (hot-path.md rule 11). It never owns buffers.
 */
import type { PeerKey } from '../config/types.js'
import type { PeerSlot } from '../rib/contract.js'
import type { Dump } from './dump.js'
import type { LogCursor } from './log.js'

/** What follows a dump on the wire. */
export type Closing = 'end-of-rib' | 'end-of-refresh' | 'none'

export class Follower {
  readonly slot: PeerSlot
  readonly key: PeerKey
  readonly source: number
  /** Place in the group's log; undefined: not there (waiting for its first dump, or fallen off). */
  cursor: LogCursor | undefined
  /** Rest of the log of a group it left. */
  before: LogCursor | undefined
  dump: Dump<Follower> | undefined
  dumpCursor: LogCursor | undefined
  /** A dump is wanted: everything from this flush on; 0 is a first table. -1: none wanted. */
  floor = 0
  /** Entries the peer may hold from a group it left: those missing here must be withdrawn. */
  mayHold: Uint32Array | undefined
  closing: Closing = 'end-of-rib'
  /** The family's decision counter that must be reached before the dump begins: routes known by then belong into it. */
  mark = 0
  /** Enhanced refresh (RFC 7313): a BoRR goes out before the dump. */
  opening = false
  blocked = false
  /** Least time between two batches of changes (RFC 4271 section 9.2.1.1), milliseconds; 0 = none. */
  interval = 0
  /** Not before: when the next batch may leave. */
  nextAt = 0
  /** With an interval: the flush up to which it was told everything when it last had; -1 = it is not there. */
  complete = -1
  /** Told the world that it lags. */
  lagging = false
  endOfRibSent = false

  constructor(slot: PeerSlot, key: PeerKey) {
    this.slot = slot
    this.key = key
    this.source = slot + 1
  }

  /** Has had what it asked for, and waits for its interval to pass before it hears of changes. */
  resting(now: number): boolean {
    if (this.interval === 0 || now >= this.nextAt) return false
    return this.floor !== 0 && this.dump === undefined && this.closing === 'none' && this.before === undefined
  }

  get upToDate(): boolean {
    const reading = this.before !== undefined || this.dump !== undefined || this.floor >= 0
    return !reading && this.cursor?.done === true
  }

  /** Octets written for it and not handed over yet. */
  get waitingBytes(): number {
    const before = this.before?.waiting ?? 0
    const dump = this.dumpCursor?.waiting ?? 0
    return before + dump + (this.cursor?.waiting ?? 0)
  }
}
