/**
 * Adj-RIB-Out of one update group: per entry the exported set, its source, and the flush that last changed it.
 *
 * An entry is a prefix id, or with ADD-PATH a row of the path slab, whose number is the path identifier. 10 octets an
 * entry and group, whatever the number of peers. The version column is what laggards and joiners live on.
 */
import { growU16, growU32, nextCapacity, PAGE } from '@starling/inet'

export class AdjRibOut {
  attr = new Uint32Array(64)
  source = new Uint16Array(64)
  version = new Uint32Array(64)
  /** Entries ever written are below this. */
  limit = 1
  /** Advertised entries. */
  count = 0
  /** Entries below this may be used; the columns hold nothing from here on. */
  #opened = 0
  /** Advertised entries by source: a peer is sent all but its own. */
  bySource = new Uint32Array(64)

  reach(entry: number): void {
    if (entry < this.limit) return
    this.limit = entry + 1
    if (entry >= this.#opened) this.#open(entry)
  }

  #open(entry: number): void {
    if (entry >= this.attr.length) {
      const capacity = nextCapacity(entry + 1)
      this.attr = growU32(this.attr, capacity)
      this.source = growU16(this.source, capacity)
      this.version = growU32(this.version, capacity)
    }
    const next = (entry | (PAGE - 1)) + 1
    this.#opened = Math.min(next, this.attr.length)
    if (next >= this.attr.length) return
    // These are read first: see PAGE.
    this.attr[next] = 0
    this.source[next] = 0
  }

  /** Keeps the counts; the caller keeps the references. */
  set(entry: number, attr: number, source: number, version: number): void {
    if (this.attr[entry] !== 0) {
      this.count--
      this.bySource[this.source[entry]]--
    }
    if (attr !== 0) {
      if (source >= this.bySource.length) this.bySource = growU32(this.bySource, nextCapacity(source + 1))
      this.count++
      this.bySource[source]++
    }
    this.attr[entry] = attr
    this.source[entry] = source
    this.version[entry] = version
  }

  /** A bit for every entry advertised now, or (`ever`) changed at any time: what a follower can hold at most. */
  held(ever: boolean): Uint32Array {
    const bits = new Uint32Array((this.limit + 31) >>> 5)
    const column = ever ? this.version : this.attr
    for (let entry = 1; entry < this.limit; entry++) if (column[entry] !== 0) bits[entry >>> 5] |= 1 << (entry & 31)
    return bits
  }
}
