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
import { type DesiredRoute, type KernelLink, type KernelRoute, TABLE_MAIN } from '../routes.js'
import { ERRNO, type Failure, nextFailure } from './failure.js'
import { type Flight, Flights } from './flights.js'
import { conflictKey, type ForeignRoutes } from './foreign.js'
import { NextHops } from './next-hops.js'
import { Observer } from './observer.js'
import { Repairs, Rivals } from './repairs.js'
import type { Resolver } from './resolver.js'
import { FLAG, type Slots } from './slots.js'
import { RouteTables } from './tables.js'
import { conflictText, rivalText } from './text.js'
import {
  type NextHopState,
  newCounters,
  type ReconcilerCounters,
  type ReconcilerListener,
  type ReconcilerOptions,
} from './types.js'
import { ABSENT, UNKNOWN } from './way.js'
import type { WishTable } from './wishes.js'
import { type Judge, Witness } from './witness.js'
import { WorkQueue } from './work-queue.js'

const DELETE_DEADLINE_MS = 120_000
const VERIFY_INTERVAL_MS = 300_000
/** A read that another read has just made is not repeated sooner. */
const READ_SPACING_MS = 1000
/** Rows looked at for one batch: most of a long queue may need nothing. */
const LOOKS = 4096

/** `thin`: one of several routes of ours under the key goes, the others stay. */
export type Action = 'none' | 'add' | 'replace' | 'delete' | 'held' | 'unresolved' | 'conflict' | 'thin'

export class Reconciler {
  readonly counters: ReconcilerCounters = newCounters()
  /** Another one whenever the state of a row may be another. */
  version = 0
  readonly tables: RouteTables
  private readonly slots: Slots
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
  private readonly rivals = new Rivals()
  private readonly flights: Flights
  private readonly witness: Witness
  private reading = false
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
    this.wishes = this.tables.wishes
    this.foreign = this.tables.foreign
    this.resolver = this.tables.resolver
    this.work = new WorkQueue(this.slots)
    this.flights = new Flights(this.slots)
    this.nextHops = new NextHops(this.resolver)
    this.observer = new Observer(options.ignoredInterfaces ?? [], this.foreign, this.resolver, listener)
    const of = (): number => this.wroteAt
    const judge: Judge = {
      setActual: (slot, way, now) => this.setActual(slot, way, now),
      doubt: (reason) => this.requestRead(reason),
      idle: (slot) => this.idle(slot),
      get wroteAt() {
        return of()
      },
    }
    this.witness = new Witness(this.tables, this.observer, this.work, this.flights, judge)
  }

  /** Wants a route; the same key wanted before is changed. */
  set(route: DesiredRoute): void {
    this.version++
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
    this.version++
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
    this.version++
    this.mayDelete = true
    this.deadline = Number.POSITIVE_INFINITY
    for (let slot = 0; slot < this.slots.index.size; slot++) {
      if (this.slots.wish[slot] === 0 && this.slots.actual[slot] !== ABSENT) this.work.add(slot)
    }
  }

  /** They are allowed at that time unless they are sooner; the earliest time asked for counts. */
  allowDeletesAt(time: number): void {
    if (!this.mayDelete) this.deadline = Math.min(this.deadline, time)
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
    if (this.reading || this.flights.any) return undefined
    if (this.wantRead !== undefined && now >= this.readNotBefore) return this.wantRead
    return now >= this.verifyAt ? 'verification' : undefined
  }

  requestRead(reason: string): void {
    this.wantRead ??= reason
  }

  beginRead(): void {
    this.wantRead = undefined
    this.reading = true
    this.witness.beginRead()
  }

  /** A slice of the routes being read. In the first read nothing is taken back: others need not wait for its end. */
  feed(routes: readonly KernelRoute[], now: number, links?: readonly KernelLink[]): void {
    this.version++
    this.witness.feed(routes, now)
    if (this.counters.reads > 0 || links === undefined) return
    if (this.resolver.links.size === 0) this.resolver.setLinks(links)
    this.observer.offer(routes.length)
  }

  /** The read is complete: what was not seen is not there. */
  endRead(state: Pick<KernelState, 'links' | 'addresses'>, now: number): void {
    this.version++
    this.blind = false
    this.reading = false
    this.counters.reads++
    this.witness.endRead(state, now)
    this.topologyChanged(now)
    this.tables.sweep()
    this.repairs.clear()
    this.verifyAt = now + (this.options.verifyInterval ?? VERIFY_INTERVAL_MS)
    this.readNotBefore = now + READ_SPACING_MS
    if (this.counters.reads === 1) this.allowDeletesAt(now + (this.options.deleteDeadline ?? DELETE_DEADLINE_MS))
  }

  /** The read broke off; what was fed is kept, the rest stays as believed. */
  abortRead(reason: string, now: number): void {
    this.reading = false
    this.wantRead = reason
    this.readNotBefore = now + READ_SPACING_MS
    this.topologyChanged(now)
  }

  // ---- events ----

  applyEvents(events: readonly KernelEvent[], now: number): void {
    this.version++
    let topology = false
    for (const event of events) {
      if (event.type === 'gap') this.counters.gaps++
      topology = this.witness.apply(event, now) || topology
      if (event.type === 'link') this.listener.deviceChanged?.(event.link.name)
      else if (event.type === 'address') this.deviceChanged(event.address.ifindex)
    }
    if (topology) this.topologyChanged(now)
  }

  private deviceChanged(ifindex: number): void {
    const name = this.resolver.links.get(ifindex)?.name
    if (name !== undefined) this.listener.deviceChanged?.(name)
  }

  /** There are foreign routes to tell of. */
  get hasNews(): boolean {
    return this.observer.hasNews
  }

  /** Tells of what changed under at most `limit` keys of others. */
  offer(limit: number): void {
    this.observer.offer(limit)
  }

  /** Wishes are resolved again, their routes queued where the answer differs; failed writes get their chance at once. */
  private topologyChanged(now: number): void {
    if (this.failures.size > 0) this.work.retryFailures(now)
    this.resolveAgain()
  }

  private resolveAgain(): void {
    this.version++
    const changed = this.wishes.resolveAll()
    if (changed !== undefined) {
      const { wish, index } = this.slots
      for (let slot = 0; slot < index.size; slot++) if (changed[wish[slot] as number] === 1) this.work.add(slot)
    }
    this.nextHops.refresh((gateway, state, device) => this.listener.nextHopChanged?.(gateway, state, device))
  }

  // ---- writing ----

  /** The next batch, additions before deletions; empty when there is nothing to do now. Several may be under way. */
  take(limit: number, now: number): RouteWrite[] {
    if (this.reading || this.blind) return []
    if (now >= this.deadline) this.allowDeletes()
    this.work.promote(now, this.failures.keys())
    const writes: RouteWrite[] = []
    const flight: Flight = { slots: [], ways: [], tainted: false }
    for (let looks = 0; looks < LOOKS && writes.length < limit; looks++) {
      const slot = this.work.next()
      if (slot < 0) break
      if (this.flights.postpones(slot)) continue
      const action = this.decide(slot)
      if (action === 'conflict') this.reportConflict(slot)
      else if (action === 'delete') this.work.addDeletion(slot)
      else if (action === 'add' || action === 'replace') this.fly(slot, action, writes, flight)
      else if (action === 'thin') this.fly(slot, 'delete', writes, flight, UNKNOWN)
      else if (action === 'none') this.idle(slot)
    }
    for (let looks = 0; looks < LOOKS && writes.length < limit; looks++) {
      const slot = this.work.nextDeletion()
      if (slot < 0) break
      if (this.flights.postpones(slot)) continue
      if (this.decide(slot) === 'delete') this.fly(slot, 'delete', writes, flight)
      else this.work.add(slot)
    }
    if (writes.length === 0) {
      if (!this.flights.any && !this.work.pending) this.settle()
      return writes
    }
    this.wroteAt = now
    this.flights.launch(flight)
    this.counters.batches++
    return writes
  }

  /** Outcomes of the oldest batch under way, in its order. */
  done(outcomes: readonly WriteOutcome[], now: number): void {
    this.version++
    const flight = this.flights.land()
    flight?.slots.forEach((slot, i) => {
      const way = flight.ways[i] as number
      // Queued before the outcome is judged: a row that is given back may be in no queue.
      if (this.flights.landed(slot)) this.work.add(slot)
      const outcome = outcomes[i] ?? { errno: ERRNO.ENOBUFS }
      const removal = way === ABSENT || way === UNKNOWN
      if (removal && outcome.errno === ERRNO.ESRCH) this.removed(slot, ABSENT)
      else if (outcome.errno !== 0) this.failed(slot, outcome, now)
      else if (removal) this.removed(slot, this.slots.has(slot, FLAG.DOUBLED) ? UNKNOWN : ABSENT)
      else this.succeeded(slot, flight.tainted ? UNKNOWN : way)
    })
    this.settled = false
    this.wroteAt = now
  }

  /** The driver itself broke: nobody knows which writes arrived. */
  broken(reason: string, now: number): void {
    this.version++
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
    if (this.reading || this.flights.any) return Number.POSITIVE_INFINITY
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
    if (this.slots.has(slot, FLAG.DOUBLED)) return 'thin'
    return actual === ABSENT ? 'add' : 'replace'
  }

  /** `left`: what a deletion leaves behind. */
  private fly(slot: number, op: RouteWrite['op'], writes: RouteWrite[], flight: Flight, left = ABSENT): void {
    const way = op === 'delete' ? left : this.wishes.get(this.slots.wish[slot] as number).way
    const route = this.tables.routeOf(slot, op === 'delete' ? (this.slots.actual[slot] as number) : way)
    writes.push({ op, route: route ?? this.tables.bareRoute(slot) })
    flight.slots.push(slot)
    flight.ways.push(way)
    this.slots.raise(slot, FLAG.FLYING)
  }

  /** One route of ours under the key has gone, or there was none (`left` says whether more may be there). */
  private removed(slot: number, left: number): void {
    const { index } = this.slots
    // To the kernel an IPv4 metric of 0 means any metric: if ours had gone, another of ours went in its place.
    if (index.metricOf(slot) === 0 && index.laneOf(slot).family === 4) {
      for (const other of index.siblings(slot)) {
        if (other === slot || this.slots.actual[other] === ABSENT) continue
        this.slots.actual[other] = UNKNOWN
        this.work.add(other)
      }
    }
    if (left === ABSENT || this.slots.wish[slot] !== 0) this.slots.lower(slot, FLAG.DOUBLED)
    // Whoever put a second route there may have put a third.
    if (left === UNKNOWN && this.slots.wish[slot] !== 0) this.requestRead('two routes of ours under one key')
    if (this.slots.actual[slot] !== ABSENT) this.counters.deleted++
    this.holds(slot, left)
  }

  private succeeded(slot: number, way: number): void {
    const before = this.slots.actual[slot]
    if (before === ABSENT) this.counters.added++
    else this.counters.replaced++
    this.holds(slot, way)
  }

  /** What a write left in the kernel. */
  private holds(slot: number, way: number): void {
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
    const holder = this.foreign.under(key)[0]
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
    // UNKNOWN: something was taken away, by somebody who was quicker than we.
    else if (this.slots.wish[slot] === 0 && way > UNKNOWN && this.mayDelete && !this.reading) this.unwanted(slot, now)
    else if (!this.repairs.waiting(slot, now)) this.work.add(slot)
  }

  /** Somebody writes what only we should: once it is taken away at once, then ever more calmly, and it is said. */
  private unwanted(slot: number, now: number): void {
    const route = this.tables.bareRoute(slot)
    const { at, before } = this.rivals.until(conflictKey(route), now)
    if (at === now) this.work.add(slot)
    else this.work.addLater(at, slot)
    if (before !== 1) return
    this.counters.conflicts++
    const { destination, table, metric } = route
    const holder = this.tables.routeOf(slot, this.slots.actual[slot] as number) ?? route
    this.listener.conflict?.({ destination, table, metric, holder, text: rivalText(route) })
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
