/**
 * The Linux kernel as a driver: three sockets (requests, dumps, notifications), no retries, no memory. Writes go out in
 * batches of 512 with one acknowledgement; a dump yields to the event loop; notifications our own request socket caused
 * are dropped by their port number.
 */

import {
  BATCH_LIMIT,
  dump,
  type NotificationSocket,
  openNotificationSocket,
  openRequestSocket,
  type RequestSocket,
} from '@starling/netlink/socket'
import { errnoName } from '@starling/sys'
import type { FibDriver, KernelEvent, KernelState, RouteSlices, RouteWrite, WriteOutcome } from '../driver.js'
import type { KernelRoute } from '../routes.js'
import { StateCollector, toEvent } from './inbound.js'
import { DUMPS, GROUPS, writeMessage } from './outbound.js'

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

  async read(onRoutes?: RouteSlices): Promise<KernelState> {
    const all: KernelRoute[] = []
    const collector = new StateCollector(onRoutes ?? ((routes) => void all.push(...routes)))
    let interrupted = false
    for (const { type, encode } of DUMPS) {
      const visit = collector.visit.bind(collector)
      interrupted = (await dump(type, encode, visit)).interrupted || interrupted
    }
    collector.flush()
    if (interrupted) {
      this.pending.push({ type: 'gap', reason: 'the tables changed while they were read' })
      setImmediate(() => this.flush())
    }
    return { links: collector.links, addresses: collector.addresses, routes: all }
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
      writeMessage(writer, writes[start + i] as RouteWrite, sequence)
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
    const event = toEvent(type, bytes, from, to)
    if (event !== undefined) this.pending.push(event)
  }

  private flush(): void {
    if (this.pending.length === 0) return
    const events = this.pending
    this.pending = []
    for (const listener of this.listeners) listener(events)
  }
}
