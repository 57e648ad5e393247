/**
 * What differs between routes of one key: where packets go. A `Way` is a kernel-ready answer (interfaces, gateways,
 * source, MTU), interned to a number, so that desired and actual are compared as integers and ten thousand routes to one
 * next hop hold one value. The textual form is canonical: next hops sorted, weights of a single hop dropped.
 */

import type { KernelRoute, KernelRouteKind } from '../routes.js'

export type ResolvedHop = KernelRoute['nextHops'][number]

export interface Way {
  readonly kind: KernelRouteKind
  readonly nextHops: readonly ResolvedHop[]
  readonly sourceAddress?: Uint8Array | undefined
  readonly mtu?: number | undefined
  /** What no wish has: such a route is never the wanted one, however much its next hops are. */
  readonly nexthopId?: number | undefined
  readonly extras?: boolean | undefined
}

/** No route. */
export const ABSENT = 0
/** Something is or was there that we cannot name: it must be written again. */
export const UNKNOWN = 1
const FIRST = 2

const OCTETS = Array.from({ length: 256 }, (_, value) => value.toString(16).padStart(2, '0'))

export function hex(bytes: Uint8Array): string {
  let text = ''
  for (let i = 0; i < bytes.length; i++) text += OCTETS[bytes[i] as number]
  return text
}

function hopText(hop: ResolvedHop, weighted: boolean): string {
  const gateway = hop.gateway === undefined ? '-' : hex(hop.gateway)
  return `${gateway}%${hop.ifindex}${hop.onlink ? '!' : ''}${weighted ? `*${hop.weight}` : ''}`
}

/** Canonical text of a way; equal text means the kernel forwards alike. */
export function wayText(way: Way): string {
  const weighted = way.nextHops.length > 1
  const hops = way.kind === 'unicast' ? way.nextHops.map((hop) => hopText(hop, weighted)).sort() : []
  const source = way.sourceAddress === undefined ? '' : hex(way.sourceAddress)
  const odd = `${way.nexthopId ?? ''}${way.extras === true ? '+' : ''}`
  return `${way.kind}|${hops.join(',')}|${source}|${way.mtu ?? ''}|${odd}`
}

/** Interning of ways. Numbers of ways no longer in use are dropped by `sweep`. */
export class WayTable {
  private readonly numbers = new Map<string, number>()
  private readonly ways: (Way | undefined)[] = [undefined, undefined]
  private readonly freed: number[] = []

  get size(): number {
    return this.numbers.size
  }

  intern(way: Way): number {
    const text = wayText(way)
    let number = this.numbers.get(text)
    if (number === undefined) {
      number = this.freed.pop() ?? this.ways.length
      this.ways[number] = way
      this.numbers.set(text, number)
    }
    return number
  }

  get(number: number): Way | undefined {
    return this.ways[number]
  }

  /** Larger than any number in use. */
  get end(): number {
    return this.ways.length
  }

  /** Forgets every way at whose number `used` holds a zero. */
  sweep(used: Uint8Array): void {
    for (const [text, number] of this.numbers) {
      if (used[number] === 1) continue
      this.numbers.delete(text)
      this.ways[number] = undefined
      this.freed.push(number)
    }
  }

  /** The number of a route's way; `believed` is tried first, as nearly every route of a dump is where it should be. */
  ofRoute(route: KernelRoute, believed: number): number {
    const way = this.ways[believed]
    return way !== undefined && plainlySame(way, route) ? believed : this.intern(wayOf(route))
  }

  /** Numbers of ways that leave through an interface. */
  through(ifindex: number): Set<number> {
    return this.which(({ nextHops }) => nextHops.some((hop) => hop.ifindex === ifindex))
  }

  which(wanted: (way: Way) => boolean): Set<number> {
    const found = new Set<number>()
    for (let number = FIRST; number < this.ways.length; number++) {
      const way = this.ways[number]
      if (way !== undefined && wanted(way)) found.add(number)
    }
    return found
  }
}

/** The way of a route read from the kernel; blackholes lose the loopback hop IPv6 shows for them. */
export function wayOf(route: KernelRoute): Way {
  return {
    kind: route.kind,
    nextHops: route.kind === 'unicast' ? route.nextHops : [],
    sourceAddress: route.sourceAddress,
    mtu: route.mtu,
    nexthopId: route.nexthopId,
    extras: route.extras,
  }
}

/** True when a route read goes this way, for the common case of one hop, without building text; false means "look". */
export function plainlySame(way: Way, route: KernelRoute): boolean {
  if (way.kind !== 'unicast' || route.kind !== 'unicast' || way.mtu !== route.mtu) return false
  if (way.nexthopId !== route.nexthopId || way.extras !== route.extras) return false
  if (way.nextHops.length !== 1 || route.nextHops.length !== 1) return false
  const a = way.nextHops[0] as ResolvedHop
  const b = route.nextHops[0] as ResolvedHop
  if (a.ifindex !== b.ifindex || a.onlink !== b.onlink) return false
  return sameBytes(a.gateway, b.gateway) && sameBytes(way.sourceAddress, route.sourceAddress)
}

export function sameBytes(a: Uint8Array | undefined, b: Uint8Array | undefined): boolean {
  if (a === undefined || b === undefined) return a === b
  if (a.length !== b.length) return false
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false
  return true
}
