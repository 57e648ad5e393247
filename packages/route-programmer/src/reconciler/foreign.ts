/**
 * Other programs' routes and the kernel's own: read, never written. They answer two questions: which way a next hop
 * lies (longest prefix first, lowest metric next, as the kernel decides), and whether a key we want is taken.
 * Few compared with ours, so plain objects in maps: about 500 bytes each.
 */

import type { Family, KernelRoute } from '../routes.js'
import { TABLE_MAIN } from '../routes.js'
import { hex } from './way.js'

/** The part of a key that conflicts: table, destination, metric. */
export function conflictKey(route: Pick<KernelRoute, 'destination' | 'table' | 'metric'>): string {
  const { family, address, length } = route.destination
  return `${family} ${route.table} ${hex(address)}/${length} ${route.metric}`
}

function identity(route: KernelRoute): string {
  return `${conflictKey(route)} ${route.protocol} ${route.kind}`
}

type ByPrefix = Map<string, KernelRoute[]>

export class ForeignRoutes {
  private routes = new Map<string, KernelRoute>()
  private readonly keys = new Map<string, number>()
  /** Routes of the main table for lookups: family, then length, then prefix. */
  private readonly lookups: Record<Family, Map<number, ByPrefix>> = { 4: new Map(), 6: new Map() }

  get size(): number {
    return this.routes.size
  }

  values(): IterableIterator<KernelRoute> {
    return this.routes.values()
  }

  /** True when any foreign route holds this key. */
  holds(key: string): boolean {
    return this.keys.has(key)
  }

  /** The foreign routes under a conflicting key, for the report. */
  under(key: string): KernelRoute[] {
    return this.keys.has(key) ? [...this.routes.values()].filter((route) => conflictKey(route) === key) : []
  }

  /** Returns the route it replaced, if any. */
  add(route: KernelRoute): KernelRoute | undefined {
    const id = identity(route)
    const old = this.routes.get(id)
    if (old !== undefined) this.unindex(old)
    this.routes.set(id, route)
    this.index(route)
    return old
  }

  remove(route: KernelRoute): boolean {
    const id = identity(route)
    const old = this.routes.get(id)
    if (old === undefined) return false
    this.routes.delete(id)
    this.unindex(old)
    return true
  }

  /** Removes and returns the routes that can only leave through an interface: the kernel flushes them without a word. */
  dropThrough(ifindex: number): KernelRoute[] {
    const gone = [...this.routes.values()].filter(
      ({ nextHops }) => nextHops.length > 0 && nextHops.every((hop) => hop.ifindex === ifindex),
    )
    for (const route of gone) this.remove(route)
    return gone
  }

  /** Longest-prefix match in the main table; `usable` decides whether a route can carry packets now. */
  lookup(family: Family, target: Uint8Array, usable: (route: KernelRoute) => boolean): KernelRoute | undefined {
    const byLength = this.lookups[family]
    for (const length of [...byLength.keys()].sort((a, b) => b - a)) {
      const candidates = byLength.get(length)?.get(hex(masked(target, length)))
      const best = candidates?.filter(usable).sort((a, b) => a.metric - b.metric)[0]
      if (best !== undefined) return best
    }
    return undefined
  }

  private index(route: KernelRoute): void {
    const key = conflictKey(route)
    this.keys.set(key, (this.keys.get(key) ?? 0) + 1)
    if (route.table !== TABLE_MAIN) return
    const { family, length, address } = route.destination
    const byLength = this.lookups[family]
    let byPrefix = byLength.get(length)
    if (byPrefix === undefined) {
      byPrefix = new Map()
      byLength.set(length, byPrefix)
    }
    const prefix = hex(address)
    const list = byPrefix.get(prefix)
    if (list === undefined) byPrefix.set(prefix, [route])
    else list.push(route)
  }

  private unindex(route: KernelRoute): void {
    const key = conflictKey(route)
    const count = (this.keys.get(key) ?? 1) - 1
    if (count === 0) this.keys.delete(key)
    else this.keys.set(key, count)
    const { family, length, address } = route.destination
    const byLength = this.lookups[family]
    const byPrefix = byLength.get(length)
    const prefix = hex(address)
    const list = byPrefix?.get(prefix)?.filter((other) => other !== route)
    if (byPrefix === undefined || list === undefined) return
    if (list.length > 0) byPrefix.set(prefix, list)
    else byPrefix.delete(prefix)
    if (byPrefix.size === 0) byLength.delete(length)
  }
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
