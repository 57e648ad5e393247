/**
 * A kernel's route tables in memory: links, addresses and routes with the rules that matter to a route programmer. It
 * flushes routes of a link that goes down without announcing them (IPv4), announces them (IPv6), refuses gateways that
 * are not on-link, and keeps one route per key and protocol. Several drivers may share one kernel.
 */

import type { KernelEvent, KernelState, RouteWrite, WriteOutcome } from '../driver.js'
import { conflictKey, masked } from '../reconciler/foreign.js'
import { hex } from '../reconciler/way.js'
import { type KernelAddress, type KernelLink, type KernelRoute, PROTOCOL_BIRD } from '../routes.js'

const OK: WriteOutcome = { errno: 0 }
const refuse = (errno: number, name: string, text: string): WriteOutcome => ({ errno, name, text })

/** A listener with its identity: a driver does not hear its own writes. */
interface Subscriber {
  readonly source: object
  listener(events: readonly KernelEvent[]): void
}

export class MemoryKernel {
  private readonly links = new Map<number, KernelLink>()
  private addresses: KernelAddress[] = []
  private readonly routes = new Map<string, KernelRoute[]>()
  private readonly subscribers = new Set<Subscriber>()

  state(): KernelState {
    return { links: [...this.links.values()], addresses: [...this.addresses], routes: this.allRoutes() }
  }

  allRoutes(): KernelRoute[] {
    return [...this.routes.values()].flat()
  }

  subscribe(source: object, listener: (events: readonly KernelEvent[]) => void): () => void {
    const subscriber: Subscriber = { source, listener }
    this.subscribers.add(subscriber)
    return () => this.subscribers.delete(subscriber)
  }

  // ---- what an administrator or another program does ----

  setLink(link: KernelLink): void {
    const old = this.links.get(link.index)
    this.links.set(link.index, link)
    this.announce(undefined, [{ type: 'link', removed: false, link }])
    if (old?.up === true && !link.up) this.flush(link.index)
    if (link.up && old?.up !== true) for (const address of this.addresses) this.connect(address, link.index)
  }

  removeLink(index: number): void {
    const link = this.links.get(index)
    if (link === undefined) return
    this.links.delete(index)
    this.flush(index)
    this.addresses = this.addresses.filter((address) => address.ifindex !== index)
    this.announce(undefined, [{ type: 'link', removed: true, link }])
  }

  addAddress(address: KernelAddress): void {
    this.addresses.push(address)
    this.announce(undefined, [{ type: 'address', removed: false, address }])
    if (this.links.get(address.ifindex)?.up === true) this.connect(address, address.ifindex)
  }

  removeAddress(address: KernelAddress): void {
    const same = (other: KernelAddress) =>
      other.ifindex === address.ifindex &&
      hex(other.address) === hex(address.address) &&
      other.length === address.length
    this.addresses = this.addresses.filter((other) => !same(other))
    this.announce(undefined, [{ type: 'address', removed: true, address }])
    this.foreignDelete(connected(address))
    // With its last IPv4 address an interface loses every IPv4 route, without a word.
    const { ifindex, family } = address
    const held = this.addresses.some((other) => hex(other.address) === hex(address.address))
    if (family === 4 && !held) this.flushFrom(address.address)
    if (family === 4 && !this.addresses.some((other) => other.ifindex === ifindex && other.family === 4))
      this.flush(ifindex, 4)
  }

  /** Another program's `ip route replace`: takes the key from whoever holds it. */
  foreignReplace(route: KernelRoute): void {
    this.routes.set(conflictKey(route), [route])
    this.announce(undefined, [{ type: 'route', removed: false, route }])
  }

  /** Another program's `ip route del` of exactly this key and protocol. */
  foreignDelete(route: Pick<KernelRoute, 'destination' | 'table' | 'metric' | 'protocol'>): boolean {
    const gone = this.take(conflictKey(route), route.protocol)
    if (gone === undefined) return false
    this.announce(undefined, [{ type: 'route', removed: true, route: gone }])
    return true
  }

  // ---- what a driver does ----

  write(source: object, { op, route }: RouteWrite): WriteOutcome {
    const key = conflictKey(route)
    if (op === 'delete') {
      const gone = this.take(key, PROTOCOL_BIRD)
      if (gone === undefined) return refuse(3, 'ESRCH', '')
      this.announce(source, [{ type: 'route', removed: true, route: gone }])
      return OK
    }
    const held = this.routes.get(key) ?? []
    if (op === 'add' && held.length > 0) return refuse(17, 'EEXIST', '')
    const problem = this.check(route)
    if (problem !== undefined) return problem
    this.routes.set(key, [route, ...held.slice(1)])
    this.announce(source, [{ type: 'route', removed: false, route }])
    return OK
  }

  private check(route: KernelRoute): WriteOutcome | undefined {
    if (route.kind !== 'unicast') return undefined
    if (route.nextHops.length === 0) return refuse(22, 'EINVAL', 'no next hop')
    for (const hop of route.nextHops) {
      const link = this.links.get(hop.ifindex)
      if (link === undefined) return refuse(19, 'ENODEV', '')
      if (!link.up) return refuse(100, 'ENETDOWN', 'Device for nexthop is not up')
      if (hop.gateway !== undefined && !hop.onlink && !this.onLink(hop.gateway, hop.ifindex)) {
        return refuse(101, 'ENETUNREACH', 'Nexthop has invalid gateway')
      }
    }
    return undefined
  }

  private onLink(gateway: Uint8Array, ifindex: number): boolean {
    if (gateway.length === 16 && gateway[0] === 0xfe && gateway[1] === 0x80) return true
    return this.addresses.some(
      (address) =>
        address.ifindex === ifindex &&
        address.address.length === gateway.length &&
        hex(masked(address.address, address.length)) === hex(masked(gateway, address.length)),
    )
  }

  private connect(address: KernelAddress, ifindex: number): void {
    if (address.ifindex === ifindex) this.foreignReplace(connected(address))
  }

  /** A link is down: routes that leave only through it are gone; only IPv6 says so. */
  private flush(index: number, family?: 4): void {
    for (const [key, list] of this.routes) {
      const lost = (route: KernelRoute) =>
        (family === undefined || route.destination.family === family) &&
        route.nextHops.length > 0 &&
        route.nextHops.every((hop) => hop.ifindex === index)
      const gone = list.filter(lost)
      if (gone.length === 0) continue
      const kept = list.filter((route) => !lost(route))
      if (kept.length > 0) this.routes.set(key, kept)
      else this.routes.delete(key)
      for (const route of gone) {
        if (route.destination.family === 6) this.announce(undefined, [{ type: 'route', removed: true, route }])
      }
    }
  }

  /** Routes that prefer an address nobody has any more are gone, as before Linux 6.6: without a word. */
  private flushFrom(source: Uint8Array): void {
    for (const [key, list] of this.routes) {
      const kept = list.filter(({ sourceAddress }) => sourceAddress === undefined || hex(sourceAddress) !== hex(source))
      if (kept.length > 0) this.routes.set(key, kept)
      else this.routes.delete(key)
    }
  }

  private take(key: string, protocol: number): KernelRoute | undefined {
    const list = this.routes.get(key)
    const gone = list?.find((route) => route.protocol === protocol)
    if (list === undefined || gone === undefined) return undefined
    const kept = list.filter((route) => route !== gone)
    if (kept.length > 0) this.routes.set(key, kept)
    else this.routes.delete(key)
    return gone
  }

  private announce(source: object | undefined, events: readonly KernelEvent[]): void {
    for (const subscriber of this.subscribers) if (subscriber.source !== source) subscriber.listener(events)
  }
}

/** The route the kernel makes for an address. */
function connected(address: KernelAddress): KernelRoute {
  return {
    destination: {
      family: address.family,
      address: masked(address.address, address.length),
      length: address.length,
    },
    kind: 'unicast',
    table: 254,
    metric: address.family === 6 ? 256 : 0,
    protocol: 2,
    scope: 253,
    nextHops: [{ ifindex: address.ifindex, onlink: false, weight: 1 }],
    ...(address.family === 4 && { sourceAddress: address.address }),
  }
}
