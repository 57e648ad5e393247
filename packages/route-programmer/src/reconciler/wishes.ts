/**
 * What is wanted, without the destination: interned, so that the next hops of ten thousand routes are resolved once.
 * When links, addresses or foreign routes change, only the wishes are looked at again; routes whose wish now leads
 * elsewhere are found by one pass over a column of integers.
 */

import type { DesiredRoute } from '../routes.js'
import { mergeHops, type Resolver } from './resolver.js'
import { ABSENT, hex, type ResolvedHop, sameBytes, type WayTable } from './way.js'

export interface Wish {
  readonly route: Pick<DesiredRoute, 'kind' | 'nextHops' | 'sourceAddress' | 'mtu'>
  /** Way number, or ABSENT while no next hop resolves. */
  way: number
  reason: string
  direct: boolean
  /** Routes that hold this wish. */
  count: number
}

function wishText(route: Wish['route']): string {
  const hops = route.nextHops.map(
    ({ gateway, device, onlink, weight }) =>
      `${gateway === undefined ? '' : hex(gateway)}%${device ?? ''}${onlink === true ? '!' : ''}*${weight ?? 1}`,
  )
  const source = route.sourceAddress === undefined ? '' : hex(route.sourceAddress)
  return `${route.kind}|${hops.join(',')}|${source}|${route.mtu ?? ''}`
}

function sameWish(a: Wish['route'], b: Wish['route']): boolean {
  if (a.kind !== b.kind || a.mtu !== b.mtu || a.nextHops.length !== b.nextHops.length) return false
  if (!sameBytes(a.sourceAddress, b.sourceAddress)) return false
  return a.nextHops.every((hop, i) => {
    const other = b.nextHops[i] as (typeof b.nextHops)[number]
    if (hop.device !== other.device || (hop.onlink === true) !== (other.onlink === true)) return false
    return (hop.weight ?? 1) === (other.weight ?? 1) && sameBytes(hop.gateway, other.gateway)
  })
}

export class WishTable {
  private readonly numbers = new Map<string, number>()
  /** Number 0 means "no wish". */
  private readonly wishes: (Wish | undefined)[] = [undefined]
  private readonly free: number[] = []
  /** Acquired last; 0 at first, which is nobody. */
  private last = 0
  private readonly resolver: Resolver
  private readonly ways: WayTable

  constructor(resolver: Resolver, ways: WayTable) {
    this.resolver = resolver
    this.ways = ways
  }

  get(number: number): Wish {
    return this.wishes[number] as Wish
  }

  /** Interns and counts one more holder. Routes come in runs with the same way out: those need no text. */
  acquire(route: Wish['route']): number {
    const last = this.wishes[this.last]
    if (last !== undefined && sameWish(last.route, route)) {
      last.count++
      return this.last
    }
    return this.look(route)
  }

  private look(route: Wish['route']): number {
    const text = wishText(route)
    let number = this.numbers.get(text)
    if (number === undefined) {
      number = this.free.pop() ?? this.wishes.length
      const { kind, nextHops, sourceAddress, mtu } = route
      const kept = {
        kind,
        nextHops: nextHops.map((hop) => ({ ...hop, ...(hop.gateway && { gateway: hop.gateway.slice() }) })),
        ...(sourceAddress !== undefined && { sourceAddress: sourceAddress.slice() }),
        ...(mtu !== undefined && { mtu }),
      }
      const wish: Wish = { route: kept, way: ABSENT, reason: '', direct: true, count: 0 }
      this.wishes[number] = wish
      this.numbers.set(text, number)
      this.resolve(wish)
    }
    this.get(number).count++
    this.last = number
    return number
  }

  release(number: number): void {
    const wish = this.get(number)
    if (--wish.count > 0) return
    this.numbers.delete(wishText(wish.route))
    this.wishes[number] = undefined
    this.free.push(number)
  }

  /** Resolves every wish again; a 1 at the number of each that now leads elsewhere, undefined when none does. */
  resolveAll(): Uint8Array | undefined {
    let changed: Uint8Array | undefined
    this.wishes.forEach((wish, number) => {
      if (wish === undefined) return
      const before = wish.way
      this.resolve(wish)
      if (wish.way === before) return
      changed ??= new Uint8Array(this.wishes.length)
      changed[number] = 1
    })
    return changed
  }

  /** Sets a 1 at each way number in use, for the sweep. */
  collectWays(into: Uint8Array): void {
    for (const wish of this.wishes) if (wish !== undefined) into[wish.way] = 1
  }

  private resolve(wish: Wish): void {
    const { kind, nextHops, sourceAddress, mtu } = wish.route
    const hops: ResolvedHop[] = []
    let reason = ''
    wish.direct = true
    for (const hop of kind === 'unicast' ? nextHops : []) {
      const resolution = this.resolver.resolve(hop)
      hops.push(...resolution.hops)
      if (!resolution.direct) wish.direct = false
      if (reason === '') reason = resolution.reason
    }
    if (kind === 'unicast' && hops.length === 0) {
      wish.way = ABSENT
      wish.reason = reason === '' ? 'no next hop' : reason
      return
    }
    wish.reason = ''
    wish.way = this.ways.intern({
      kind,
      nextHops: mergeHops(hops),
      ...(sourceAddress !== undefined && { sourceAddress }),
      ...(mtu !== undefined && { mtu }),
    })
  }
}
