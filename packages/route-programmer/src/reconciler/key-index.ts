/**
 * Route keys to slots: the kernel's own key (table, destination, metric, TOS, family) as integers in typed arrays, found by
 * open addressing. A slot number indexes every other column of its owner; freed slots are reused.
 * The metric is part of the key but not of the hash: routes of one destination are neighbours, so that a longest-prefix
 * lookup finds all of them with one probe, and a peer that gives every route a metric of its own makes nothing grow.
 * The hash is 64 tables by its top bits, each grown alone: one table of half a million would hold the event loop for 40 ms
 * when it grows (measured). Memory: 24 bytes of key and 8-16 of hash per route.
 */

import type { Destination, Family } from '../routes.js'

const EMPTY = 0
const INITIAL = 1024
const SHARD_BITS = 6
const SHARD_INITIAL = 64

/** What a lane number stands for: the part of the key that few routes differ in. */
export interface Lane {
  readonly family: Family
  readonly table: number
  readonly tos: number
}

export class KeyIndex {
  /** Slots ever used; columns are at least this long. */
  size = 0
  private words = new Uint32Array(INITIAL * 4)
  /** Prefix length in the low byte, lane above. */
  private tails = new Uint32Array(INITIAL)
  private metrics = new Uint32Array(INITIAL)
  private readonly shards = Array.from({ length: 1 << SHARD_BITS }, () => new Uint32Array(SHARD_INITIAL))
  private readonly used = new Uint32Array(1 << SHARD_BITS)
  private readonly lanes: Lane[] = []
  private readonly laneNumbers = new Map<string, number>()
  private readonly free: number[] = []
  private lastLane: Lane | undefined
  private lastLaneNumber = 0
  private readonly seed: number
  private readonly scratch = new Uint32Array(4)

  constructor(seed: number) {
    this.seed = seed >>> 0
  }

  get capacity(): number {
    return this.tails.length
  }

  lane(family: Family, table: number, tos = 0): number {
    const last = this.lastLane
    if (last !== undefined && last.family === family && last.table === table && last.tos === tos)
      return this.lastLaneNumber
    const name = `${family} ${table} ${tos}`
    let number = this.laneNumbers.get(name)
    if (number === undefined) {
      number = this.lanes.length
      this.lanes.push({ family, table, tos })
      this.laneNumbers.set(name, number)
    }
    this.lastLane = this.lanes[number]
    this.lastLaneNumber = number
    return number
  }

  /** The slot, or -1. */
  find(address: Uint8Array, length: number, lane: number, metric: number): number {
    this.load(address)
    const tail = length | (lane << 8)
    return this.probe(tail, metric, this.hashOfScratch(tail))
  }

  /** The slots of one destination, whatever their metric. */
  findAll(address: Uint8Array, length: number, lane: number): number[] {
    this.load(address)
    const tail = length | (lane << 8)
    return this.matches(tail, this.hashOfScratch(tail))
  }

  /** The slots of one destination in every table, whatever their metric. */
  findEverywhere({ family, address, length }: Destination): number[] {
    return this.lanes.flatMap((lane, number) => (lane.family === family ? this.findAll(address, length, number) : []))
  }

  /** Does the prefix cover this slot's destination? Made for whole tables: nothing is allocated. */
  isInside(slot: number, { family, address, length }: Destination): boolean {
    if (this.lengthOf(slot) < length || this.laneOf(slot).family !== family) return false
    for (let i = 0; i << 3 < length; i++) {
      const own = ((this.words[slot * 4 + (i >> 2)] as number) >>> (24 - 8 * (i & 3))) & 0xff
      const differing = own ^ (address[i] as number)
      const left = length - (i << 3)
      if ((left >= 8 ? differing : differing >>> (8 - left)) !== 0) return false
    }
    return true
  }

  /** The slots of the same destination as this one, itself among them. */
  siblings(slot: number): number[] {
    this.scratch.set(this.words.subarray(slot * 4, slot * 4 + 4))
    return this.matches(this.tails[slot] as number, this.hashOf(slot))
  }

  /** The slot, made if absent. */
  intern(address: Uint8Array, length: number, lane: number, metric: number): number {
    this.load(address)
    const tail = length | (lane << 8)
    const hash = this.hashOfScratch(tail)
    const found = this.probe(tail, metric, hash)
    if (found >= 0) return found
    const slot = this.free.pop() ?? this.size++
    if (slot >= this.tails.length) this.growSlots()
    this.words.set(this.scratch, slot * 4)
    this.tails[slot] = tail
    this.metrics[slot] = metric
    const shard = hash >>> (32 - SHARD_BITS)
    const used = (this.used[shard] as number) + 1
    this.used[shard] = used
    if (used * 2 > (this.shards[shard] as Uint32Array).length) this.rehash(shard)
    this.link(this.shards[shard] as Uint32Array, hash, slot)
    return slot
  }

  /** A slot that is held by no key stays as it is. */
  release(slot: number): void {
    const hash = this.hashOf(slot)
    const shard = hash >>> (32 - SHARD_BITS)
    const table = this.shards[shard] as Uint32Array
    const mask = table.length - 1
    let hole = hash & mask
    for (; table[hole] !== slot + 1; hole = (hole + 1) & mask) if (table[hole] === EMPTY) return
    // Backward shift: no tombstones, so a table under churn never degrades.
    for (let at = (hole + 1) & mask; ; at = (at + 1) & mask) {
      const entry = table[at] as number
      if (entry === EMPTY) break
      const home = this.hashOf(entry - 1) & mask
      if (((at - home) & mask) >= ((at - hole) & mask)) {
        table[hole] = entry
        hole = at
      }
    }
    table[hole] = EMPTY
    this.used[shard] = (this.used[shard] as number) - 1
    this.free.push(slot)
  }

  laneOf(slot: number): Lane {
    return this.lanes[(this.tails[slot] as number) >>> 8] as Lane
  }

  metricOf(slot: number): number {
    return this.metrics[slot] as number
  }

  lengthOf(slot: number): number {
    return (this.tails[slot] as number) & 0xff
  }

  destination(slot: number): Destination {
    const { family } = this.laneOf(slot)
    const address = new Uint8Array(family === 4 ? 4 : 16)
    for (let i = 0; i < address.length; i++) {
      address[i] = (this.words[slot * 4 + (i >> 2)] as number) >>> (24 - 8 * (i & 3))
    }
    return { family, address, length: (this.tails[slot] as number) & 0xff }
  }

  private load(address: Uint8Array): void {
    const scratch = this.scratch
    scratch[1] = scratch[2] = scratch[3] = 0
    for (let i = 0; i < address.length; i += 4) {
      scratch[i >> 2] =
        ((address[i] as number) << 24) |
        ((address[i + 1] as number) << 16) |
        ((address[i + 2] as number) << 8) |
        (address[i + 3] as number)
    }
  }

  private probe(tail: number, metric: number, hash: number): number {
    const { metrics } = this
    const table = this.shards[hash >>> (32 - SHARD_BITS)] as Uint32Array
    const mask = table.length - 1
    for (let at = hash & mask; ; at = (at + 1) & mask) {
      const slot = (table[at] as number) - 1
      if (slot < 0) return -1
      if (metrics[slot] === metric && this.isScratch(slot, tail)) return slot
    }
  }

  private matches(tail: number, hash: number): number[] {
    const found: number[] = []
    const table = this.shards[hash >>> (32 - SHARD_BITS)] as Uint32Array
    const mask = table.length - 1
    for (let at = hash & mask; ; at = (at + 1) & mask) {
      const slot = (table[at] as number) - 1
      if (slot < 0) return found
      if (this.isScratch(slot, tail)) found.push(slot)
    }
  }

  private isScratch(slot: number, tail: number): boolean {
    const { scratch, words } = this
    const o = slot * 4
    return (
      this.tails[slot] === tail &&
      words[o] === scratch[0] &&
      words[o + 1] === scratch[1] &&
      words[o + 2] === scratch[2] &&
      words[o + 3] === scratch[3]
    )
  }

  private hashOfScratch(tail: number): number {
    return this.hashAt(this.scratch, 0, tail)
  }

  private hashOf(slot: number): number {
    return this.hashAt(this.words, slot * 4, this.tails[slot] as number)
  }

  private hashAt(words: Uint32Array, at: number, tail: number): number {
    let h = this.seed ^ tail
    for (let i = at; i < at + 4; i++) {
      h = Math.imul(h ^ (words[i] as number), 0x9e3779b1)
      h ^= h >>> 15
    }
    h = Math.imul(h ^ (h >>> 13), 0x85ebca6b)
    return (h ^ (h >>> 16)) >>> 0
  }

  private link(table: Uint32Array, hash: number, slot: number): void {
    const mask = table.length - 1
    let at = hash & mask
    while (table[at] !== EMPTY) at = (at + 1) & mask
    table[at] = slot + 1
  }

  private rehash(shard: number): void {
    const old = this.shards[shard] as Uint32Array
    const larger = new Uint32Array(old.length * 2)
    this.shards[shard] = larger
    for (const entry of old) if (entry !== EMPTY) this.link(larger, this.hashOf(entry - 1), entry - 1)
  }

  private growSlots(): void {
    const words = new Uint32Array(this.words.length * 2)
    words.set(this.words)
    this.words = words
    const tails = new Uint32Array(this.tails.length * 2)
    tails.set(this.tails)
    this.tails = tails
    const metrics = new Uint32Array(this.metrics.length * 2)
    metrics.set(this.metrics)
    this.metrics = metrics
  }
}
