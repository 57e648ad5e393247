/** Messages of the kernel, from a dump or a notification, as values of the driver contract. */

import { decodeAddress, decodeLink, decodeNexthopId, NLM_F, RTM, readU16 } from '@starling/netlink'
import type { KernelEvent, Placing, RouteSlices } from '../driver.js'
import type { KernelAddress, KernelLink, KernelRoute } from '../routes.js'
import { toKernelAddress, toKernelLink } from './convert.js'
import { RouteReader } from './route-reader.js'

const ROUTE_SLICE = 512
const routes = new RouteReader()
/** From the payload back to the flags of the message header. */
const FLAGS_BEFORE = 10

/** Notifications carry the flags of the request that caused them; the kernel adds EXCL where the key was free. */
function placingOf(flags: number): Placing {
  if ((flags & NLM_F.REPLACE) !== 0) return 'instead'
  if ((flags & NLM_F.EXCL) !== 0) return 'alone'
  return (flags & NLM_F.APPEND) !== 0 ? 'last' : 'first'
}

/** Undefined for what the contract does not speak of. The message's header stands before `from`. */
export function toEvent(type: number, bytes: Uint8Array, from: number, to: number): KernelEvent | undefined {
  if (type === RTM.NEWROUTE || type === RTM.DELROUTE) {
    const route = routes.read(bytes, from, to)
    if (route === undefined) return undefined
    if (type === RTM.DELROUTE) return { type: 'route', removed: true, route }
    return { type: 'route', removed: false, route, placing: placingOf(readU16(bytes, from - FLAGS_BEFORE)) }
  }
  if (type === RTM.NEWNEXTHOP || type === RTM.DELNEXTHOP) {
    const id = decodeNexthopId(bytes, from, to)
    return id === undefined ? undefined : { type: 'nexthop', id }
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
  private readonly give: RouteSlices
  private slice: KernelRoute[] = []

  constructor(give: RouteSlices) {
    this.give = give
  }

  visit(type: number, bytes: Uint8Array, from: number, to: number): void {
    if (type === RTM.NEWROUTE) {
      const route = routes.read(bytes, from, to)
      if (route !== undefined && this.slice.push(route) >= ROUTE_SLICE) this.flush()
      return
    }
    const event = toEvent(type, bytes, from, to)
    if (event?.type === 'link') this.links.push(event.link)
    else if (event?.type === 'address') this.addresses.push(event.address)
  }

  flush(): void {
    const routes = this.slice
    this.slice = []
    // Links are dumped before routes.
    if (routes.length > 0) this.give(routes, this.links)
  }
}
