/**
 * Interner of IPv6 prefixes: as `table4.ts`, with slots of (hash, id) because an address does not fit into a slot.
 *
 * The whole hash in the slot answers almost every probe; the columns are read to confirm. Shards are chosen by the
 * upper hash bits and slots by the lower ones.
 */
import { formatIPv6 } from '@starling/bgp-packet/address'
import { growU8, growU32, nextCapacity } from './grow.js'
import type { Family } from './prefix.js'
import { type PrefixTable, STAGE_SIZE } from './table.js'

const SHARDS = 256
const FREE = 255
const FIRST_SLOTS = 8
/** Of a shard that holds nothing: one free slot, never written, because the first insertion grows it. */
const NO_SLOTS = new Uint32Array(2)

export class PrefixTable6 implements PrefixTable {
  readonly family: Family = 'ipv6'
  size = 0
  limit = 1
  /** Four words per id. */
  words = new Uint32Array(64 * 4)
  lengths = new Uint8Array(64)

  readonly #seed: number
  readonly #shards: Uint32Array[] = []
  readonly #used = new Uint32Array(SHARDS)
  readonly #staged = new Uint32Array((STAGE_SIZE + 1) * 4)
  readonly #stagedLength = new Uint8Array(STAGE_SIZE + 1)
  readonly #stagedHash = new Uint32Array(STAGE_SIZE + 1)
  readonly #scratch = new Uint8Array(16)
  /** Asked before the table takes a new id: an interned prefix nobody needs any more, or 0. */
  reclaim: (() => number) | undefined
  #freeHead = 0
  #touched = 0

  constructor(seed: number) {
    this.#seed = seed | 0
    this.lengths[0] = FREE
    for (let i = 0; i < SHARDS; i++) this.#shards.push(NO_SLOTS)
  }

  get bytes(): number {
    let slots = 0
    for (const shard of this.#shards) slots += shard.length
    return slots * 4 + this.limit * 17
  }

  stage(index: number, buffer: Uint8Array, offset: number, length: number): void {
    const staged = this.#staged
    const at = index * 4
    let h = this.#seed ^ Math.imul(length, 0x9e3779b1)
    for (let w = 0; w < 4; w++) {
      const bits = length - w * 32
      let word = 0
      if (bits > 0) {
        const o = offset + w * 4
        word = buffer[o] << 24
        if (bits > 8) word |= buffer[o + 1] << 16
        if (bits > 16) word |= buffer[o + 2] << 8
        if (bits > 24) word |= buffer[o + 3]
        if (bits < 32) word &= -1 << (32 - bits)
      }
      staged[at + w] = word
      h = Math.imul(h ^ word, 0x85ebca6b)
      h ^= h >>> 15
    }
    h = Math.imul(h, 0xc2b2ae35)
    h = (h ^ (h >>> 13)) >>> 0
    this.#stagedLength[index] = length
    this.#stagedHash[index] = h
  }

  touch(count: number): void {
    const shards = this.#shards
    const hashes = this.#stagedHash
    let sum = 0
    for (let i = 0; i < count; i++) {
      const hash = hashes[i]
      const shard = shards[hash >>> 24]
      sum ^= shard[(hash << 1) & (shard.length - 1)]
    }
    this.#touched ^= sum
  }

  findStaged(index: number): number {
    const hash = this.#stagedHash[index]
    const length = this.#stagedLength[index]
    const shard = this.#shards[hash >>> 24]
    const mask = shard.length - 1
    let at = (hash << 1) & mask
    for (;;) {
      const id = shard[at + 1]
      if (id === 0) return 0
      if (shard[at] === hash && this.lengths[id] === length && this.#same(id, index)) return id
      at = (at + 2) & mask
    }
  }

  #same(id: number, index: number): boolean {
    const a = id * 4
    const b = index * 4
    const words = this.words
    const staged = this.#staged
    return (
      words[a] === staged[b] &&
      words[a + 1] === staged[b + 1] &&
      words[a + 2] === staged[b + 2] &&
      words[a + 3] === staged[b + 3]
    )
  }

  internStaged(index: number): number {
    const found = this.findStaged(index)
    return found !== 0 ? found : this.#insert(index)
  }

  find(address: Uint8Array, offset: number, length: number): number {
    this.stage(0, address, offset, length)
    return this.findStaged(0)
  }

  intern(address: Uint8Array, offset: number, length: number): number {
    this.stage(0, address, offset, length)
    return this.internStaged(0)
  }

  #insert(staged: number): number {
    // First of all: it may take another prefix out of this very shard.
    const id = this.#allocate()
    const hash = this.#stagedHash[staged]
    const index = hash >>> 24
    let shard = this.#shards[index]
    const used = this.#used[index] + 1
    if (used * 16 > shard.length * 5) shard = this.#growShard(index)
    const mask = shard.length - 1
    let at = (hash << 1) & mask
    while (shard[at + 1] !== 0) at = (at + 2) & mask
    shard[at] = hash
    shard[at + 1] = id
    this.#used[index] = used
    for (let w = 0; w < 4; w++) this.words[id * 4 + w] = this.#staged[staged * 4 + w]
    this.lengths[id] = this.#stagedLength[staged]
    this.size++
    return id
  }

  #allocate(): number {
    if (this.#freeHead === 0 && this.reclaim !== undefined) {
      const spare = this.reclaim()
      if (spare !== 0) this.release(spare)
    }
    const free = this.#freeHead
    if (free !== 0) {
      this.#freeHead = this.words[free * 4]
      return free
    }
    const id = this.limit
    if (id >= this.lengths.length) {
      const capacity = nextCapacity(id + 1)
      this.words = growU32(this.words, capacity * 4)
      this.lengths = growU8(this.lengths, capacity)
    }
    this.limit = id + 1
    return id
  }

  #growShard(index: number): Uint32Array {
    const old = this.#shards[index]
    const grown = new Uint32Array(Math.max(FIRST_SLOTS * 2, old.length * 2))
    // Written before it is read: a fresh page that is read first faults twice.
    grown.fill(0)
    const mask = grown.length - 1
    for (let i = 0; i < old.length; i += 2) {
      if (old[i + 1] === 0) continue
      let at = (old[i] << 1) & mask
      while (grown[at + 1] !== 0) at = (at + 2) & mask
      grown[at] = old[i]
      grown[at + 1] = old[i + 1]
    }
    this.#shards[index] = grown
    return grown
  }

  release(id: number): void {
    const length = this.lengths[id]
    if (length === FREE) throw new Error(`prefix table: id ${id} released twice`)
    this.writeAddress(id, this.#scratch, 0)
    // A place of its own: the batch may be in the middle of being interned.
    this.stage(STAGE_SIZE, this.#scratch, 0, length)
    const hash = this.#stagedHash[STAGE_SIZE]
    const index = hash >>> 24
    const shard = this.#shards[index]
    const mask = shard.length - 1
    let hole = (hash << 1) & mask
    while (shard[hole + 1] !== id) hole = (hole + 2) & mask
    let at = (hole + 2) & mask
    while (shard[at + 1] !== 0) {
      const home = (shard[at] << 1) & mask
      if (((at - home) & mask) >= ((at - hole) & mask)) {
        shard[hole] = shard[at]
        shard[hole + 1] = shard[at + 1]
        hole = at
      }
      at = (at + 2) & mask
    }
    shard[hole] = 0
    shard[hole + 1] = 0
    this.#used[index]--
    this.lengths[id] = FREE
    this.words[id * 4] = this.#freeHead
    this.#freeHead = id
    this.size--
  }

  isLive(id: number): boolean {
    return id > 0 && id < this.limit && this.lengths[id] !== FREE
  }

  isUnicast(id: number): boolean {
    const at = id * 4
    const first = this.words[at]
    if (first === 0) {
      const host = this.lengths[id] === 128 && this.words[at + 1] === 0 && this.words[at + 2] === 0
      return !host || this.words[at + 3] > 1
    }
    return first >>> 24 !== 0xff && first >>> 22 !== 0x3fa
  }

  writeAddress(id: number, out: Uint8Array, at: number): void {
    for (let w = 0; w < 4; w++) {
      const word = this.words[id * 4 + w]
      out[at + w * 4] = word >>> 24
      out[at + w * 4 + 1] = word >>> 16
      out[at + w * 4 + 2] = word >>> 8
      out[at + w * 4 + 3] = word
    }
  }

  writeNlri(id: number, out: Uint8Array, at: number): number {
    const length = this.lengths[id]
    const octets = (length + 7) >>> 3
    out[at] = length
    for (let i = 0; i < octets; i++) out[at + 1 + i] = this.words[id * 4 + (i >>> 2)] >>> (24 - (i & 3) * 8)
    return at + 1 + octets
  }

  text(id: number): string {
    this.writeAddress(id, this.#scratch, 0)
    return `${formatIPv6(this.#scratch)}/${this.lengths[id]}`
  }
}
