/**
 * What is there, as reads and notifications tell it: links, addresses, foreign routes, and what the kernel holds under
 * keys of ours. It knows where the kernel is silent: routes flushed with a link, with the last IPv4 address of an
 * interface, with a preferred source or with a nexthop object are not announced, so they are doubted here. What follows
 * from any of it is the reconciler's business.
 */
import type { KernelEvent, KernelState, Placing } from '../driver.js'
import type { Family, KernelAddress, KernelLink, KernelRoute } from '../routes.js'
import type { Flights } from './flights.js'
import type { ForeignRoutes } from './foreign.js'
import type { Observer } from './observer.js'
import { FLAG, type Slots } from './slots.js'
import type { RouteTables } from './tables.js'
import { ABSENT, hex, UNKNOWN, wayOf } from './way.js'
import type { WorkQueue } from './work-queue.js'

/** Longer than a notification is under way. */
const ECHO_MS = 100

/** What the witness asks of the reconciler. */
export interface Judge {
  setActual(slot: number, way: number, now: number): void
  /** Only a read can tell. */
  doubt(reason: string): void
  idle(slot: number): void
  /** When our last writes went out or landed. */
  readonly wroteAt: number
}

type Key = Pick<KernelRoute, 'destination' | 'table' | 'metric'>

export class Witness {
  private readonly tables: RouteTables
  private readonly slots: Slots
  private readonly foreign: ForeignRoutes
  private readonly observer: Observer
  private readonly work: WorkQueue
  private readonly flights: Flights
  private readonly judge: Judge
  /** IPv4 addresses per interface: with the last one every IPv4 route through it goes. */
  private readonly addresses = new Map<number, Set<string>>()

  constructor(tables: RouteTables, observer: Observer, work: WorkQueue, flights: Flights, judge: Judge) {
    this.tables = tables
    this.slots = tables.slots
    this.foreign = tables.foreign
    this.observer = observer
    this.work = work
    this.flights = flights
    this.judge = judge
  }

  // ---- a read ----

  beginRead(): void {
    this.foreign.beginRead()
    for (let slot = 0; slot < this.slots.index.size; slot++) this.slots.lower(slot, FLAG.SEEN)
  }

  feed(routes: readonly KernelRoute[], now: number): void {
    for (const route of routes) {
      if (this.tables.isOurs(route)) this.feedOurs(route, now)
      else if (this.tables.concerns(route)) {
        this.foreign.see(route)
        this.heldByOther(route)
      }
    }
  }

  private feedOurs(route: KernelRoute, now: number): void {
    const slot = this.tables.slotOf(route)
    const way = this.tables.ways.ofRoute(route, this.slots.actual[slot] as number)
    if (this.slots.has(slot, FLAG.SEEN)) {
      this.double(slot, now)
      return
    }
    this.slots.raise(slot, FLAG.SEEN)
    this.slots.lower(slot, FLAG.DOUBLED)
    this.judge.setActual(slot, way, now)
  }

  /** What was not seen is not there. */
  endRead(state: Pick<KernelState, 'links' | 'addresses'>, now: number): void {
    for (let slot = 0; slot < this.slots.index.size; slot++) {
      if (this.slots.actual[slot] === ABSENT || this.slots.has(slot, FLAG.SEEN)) continue
      this.slots.lower(slot, FLAG.DOUBLED)
      this.judge.setActual(slot, ABSENT, now)
    }
    this.foreign.endRead((key) => this.freed(key))
    this.tables.resolver.setLinks(state.links)
    this.addresses.clear()
    for (const address of state.addresses) this.note(address)
  }

  // ---- events ----

  /** Returns true when next hops may resolve differently. */
  apply(event: KernelEvent, now: number): boolean {
    switch (event.type) {
      case 'gap':
        this.judge.doubt(event.reason)
        return false
      case 'nexthop':
        this.nexthop(event.id)
        return false
      case 'route':
        return this.route(event.route, event.removed, event.placing ?? 'instead', now)
      case 'link':
        this.link(event.link, event.removed)
        return true
      case 'address':
        if (event.removed) this.addressLost(event.address)
        else this.note(event.address)
        return true
    }
  }

  private route(route: KernelRoute, removed: boolean, placing: Placing, now: number): boolean {
    if (this.tables.isOurs(route)) {
      this.oursChanged(route, removed, placing, now)
      return false
    }
    if (!this.tables.concerns(route)) return false
    const sure = removed ? this.foreign.take(route) : this.foreign.place(route, placing)
    if (!sure) this.judge.doubt('several routes share a key that changed')
    if (this.foreign.holds(route)) this.intruded(route, removed)
    else this.freed(route)
    return route.table === this.tables.lookupTable
  }

  private oursChanged(route: KernelRoute, removed: boolean, placing: Placing, now: number): void {
    const way = this.tables.ways.intern(wayOf(route))
    const slot = this.tables.slotOf(route)
    const before = this.slots.actual[slot]
    // IPv6 announces the loss of one hop of a multipath route as a removal: then something else is left.
    // Right after our own writes the removal may be older than they are: then only a replace is sure to fit.
    const known = before === way && now - this.judge.wroteAt > ECHO_MS && !this.slots.has(slot, FLAG.DOUBLED)
    if (removed) this.judge.setActual(slot, before === ABSENT || known ? ABSENT : UNKNOWN, now)
    else if (before !== ABSENT && (placing === 'first' || placing === 'last') && !joins(route)) this.double(slot, now)
    else this.judge.setActual(slot, way, now)
    // A replace announces only what comes: whether the foreign route is still beside it, a read must tell.
    if (!removed && this.slots.has(slot, FLAG.FOREIGN)) this.judge.doubt('a key changed hands')
    if (!this.slots.live(slot)) this.judge.idle(slot)
  }

  private double(slot: number, now: number): void {
    this.slots.raise(slot, FLAG.DOUBLED)
    this.judge.setActual(slot, UNKNOWN, now)
    this.work.add(slot)
  }

  // ---- keys that others hold ----

  /** Seen in a read: no more than that. */
  private heldByOther(key: Key): void {
    const slot = this.tables.find(key)
    if (slot < 0 || this.slots.has(slot, FLAG.FOREIGN)) return
    this.slots.raise(slot, FLAG.FOREIGN)
    this.work.add(slot)
  }

  /** Somebody put a route beside ours or in its place, or took one of several away; the next write or read will tell. */
  private intruded(key: Key, removed: boolean): void {
    const slot = this.tables.find(key)
    if (slot < 0) return
    if (!removed) {
      if (this.slots.has(slot, FLAG.FOREIGN)) this.judge.doubt('a key changed hands')
      this.slots.raise(slot, FLAG.FOREIGN)
      if (this.slots.actual[slot] !== ABSENT) this.slots.actual[slot] = UNKNOWN
    }
    this.work.add(slot)
  }

  /** Nobody else holds the key any more. */
  private freed(key: Key): void {
    if (this.foreign.holds(key)) return
    const slot = this.tables.find(key)
    if (slot < 0) return
    this.slots.lower(slot, FLAG.FOREIGN | FLAG.REPORTED)
    this.work.add(slot)
  }

  // ---- links, addresses, nexthop objects ----

  private link(link: KernelLink, removed: boolean): void {
    const { resolver, ways } = this.tables
    const old = resolver.links.get(link.index)
    if (removed) resolver.removeLink(link.index)
    else resolver.setLink(link)
    if (!removed && old !== undefined && old.name !== link.name) this.observer.renamed(link.index, old.name)
    if (!removed && link.up) return
    // Going down or away flushes routes without a notification (IPv4): ours are unknown, foreign ones gone. A multipath
    // route outlives a link that is down, not one that is gone.
    this.dropThrough(link.index, 4, removed)
    this.dropThrough(link.index, 6, false)
    if (removed) this.addresses.delete(link.index)
    this.forget(ways.through(link.index))
    this.flights.taint()
  }

  private addressLost({ family, ifindex, address, length }: KernelAddress): void {
    // Routes with that preferred source were flushed, by kernels before 6.6 without a notification.
    this.forget(this.tables.waysWithSource(address))
    this.flights.taint()
    if (family !== 4) return
    const left = this.addresses.get(ifindex)
    const known = left?.delete(textOf(address, length)) === true
    if (!this.has(address)) this.foreign.dropFrom(address, (key) => this.freed(key))
    if (left === undefined || !known || left.size > 0) return
    // fib_disable_ip: an interface without an address carries no IPv4 route.
    this.addresses.delete(ifindex)
    this.dropThrough(ifindex, 4, false)
    this.forget(this.tables.ways.through(ifindex))
  }

  private note({ family, ifindex, address, length }: KernelAddress): void {
    if (family !== 4) return
    const known = this.addresses.get(ifindex)
    if (known === undefined) this.addresses.set(ifindex, new Set([textOf(address, length)]))
    else known.add(textOf(address, length))
  }

  /** With any length, on any interface. */
  private has(address: Uint8Array): boolean {
    const start = textOf(address)
    for (const held of this.addresses.values()) for (const text of held) if (text.startsWith(start)) return true
    return false
  }

  private nexthop(id: number): void {
    const ours = this.tables.ways.which(({ nexthopId }) => nexthopId === id)
    this.forget(ours)
    if (ours.size > 0 || this.foreign.uses(id)) this.judge.doubt('a nexthop object changed')
  }

  private dropThrough(ifindex: number, family: Family, any: boolean): void {
    this.foreign.dropThrough(ifindex, family, any, (key) => this.freed(key))
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
}

/** One address may be there twice, for a network and as a host. */
const textOf = (address: Uint8Array, length: number | '' = ''): string => `${hex(address)}/${length}`

/** IPv6 joins routes through gateways under one key to one multipath route; its announcement shows all of it. */
const joins = ({ destination, nextHops }: KernelRoute): boolean =>
  destination.family === 6 && nextHops.length > 1 && nextHops.every(({ gateway }) => gateway !== undefined)
