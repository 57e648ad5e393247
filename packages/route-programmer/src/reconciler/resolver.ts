/**
 * Next-hop resolution: from what was asked (a gateway, perhaps a device) to what the kernel accepts (an on-link gateway
 * and an interface). Gateways without a device are looked up in the kernel's own routes, and in those of ours that do not
 * themselves depend on such a lookup, so that no route can hold itself up. Interfaces that are down or lack carrier carry
 * nothing: the kernel would keep sending into them.
 */

import type { Family, KernelLink, KernelRoute, NextHop } from '../routes.js'
import type { ForeignRoutes } from './foreign.js'
import type { ResolvedHop } from './way.js'

/** Ways out of one route after flattening; the kernel takes more, but nobody has them. */
const HOP_LIMIT = 128

/** Finds our own installed, directly resolved routes; longest prefix wins. */
export type OwnLookup = (family: Family, target: Uint8Array) => KernelRoute | undefined

export interface Resolution {
  readonly hops: readonly ResolvedHop[]
  /** Why there is no hop; empty when there is one. */
  readonly reason: string
  /** True when no route of ours was used on the way. */
  readonly direct: boolean
  /** Metric of the route used: the engine's interior cost. */
  readonly metric: number
}

function failed(reason: string): Resolution {
  return { hops: [], reason, direct: true, metric: 0 }
}

export class Resolver {
  readonly links = new Map<number, KernelLink>()
  private readonly byName = new Map<string, KernelLink>()
  private readonly foreign: ForeignRoutes
  private readonly own: OwnLookup

  constructor(foreign: ForeignRoutes, own: OwnLookup) {
    this.foreign = foreign
    this.own = own
  }

  setLink(link: KernelLink): void {
    const old = this.links.get(link.index)
    if (old !== undefined && old.name !== link.name && this.byName.get(old.name)?.index === link.index) {
      this.byName.delete(old.name)
    }
    this.links.set(link.index, link)
    this.byName.set(link.name, link)
  }

  /** All links there are: others are forgotten. */
  setLinks(links: readonly KernelLink[]): void {
    const indexes = new Set(links.map((link) => link.index))
    for (const index of [...this.links.keys()]) if (!indexes.has(index)) this.removeLink(index)
    for (const link of links) this.setLink(link)
  }

  removeLink(index: number): void {
    const old = this.links.get(index)
    if (old === undefined) return
    this.links.delete(index)
    if (this.byName.get(old.name)?.index === index) this.byName.delete(old.name)
  }

  carries(ifindex: number): boolean {
    const link = this.links.get(ifindex)
    return link?.up === true && link.running
  }

  resolve(hop: NextHop): Resolution {
    if (hop.device !== undefined) return this.throughDevice(hop, hop.device)
    if (hop.gateway === undefined) return failed('neither a gateway nor a device')
    return this.lookup(hop.gateway, hop.weight ?? 1)
  }

  private throughDevice(hop: NextHop, device: string): Resolution {
    const link = this.byName.get(device)
    if (link === undefined) return failed(`interface ${device} does not exist`)
    if (!link.up) return failed(`interface ${device} is down`)
    if (!link.running) return failed(`interface ${device} has no carrier`)
    const resolved: ResolvedHop = {
      ...(hop.gateway !== undefined && { gateway: hop.gateway }),
      ifindex: link.index,
      onlink: hop.gateway !== undefined && hop.onlink === true,
      weight: hop.weight ?? 1,
    }
    return { hops: [resolved], reason: '', direct: true, metric: 0 }
  }

  private lookup(gateway: Uint8Array, weight: number): Resolution {
    const family: Family = gateway.length === 4 ? 4 : 6
    const usable = (route: Pick<KernelRoute, 'kind' | 'nextHops'>) =>
      route.kind !== 'unicast' || route.nextHops.some((hop) => this.carries(hop.ifindex))
    const foreign = this.foreign.lookup(family, gateway, usable)
    const own = this.own(family, gateway)
    const useOwn = own !== undefined && (foreign === undefined || better(own, foreign)) && usable(own)
    const route = useOwn ? own : foreign
    if (route === undefined) return failed('no route to the next hop')
    if (route.kind !== 'unicast') return failed(`the route to the next hop is ${route.kind}`)
    const hops: ResolvedHop[] = []
    for (const via of route.nextHops) {
      if (!this.carries(via.ifindex) || hops.length >= HOP_LIMIT) continue
      hops.push({
        gateway: via.gateway ?? gateway,
        ifindex: via.ifindex,
        onlink: via.gateway !== undefined && via.onlink,
        weight: Math.min(256, weight * via.weight),
      })
    }
    return { hops, reason: '', direct: !useOwn, metric: route.metric }
  }
}

function better(a: KernelRoute, b: KernelRoute): boolean {
  const longer = a.destination.length - b.destination.length
  return longer > 0 || (longer === 0 && a.metric < b.metric)
}

/** Same gateway and interface twice is one hop with the sum of the weights: the kernel refuses duplicates in IPv6. */
export function mergeHops(hops: readonly ResolvedHop[]): readonly ResolvedHop[] {
  if (hops.length < 2) return hops.map((hop) => (hop.weight === 1 ? hop : { ...hop, weight: 1 }))
  const merged: ResolvedHop[] = []
  for (const hop of hops) {
    const same = merged.findIndex(
      (other) => other.ifindex === hop.ifindex && String(other.gateway) === String(hop.gateway),
    )
    if (same < 0) merged.push(hop)
    else merged[same] = { ...hop, weight: Math.min(256, (merged[same] as ResolvedHop).weight + hop.weight) }
  }
  return merged.length === 1 ? mergeHops(merged) : merged
}
