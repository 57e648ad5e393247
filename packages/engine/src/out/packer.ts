/**
 * From staged entries to UPDATE messages: buckets of equal (attributes, source), packed to the negotiated maximum.
 *
 * A flush (or a slice of a dump) stages entries; each distinct pair becomes one bucket, linked lists over scratch arrays,
 * no sort and no Map. Packing writes each bucket's attribute block once per message and its prefixes behind it, straight
 * into the log, and reports the octets of every bucket so that its source can skip them. Bucket attribute 0 withdraws.
 */
import { Flag, HEADER_LENGTH, MessageType } from '@starling/bgp-packet'
import { growU32, type PrefixTable } from '@starling/inet'
import type { AttrId, AttributeStore } from '../rib/attributes.js'
import type { FamilyIndex } from '../rib/contract.js'
import type { PathTable } from '../rib/paths.js'
import type { PeerColumns } from '../rib/peer-columns.js'
import { copyBlock, copyReflected, reflectedLength, toTwoOctets } from './block.js'
import type { SegmentLog } from './log.js'

const HASH_SIZE = 4096
const MP_REACH = 14
const MP_UNREACH = 15

/** A block in its 2-octet form, between measuring and writing it: one for all packers, since that is one call. */
const SCRATCH = new Uint8Array(140_000)
const FIRST = 64

/** What of a group decides its octets. */
export interface PackFormat {
  readonly family: FamilyIndex
  readonly maximum: number
  readonly addPath: boolean
  readonly fourOctetAs: boolean
  readonly external: boolean
  readonly clusterId: number
}

export type OnRun = (source: number, from: number, to: number) => void

export class Packer {
  /** Messages written since the start: for metrics. */
  messages = 0
  staged = 0
  readonly #store: AttributeStore
  readonly #peers: PeerColumns
  #items = new Uint32Array(FIRST)
  #next = new Uint32Array(FIRST)
  #bucketAttr = new Uint32Array(FIRST)
  #bucketSource = new Uint32Array(FIRST)
  #bucketHead = new Uint32Array(FIRST)
  #bucketTail = new Uint32Array(FIRST)
  #bucketCount = new Uint32Array(FIRST)
  #bucketNext = new Uint32Array(FIRST)
  #buckets = 1
  readonly #hash = new Uint32Array(HASH_SIZE)
  #last = 0
  readonly #block = SCRATCH
  #blockEnd = 0

  constructor(store: AttributeStore, peers: PeerColumns) {
    this.#store = store
    this.#peers = peers
  }

  /** Puts an entry (prefix id, or row id with ADD-PATH) into its bucket. */
  stage(entry: number, attr: AttrId, source: number): void {
    const item = ++this.staged
    if (item >= this.#items.length) {
      this.#items = growU32(this.#items, this.#items.length * 2)
      this.#next = growU32(this.#next, this.#next.length * 2)
    }
    this.#items[item] = entry
    this.#next[item] = 0
    let bucket = this.#last
    if (bucket === 0 || this.#bucketAttr[bucket] !== attr || this.#bucketSource[bucket] !== source) {
      bucket = this.#bucket(attr, source)
      this.#last = bucket
    }
    if (this.#bucketHead[bucket] === 0) this.#bucketHead[bucket] = item
    else this.#next[this.#bucketTail[bucket]] = item
    this.#bucketTail[bucket] = item
    this.#bucketCount[bucket]++
  }

  /** Packs everything staged into the log and forgets it. */
  pack(
    log: SegmentLog,
    mark: number,
    format: PackFormat,
    table: PrefixTable,
    paths: PathTable,
    onRun: OnRun | undefined,
  ): void {
    if (this.staged === 0) return
    for (let bucket = 1; bucket < this.#buckets; bucket++) {
      const from = log.end
      const source = this.#bucketSource[bucket]
      const attr = this.#bucketAttr[bucket]
      if (attr === 0) this.#withdraw(log, mark, bucket, format, table, paths)
      else this.#announce(log, mark, bucket, attr, source, format, table, paths)
      if (source !== 0 && onRun !== undefined) onRun(source, from, log.end)
    }
    this.reset()
  }

  reset(): void {
    if (this.#buckets > 1) this.#hash.fill(0)
    this.#buckets = 1
    this.staged = 0
    this.#last = 0
  }

  #bucket(attr: AttrId, source: number): number {
    const slot = (Math.imul(attr, 0x9e3779b1) ^ Math.imul(source, 0x85ebca6b)) >>> 20
    for (let at = this.#hash[slot]; at !== 0; at = this.#bucketNext[at]) {
      if (this.#bucketAttr[at] === attr && this.#bucketSource[at] === source) return at
    }
    const made = this.#buckets++
    if (made >= this.#bucketAttr.length) {
      const size = made * 2
      this.#bucketAttr = growU32(this.#bucketAttr, size)
      this.#bucketSource = growU32(this.#bucketSource, size)
      this.#bucketHead = growU32(this.#bucketHead, size)
      this.#bucketTail = growU32(this.#bucketTail, size)
      this.#bucketCount = growU32(this.#bucketCount, size)
      this.#bucketNext = growU32(this.#bucketNext, size)
    }
    this.#bucketAttr[made] = attr
    this.#bucketSource[made] = source
    this.#bucketHead[made] = 0
    this.#bucketCount[made] = 0
    this.#bucketNext[made] = this.#hash[slot]
    this.#hash[slot] = made
    return made
  }

  #announce(
    log: SegmentLog,
    mark: number,
    bucket: number,
    attr: AttrId,
    source: number,
    format: PackFormat,
    table: PrefixTable,
    paths: PathTable,
  ): void {
    const store = this.#store
    const reflected = !format.external && source !== 0 && this.#peers.external[source] === 0
    const originator = this.#peers.routerId[source]
    const blockLength = this.#blockLength(attr, reflected, originator, format)
    const hop = store.outer(attr)
    const mp = format.family === 1 || hop !== 0
    const hopBytes = store.nextHops.bytes(hop)
    const fixed = HEADER_LENGTH + 4 + blockLength + (mp ? 9 + hopBytes.length : 0)
    const largest = (format.family === 1 ? 17 : 5) + (format.addPath ? 4 : 0)
    if (fixed + largest > format.maximum) {
      // RFC 4271 has no way to send it; what the peers may hold of it must go.
      this.#withdraw(log, mark, bucket, format, table, paths)
      return
    }
    let item = this.#bucketHead[bucket]
    let left = this.#bucketCount[bucket]
    while (item !== 0) {
      const need = Math.min(format.maximum, fixed + left * largest)
      const segment = log.reserve(need, mark)
      const out = segment.buffer
      const start = segment.used
      const limit = start + need - (mp ? blockLength : 0)
      let at = start + HEADER_LENGTH
      out[at] = 0
      out[at + 1] = 0
      const attributesAt = at + 2
      at += 4
      let lengthAt = 0
      if (mp) {
        out[at] = Flag.optional | Flag.extendedLength
        out[at + 1] = MP_REACH
        lengthAt = at + 2
        out[at + 4] = 0
        out[at + 5] = format.family + 1
        out[at + 6] = 1
        out[at + 7] = hopBytes.length
        at += 8
        for (let i = 0; i < hopBytes.length; i++) out[at++] = hopBytes[i]
        out[at++] = 0
      } else {
        at = this.#putBlock(attr, reflected, originator, format, out, at)
        put16(out, attributesAt, blockLength)
      }
      while (item !== 0 && at + largest <= limit) {
        at = this.#prefix(out, at, this.#items[item], format.addPath, table, paths)
        item = this.#next[item]
        left--
      }
      if (mp) {
        put16(out, lengthAt, at - lengthAt - 2)
        at = this.#putBlock(attr, reflected, originator, format, out, at)
        put16(out, attributesAt, at - attributesAt - 2)
      }
      this.#finish(log, segment, start, at)
    }
  }

  #withdraw(
    log: SegmentLog,
    mark: number,
    bucket: number,
    format: PackFormat,
    table: PrefixTable,
    paths: PathTable,
  ): void {
    const mp = format.family === 1
    const largest = (mp ? 17 : 5) + (format.addPath ? 4 : 0)
    let item = this.#bucketHead[bucket]
    let left = this.#bucketCount[bucket]
    while (item !== 0) {
      const need = Math.min(format.maximum, HEADER_LENGTH + 16 + left * largest)
      const segment = log.reserve(need, mark)
      const out = segment.buffer
      const start = segment.used
      const limit = start + need - 2
      let at = start + HEADER_LENGTH
      const lengthAt = mp ? at + 6 : at
      if (mp) {
        put16(out, at, 0)
        out[at + 4] = Flag.optional | Flag.extendedLength
        out[at + 5] = MP_UNREACH
        put16(out, at + 8, 2)
        out[at + 10] = 1
        at += 11
      } else {
        at += 2
      }
      while (item !== 0 && at + largest <= limit) {
        at = this.#prefix(out, at, this.#items[item], format.addPath, table, paths)
        item = this.#next[item]
        left--
      }
      put16(out, lengthAt, at - lengthAt - 2)
      if (mp) {
        put16(out, start + HEADER_LENGTH + 2, at - start - HEADER_LENGTH - 4)
      } else {
        put16(out, at, 0)
        at += 2
      }
      this.#finish(log, segment, start, at)
    }
  }

  #prefix(
    out: Uint8Array,
    start: number,
    entry: number,
    addPath: boolean,
    table: PrefixTable,
    paths: PathTable,
  ): number {
    if (!addPath) return table.writeNlri(entry, out, start)
    out[start] = entry >>> 24
    out[start + 1] = entry >>> 16
    out[start + 2] = entry >>> 8
    out[start + 3] = entry
    return table.writeNlri(paths.prefix[entry], out, start + 4)
  }

  /** Length of the block as it leaves; the 2-octet form is written aside, as its length is not known before. */
  #blockLength(attr: AttrId, reflected: boolean, originator: number, format: PackFormat): number {
    const store = this.#store
    if (format.fourOctetAs) return reflected ? reflectedLength(store, attr) : store.lengths[attr]
    const block = this.#block
    const end = reflected
      ? copyReflected(store, attr, originator, format.clusterId, block, 0)
      : copyBlock(store, attr, block, 0)
    this.#blockEnd = toTwoOctets(block, 0, end)
    return this.#blockEnd
  }

  #putBlock(
    attr: AttrId,
    reflected: boolean,
    originator: number,
    format: PackFormat,
    out: Uint8Array,
    at: number,
  ): number {
    if (!format.fourOctetAs) {
      const block = this.#block
      for (let i = 0; i < this.#blockEnd; i++) out[at + i] = block[i]
      return at + this.#blockEnd
    }
    if (reflected) return copyReflected(this.#store, attr, originator, format.clusterId, out, at)
    return copyBlock(this.#store, attr, out, at)
  }

  #finish(log: SegmentLog, segment: ReturnType<SegmentLog['reserve']>, start: number, end: number): void {
    const out = segment.buffer
    for (let i = start; i < start + 16; i++) out[i] = 255
    put16(out, start + 16, end - start)
    out[start + 18] = MessageType.update
    log.commit(segment, end - start)
    this.messages++
  }
}

function put16(out: Uint8Array, at: number, value: number): void {
  out[at] = value >>> 8
  out[at + 1] = value
}
