/**
 * The reconciler: desired routes against actual ones, keyed as the kernel keys them. Pure: events and `now` come in,
 * batches of writes are taken out, outcomes come back. Any difference between the two sides is always queued, waiting for
 * a retry, held or reported; none is ever lost, whatever the order of events.
 *
 * Rules that must not break:
 *  - Only protocol 12 in our tables is ours. A foreign route on a wanted key is reported once and left alone.
 *  - A changed route is replaced atomically; a new one is added so that it cannot overwrite what we did not see.
 *  - Nothing is deleted before `allowDeletes` or the deadline; additions go before deletions.
 *  - A route whose next hops do not resolve is left as it is: the decision process is told and decides.
 * (calico.md 2.12, 3.5, 4.5 for what the neighbours on a host do.)
 */
import type { KernelEvent, KernelState, RouteWrite, WriteOutcome } from '../driver.js'
import { type DesiredRoute, type KernelAddress, type KernelLink, type KernelRoute, TABLE_MAIN } from '../routes.js'
import { ERRNO, type Failure, nextFailure } from './failure.js'
import { type Flight, Flights } from './flights.js'
import { conflictKey, type ForeignRoutes } from './foreign.js'
import { NextHops } from './next-hops.js'
import { Observer } from './observer.js'
import { Repairs } from './repairs.js'
import type { Resolver } from './resolver.js'
import { FLAG, type Slots } from './slots.js'
import { RouteTables } from './tables.js'
import { conflictText } from './text.js'
import {
  type NextHopState,
  newCounters,
  type ReconcilerCounters,
  type ReconcilerListener,
  type ReconcilerOptions,
} from './types.js'
import { ABSENT, UNKNOWN, type WayTable, wayOf } from './way.js'
import type { WishTable } from './wishes.js'
import { WorkQueue } from './work-queue.js'

const DELETE_DEADLINE_MS = 120_000
const VERIFY_INTERVAL_MS = 300_000
/** A read that another read has just made is not repeated sooner. */
const READ_SPACING_MS = 1000
/** Longer than a notification is under way. */
const ECHO_MS = 100

export type Action = 'none' | 'add' | 'replace' | 'delete' | 'held' | 'unresolved' | 'conflict'

export class Reconciler {
  readonly counters: ReconcilerCounters = newCounters()
  readonly tables: RouteTables
  private readonly slots: Slots
  private readonly ways: WayTable
  private readonly wishes: WishTable
  private readonly foreign: ForeignRoutes
  private readonly resolver: Resolver
  readonly failures = new Map<number, Failure>()
  private readonly nextHops: NextHops
  private readonly observer: Observer
  private readonly options: ReconcilerOptions
  private readonly listener: ReconcilerListener
  private readonly work: WorkQueue
  private readonly repairs = new Repairs()
  private readonly flights: Flights
  private reading: Set<KernelRoute> | undefined
  /** Why a read is needed; undefined while events arrive without a gap. */
  wantRead: string | undefined = 'start'
  private readNotBefore = 0
  private verifyAt = Number.POSITIVE_INFINITY
  private deadline = Number.POSITIVE_INFINITY
  private mayDelete = false
  /** Nothing is written before a read: at the start, and after the driver broke. */
  private blind = true
  private settled = true
  private wroteAt = Number.NEGATIVE_INFINITY

  constructor(options: ReconcilerOptions = {}, listener: ReconcilerListener = {}) {
    this.options = options
    this.listener = listener
    this.tables = new RouteTables(options.tables ?? [TABLE_MAIN], options.seed ?? 0x51ed270b)
    this.slots = this.tables.slots
    this.ways = this.tables.ways
    this.wishes = this.tables.wishes
    this.foreign = this.tables.foreign
    this.resolver = this.tables.resolver
    this.work = new WorkQueue(this.slots)
    this.flights = new Flights(this.slots)
    this.nextHops = new NextHops(this.resolver)
    this.observer = new Observer(options.ignoredInterfaces ?? [], this.resolver, listener)
  }

  /** Wants a route; the same key wanted before is changed. */
  set(route: DesiredRoute): void {
    const slot = this.tables.intern(route)
    const wish = this.wishes.acquire(route)
    const old = this.slots.wish[slot] as number
    this.slots.why[slot] = this.tables.whyNumber(route.why)
    this.slots.wish[slot] = wish
    if (old === 0) this.slots.desired++
    else this.wishes.release(old)
    if (old !== wish) this.work.add(slot)
  }

  /** No longer wants a route. */
  remove(key: Pick<DesiredRoute, 'destination' | 'metric' | 'table'>): void {
    const slot = this.tables.find(key)
    if (slot < 0 || this.slots.wish[slot] === 0) return
    this.wishes.release(this.slots.wish[slot] as number)
    this.slots.wish[slot] = 0
    this.slots.why[slot] = 0
    this.slots.desired--
    this.slots.lower(slot, FLAG.REPORTED)
    this.work.add(slot)
  }

  trackNextHop(gateway: Uint8Array, device?: string): NextHopState {
    return this.nextHops.track(gateway, device)
  }

  untrackNextHop(gateway: Uint8Array, device?: string): void {
    this.nextHops.untrack(gateway, device)
  }

  /** The datastore is in sync and peers have sent End-of-RIB: what nobody wants may go. */
  allowDeletes(): void {
    if (this.mayDelete) return
    this.mayDelete = true
    this.deadline = Number.POSITIVE_INFINITY
    for (let slot = 0; slot < this.slots.index.size; slot++) {
      if (this.slots.wish[slot] === 0 && this.slots.actual[slot] !== ABSENT) this.work.add(slot)
    }
  }

  get deletesAllowed(): boolean {
    return this.mayDelete
  }

  /** Infinite before the first read and once deletions are allowed. */
  get deleteDeadline(): number {
    return this.deadline
  }

  // ---- reading ----

  /** Why a read is due now, or undefined. */
  readDue(now: number): string | undefined {
    if (this.reading !== undefined || this.flights.any) return undefined
    if (this.wantRead !== undefined && now >= this.readNotBefore) return this.wantRead
    return now >= this.verifyAt ? 'verification' : undefined
  }

  requestRead(reason: string): void {
    this.wantRead ??= reason
  }

  beginRead(): void {
    this.wantRead = undefined
    this.reading = new Set()
    for (let slot = 0; slot < this.slots.index.size; slot++) this.slots.lower(slot, FLAG.SEEN)
  }

  /** A slice of the routes being read. */
  feed(routes: readonly KernelRoute[], now: number): void {
    for (const route of routes) {
      if (!this.tables.isOurs(route)) {
        this.observer.add(route, this.foreign.add(route))
        this.reading?.add(route)
        continue
      }
      const slot = this.tables.slotOf(route)
      this.slots.raise(slot, FLAG.SEEN)
      this.setActual(slot, this.ways.ofRoute(route, this.slots.actual[slot] as number), now)
    }
  }

  /** The read is complete: what was not seen is not there. */
  endRead(state: Pick<KernelState, 'links' | 'addresses'>, now: number): void {
    const first = this.counters.reads === 0
    this.blind = false
    this.counters.reads++
    for (let slot = 0; slot < this.slots.index.size; slot++) {
      if (this.slots.actual[slot] !== ABSENT && !this.slots.has(slot, FLAG.SEEN)) this.setActual(slot, ABSENT, now)
    }
    const seen = this.reading ?? new Set()
    this.reading = undefined
    for (const route of [...this.foreign.values()]) if (!seen.has(route)) this.dropForeign(route)
    this.resolver.setLinks(state.links)
    this.markConflicts()
    this.topologyChanged(now)
    this.observer.flush()
    this.tables.sweepWays()
    this.repairs.clear()
    if (first && !this.mayDelete) this.deadline = now + (this.options.deleteDeadline ?? DELETE_DEADLINE_MS)
    this.verifyAt = now + (this.options.verifyInterval ?? VERIFY_INTERVAL_MS)
    this.readNotBefore = now + READ_SPACING_MS
  }

  /** The read broke off; what was fed is kept, the rest stays as believed. */
  abortRead(reason: string, now: number): void {
    this.reading = undefined
    this.wantRead = reason
    this.readNotBefore = now + READ_SPACING_MS
    this.topologyChanged(now)
  }

  // ---- events ----

  applyEvents(events: readonly KernelEvent[], now: number): void {
    let topology = false
    for (const event of events) {
      switch (event.type) {
        case 'gap':
          this.counters.gaps++
          this.requestRead(event.reason)
          break
        case 'route':
          topology = this.applyRoute(event.route, event.removed, now) || topology
          break
        case 'link':
          this.applyLink(event.link, event.removed)
          topology = true
          break
        case 'address':
          if (event.removed) this.applyAddressLoss(event.address)
          topology = true
          break
      }
    }
    if (topology) this.topologyChanged(now)
    this.observer.flush()
  }

  /** Returns true when next hops may resolve differently. */
  private applyRoute(route: KernelRoute, removed: boolean, now: number): boolean {
    if (this.tables.isOurs(route)) {
      const way = this.ways.intern(wayOf(route))
      const slot = this.tables.slotOf(route)
      // IPv6 announces the loss of one hop of a multipath route as a removal: then something else is left.
      // Right after our own writes the removal may be older than they are: then only a replace is sure to fit.
      const before = this.slots.actual[slot]
      const known = before === way && now - this.wroteAt > ECHO_MS
      this.setActual(slot, removed ? (before === ABSENT || known ? ABSENT : UNKNOWN) : way, now)
      // A replace announces only what comes: whether the foreign route is still beside it, a read must tell.
      if (!removed && this.slots.has(slot, FLAG.FOREIGN)) this.requestRead('a key changed hands')
      if (!this.slots.live(slot)) this.idle(slot)
      return false
    }
    if (removed) this.dropForeign(route)
    else this.observer.add(route, this.foreign.add(route))
    const slot = this.tables.find(route)
    if (slot >= 0) this.foreignAtSlot(slot, route, !removed)
    return route.table === TABLE_MAIN
  }

  private foreignAtSlot(slot: number, route: KernelRoute, present: boolean): void {
    if (present) {
      if (this.slots.has(slot, FLAG.FOREIGN)) this.requestRead('a key changed hands')
      this.slots.raise(slot, FLAG.FOREIGN)
      // It was put beside ours or in its place; only the next write or read will tell.
      if (this.slots.actual[slot] !== ABSENT) this.slots.actual[slot] = UNKNOWN
    } else if (!this.foreign.holds(conflictKey(route))) this.slots.lower(slot, FLAG.FOREIGN | FLAG.REPORTED)
    this.work.add(slot)
  }

  private applyLink(link: KernelLink, removed: boolean): void {
    const old = this.resolver.links.get(link.index)
    if (removed) this.resolver.removeLink(link.index)
    else this.resolver.setLink(link)
    if (!removed && old !== undefined && old.name !== link.name)
      this.observer.renamed(this.foreign, link.index, old.name)
    if (!removed && link.up) return
    // Going down or away flushes routes without a notification (IPv4): ours are unknown, foreign ones gone.
    for (const route of this.foreign.dropThrough(link.index)) {
      this.observer.remove(route)
      this.clearForeign(route)
    }
    this.forget(this.ways.through(link.index))
    this.flights.taint()
  }

  /** Routes with that preferred source were flushed without a notification. */
  private applyAddressLoss(address: KernelAddress): void {
    this.forget(this.tables.waysWithSource(address.address))
    this.flights.taint()
  }

  /** What was believed about these ways no longer holds. */
  private forget(ways: ReadonlySet<number>): void {
    if (ways.size === 0) return
    for (let slot = 0; slot < this.slots.index.size; slot++) {
      if (!ways.has(this.slots.actual[slot] as number)) continue
      this.slots.actual[slot] = UNKNOWN
      this.work.add(slot)
    }
  }

  private dropForeign(route: KernelRoute): void {
    if (!this.foreign.remove(route)) return
    this.observer.remove(route)
    this.clearForeign(route)
  }

  private clearForeign(route: KernelRoute): void {
    const slot = this.tables.find(route)
    if (slot < 0 || this.foreign.holds(conflictKey(route))) return
    this.slots.lower(slot, FLAG.FOREIGN | FLAG.REPORTED)
    this.work.add(slot)
  }

  private markConflicts(): void {
    for (const route of this.foreign.values()) {
      const slot = this.tables.find(route)
      if (slot < 0 || this.slots.has(slot, FLAG.FOREIGN)) continue
      this.slots.raise(slot, FLAG.FOREIGN)
      this.work.add(slot)
    }
  }

  /** Wishes are resolved again, their routes queued where the answer differs; failed writes get their chance at once. */
  private topologyChanged(now: number): void {
    if (this.failures.size > 0) this.work.retryFailures(now)
    this.resolveAgain()
  }

  private resolveAgain(): void {
    const changed = this.wishes.resolveAll()
    if (changed.size > 0) {
      for (let slot = 0; slot < this.slots.index.size; slot++) {
        if (changed.has(this.slots.wish[slot] as number)) this.work.add(slot)
      }
    }
    this.nextHops.refresh((gateway, state, device) => this.listener.nextHopChanged?.(gateway, state, device))
  }

  // ---- writing ----

  /** The next batch, additions before deletions; empty when there is nothing to do now. Several may be under way. */
  take(limit: number, now: number): RouteWrite[] {
    if (this.reading !== undefined || this.blind) return []
    if (now >= this.deadline) this.allowDeletes()
    this.work.promote(now, this.failures.keys())
    const writes: RouteWrite[] = []
    const flight: Flight = { slots: [], ways: [], tainted: false }
    for (let slot = this.work.next(); slot >= 0; slot = writes.length < limit ? this.work.next() : -1) {
      if (this.flights.postpones(slot)) continue
      const action = this.decide(slot)
      if (action === 'conflict') this.reportConflict(slot)
      else if (action === 'delete') this.work.addDeletion(slot)
      else if (action === 'add' || action === 'replace') this.fly(slot, action, writes, flight)
      else if (action === 'none') this.idle(slot)
    }
    while (writes.length < limit) {
      const slot = this.work.nextDeletion()
      if (slot < 0) break
      if (this.flights.postpones(slot)) continue
      if (this.decide(slot) === 'delete') this.fly(slot, 'delete', writes, flight)
      else this.work.add(slot)
    }
    if (writes.length === 0) {
      if (!this.flights.any) this.settle()
      return writes
    }
    this.wroteAt = now
    this.flights.launch(flight)
    this.counters.batches++
    return writes
  }

  /** Outcomes of the oldest batch under way, in its order. */
  done(outcomes: readonly WriteOutcome[], now: number): void {
    const flight = this.flights.land()
    flight?.slots.forEach((slot, i) => {
      const way = flight.ways[i] as number
      const again = this.flights.landed(slot)
      const outcome = outcomes[i] ?? { errno: ERRNO.ENOBUFS }
      const gone = way === ABSENT && outcome.errno === ERRNO.ESRCH
      if (outcome.errno === 0 || gone) this.succeeded(slot, flight.tainted && way !== ABSENT ? UNKNOWN : way)
      else this.failed(slot, outcome, now)
      if (again) this.work.add(slot)
    })
    this.settled = false
    this.wroteAt = now
  }

  /** The driver itself broke: nobody knows which writes arrived. */
  broken(reason: string, now: number): void {
    for (const slot of this.flights.lose()) {
      this.flights.landed(slot)
      this.slots.actual[slot] = UNKNOWN
      this.work.add(slot)
    }
    this.blind = true
    this.requestRead(reason)
    this.readNotBefore = now + READ_SPACING_MS
  }

  /** When to come back if nothing happens before: a retry, the deletion deadline, a verification. */
  nextDeadline(now: number): number {
    if (this.reading !== undefined || this.flights.any) return Number.POSITIVE_INFINITY
    const read = Math.min(this.wantRead === undefined ? this.verifyAt : this.readNotBefore, this.verifyAt)
    if (this.blind) return Math.max(now, this.readNotBefore)
    if (this.work.pending) return now
    return Math.min(read, this.work.nextRetry, this.deadline)
  }

  /** What a row needs now; nothing is remembered, so the answer is never stale. */
  decide(slot: number): Action {
    const wish = this.slots.wish[slot] as number
    const actual = this.slots.actual[slot] as number
    if (wish === 0) {
      if (actual === ABSENT) return 'none'
      return this.mayDelete ? 'delete' : 'held'
    }
    const want = this.wishes.get(wish).way
    if (actual === want && want !== ABSENT) return 'none'
    if (this.slots.has(slot, FLAG.FOREIGN)) return 'conflict'
    if (want === ABSENT) return 'unresolved'
    return actual === ABSENT ? 'add' : 'replace'
  }

  private fly(slot: number, op: 'add' | 'replace' | 'delete', writes: RouteWrite[], flight: Flight): void {
    const way = op === 'delete' ? ABSENT : this.wishes.get(this.slots.wish[slot] as number).way
    const route = this.tables.routeOf(slot, way === ABSENT ? (this.slots.actual[slot] as number) : way)
    writes.push({ op, route: route ?? this.tables.bareRoute(slot) })
    flight.slots.push(slot)
    flight.ways.push(way)
    this.slots.raise(slot, FLAG.FLYING)
  }

  private succeeded(slot: number, way: number): void {
    const before = this.slots.actual[slot]
    if (way === ABSENT) this.counters.deleted++
    else if (before === ABSENT) this.counters.added++
    else this.counters.replaced++
    this.failures.delete(slot)
    this.slots.actual[slot] = way
    if (this.decide(slot) !== 'none') this.work.add(slot)
    else this.idle(slot)
  }

  private failed(slot: number, outcome: WriteOutcome, now: number): void {
    this.counters.failures++
    const previous = this.failures.get(slot)
    const failure = nextFailure(previous, outcome, now)
    this.failures.set(slot, failure)
    if (previous?.text !== failure.text)
      this.listener.failed?.(this.slots.index.destination(slot), failure.text, outcome)
    if (outcome.errno === ERRNO.EEXIST) this.requestRead('a route we did not know of holds the key')
    this.work.addLater(failure.retryAt, slot)
  }

  /** Our own routes changed: next hops that lie behind them may have moved. Done once per drained queue. */
  private settle(): void {
    if (!this.settled) this.resolveAgain()
    this.settled = true
  }

  private reportConflict(slot: number): void {
    if (this.slots.has(slot, FLAG.REPORTED)) return
    this.slots.raise(slot, FLAG.REPORTED)
    this.counters.conflicts++
    const key = this.tables.bareRoute(slot)
    const holder = this.foreign.under(conflictKey(key))[0]
    // Seen in passing only: it may be gone already, overwritten by a write of ours that crossed its announcement.
    this.requestRead('a foreign route holds one of our keys')
    if (holder === undefined) return
    const { destination, table, metric } = key
    const text = conflictText(holder, this.observer.deviceOf(holder))
    this.listener.conflict?.({ destination, table, metric, holder, text })
  }

  /** News about what is there. A wanted route that was in place and no longer is counts as a repair. */
  private setActual(slot: number, way: number, now: number): void {
    const before = this.slots.actual[slot] as number
    if (before === way) return
    const inPlace = this.slots.wish[slot] !== 0 && before !== ABSENT && this.decide(slot) === 'none'
    this.slots.actual[slot] = way
    if (inPlace) this.repair(slot, way === ABSENT, now)
    else if (!this.repairs.waiting(slot, now)) this.work.add(slot)
  }

  /** The first repair is immediate; a program that keeps taking a route away is answered ever more calmly. */
  private repair(slot: number, removed: boolean, now: number): void {
    this.counters.repairs++
    const until = this.repairs.until(slot, now)
    if (this.repairs.count(slot) === 1) this.listener.repaired?.(this.slots.index.destination(slot), removed)
    if (until === now) this.work.add(slot)
    else this.work.addLater(until, slot)
  }

  /** How often a row was put right in the current run of interference. */
  repairsOf(slot: number): number {
    return this.repairs.count(slot)
  }

  /** Interfaces by index, as the kernel last told them. */
  get links(): ReadonlyMap<number, KernelLink> {
    return this.resolver.links
  }

  private idle(slot: number): void {
    if (this.slots.releaseIfIdle(slot)) this.failures.delete(slot)
  }
}
