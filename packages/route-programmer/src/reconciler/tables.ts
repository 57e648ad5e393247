/**
 * The two sides as data: wanted and actual routes by key, the ways and wishes they refer to, foreign routes, links. Knows
 * how to find and describe; what to do about a difference is the reconciler's business.
 */

import { type DesiredRoute, type Family, type KernelRoute, PROTOCOL_BIRD, TABLE_MAIN } from '../routes.js'
import { conflictKey, ForeignRoutes, masked } from './foreign.js'
import { Resolver } from './resolver.js'
import { FLAG, Slots } from './slots.js'
import { hex, UNKNOWN, WayTable } from './way.js'
import { WishTable } from './wishes.js'

export class RouteTables {
  readonly slots: Slots
  readonly ways = new WayTable()
  readonly foreign = new ForeignRoutes()
  readonly resolver: Resolver
  readonly wishes: WishTable
  private readonly owned: ReadonlySet<number>
  private readonly whys: string[] = ['']
  private readonly whyNumbers = new Map<string, number>([['', 0]])

  constructor(tables: readonly number[], seed: number) {
    this.owned = new Set(tables)
    this.slots = new Slots(seed)
    this.resolver = new Resolver(this.foreign, (family, target) => this.ownLookup(family, target))
    this.wishes = new WishTable(this.resolver, this.ways)
  }

  /** The slot of a wanted key, made if absent. */
  intern(key: Pick<DesiredRoute, 'destination' | 'metric' | 'table'>): number {
    const { address, length, family } = key.destination
    return this.touch(address, length, this.laneOf(key, family))
  }

  /** The slot of a wanted key, or -1. */
  find(key: Pick<DesiredRoute, 'destination' | 'metric' | 'table'>): number {
    const { address, length, family } = key.destination
    return this.slots.index.find(address, length, this.laneOf(key, family))
  }

  private laneOf({ table, metric }: Pick<DesiredRoute, 'metric' | 'table'>, family: Family): number {
    return this.slots.index.lane(family, table ?? TABLE_MAIN, metricOf(family, metric))
  }

  /** Protocol 12 in our tables: everything else is read-only. */
  isOurs(route: KernelRoute): boolean {
    return route.protocol === PROTOCOL_BIRD && this.owned.has(route.table)
  }

  slotOf(route: KernelRoute): number {
    const { address, length, family } = route.destination
    return this.touch(address, length, this.slots.index.lane(family, route.table, route.metric))
  }

  private touch(address: Uint8Array, length: number, lane: number): number {
    const { index } = this.slots
    const before = index.find(address, length, lane)
    if (before >= 0) return before
    const slot = index.intern(address, length, lane)
    this.slots.fit()
    if (this.foreign.size > 0 && this.foreign.holds(conflictKey(this.bareRoute(slot))))
      this.slots.raise(slot, FLAG.FOREIGN)
    return slot
  }

  /** The row's key and way as a kernel route. */
  routeOf(slot: number, wayNumber: number): KernelRoute | undefined {
    const way = this.ways.get(wayNumber)
    if (way === undefined) return undefined
    const { table, metric } = this.slots.index.laneOf(slot)
    const scope = way.kind === 'unicast' && way.nextHops.every((hop) => hop.gateway === undefined) ? 253 : 0
    return {
      destination: this.slots.index.destination(slot),
      kind: way.kind,
      table,
      metric,
      protocol: PROTOCOL_BIRD,
      scope: way.kind === 'unicast' ? scope : 0,
      nextHops: way.nextHops,
      sourceAddress: way.sourceAddress,
      mtu: way.mtu,
    }
  }

  /** A key without a known way, enough to delete by. */
  bareRoute(slot: number): KernelRoute {
    const { table, metric } = this.slots.index.laneOf(slot)
    const destination = this.slots.index.destination(slot)
    return { destination, kind: 'unicast', table, metric, protocol: PROTOCOL_BIRD, scope: 0, nextHops: [] }
  }

  whyOf(slot: number): string {
    return this.whys[this.slots.why[slot] as number] as string
  }

  whyNumber(why: string): number {
    let number = this.whyNumbers.get(why)
    if (number === undefined) {
      number = this.whys.length
      this.whys.push(why)
      this.whyNumbers.set(why, number)
    }
    return number
  }

  /** Longest match among our own installed routes that do not lean on other routes of ours. */
  private ownLookup(family: Family, target: Uint8Array): KernelRoute | undefined {
    const lanes = this.slots.index.lanesOf(family, TABLE_MAIN).sort((a, b) => a.lane.metric - b.lane.metric)
    for (let length = target.length * 8; length >= 0; length--) {
      const prefix = masked(target, length)
      for (const { number } of lanes) {
        const slot = this.slots.index.find(prefix, length, number)
        if (slot < 0 || this.slots.wish[slot] === 0 || (this.slots.actual[slot] as number) <= UNKNOWN) continue
        if (this.wishes.get(this.slots.wish[slot] as number).direct)
          return this.routeOf(slot, this.slots.actual[slot] as number)
      }
    }
    return undefined
  }

  /** Numbers of installed ways that prefer a source address. */
  waysWithSource(address: Uint8Array): Set<number> {
    const found = new Set<number>()
    for (let slot = 0; slot < this.slots.index.size; slot++) {
      const way = this.slots.actual[slot] as number
      const source = this.ways.get(way)?.sourceAddress
      if (source !== undefined && hex(source) === hex(address)) found.add(way)
    }
    return found
  }

  /** Forgets ways nobody holds any more. */
  sweepWays(): void {
    const used = new Set<number>()
    this.wishes.collectWays(used)
    for (let slot = 0; slot < this.slots.index.size; slot++) used.add(this.slots.actual[slot] as number)
    this.ways.sweep(used)
  }
}

/** The kernel's default: 0 for IPv4; IPv6 turns 0 and absent into 1024. */
export function metricOf(family: Family, metric: number | undefined): number {
  if (family === 6 && (metric === undefined || metric === 0)) return 1024
  return metric ?? 0
}
