/**
 * Local routes towards the engine: what the plan originates (own blocks, services, static hosts) and what the kernel
 * shows (connected prefixes, workload /32s, other programs' routes).
 *
 * Both arrive as desired sets or as observations; this class turns them into the fewest `setLocalRoute` and
 * `removeLocalRoute` calls. Plans are compared by value, so a plan that changes nothing here costs one pass.
 */

import { formatAddress } from '@starling/bgp-packet/address'
import type { LocalRoute } from '@starling/engine'
import { isLinkLocal } from '@starling/inet'
import type { KernelRoute, ObservedRoute } from '@starling/route-programmer'

export interface LocalRouteTable {
  setLocalRoute(route: LocalRoute): void
  removeLocalRoute(source: LocalRoute['source'], prefix: string): void
}

const PROTOCOL_KERNEL = 2

export class LocalRoutes {
  readonly #table: LocalRouteTable
  #planned = new Map<string, LocalRoute>()
  /** How many kernel routes stand behind each observation: the same prefix may exist with several metrics. */
  readonly #observed = new Map<string, Map<string, LocalRoute>>()

  constructor(table: LocalRouteTable) {
    this.#table = table
  }

  /** The complete set that the plan wants; additions first. */
  plan(routes: readonly LocalRoute[]): void {
    const next = new Map(routes.map((route) => [`${route.source} ${route.prefix}`, route]))
    for (const [key, route] of next) {
      const before = this.#planned.get(key)
      if (before === undefined || !sameRoute(before, route)) this.#table.setLocalRoute(route)
    }
    for (const [key, route] of this.#planned) {
      if (!next.has(key)) this.#table.removeLocalRoute(route.source, route.prefix)
    }
    this.#planned = next
  }

  /** Everything again: the table is new. */
  replay(): void {
    for (const route of this.#planned.values()) this.#table.setLocalRoute(route)
    for (const variants of this.#observed.values()) this.#table.setLocalRoute(preferred(variants))
  }

  /** Routes of the kernel that are not ours, as the programmer reports them: what is left after all of them counts. */
  observe(changes: readonly ObservedRoute[]): void {
    const touched = new Map<string, LocalRoute>()
    for (const { removed, route, device } of changes) {
      const local = localRoute(route, device)
      if (local === undefined) continue
      const key = `${local.source} ${local.prefix}`
      let variants = this.#observed.get(key)
      if (variants === undefined) {
        variants = new Map()
        this.#observed.set(key, variants)
      }
      if (removed) variants.delete(variantOf(route))
      else variants.set(variantOf(route), local)
      touched.set(key, local)
    }
    for (const [key, { source, prefix }] of touched) {
      const variants = this.#observed.get(key) ?? new Map<string, LocalRoute>()
      if (variants.size > 0) this.#table.setLocalRoute(preferred(variants))
      else {
        this.#observed.delete(key)
        this.#table.removeLocalRoute(source, prefix)
      }
    }
  }
}

/** By index, not name: a removal may be told after the interface is gone. */
function variantOf({ metric, nextHops }: KernelRoute): string {
  const { ifindex = 0, gateway } = nextHops[0] ?? {}
  return `${metric} ${ifindex} ${gateway === undefined ? '' : formatAddress(gateway)}`
}

/** The kernel uses the lowest metric; so do we. */
function preferred(variants: ReadonlyMap<string, LocalRoute>): LocalRoute {
  let best: LocalRoute | undefined
  for (const route of variants.values()) {
    if (best === undefined || (route.metric ?? 0) < (best.metric ?? 0)) best = route
  }
  return best as LocalRoute
}

/** A kernel route as the engine's local route; undefined for what BGP never looks at (link-local prefixes, blackholes of others). */
function localRoute(route: KernelRoute, device: string): LocalRoute | undefined {
  const { destination, nextHops, metric, protocol } = route
  const hop = nextHops[0]
  if (route.kind !== 'unicast' || hop === undefined || onLinkOnly(destination.address)) return undefined
  const prefix = `${formatAddress(destination.address)}/${destination.length}`
  const gateway = hop.gateway === undefined ? undefined : formatAddress(hop.gateway)
  const source = protocol === PROTOCOL_KERNEL && gateway === undefined ? 'direct' : 'kernel'
  return {
    prefix,
    source,
    target: { kind: 'device', interface: device, ...(gateway === undefined ? {} : { gateway }) },
    metric,
    interface: device,
    label: `${source === 'direct' ? 'connected' : 'kernel'} ${device}`,
  }
}

/** fe80::/10 and 169.254.0.0/16 mean something else on every link. */
function onLinkOnly(address: Uint8Array): boolean {
  return address.length === 16 ? isLinkLocal(address) : address[0] === 169 && address[1] === 254
}

function sameRoute(a: LocalRoute, b: LocalRoute): boolean {
  return (
    a.label === b.label &&
    a.metric === b.metric &&
    a.interface === b.interface &&
    JSON.stringify(a.target) === JSON.stringify(b.target)
  )
}
