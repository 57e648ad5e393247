/**
 * Connected and foreign routes as an offer to others (intent originates from them): gathered while events are applied,
 * handed over once per batch, without the interfaces an operator ignores.
 */

import type { KernelRoute } from '../routes.js'
import type { ForeignRoutes } from './foreign.js'
import type { Resolver } from './resolver.js'
import { globs } from './text.js'
import type { ObservedRoute, ReconcilerListener } from './types.js'
import { wayOf, wayText } from './way.js'

export class Observer {
  private pending: ObservedRoute[] = []
  private readonly ignored: (name: string) => boolean
  private readonly resolver: Resolver
  private readonly listener: ReconcilerListener

  constructor(ignored: readonly string[], resolver: Resolver, listener: ReconcilerListener) {
    this.ignored = globs(ignored)
    this.resolver = resolver
    this.listener = listener
  }

  deviceOf(route: KernelRoute): string {
    const first = route.nextHops[0]
    return first === undefined ? '' : (this.resolver.links.get(first.ifindex)?.name ?? '')
  }

  add(route: KernelRoute, replaced: KernelRoute | undefined): void {
    if (replaced !== undefined && wayText(wayOf(replaced)) === wayText(wayOf(route))) return
    this.pending.push({ removed: false, route, device: '' })
  }

  remove(route: KernelRoute): void {
    this.pending.push({ removed: true, route, device: '' })
  }

  /** Routes through a renamed interface are withdrawn under the old name and offered under the new one. */
  renamed(foreign: ForeignRoutes, ifindex: number, oldName: string): void {
    for (const route of foreign.values()) {
      if (route.nextHops[0]?.ifindex !== ifindex) continue
      if (!this.ignored(oldName)) this.pending.push({ removed: true, route, device: oldName })
      this.pending.push({ removed: false, route, device: '' })
    }
  }

  /** Names are filled in here: within a batch a link may be announced after its routes. */
  flush(): void {
    if (this.pending.length === 0) return
    const offers: ObservedRoute[] = []
    for (const { removed, route, device } of this.pending) {
      const name = device === '' ? this.deviceOf(route) : device
      if (!this.ignored(name)) offers.push({ removed, route, device: name })
    }
    this.pending = []
    if (offers.length > 0) this.listener.observed?.(offers)
  }
}
