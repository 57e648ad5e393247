/**
 * Interned attribute sets: canonical octets once, the columns that decisions compare, a reference count.
 *
 * Station "engine/rib/attributes" of the road. A set's identity is its canonical block (`canonicalBlock` of the codec:
 * ascending codes, 4-octet AS numbers; NEXT_HOP inside for plain IPv4), the next hop of MP_REACH where that carried it,
 * and BIRD's route preference. Two routes with one AttrId are equal in everything a peer could see. Holders retain and
 * release; a set nobody holds goes at once. `serials` tell memos that an id was reused.
 * About 60 octets of columns and 100 of block per set.
 */
import {
  AttributeBlock,
  AttributeCode,
  asPathLength,
  asPathNeighbor,
  CANONICAL_CONTEXT,
  Community,
} from '@starling/bgp-packet'
import { growU8, growU16, growU32, nextCapacity } from '@starling/inet'
import { ByteArena } from './arena.js'
import { hashBytes, hashNumber } from './hash.js'
import type { NextHops } from './next-hops.js'

export type AttrId = number

/** BIRD's preference of BGP routes (calico.md 3.4). */
export const BGP_PREFERENCE = 100

export const SetFlag = {
  localPref: 1,
  med: 2,
  noExport: 4,
  noAdvertise: 8,
  llgrStale: 16,
  noLlgr: 32,
  gracefulShutdown: 64,
  otc: 128,
  /** Something only internal peers may send: such octets from an external peer mean another set. */
  internalOnly: 256,
  /** NEXT_HOP stands inside the block. */
  inlineNextHop: 512,
  originator: 1024,
  noExportSubconfed: 2048,
  /** An extended community says the bandwidth of the link: multipath weights (`link-bandwidth.ts`). */
  linkBandwidth: 4096,
} as const

const INTERNAL_CODES = [AttributeCode.localPref, AttributeCode.originatorId, AttributeCode.clusterList, 40]

const LINK_BANDWIDTH = 0x04
const NON_TRANSITIVE = 0x40

/** Is the eight-octet extended community at `at` a link bandwidth, of either kind (`link-bandwidth.ts`)? */
export function isLinkBandwidth(buffer: Uint8Array, at: number): boolean {
  return (buffer[at] & ~NON_TRANSITIVE) === 0 && buffer[at + 1] === LINK_BANDWIDTH
}

export class AttributeStore {
  readonly arena = new ByteArena()
  readonly nextHops: NextHops
  size = 0
  limit = 1

  handles = new Uint32Array(64)
  lengths = new Uint16Array(64)
  refs = new Uint32Array(64)
  serials = new Uint32Array(64)
  flags = new Uint16Array(64)
  localPrefs = new Uint32Array(64)
  meds = new Uint32Array(64)
  pathLengths = new Uint16Array(64)
  /** Where the segments of AS_PATH begin and end in the block; equal without one. */
  pathStart = new Uint16Array(64)
  pathEnd = new Uint16Array(64)
  origins = new Uint8Array(64)
  neighbors = new Uint32Array(64)
  originators = new Uint32Array(64)
  clusterCounts = new Uint8Array(64)
  nextHop = new Uint32Array(64)
  preferences = new Uint16Array(64)
  /** Offsets in the block: where ORIGINATOR_ID belongs, where it ends, where CLUSTER_LIST ends (`out/block.ts`). */
  spliceAt = new Uint16Array(64)
  originatorEnd = new Uint16Array(64)
  clusterEnd = new Uint16Array(64)

  #hashes = new Uint32Array(64)
  #chain = new Uint32Array(64)
  #buckets = new Uint32Array(64)
  #freeHead = 0
  #serial = 0
  /** Keeps {@link touch} from being optimised away. */
  #touched = 0
  readonly #seed: number
  readonly #block = new AttributeBlock()

  constructor(seed: number, nextHops: NextHops) {
    this.#seed = seed | 0
    this.nextHops = nextHops
  }

  /** Hash of a block's octets, to be passed to {@link find} and {@link intern}. */
  hash(buffer: Uint8Array, start: number, end: number): number {
    return hashBytes(this.#seed, buffer, start, end)
  }

  /** Brings near what {@link find} will look at first. */
  touch(hash: number, outer: number, preference: number): void {
    const full = hashNumber(hash, outer ^ (preference << 20)) >>> 0
    this.#touched ^= this.#buckets[full & (this.#buckets.length - 1)]
  }

  /** `outer` is the next hop that does not stand in the block (0 when it does, or for local routes). */
  find(hash: number, buffer: Uint8Array, start: number, end: number, outer: number, preference: number): AttrId {
    const full = hashNumber(hash, outer ^ (preference << 20)) >>> 0
    const length = end - start
    for (let id = this.#buckets[full & (this.#buckets.length - 1)]; id !== 0; id = this.#chain[id]) {
      if (this.#hashes[id] !== full || this.lengths[id] !== length || this.preferences[id] !== preference) continue
      const inline = (this.flags[id] & SetFlag.inlineNextHop) !== 0
      if ((inline ? 0 : this.nextHop[id]) !== outer) continue
      if (this.#sameBytes(id, buffer, start, length)) return id
    }
    return 0
  }

  /** The set of a canonical block, made if need be; a new one has no reference yet. */
  intern(buffer: Uint8Array, start: number, end: number, outer: number, preference: number): AttrId {
    const hash = this.hash(buffer, start, end)
    const found = this.find(hash, buffer, start, end, outer, preference)
    if (found !== 0) return found
    const block = this.#block
    block.parse(buffer, start, end, CANONICAL_CONTEXT)
    return this.add(hash, block, start, end, outer, preference)
  }

  /** A set that {@link find} does not know, from its canonical block, parsed already. */
  add(hash: number, block: AttributeBlock, start: number, end: number, outer: number, preference: number): AttrId {
    const { buffer } = block
    if (this.size * 2 >= this.#buckets.length) this.#rehash()
    const id = this.#allocate()
    const full = hashNumber(hash, outer ^ (preference << 20)) >>> 0
    const length = end - start
    const handle = length === 0 ? 0 : this.arena.allocate(length)
    if (length > 0) this.#keep(handle, buffer, start, length)
    this.handles[id] = handle
    this.lengths[id] = length
    this.preferences[id] = preference
    this.refs[id] = 0
    this.#serial = (this.#serial + 1) >>> 0
    this.serials[id] = this.#serial
    this.#describe(id, outer, block, start)
    this.nextHops.retain(this.nextHop[id])
    this.#hashes[id] = full
    const bucket = full & (this.#buckets.length - 1)
    this.#chain[id] = this.#buckets[bucket]
    this.#buckets[bucket] = id
    this.size++
    return id
  }

  /** A loop, because `set(subarray())` costs more than the hundred octets it moves. */
  #keep(handle: number, buffer: Uint8Array, start: number, length: number): void {
    const chunk = this.arena.chunk(handle)
    const at = this.arena.offset(handle)
    for (let i = 0; i < length; i++) chunk[at + i] = buffer[start + i]
  }

  retain(id: AttrId): void {
    this.refs[id]++
  }

  release(id: AttrId): void {
    const refs = this.refs[id]
    if (refs === 0) throw new Error(`attribute set ${id} released without a reference`)
    this.refs[id] = refs - 1
    if (refs === 1) this.#free(id)
  }

  /** For a set that was interned and then not used. */
  dropIfUnused(id: AttrId): void {
    if (id !== 0 && this.refs[id] === 0) this.#free(id)
  }

  chunk(id: AttrId): Uint8Array {
    return this.arena.chunk(this.handles[id])
  }

  offset(id: AttrId): number {
    return this.arena.offset(this.handles[id])
  }

  /** The next hop that travels in MP_REACH: 0 when it stands in the block. */
  outer(id: AttrId): number {
    return this.flags[id] & SetFlag.inlineNextHop ? 0 : this.nextHop[id]
  }

  /** Parses the set's block into the caller's reader. */
  read(id: AttrId, block: AttributeBlock): void {
    const at = this.offset(id)
    block.parse(this.chunk(id), at, at + this.lengths[id], CANONICAL_CONTEXT)
  }

  get bytes(): number {
    return this.arena.bytes + this.limit * 60 + this.#buckets.length * 4
  }

  *live(): Generator<AttrId> {
    for (let id = 1; id < this.limit; id++) if (this.serials[id] !== 0) yield id
  }

  #sameBytes(id: AttrId, buffer: Uint8Array, start: number, length: number): boolean {
    const chunk = this.chunk(id)
    const at = this.offset(id)
    for (let i = 0; i < length; i++) if (chunk[at + i] !== buffer[start + i]) return false
    return true
  }

  /** `base`: where the block begins in the reader's buffer. */
  #describe(id: AttrId, outer: number, block: AttributeBlock, base: number): void {
    let flags = 0
    if (block.has(AttributeCode.localPref)) flags |= SetFlag.localPref
    this.localPrefs[id] = block.has(AttributeCode.localPref) ? block.u32(AttributeCode.localPref) : 0
    if (block.has(AttributeCode.med)) flags |= SetFlag.med
    this.meds[id] = block.has(AttributeCode.med) ? block.u32(AttributeCode.med) : 0
    if (block.has(AttributeCode.otc)) flags |= SetFlag.otc
    for (let i = 0; i < INTERNAL_CODES.length; i++) if (block.has(INTERNAL_CODES[i])) flags |= SetFlag.internalOnly
    const pathStart = block.start(AttributeCode.asPath)
    const pathEnd = block.end(AttributeCode.asPath)
    this.pathLengths[id] = asPathLength(block.buffer, pathStart, pathEnd, 4)
    this.pathStart[id] = pathEnd > pathStart ? pathStart - base : 0
    this.pathEnd[id] = pathEnd > pathStart ? pathEnd - base : 0
    this.neighbors[id] = asPathNeighbor(block.buffer, pathStart, pathEnd, 4)
    for (let at = pathStart; at + 2 <= pathEnd; at += 2 + block.buffer[at + 1] * 4) {
      if (block.buffer[at] > 2) flags |= SetFlag.internalOnly
    }
    this.origins[id] = block.has(AttributeCode.origin) ? block.buffer[block.start(AttributeCode.origin)] : 2
    if (block.has(AttributeCode.originatorId)) flags |= SetFlag.originator
    this.originators[id] = block.has(AttributeCode.originatorId) ? block.u32(AttributeCode.originatorId) : 0
    const clusters = (block.end(AttributeCode.clusterList) - block.start(AttributeCode.clusterList)) >>> 2
    this.clusterCounts[id] = Math.min(255, clusters)
    flags |= this.#communities(block) | this.#extended(block)
    if (block.has(AttributeCode.nextHop)) {
      flags |= SetFlag.inlineNextHop
      const at = block.start(AttributeCode.nextHop)
      this.nextHop[id] = this.nextHops.intern(block.buffer, at, at + 4)
    } else {
      this.nextHop[id] = outer
    }
    this.flags[id] = flags
    this.#splices(id, block, base)
  }

  #communities(block: AttributeBlock): number {
    let flags = 0
    const end = block.end(AttributeCode.communities)
    const { buffer } = block
    if (!block.has(AttributeCode.communities)) return 0
    for (let at = block.start(AttributeCode.communities); at + 4 <= end; at += 4) {
      if (buffer[at] !== 255 || buffer[at + 1] !== 255) continue
      const value = ((buffer[at] << 24) | (buffer[at + 1] << 16) | (buffer[at + 2] << 8) | buffer[at + 3]) >>> 0
      if (value === Community.noExport) flags |= SetFlag.noExport
      else if (value === Community.noAdvertise) flags |= SetFlag.noAdvertise
      else if (value === Community.noExportSubconfed) flags |= SetFlag.noExportSubconfed
      else if (value === Community.llgrStale) flags |= SetFlag.llgrStale
      else if (value === Community.noLlgr) flags |= SetFlag.noLlgr
      else if (value === Community.gracefulShutdown) flags |= SetFlag.gracefulShutdown
    }
    return flags
  }

  #extended(block: AttributeBlock): number {
    if (!block.has(AttributeCode.extendedCommunities)) return 0
    const end = block.end(AttributeCode.extendedCommunities)
    for (let at = block.start(AttributeCode.extendedCommunities); at + 8 <= end; at += 8) {
      if (isLinkBandwidth(block.buffer, at)) return SetFlag.linkBandwidth
    }
    return 0
  }

  #splices(id: AttrId, block: AttributeBlock, base: number): void {
    let splice = 0
    for (let i = 0; i < block.count; i++) {
      const code = block.codes[i]
      if (code < AttributeCode.originatorId) splice = block.end(code) - base
    }
    const originatorEnd = block.has(AttributeCode.originatorId) ? block.end(AttributeCode.originatorId) - base : splice
    const clusterEnd = block.has(AttributeCode.clusterList)
      ? block.end(AttributeCode.clusterList) - base
      : originatorEnd
    this.spliceAt[id] = splice
    this.originatorEnd[id] = originatorEnd
    this.clusterEnd[id] = clusterEnd
  }

  #free(id: AttrId): void {
    let at = this.#hashes[id] & (this.#buckets.length - 1)
    if (this.#buckets[at] === id) {
      this.#buckets[at] = this.#chain[id]
    } else {
      at = this.#buckets[at]
      while (this.#chain[at] !== id) at = this.#chain[at]
      this.#chain[at] = this.#chain[id]
    }
    if (this.lengths[id] > 0) this.arena.release(this.handles[id], this.lengths[id])
    this.nextHops.release(this.nextHop[id])
    this.serials[id] = 0
    this.#chain[id] = this.#freeHead
    this.#freeHead = id
    this.size--
  }

  #allocate(): AttrId {
    const free = this.#freeHead
    if (free !== 0) {
      this.#freeHead = this.#chain[free]
      return free
    }
    const id = this.limit++
    if (id >= this.handles.length) this.#grow(nextCapacity(id + 1))
    return id
  }

  #grow(capacity: number): void {
    this.handles = growU32(this.handles, capacity)
    this.lengths = growU16(this.lengths, capacity)
    this.refs = growU32(this.refs, capacity)
    this.serials = growU32(this.serials, capacity)
    this.flags = growU16(this.flags, capacity)
    this.localPrefs = growU32(this.localPrefs, capacity)
    this.meds = growU32(this.meds, capacity)
    this.pathLengths = growU16(this.pathLengths, capacity)
    this.pathStart = growU16(this.pathStart, capacity)
    this.pathEnd = growU16(this.pathEnd, capacity)
    this.origins = growU8(this.origins, capacity)
    this.neighbors = growU32(this.neighbors, capacity)
    this.originators = growU32(this.originators, capacity)
    this.clusterCounts = growU8(this.clusterCounts, capacity)
    this.nextHop = growU32(this.nextHop, capacity)
    this.preferences = growU16(this.preferences, capacity)
    this.spliceAt = growU16(this.spliceAt, capacity)
    this.originatorEnd = growU16(this.originatorEnd, capacity)
    this.clusterEnd = growU16(this.clusterEnd, capacity)
    this.#hashes = growU32(this.#hashes, capacity)
    this.#chain = growU32(this.#chain, capacity)
  }

  #rehash(): void {
    const buckets = new Uint32Array(this.#buckets.length * 4)
    for (let id = 1; id < this.limit; id++) {
      if (this.serials[id] === 0) continue
      const bucket = this.#hashes[id] & (buckets.length - 1)
      this.#chain[id] = buckets[bucket]
      buckets[bucket] = id
    }
    this.#buckets = buckets
  }
}
