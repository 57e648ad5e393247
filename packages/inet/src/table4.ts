/**
 * Interner of IPv4 prefixes: 256 shards of open addressing over typed arrays.
 *
 * A slot is two words, the address and `length << 26 | id`: a probe decides without touching the columns, which was the
 * fastest of three layouts measured (hot-path.md section 2). Shards grow one at a time at 5/8 full, so the longest
 * pause of growth is that of 1/256 of the table. Deletion shifts back the entries behind (no tombstones), which keeps
 * probes short for ever. The hash is seeded: a peer cannot choose prefixes that collide.
 */
import { formatIPv4 } from '@starling/bgp-packet/address'
import { growU8, growU32, nextCapacity } from './grow.js'
import type { Family } from './prefix.js'
import { type PrefixTable, STAGE_SIZE } from './table.js'

const SHARDS = 256
const FREE = 255
const ID_MASK = 0x3ffffff
const FIRST_SLOTS = 8
/** Words of a shard below which it grows fourfold: what is copied again and again is also touched again and again. */
const FAST_GROWTH = 8192
/** Of a shard that holds nothing: one free slot, never written, because the first insertion grows it. */
const NO_SLOTS = new Int32Array(2)

export class PrefixTable4 implements PrefixTable {
  readonly family: Family = 'ipv4'
  size = 0
  limit = 1
  addresses = new Uint32Array(64)
  lengths = new Uint8Array(64)

  readonly #seed: number
  /** Signed, because addresses are compared as the small integers that V8 keeps unboxed. */
  readonly #shards: Int32Array[] = []
  readonly #used = new Uint32Array(SHARDS)
  readonly #stagedAddress = new Int32Array(STAGE_SIZE)
  readonly #stagedLength = new Uint8Array(STAGE_SIZE)
  readonly #stagedHash = new Uint32Array(STAGE_SIZE)
  /** Asked before the table takes a new id: an interned prefix nobody needs any more, or 0. */
  reclaim: (() => number) | undefined
  #freeHead = 0
  /** Keeps the touch pass from being optimised away. */
  #touched = 0

  constructor(seed: number) {
    this.#seed = seed | 0
    this.lengths[0] = FREE
    for (let i = 0; i < SHARDS; i++) this.#shards.push(NO_SLOTS)
  }

  get bytes(): number {
    let slots = 0
    for (const shard of this.#shards) slots += shard.length
    return slots * 4 + this.limit * 5
  }

  #hash(address: number, length: number): number {
    let h = Math.imul(address ^ this.#seed, 0x85ebca6b) ^ Math.imul(length, 0x9e3779b1)
    h ^= h >>> 15
    h = Math.imul(h, 0xc2b2ae35)
    return (h ^ (h >>> 13)) >>> 0
  }

  stage(index: number, buffer: Uint8Array, offset: number, length: number): void {
    let address = 0
    if (length > 0) {
      address = buffer[offset] << 24
      if (length > 8) address |= buffer[offset + 1] << 16
      if (length > 16) address |= buffer[offset + 2] << 8
      if (length > 24) address |= buffer[offset + 3]
      address &= -1 << (32 - length)
    }
    const hash = this.#hash(address, length)
    this.#stagedAddress[index] = address
    this.#stagedLength[index] = length
    this.#stagedHash[index] = hash
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
    return this.#probe(this.#stagedAddress[index], this.#stagedLength[index], this.#stagedHash[index])
  }

  internStaged(index: number): number {
    const address = this.#stagedAddress[index]
    const length = this.#stagedLength[index]
    const hash = this.#stagedHash[index]
    const found = this.#probe(address, length, hash)
    return found !== 0 ? found : this.#insert(address, length, hash)
  }

  find(address: Uint8Array, offset: number, length: number): number {
    this.stage(0, address, offset, length)
    return this.findStaged(0)
  }

  intern(address: Uint8Array, offset: number, length: number): number {
    this.stage(0, address, offset, length)
    return this.internStaged(0)
  }

  #probe(address: number, length: number, hash: number): number {
    const shard = this.#shards[hash >>> 24]
    const mask = shard.length - 1
    let at = (hash << 1) & mask
    for (;;) {
      const word = shard[at + 1]
      if (word === 0) return 0
      if (shard[at] === address && word >>> 26 === length) return word & ID_MASK
      at = (at + 2) & mask
    }
  }

  #insert(address: number, length: number, hash: number): number {
    // First of all: it may take another prefix out of this very shard.
    const id = this.#allocate()
    const index = hash >>> 24
    let shard = this.#shards[index]
    const used = this.#used[index] + 1
    // 5/8 full, counted in slots of two words.
    if (used * 16 > shard.length * 5) shard = this.#growShard(index)
    const mask = shard.length - 1
    let at = (hash << 1) & mask
    while (shard[at + 1] !== 0) at = (at + 2) & mask
    shard[at] = address
    shard[at + 1] = (length << 26) | id
    this.#used[index] = used
    this.addresses[id] = address
    this.lengths[id] = length
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
      this.#freeHead = this.addresses[free]
      return free
    }
    const id = this.limit
    if (id > ID_MASK) throw new Error('prefix table: more than 2^26 prefixes')
    if (id >= this.addresses.length) {
      const capacity = nextCapacity(id + 1)
      this.addresses = growU32(this.addresses, capacity)
      this.lengths = growU8(this.lengths, capacity)
    }
    this.limit = id + 1
    return id
  }

  #growShard(index: number): Int32Array {
    const old = this.#shards[index]
    const grown = new Int32Array(Math.max(FIRST_SLOTS * 2, old.length * (old.length < FAST_GROWTH ? 4 : 2)))
    // Written before it is read: a fresh page that is read first faults twice.
    grown.fill(0)
    const mask = grown.length - 1
    for (let i = 0; i < old.length; i += 2) {
      const word = old[i + 1]
      if (word === 0) continue
      let at = (this.#hash(old[i], word >>> 26) << 1) & mask
      while (grown[at + 1] !== 0) at = (at + 2) & mask
      grown[at] = old[i]
      grown[at + 1] = word
    }
    this.#shards[index] = grown
    return grown
  }

  release(id: number): void {
    const length = this.lengths[id]
    if (length === FREE) throw new Error(`prefix table: id ${id} released twice`)
    const hash = this.#hash(this.addresses[id] | 0, length)
    const index = hash >>> 24
    const shard = this.#shards[index]
    const mask = shard.length - 1
    let hole = (hash << 1) & mask
    while ((shard[hole + 1] & ID_MASK) !== id) hole = (hole + 2) & mask
    // Backward shift: an entry may move into the hole when its home does not lie between hole and itself.
    let at = (hole + 2) & mask
    while (shard[at + 1] !== 0) {
      const home = (this.#hash(shard[at], shard[at + 1] >>> 26) << 1) & mask
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
    this.addresses[id] = this.#freeHead
    this.#freeHead = id
    this.size--
  }

  isLive(id: number): boolean {
    return id > 0 && id < this.limit && this.lengths[id] !== FREE
  }

  isUnicast(id: number): boolean {
    const address = this.addresses[id]
    const top = address >>> 24
    if (top === 0 || top === 127) return this.lengths[id] < 8
    return (top < 224 || top > 239) && address !== 0xffffffff
  }

  writeAddress(id: number, out: Uint8Array, at: number): void {
    const address = this.addresses[id]
    out[at] = address >>> 24
    out[at + 1] = address >>> 16
    out[at + 2] = address >>> 8
    out[at + 3] = address
  }

  writeNlri(id: number, out: Uint8Array, at: number): number {
    const length = this.lengths[id]
    const address = this.addresses[id]
    out[at] = length
    if (length > 0) out[at + 1] = address >>> 24
    if (length > 8) out[at + 2] = address >>> 16
    if (length > 16) out[at + 3] = address >>> 8
    if (length > 24) out[at + 4] = address
    return at + 1 + ((length + 7) >>> 3)
  }

  text(id: number): string {
    return `${formatIPv4(this.addresses[id])}/${this.lengths[id]}`
  }
}
