/**
 * The Linux kernel as a driver: three sockets (requests, dumps, notifications), no retries, no memory. Writes go out in
 * batches of 512 with one acknowledgement; a dump yields to the event loop; notifications our own request socket caused
 * are dropped by their port number.
 */

import {
  decodeAddress,
  decodeLink,
  decodeRoute,
  IFLA,
  type MessageWriter,
  RTEXT_FILTER_SKIP_STATS,
  RTM,
  RTNLGRP,
} from '@starling/netlink'
import {
  BATCH_LIMIT,
  dump,
  type NotificationSocket,
  openNotificationSocket,
  openRequestSocket,
  type RequestSocket,
} from '@starling/netlink/socket'
import { errnoName } from '@starling/sys'
import type { FibDriver, KernelEvent, KernelState, RouteWrite, WriteOutcome } from '../driver.js'
import type { KernelAddress, KernelLink, KernelRoute } from '../routes.js'
import { encodeWrite, toKernelAddress, toKernelLink, toKernelRoute, WRITE_FLAGS } from './convert.js'

const GROUPS = [RTNLGRP.LINK, RTNLGRP.IPV4_IFADDR, RTNLGRP.IPV6_IFADDR, RTNLGRP.IPV4_ROUTE, RTNLGRP.IPV6_ROUTE]
const ROUTE_SLICE = 512
/** A send of IPv4 routes may wait for an RCU grace period each time net.ipv4.fib_sync_mem bytes of trie are freed. */
const SLOW_MS = 8
const QUICK_MS = 4
const LEAST_PORTION = 256
const DONE: WriteOutcome = { errno: 0 }

export class NetlinkDriver implements FibDriver {
  readonly description = 'Linux kernel (rtnetlink)'
  private readonly requests: RequestSocket
  private readonly notifications: NotificationSocket
  private readonly listeners: ((events: readonly KernelEvent[]) => void)[] = []
  private pending: KernelEvent[] = []
  private portion = BATCH_LIMIT

  /** Opens the sockets in the calling thread's network namespace. Throws `Unsupported` or `SysError`. */
  constructor() {
    this.requests = openRequestSocket()
    try {
      const handlers = {
        message: (type: number, _port: number, bytes: Uint8Array, from: number, to: number) =>
          this.collect(type, bytes, from, to),
        turnEnd: () => this.flush(),
        gap: (reason: string) => this.pending.push({ type: 'gap', reason }),
      }
      this.notifications = openNotificationSocket(GROUPS, handlers, this.requests.port)
    } catch (error) {
      this.requests.close()
      throw error
    }
  }

  async read(onRoutes?: (routes: readonly KernelRoute[]) => void): Promise<KernelState> {
    const links: KernelLink[] = []
    const addresses: KernelAddress[] = []
    const all: KernelRoute[] = []
    let slice: KernelRoute[] = []
    const give = onRoutes ?? ((routes: readonly KernelRoute[]) => all.push(...routes))
    const results = [
      await dump(RTM.GETLINK, linkRequest, (_type, bytes, from, to) => {
        const link = decodeLink(bytes, from, to, false)
        if (link !== undefined) links.push(toKernelLink(link))
      }),
      await dump(RTM.GETADDR, zeros(8), (_type, bytes, from, to) => {
        const message = decodeAddress(bytes, from, to)
        const address = message && toKernelAddress(message)
        if (address !== undefined) addresses.push(address)
      }),
    ]
    for (const family of [2, 10]) {
      const result = await dump(RTM.GETROUTE, zeros(12, family), (_type, bytes, from, to) => {
        const message = decodeRoute(bytes, from, to, false)
        const route = message && toKernelRoute(message)
        if (route === undefined || slice.push(route) < ROUTE_SLICE) return
        give(slice)
        slice = []
      })
      results.push(result)
    }
    give(slice)
    if (results.some(({ interrupted }) => interrupted)) {
      this.pending.push({ type: 'gap', reason: 'the tables changed while they were read' })
      setImmediate(() => this.flush())
    }
    return { links, addresses, routes: all }
  }

  async write(writes: readonly RouteWrite[]): Promise<readonly WriteOutcome[]> {
    const outcomes: WriteOutcome[] = new Array(writes.length).fill(DONE)
    for (let start = 0; start < writes.length; ) {
      if (start > 0) await new Promise((resolve) => setImmediate(resolve))
      const count = Math.min(this.portion, writes.length - start)
      this.submit(writes, start, count, outcomes)
      start += count
    }
    return outcomes
  }

  /** One send. Its size follows the time it takes: the event loop is not held for longer than a few milliseconds. */
  private submit(writes: readonly RouteWrite[], start: number, count: number, outcomes: WriteOutcome[]): void {
    const began = performance.now()
    const errors = this.requests.submit(count, (writer, i, sequence) => {
      const write = writes[start + i] as RouteWrite
      writer.begin(write.op === 'delete' ? RTM.DELROUTE : RTM.NEWROUTE, WRITE_FLAGS[write.op], sequence)
      encodeWrite(writer, write)
    })
    for (const { index, errno, text } of errors) {
      outcomes[start + index] = { errno, name: errnoName(errno), ...(text !== '' && { text }) }
    }
    const took = performance.now() - began
    if (took > SLOW_MS) this.portion = Math.max(LEAST_PORTION, count >> 1)
    else if (took < QUICK_MS) this.portion = Math.min(BATCH_LIMIT, this.portion * 2)
  }

  subscribe(listener: (events: readonly KernelEvent[]) => void): void {
    this.listeners.push(listener)
  }

  async close(): Promise<void> {
    this.listeners.length = 0
    this.notifications.close()
    this.requests.close()
  }

  private collect(type: number, bytes: Uint8Array, from: number, to: number): void {
    if (type === RTM.NEWROUTE || type === RTM.DELROUTE) {
      const message = decodeRoute(bytes, from, to, false)
      const route = message && toKernelRoute(message)
      if (route !== undefined) this.pending.push({ type: 'route', removed: type === RTM.DELROUTE, route })
    } else if (type === RTM.NEWLINK || type === RTM.DELLINK) {
      const link = decodeLink(bytes, from, to, false)
      // Bridges announce their ports a second time under AF_BRIDGE: not a link of its own.
      if (link === undefined || link.family !== 0) return
      this.pending.push({ type: 'link', removed: type === RTM.DELLINK, link: toKernelLink(link) })
    } else if (type === RTM.NEWADDR || type === RTM.DELADDR) {
      const message = decodeAddress(bytes, from, to)
      const address = message && toKernelAddress(message)
      if (address !== undefined) this.pending.push({ type: 'address', removed: type === RTM.DELADDR, address })
    }
  }

  private flush(): void {
    if (this.pending.length === 0) return
    const events = this.pending
    this.pending = []
    for (const listener of this.listeners) listener(events)
  }
}

/** A fixed header of zeros, `family` in its first byte: strict checking refuses anything else. */
function zeros(length: number, family = 0): (writer: MessageWriter) => void {
  return (writer) => {
    writer.u8(family)
    for (let i = 1; i < length; i++) writer.u8(0)
  }
}

function linkRequest(writer: MessageWriter): void {
  zeros(16)(writer)
  writer.attributeU32(IFLA.EXT_MASK, RTEXT_FILTER_SKIP_STATS)
}
