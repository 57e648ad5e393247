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

/** Among the few routes under one key: the same one, perhaps another way. */
const same = (a: KernelRoute, b: KernelRoute): boolean => a.protocol === b.protocol && a.kind === b.kind

type ByPrefix = Map<string, KernelRoute[]>

export class ForeignRoutes {
  /** By conflicting key; nearly always one. Whoever asks for a key must not pay for the other routes. */
  private readonly byKey = new Map<string, readonly KernelRoute[]>()
  private count = 0
  /** Routes of the main table for lookups: family, then length, then prefix. */
  private readonly lookups: Record<Family, Map<number, ByPrefix>> = { 4: new Map(), 6: new Map() }

  get size(): number {
    return this.count
  }

  *values(): Generator<KernelRoute> {
    for (const routes of this.byKey.values()) yield* routes
  }

  /** True when any foreign route holds this key. */
  holds(key: string): boolean {
    return this.byKey.has(key)
  }

  /** The foreign routes under a conflicting key, for the report. */
  under(key: string): readonly KernelRoute[] {
    return this.byKey.get(key) ?? []
  }

  /** Returns the route it replaced, if any. */
  add(route: KernelRoute): KernelRoute | undefined {
    const key = conflictKey(route)
    const held = this.byKey.get(key)
    const old = held?.find((other) => same(other, route))
    if (held === undefined) this.byKey.set(key, [route])
    else
      this.byKey.set(key, old === undefined ? [...held, route] : held.map((other) => (other === old ? route : other)))
    if (old === undefined) this.count++
    else this.unindex(old)
    this.index(route)
    return old
  }

  remove(route: KernelRoute): boolean {
    const key = conflictKey(route)
    const held = this.byKey.get(key)
    const old = held?.find((other) => same(other, route))
    if (held === undefined || old === undefined) return false
    if (held.length === 1) this.byKey.delete(key)
    else
      this.byKey.set(
        key,
        held.filter((other) => other !== old),
      )
    this.count--
    this.unindex(old)
    return true
  }

  /** Removes and returns the routes that can only leave through an interface: the kernel flushes them without a word. */
  dropThrough(ifindex: number): KernelRoute[] {
    const gone = [...this.values()].filter(
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
