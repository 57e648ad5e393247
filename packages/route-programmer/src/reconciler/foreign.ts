/**
 * Other programs' routes and the kernel's own: read, never written. They answer two questions: which way a next hop
 * lies (longest prefix first, lowest metric next, as the kernel decides), and whether a key we want is taken; and they
 * are offered to others, who are told the difference between what they know and what is held (`takeNews`).
 * Columns of integers like our own routes, about 45 bytes each: a host may have a full table of another daemon's.
 */

import type { Placing } from '../driver.js'
import type { Family, KernelRoute } from '../routes.js'
import { TABLE_MAIN } from '../routes.js'
import { type Bundle, Bundles, type Face, faceOf, NOTHING, placed, sameFace, withKey, without } from './bundles.js'
import { KeyIndex } from './key-index.js'
import { hex, sameBytes } from './way.js'

type Key = Pick<KernelRoute, 'destination' | 'table' | 'metric' | 'tos'>

/** The part of a key that conflicts, as text: table, destination, metric, TOS. */
export function conflictKey(route: Key): string {
  const { family, address, length } = route.destination
  return `${family} ${route.table} ${hex(address)}/${length} ${route.metric} ${route.tos ?? 0}`
}

const SEEN = 1
/** What others know of it differs from what is held. */
const NEWS = 2

export class ForeignRoutes {
  private readonly index: KeyIndex
  private readonly bundles = new Bundles()
  /** Bundle numbers: what is there, and what others were told. */
  private held: Uint32Array
  private told: Uint32Array
  private flags: Uint8Array
  private news: number[] = []
  private newsAt = 0
  private keys = 0
  /** Keys of the main table per prefix length, for lookups. */
  private readonly lengths: Record<Family, Uint32Array> = { 4: new Uint32Array(33), 6: new Uint32Array(129) }

  constructor(seed = 0x2545f491) {
    this.index = new KeyIndex(seed)
    this.held = new Uint32Array(this.index.capacity)
    this.told = new Uint32Array(this.index.capacity)
    this.flags = new Uint8Array(this.index.capacity)
  }

  /** Keys held. */
  get size(): number {
    return this.keys
  }

  /** What it has room for: rows ever used, different bundles known. */
  get memory(): { readonly rows: number; readonly bundles: number } {
    return { rows: this.index.size, bundles: this.bundles.size }
  }

  *values(): Generator<KernelRoute> {
    for (let slot = 0; slot < this.index.size; slot++) {
      for (const face of this.bundles.get(this.held[slot] as number)) yield this.routeOf(slot, face)
    }
  }

  /** True when any foreign route holds this key. */
  holds(key: Key): boolean {
    const slot = this.find(key)
    return slot >= 0 && this.held[slot] !== NOTHING
  }

  /** The foreign routes under a conflicting key, the one that is used first. */
  under(key: Key): readonly KernelRoute[] {
    const slot = this.find(key)
    return slot < 0 ? [] : this.bundles.get(this.held[slot] as number).map((face) => this.routeOf(slot, face))
  }

  // ---- a read ----

  beginRead(): void {
    for (let slot = 0; slot < this.index.size; slot++) this.flags[slot] = (this.flags[slot] as number) & ~SEEN
  }

  /** A route of a dump. */
  see(route: KernelRoute): void {
    const slot = this.touch(route)
    const held = this.held[slot] as number
    if (((this.flags[slot] as number) & SEEN) === 0) {
      this.flags[slot] = (this.flags[slot] as number) | SEEN
      this.hold(slot, this.bundles.ofRoute(route, held))
      return
    }
    const faces = this.bundles.get(held)
    if (!faces.some((face) => sameFace(face, route))) this.hold(slot, this.bundles.intern([...faces, faceOf(route)]))
  }

  /** The dump is complete: keys that it did not show are given up and told. */
  endRead(gone: (key: Key) => void): void {
    for (let slot = 0; slot < this.index.size; slot++)
      if (this.held[slot] !== NOTHING && ((this.flags[slot] as number) & SEEN) === 0) this.giveUp(slot, gone)
    const used = new Uint8Array(this.bundles.end)
    for (let slot = 0; slot < this.index.size; slot++) {
      used[this.held[slot] as number] = 1
      used[this.told[slot] as number] = 1
    }
    this.bundles.sweep(used)
  }

  // ---- events ----

  /** A route has come. False when only a read can tell what is there now. */
  place(route: KernelRoute, placing: Placing): boolean {
    const slot = this.touch(route)
    const held = this.held[slot] as number
    const { family } = route.destination
    if (held === NOTHING || placing === 'alone') {
      this.hold(slot, this.bundles.ofRoute(route, held))
      return true
    }
    const faces = placed(this.bundles.get(held), faceOf(route), placing, family)
    this.hold(slot, this.bundles.intern(faces ?? [faceOf(route)]))
    return faces !== undefined
  }

  /** A route has gone. False when only a read can tell what is left. */
  take(route: KernelRoute): boolean {
    const slot = this.find(route)
    if (slot < 0 || this.held[slot] === NOTHING) return true
    const faces = without(this.bundles.get(this.held[slot] as number), route, route.destination.family)
    if (faces !== undefined) this.hold(slot, this.bundles.intern(faces))
    return faces !== undefined
  }

  /**
   * Gives up what the kernel flushes without a word because of an interface: routes of a family that leave through it
   * alone, or, where `any` is set, through it among others.
   */
  dropThrough(ifindex: number, family: Family, any: boolean, gone: (key: Key) => void): void {
    const out = (hop: Face['nextHops'][number]) => hop.ifindex === ifindex
    this.drop(family, gone, ({ nextHops }) => nextHops.length > 0 && (any ? nextHops.some(out) : nextHops.every(out)))
  }

  /** Gives up IPv4 routes that prefer a source address this host has lost. */
  dropFrom(source: Uint8Array, gone: (key: Key) => void): void {
    this.drop(4, gone, ({ sourceAddress }) => sameBytes(sourceAddress, source))
  }

  private drop(family: Family, gone: (key: Key) => void, lost: (face: Face) => boolean): void {
    const affected = this.bundles.withFace(lost)
    if (affected.size === 0) return
    for (let slot = 0; slot < this.index.size; slot++) {
      const held = this.held[slot] as number
      if (held === NOTHING || !affected.has(held)) continue
      if (this.index.laneOf(slot).family !== family) continue
      this.giveUp(slot, gone, lost)
    }
  }

  /** True when some route held goes through a nexthop object. */
  uses(nexthopId: number): boolean {
    return this.bundles.withFace((face) => face.nexthopId === nexthopId).size > 0
  }

  // ---- lookup ----

  /** Longest-prefix match in the main table; `usable` decides whether a route can carry packets now. */
  lookup(family: Family, target: Uint8Array, usable: (route: Face) => boolean): KernelRoute | undefined {
    const lane = this.index.lane(family, TABLE_MAIN)
    const lengths = this.lengths[family]
    for (let length = target.length * 8; length >= 0; length--) {
      if (lengths[length] === 0) continue
      const slots = this.index.findAll(masked(target, length), length, lane)
      if (slots.length > 1) slots.sort((a, b) => this.index.metricOf(a) - this.index.metricOf(b))
      for (const slot of slots) {
        const face = this.bundles.get(this.held[slot] as number).find(usable)
        if (face !== undefined) return this.routeOf(slot, face)
      }
    }
    return undefined
  }

  // ---- news ----

  get hasNews(): boolean {
    return this.newsAt < this.news.length
  }

  /** One key's difference between told and held, as removals and additions in this order; then it is told. */
  takeNews(tell: (removed: boolean, route: KernelRoute) => void): void {
    const slot = this.news[this.newsAt++] as number
    if (this.newsAt === this.news.length) {
      this.news = []
      this.newsAt = 0
    }
    const [before, after] = [this.told[slot] as number, this.held[slot] as number]
    this.flags[slot] = (this.flags[slot] as number) & ~NEWS
    this.told[slot] = after
    if (before !== after && this.index.laneOf(slot).table === TABLE_MAIN) {
      const old = this.bundles.get(before)
      const now = this.bundles.get(after)
      for (const face of missingIn(now, old)) tell(true, this.routeOf(slot, face))
      for (const face of missingIn(old, now)) tell(false, this.routeOf(slot, face))
    }
    if (after !== NOTHING) return
    this.flags[slot] = 0
    this.index.release(slot)
  }

  /** What was told of routes through an interface no longer holds: it is taken back here and told anew as news. */
  takeBack(ifindex: number, tell: (route: KernelRoute) => void): void {
    const concerned = ({ nextHops }: Face) => nextHops[0]?.ifindex === ifindex
    const affected = this.bundles.withFace(concerned)
    if (affected.size === 0) return
    for (let slot = 0; slot < this.index.size; slot++) {
      const told = this.told[slot] as number
      if (told === NOTHING || !affected.has(told)) continue
      const faces = this.bundles.get(told)
      if (this.index.laneOf(slot).table === TABLE_MAIN)
        for (const face of faces) if (concerned(face)) tell(this.routeOf(slot, face))
      this.told[slot] = this.bundles.intern(faces.filter((face) => !concerned(face)))
      this.tellLater(slot)
    }
  }

  // ---- columns ----

  private find({ destination: { family, address, length }, table, metric }: Key): number {
    return this.index.find(address, length, this.index.lane(family, table), metric)
  }

  private touch({ destination: { family, address, length }, table, metric }: Key): number {
    const slot = this.index.intern(address, length, this.index.lane(family, table), metric)
    const { capacity } = this.index
    if (this.held.length < capacity) {
      this.held = grown(this.held, capacity)
      this.told = grown(this.told, capacity)
      const flags = new Uint8Array(capacity)
      flags.set(this.flags)
      this.flags = flags
    }
    return slot
  }

  private hold(slot: number, bundle: number): void {
    const before = this.held[slot] as number
    if (before !== bundle) {
      this.held[slot] = bundle
      if (before === NOTHING || bundle === NOTHING) this.count(slot, before === NOTHING ? 1 : -1)
    }
    if (this.told[slot] !== bundle || bundle === NOTHING) this.tellLater(slot)
  }

  private tellLater(slot: number): void {
    if (((this.flags[slot] as number) & NEWS) !== 0) return
    this.flags[slot] = (this.flags[slot] as number) | NEWS
    this.news.push(slot)
  }

  private count(slot: number, change: 1 | -1): void {
    this.keys += change
    const { family, table } = this.index.laneOf(slot)
    if (table !== TABLE_MAIN) return
    const lengths = this.lengths[family]
    const length = this.index.lengthOf(slot)
    lengths[length] = (lengths[length] as number) + change
  }

  private giveUp(slot: number, gone: (key: Key) => void, lost: (face: Face) => boolean = () => true): void {
    const kept: Bundle = this.bundles.get(this.held[slot] as number).filter((face) => !lost(face))
    this.hold(slot, this.bundles.intern(kept))
    gone(this.keyOf(slot))
  }

  private keyOf(slot: number): Key {
    const metric = this.index.metricOf(slot)
    return { destination: this.index.destination(slot), table: this.index.laneOf(slot).table, metric }
  }

  private routeOf(slot: number, face: Face): KernelRoute {
    const { index } = this
    return withKey(index.destination(slot), index.laneOf(slot).table, index.metricOf(slot), face)
  }
}

const missingIn = (there: Bundle, of: Bundle): Bundle =>
  of.filter((face) => !there.some((other) => sameFace(face, other)))

function grown(old: Uint32Array, capacity: number): Uint32Array {
  const larger = new Uint32Array(capacity)
  larger.set(old)
  return larger
}

/** The first `length` bits of an address, the rest zero. */
export function masked(address: Uint8Array, length: number): Uint8Array {
  const out = address.slice()
  for (let i = 0; i < out.length; i++) {
    const bits = Math.max(0, Math.min(8, length - 8 * i))
    out[i] = (out[i] as number) & (0xff00 >> bits)
  }
  return out
}
