/**
 * Connected and foreign routes as an offer to others (intent originates from them), without the interfaces an operator
 * ignores. Nothing is queued but places in a table: what is offered is the difference between what was told and what is
 * there, taken in portions, so that a hundred thousand routes learned at once hold nobody up.
 */

import type { KernelRoute } from '../routes.js'
import type { ForeignRoutes } from './foreign.js'
import type { Resolver } from './resolver.js'
import { globs } from './text.js'
import type { ObservedRoute, ReconcilerListener } from './types.js'

export class Observer {
  private withdrawn: ObservedRoute[] = []
  private readonly ignored: (name: string) => boolean
  private readonly foreign: ForeignRoutes
  private readonly resolver: Resolver
  private readonly listener: ReconcilerListener

  constructor(ignored: readonly string[], foreign: ForeignRoutes, resolver: Resolver, listener: ReconcilerListener) {
    this.ignored = globs(ignored)
    this.foreign = foreign
    this.resolver = resolver
    this.listener = listener
  }

  deviceOf(route: KernelRoute): string {
    const first = route.nextHops[0]
    return first === undefined ? '' : (this.resolver.links.get(first.ifindex)?.name ?? '')
  }

  /** Routes through a renamed interface are withdrawn under the old name and offered under the new one. */
  renamed(ifindex: number, device: string): void {
    this.foreign.takeBack(ifindex, (route) => {
      if (!this.ignored(device)) this.withdrawn.push({ removed: true, route, device })
    })
  }

  get hasNews(): boolean {
    return this.withdrawn.length > 0 || this.foreign.hasNews
  }

  /** Offers what changed under at most `limit` keys. */
  offer(limit: number): void {
    const offers = this.withdrawn
    this.withdrawn = []
    const tell = (removed: boolean, route: KernelRoute) => {
      const device = this.deviceOf(route)
      if (!this.ignored(device)) offers.push({ removed, route, device })
    }
    for (let taken = 0; taken < limit && this.foreign.hasNews; taken++) this.foreign.takeNews(tell)
    if (offers.length > 0) this.listener.observed?.(offers)
  }
}
