/**
 * The two sides as data: wanted and actual routes by key, the ways and wishes they refer to, foreign routes, links. Knows
 * how to find and describe; what to do about a difference is the reconciler's business.
 */

import { type DesiredRoute, type Family, type KernelRoute, PROTOCOL_BIRD, TABLE_MAIN } from '../routes.js'
import { ForeignRoutes, masked } from './foreign.js'
import { Resolver } from './resolver.js'
import { FLAG, Slots } from './slots.js'
import { sameBytes, UNKNOWN, WayTable } from './way.js'
import { WishTable } from './wishes.js'

export class RouteTables {
  readonly slots: Slots
  readonly ways = new WayTable()
  readonly foreign: ForeignRoutes
  readonly resolver: Resolver
  readonly wishes: WishTable
  /** Where next hops are looked up. */
  readonly lookupTable = TABLE_MAIN
  private readonly owned: ReadonlySet<number>
  private readonly whys: string[] = ['']
  private readonly whyNumbers = new Map<string, number>([['', 0]])
  private readonly freeWhys: number[] = []

  constructor(tables: readonly number[], seed: number) {
    this.owned = new Set(tables)
    this.slots = new Slots(seed)
    this.foreign = new ForeignRoutes(seed)
    this.resolver = new Resolver(this.foreign, (family, target) => this.ownLookup(family, target))
    this.wishes = new WishTable(this.resolver, this.ways)
  }

  /** The slot of a wanted key, made if absent. */
  intern(key: Pick<DesiredRoute, 'destination' | 'metric' | 'table'>): number {
    const { address, length, family } = key.destination
    return this.touch(address, length, this.laneOf(key), metricOf(family, key.metric))
  }

  /** The slot of a wanted key, or -1. */
  find(key: Pick<DesiredRoute, 'destination' | 'metric' | 'table'>): number {
    const { address, length, family } = key.destination
    return this.slots.index.find(address, length, this.laneOf(key), metricOf(family, key.metric))
  }

  private laneOf({ table, destination, tos }: Pick<DesiredRoute, 'destination' | 'table'> & Pick<KernelRoute, 'tos'>) {
    return this.slots.index.lane(destination.family, table ?? TABLE_MAIN, tos)
  }

  /** Protocol 12 in our tables: everything else is read-only. */
  isOurs(route: KernelRoute): boolean {
    return route.protocol === PROTOCOL_BIRD && this.owned.has(route.table)
  }

  /** Next hops are looked up in the main table and keys of ours may be held in our own: other tables say nothing to us. */
  concerns(route: KernelRoute): boolean {
    return route.table === TABLE_MAIN || this.owned.has(route.table)
  }

  slotOf(route: KernelRoute): number {
    const { address, length } = route.destination
    return this.touch(address, length, this.laneOf(route), route.metric)
  }

  private touch(address: Uint8Array, length: number, lane: number, metric: number): number {
    const { index } = this.slots
    const before = index.find(address, length, lane, metric)
    if (before >= 0) return before
    const slot = index.intern(address, length, lane, metric)
    this.slots.fit()
    if (this.foreign.size > 0 && this.foreign.holds(this.bareRoute(slot))) this.slots.raise(slot, FLAG.FOREIGN)
    return slot
  }

  /** The row's key and way as a kernel route. */
  routeOf(slot: number, wayNumber: number): KernelRoute | undefined {
    const way = this.ways.get(wayNumber)
    if (way === undefined) return undefined
    const { table, tos } = this.slots.index.laneOf(slot)
    const scope = way.kind === 'unicast' && way.nextHops.every((hop) => hop.gateway === undefined) ? 253 : 0
    return {
      destination: this.slots.index.destination(slot),
      kind: way.kind,
      table,
      metric: this.slots.index.metricOf(slot),
      // Written out as all readers do: a spread here made routes of many shapes, and adding them a third slower.
      tos: tos === 0 ? undefined : tos,
      protocol: PROTOCOL_BIRD,
      scope: way.kind === 'unicast' ? scope : 0,
      nextHops: way.nextHops,
      sourceAddress: way.sourceAddress,
      mtu: way.mtu,
    }
  }

  /** A key without a known way, enough to delete by. */
  bareRoute(slot: number): KernelRoute {
    const { table, tos } = this.slots.index.laneOf(slot)
    const metric = this.slots.index.metricOf(slot)
    const destination = this.slots.index.destination(slot)
    return {
      destination,
      kind: 'unicast',
      table,
      metric,
      tos: tos === 0 ? undefined : tos,
      protocol: PROTOCOL_BIRD,
      scope: 0,
      nextHops: [],
    }
  }

  whyOf(slot: number): string {
    return this.whys[this.slots.why[slot] as number] as string
  }

  whyNumber(why: string): number {
    let number = this.whyNumbers.get(why)
    if (number === undefined) {
      number = this.freeWhys.pop() ?? this.whys.length
      this.whys[number] = why
      this.whyNumbers.set(why, number)
    }
    return number
  }

  /**
   * Longest match among our own installed routes that do not lean on other routes of ours, nor on the next hop asked for:
   * a host route via itself stays in the kernel when the network it was reached through is gone.
   */
  private ownLookup(family: Family, target: Uint8Array): KernelRoute | undefined {
    const { index, wish, actual } = this.slots
    const lane = index.lane(family, TABLE_MAIN)
    for (let length = target.length * 8; length >= 0; length--) {
      let best = -1
      for (const slot of index.findAll(masked(target, length), length, lane)) {
        if (wish[slot] === 0 || (actual[slot] as number) <= UNKNOWN) continue
        const { direct, route } = this.wishes.get(wish[slot] as number)
        if (!direct || route.nextHops.some(({ gateway }) => sameBytes(gateway, target))) continue
        if (best < 0 || index.metricOf(slot) < index.metricOf(best)) best = slot
      }
      if (best >= 0) return this.routeOf(best, actual[best] as number)
    }
    return undefined
  }

  /** Numbers of ways that prefer a source address. */
  waysWithSource(address: Uint8Array): Set<number> {
    return this.ways.which(({ sourceAddress }) => sameBytes(sourceAddress, address))
  }

  /** Forgets ways and words nobody holds any more. */
  sweep(): void {
    const ways = new Uint8Array(this.ways.end)
    const whys = new Uint8Array(this.whys.length)
    this.wishes.collectWays(ways)
    for (let slot = 0; slot < this.slots.index.size; slot++) {
      ways[this.slots.actual[slot] as number] = 1
      whys[this.slots.why[slot] as number] = 1
    }
    this.ways.sweep(ways)
    for (const [why, number] of this.whyNumbers) {
      if (number === 0 || whys[number] === 1) continue
      this.whyNumbers.delete(why)
      this.whys[number] = ''
      this.freeWhys.push(number)
    }
  }
}

/** The kernel's default: 0 for IPv4; IPv6 turns 0 and absent into 1024. */
export function metricOf(family: Family, metric: number | undefined): number {
  if (family === 6 && (metric === undefined || metric === 0)) return 1024
  return metric ?? 0
}
