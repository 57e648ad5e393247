/**
 * Loc-RIB to the world: best routes (with their multipath sets) as sink calls on one reused view.
 */
import type { InstallView, Sink } from '../sink.js'
import { SetFlag } from './attributes.js'
import type { FamilyRib, KernelNews } from './family.js'
import { linkBandwidth, weightsOf } from './link-bandwidth.js'
import { RowFlag, type RowId } from './paths.js'
import { LOCAL_SOURCE } from './peer-columns.js'

type Mutable<T> = { -readonly [K in keyof T]: T[K] | undefined }
type Hop = InstallView['nextHops'][number]

export class KernelOut implements KernelNews {
  readonly #sink: Sink
  readonly #hops: Hop[] = []
  readonly #view: Mutable<InstallView> = {
    family: 'ipv4',
    address: new Uint8Array(4),
    length: 0,
    source: 'bgp',
    from: '',
    nextHops: this.#hops,
    localPref: undefined,
    metric: undefined,
    ebgp: false,
    local: undefined,
  }
  readonly #addresses = [new Uint8Array(4), new Uint8Array(16)] as const

  get installs(): boolean {
    return this.#sink.installs !== false
  }

  constructor(sink: Sink) {
    this.#sink = sink
  }

  install(rib: FamilyRib, prefix: number, best: RowId): void {
    const { paths, store, table, peers } = rib
    const address = this.#addresses[rib.index]
    table.writeAddress(prefix, address, 0)
    const source = paths.source[best]
    const attr = paths.attr[best]
    const local = source === LOCAL_SOURCE ? rib.locals.get(best) : undefined
    const view = this.#view
    view.family = rib.index === 0 ? 'ipv4' : 'ipv6'
    view.address = address
    view.length = table.lengths[prefix]
    view.source = local === undefined ? 'bgp' : local.source
    view.from = local === undefined ? (rib.states[source - 1]?.session.config.name ?? '') : local.label
    view.localPref = store.flags[attr] & SetFlag.localPref ? store.localPrefs[attr] : undefined
    view.metric = local?.metric
    view.ebgp = peers.external[source] === 1
    view.local = local?.target
    this.#setHops(rib, prefix, best, local?.target.kind === 'blackhole')
    // `local` is absent for BGP routes, as the contract says; an absent key and an undefined one are alike to readers.
    this.#sink.installRoute(view as InstallView)
  }

  remove(rib: FamilyRib, prefix: number): void {
    const address = this.#addresses[rib.index]
    rib.table.writeAddress(prefix, address, 0)
    this.#sink.removeRoute(rib.index === 0 ? 'ipv4' : 'ipv6', address, rib.table.lengths[prefix])
  }

  /** The best path's next hop first, then those of the multipath set, each once. */
  #setHops(rib: FamilyRib, prefix: number, best: RowId, none: boolean): void {
    const { paths, store } = rib
    const { nextHops } = store
    const hops = this.#hops
    const first = none ? 0 : store.nextHop[paths.attr[best]]
    const single = first === 0 ? 0 : 1
    if (single === 1) hops[0] = nextHops.weighted(first)
    // Setting a length is slow even when it is the same one.
    if (hops.length !== single) hops.length = single
    if (rib.options.maximumPaths <= 1 || single === 0) return
    const seen = [first]
    const bandwidths = [linkBandwidth(store, paths.attr[best])]
    for (let row = rib.prefixes.head[prefix]; row !== 0; row = paths.nextInPrefix[row]) {
      if (row === best || (paths.flags[row] & RowFlag.multi) === 0) continue
      const attr = paths.attr[row]
      const hop = store.nextHop[attr]
      if (seen.includes(hop)) continue
      seen.push(hop)
      bandwidths.push(linkBandwidth(store, attr))
      hops.push(nextHops.weighted(hop))
    }
    if (hops.length > 1 && bandwidths[0] > 0) this.#weigh(bandwidths)
  }

  #weigh(bandwidths: readonly number[]): void {
    for (const [i, weight] of weightsOf(bandwidths).entries()) {
      if (weight !== 1) this.#hops[i] = { ...this.#hops[i], weight }
    }
  }
}
