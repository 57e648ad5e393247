/**
 * Route keys to slots: the kernel's own key (table, destination, metric, family) as integers in typed arrays, found by
 * open addressing. A slot number indexes every other column of the reconciler; freed slots are reused.
 * Memory: 20 bytes of key and 8-16 of hash per route.
 */

import type { Destination, Family } from '../routes.js'

const EMPTY = 0
const INITIAL = 1024

/** What a lane number stands for: the part of the key that few routes differ in. */
export interface Lane {
  readonly family: Family
  readonly table: number
  readonly metric: number
}

export class KeyIndex {
  /** Slots ever used; columns are at least this long. */
  size = 0
  private words = new Uint32Array(INITIAL * 4)
  /** Prefix length in the low byte, lane above. */
  private tails = new Uint32Array(INITIAL)
  private table = new Uint32Array(INITIAL * 2)
  private readonly lanes: Lane[] = []
  private readonly laneNumbers = new Map<string, number>()
  private readonly free: number[] = []
  private used = 0
  private readonly seed: number
  private readonly scratch = new Uint32Array(4)

  constructor(seed: number) {
    this.seed = seed >>> 0
  }

  get capacity(): number {
    return this.tails.length
  }

  lane(family: Family, table: number, metric: number): number {
    const name = `${family} ${table} ${metric}`
    let number = this.laneNumbers.get(name)
    if (number === undefined) {
      number = this.lanes.length
      this.lanes.push({ family, table, metric })
      this.laneNumbers.set(name, number)
    }
    return number
  }

  /** Lanes of one family and table, for longest-prefix lookups. */
  lanesOf(family: Family, table: number): { number: number; lane: Lane }[] {
    return this.lanes
      .map((lane, number) => ({ number, lane }))
      .filter(({ lane }) => lane.family === family && lane.table === table)
  }

  /** The slot, or -1. */
  find(address: Uint8Array, length: number, lane: number): number {
    this.load(address)
    return this.probe(length | (lane << 8))
  }

  /** The slot, made if absent. */
  intern(address: Uint8Array, length: number, lane: number): number {
    this.load(address)
    const tail = length | (lane << 8)
    const found = this.probe(tail)
    if (found >= 0) return found
    const slot = this.free.pop() ?? this.size++
    if (slot >= this.tails.length) this.growSlots()
    this.words.set(this.scratch, slot * 4)
    this.tails[slot] = tail
    this.used++
    if (this.used * 2 > this.table.length) this.rehash(this.table.length * 2)
    this.link(slot)
    return slot
  }

  release(slot: number): void {
    const mask = this.table.length - 1
    let hole = this.hashOf(slot) & mask
    while (this.table[hole] !== slot + 1) hole = (hole + 1) & mask
    // Backward shift: no tombstones, so a table under churn never degrades.
    for (let at = (hole + 1) & mask; ; at = (at + 1) & mask) {
      const entry = this.table[at] as number
      if (entry === EMPTY) break
      const home = this.hashOf(entry - 1) & mask
      if (((at - home) & mask) >= ((at - hole) & mask)) {
        this.table[hole] = entry
        hole = at
      }
    }
    this.table[hole] = EMPTY
    this.used--
    this.free.push(slot)
  }

  laneOf(slot: number): Lane {
    return this.lanes[(this.tails[slot] as number) >>> 8] as Lane
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
      const [a, b, c, d] = [address[i], address[i + 1], address[i + 2], address[i + 3]] as [
        number,
        number,
        number,
        number,
      ]
      scratch[i >> 2] = (a << 24) | (b << 16) | (c << 8) | d
    }
  }

  private probe(tail: number): number {
    const { scratch, words, tails, table } = this
    const mask = table.length - 1
    const [a, b, c, d] = scratch as unknown as [number, number, number, number]
    for (let at = this.mix(a, b, c, d, tail) & mask; ; at = (at + 1) & mask) {
      const slot = (table[at] as number) - 1
      if (slot < 0) return -1
      const o = slot * 4
      if (tails[slot] === tail && words[o] === a && words[o + 1] === b && words[o + 2] === c && words[o + 3] === d) {
        return slot
      }
    }
  }

  private hashOf(slot: number): number {
    const o = slot * 4
    const { words } = this
    return this.mix(
      words[o] as number,
      words[o + 1] as number,
      words[o + 2] as number,
      words[o + 3] as number,
      this.tails[slot] as number,
    )
  }

  private mix(a: number, b: number, c: number, d: number, tail: number): number {
    let h = this.seed ^ tail
    for (const word of [a, b, c, d]) {
      h = Math.imul(h ^ word, 0x9e3779b1)
      h ^= h >>> 15
    }
    return Math.imul(h ^ (h >>> 13), 0x85ebca6b) >>> 0
  }

  private link(slot: number): void {
    const mask = this.table.length - 1
    let at = this.hashOf(slot) & mask
    while (this.table[at] !== EMPTY) at = (at + 1) & mask
    this.table[at] = slot + 1
  }

  private rehash(size: number): void {
    const old = this.table
    this.table = new Uint32Array(size)
    for (const entry of old) if (entry !== EMPTY) this.link(entry - 1)
  }

  private growSlots(): void {
    const words = new Uint32Array(this.words.length * 2)
    words.set(this.words)
    this.words = words
    const tails = new Uint32Array(this.tails.length * 2)
    tails.set(this.tails)
    this.tails = tails
  }
}
