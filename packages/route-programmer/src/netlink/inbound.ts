/** Messages of the kernel, from a dump or a notification, as values of the driver contract. */

import { decodeAddress, decodeLink, decodeRoute, RTM } from '@starling/netlink'
import type { KernelEvent } from '../driver.js'
import type { KernelAddress, KernelLink, KernelRoute } from '../routes.js'
import { toKernelAddress, toKernelLink, toKernelRoute } from './convert.js'

const ROUTE_SLICE = 512

/** Undefined for what the contract does not speak of. */
export function toEvent(type: number, bytes: Uint8Array, from: number, to: number): KernelEvent | undefined {
  if (type === RTM.NEWROUTE || type === RTM.DELROUTE) {
    const message = decodeRoute(bytes, from, to, false)
    const route = message && toKernelRoute(message)
    return route && { type: 'route', removed: type === RTM.DELROUTE, route }
  }
  if (type === RTM.NEWLINK || type === RTM.DELLINK) {
    const link = decodeLink(bytes, from, to, false)
    // Bridges announce their ports a second time under AF_BRIDGE: not a link of its own.
    if (link === undefined || link.family !== 0) return undefined
    return { type: 'link', removed: type === RTM.DELLINK, link: toKernelLink(link) }
  }
  if (type === RTM.NEWADDR || type === RTM.DELADDR) {
    const message = decodeAddress(bytes, from, to)
    const address = message && toKernelAddress(message)
    return address && { type: 'address', removed: type === RTM.DELADDR, address }
  }
  return undefined
}

/** A whole read: links and addresses are kept, routes go on in slices. */
export class StateCollector {
  readonly links: KernelLink[] = []
  readonly addresses: KernelAddress[] = []
  private readonly give: (routes: readonly KernelRoute[]) => void
  private slice: KernelRoute[] = []

  constructor(give: (routes: readonly KernelRoute[]) => void) {
    this.give = give
  }

  visit(type: number, bytes: Uint8Array, from: number, to: number): void {
    const event = toEvent(type, bytes, from, to)
    if (event?.type === 'link') this.links.push(event.link)
    else if (event?.type === 'address') this.addresses.push(event.address)
    else if (event?.type === 'route' && this.slice.push(event.route) >= ROUTE_SLICE) this.flush()
  }

  flush(): void {
    const routes = this.slice
    this.slice = []
    if (routes.length > 0) this.give(routes)
  }
}
