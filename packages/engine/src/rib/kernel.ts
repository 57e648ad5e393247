/**
 * Loc-RIB to the world: best routes (with their multipath sets) as sink calls on one reused view.
 */
import type { InstallView, LocalRouteTarget, Sink } from '../sink.js'
import { SetFlag } from './attributes.js'
import type { FamilyRib } from './family.js'
import { RowFlag, type RowId } from './paths.js'
import { LOCAL_SOURCE } from './peers.js'

type Mutable<T> = { -readonly [K in keyof T]: T[K] }

export class KernelOut {
  readonly #sink: Sink
  readonly #nameOf: (slot: number) => string
  readonly #addresses = [new Uint8Array(4), new Uint8Array(16)] as const

  constructor(sink: Sink, nameOf: (slot: number) => string) {
    this.#sink = sink
    this.#nameOf = nameOf
  }

  install(rib: FamilyRib, prefix: number, best: RowId): void {
    const { paths, store, table, peers } = rib
    const address = this.#addresses[rib.index]
    table.writeAddress(prefix, address, 0)
    const source = paths.source[best]
    const attr = paths.attr[best]
    const local = source === LOCAL_SOURCE ? rib.locals.get(best) : undefined
    const hasPref = store.flags[attr] & SetFlag.localPref
    const view: Mutable<InstallView> = {
      family: rib.index === 0 ? 'ipv4' : 'ipv6',
      address,
      length: table.lengths[prefix],
      source: local?.source ?? 'bgp',
      from: local?.label ?? this.#nameOf(source - 1),
      nextHops: local === undefined ? this.#nextHops(rib, prefix, best) : localHops(rib, attr, local.target),
      localPref: hasPref ? store.localPrefs[attr] : undefined,
      metric: local?.metric,
      ebgp: peers.external[source] === 1,
    }
    if (local !== undefined) view.local = local.target
    this.#sink.installRoute(view)
  }

  remove(rib: FamilyRib, prefix: number): void {
    const address = this.#addresses[rib.index]
    rib.table.writeAddress(prefix, address, 0)
    this.#sink.removeRoute(rib.index === 0 ? 'ipv4' : 'ipv6', address, rib.table.lengths[prefix])
  }

  /** The best path's next hop first, then those of the multipath set, each once. */
  #nextHops(rib: FamilyRib, prefix: number, best: RowId): { address: Uint8Array; weight: number }[] {
    const { paths, store } = rib
    const hops = [store.nextHop[paths.attr[best]]]
    for (let row = rib.prefixes.head[prefix]; row !== 0; row = paths.nextInPrefix[row]) {
      if (row === best || (paths.flags[row] & RowFlag.multi) === 0) continue
      const hop = store.nextHop[paths.attr[row]]
      if (!hops.includes(hop)) hops.push(hop)
    }
    return hops.map((hop) => ({ address: store.nextHops.forwarding(hop), weight: 1 }))
  }
}

function localHops(rib: FamilyRib, attr: number, target: LocalRouteTarget): { address: Uint8Array; weight: number }[] {
  const hop = rib.store.nextHop[attr]
  return target.kind === 'blackhole' || hop === 0 ? [] : [{ address: rib.store.nextHops.forwarding(hop), weight: 1 }]
}
