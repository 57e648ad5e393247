/**
 * The unprivileged half: a driver that speaks to `starling programmer` over its Unix socket. A lost connection fails what
 * was under way and is told as a gap; the next call connects again. What the kernel holds does not depend on either.
 */

import { connect, type Socket } from 'node:net'
import type { FibDriver, KernelEvent, KernelState, RouteSlices, RouteWrite, WriteOutcome } from '../driver.js'
import type { KernelRoute } from '../routes.js'
import type { TunnelDriver } from '../tunnels/types.js'
import { FrameReader, sendFrame } from './frames.js'
import { tunnelsFromWire, tunnelsToWire } from './tunnel-wire.js'
import {
  eventFromWire,
  type Reply,
  type Request,
  routeFromWire,
  routeToWire,
  stateFromWire,
  WireError,
} from './wire.js'

interface Waiting {
  slice(routes: readonly KernelRoute[]): void
  resolve(reply: Reply): void
  reject(error: Error): void
}

type Unnumbered =
  | { op: 'claim'; node: string }
  | { op: 'read' }
  | { op: 'write'; writes: Extract<Request, { op: 'write' }>['writes'] }
  | { op: 'tunnels'; names: readonly string[] }
  | { op: 'tunnel-apply'; operations: unknown }

const SUCCESS: WriteOutcome = { errno: 0 }

/** The programmer's own words, other than a connection that broke. */
class Refusal extends Error {}

/** Another agent writes this kernel's routes. */
export class ClaimRefused extends Error {}

export class RemoteDriver implements FibDriver {
  readonly description: string
  private readonly path: string
  private readonly node: string | undefined
  private readonly listeners: ((events: readonly KernelEvent[]) => void)[] = []
  private readonly waiting = new Map<number, Waiting>()
  private socket: Socket | undefined
  /** The answer to the question every connection begins with. */
  private claimed: Promise<void> = Promise.resolve()
  private nextId = 1
  private closed = false

  /** `node`: who asks; the programmer lets one writer at a time work, by whatever way it comes. */
  constructor(path: string, node?: string) {
    this.path = path
    this.node = node
    this.description = `kernel through the programmer at ${path.replace('\0', '@')}`
  }

  async read(onRoutes?: RouteSlices): Promise<KernelState> {
    const routes: KernelRoute[] = []
    const reply = await this.request({ op: 'read' }, onRoutes ?? ((slice) => void routes.push(...slice)))
    if (!('state' in reply)) throw new WireError('an answer without state')
    return { ...stateFromWire(reply.state), routes }
  }

  async write(writes: readonly RouteWrite[]): Promise<readonly WriteOutcome[]> {
    const wire = writes.map(({ op, route }) => ({ op, route: routeToWire(route) }))
    const reply = await this.request({ op: 'write', writes: wire }, () => undefined)
    if (!('outcomes' in reply)) throw new WireError('an answer without outcomes')
    const outcomes: WriteOutcome[] = new Array(writes.length).fill(SUCCESS)
    for (const [index, outcome] of reply.outcomes) outcomes[index] = outcome
    return outcomes
  }

  /** Rejects with {@link ClaimRefused} where another writes; a programmer that is not there yet refuses nobody. */
  async claim(): Promise<void> {
    this.connected()
    await this.claimed
  }

  private async askFor(node: string): Promise<void> {
    try {
      await this.request({ op: 'claim', node }, () => undefined)
    } catch (error) {
      if (error instanceof Refusal) throw new ClaimRefused(error.message)
    }
  }

  /** Tunnels over the same connection; it ends with this driver. */
  readonly tunnels: TunnelDriver = {
    read: async (names) => {
      const reply = await this.request({ op: 'tunnels', names }, () => undefined)
      if (!('tunnels' in reply)) throw new WireError('an answer without tunnels')
      return tunnelsFromWire(reply.tunnels)
    },
    apply: async (operations) => {
      const reply = await this.request({ op: 'tunnel-apply', operations: tunnelsToWire(operations) }, () => undefined)
      if (!('outcomes' in reply)) throw new WireError('an answer without outcomes')
      const outcomes: WriteOutcome[] = new Array(operations.length).fill(SUCCESS)
      for (const [index, outcome] of reply.outcomes) outcomes[index] = outcome
      return outcomes
    },
    close: () => Promise.resolve(),
  }

  subscribe(listener: (events: readonly KernelEvent[]) => void): void {
    this.listeners.push(listener)
  }

  async close(): Promise<void> {
    this.closed = true
    this.listeners.length = 0
    this.socket?.destroy()
  }

  private request(request: Unnumbered, slice: (routes: readonly KernelRoute[]) => void): Promise<Reply> {
    if (this.closed) return Promise.reject(new Error('the driver is closed'))
    const id = this.nextId++
    return new Promise((resolve, reject) => {
      this.waiting.set(id, { slice, resolve, reject })
      sendFrame(this.connected(), { id, ...request })
    })
  }

  private connected(): Socket {
    if (this.socket !== undefined) return this.socket
    const socket = connect(this.path)
    const reader = new FrameReader()
    let reason = 'the programmer closed the connection'
    socket.on('data', (chunk: Buffer) => {
      try {
        reader.push(chunk, (value) => this.receive(value as Reply))
      } catch (error) {
        reason = error instanceof Error ? error.message : String(error)
        socket.destroy()
      }
    })
    socket.on('error', (error) => {
      reason = `no connection to the programmer: ${error.message}`
    })
    socket.once('close', () => this.lost(reason))
    this.socket = socket
    // Before all else, also after a new programmer has taken the place of the old one.
    if (this.node !== undefined) {
      this.claimed = this.askFor(this.node)
      this.claimed.catch(() => undefined)
    }
    return socket
  }

  private receive(reply: Reply): void {
    if ('events' in reply) {
      this.tell(reply.events.map(eventFromWire))
      return
    }
    const waiting = this.waiting.get(reply.id)
    if ('slice' in reply) {
      waiting?.slice(reply.slice.map((route) => routeFromWire(route)))
      return
    }
    this.waiting.delete(reply.id)
    if ('error' in reply) waiting?.reject(new Refusal(reply.error))
    else waiting?.resolve(reply)
  }

  private lost(reason: string): void {
    this.socket = undefined
    const error = new Error(reason)
    for (const { reject } of this.waiting.values()) reject(error)
    this.waiting.clear()
    if (!this.closed) this.tell([{ type: 'gap', reason }])
  }

  private tell(events: readonly KernelEvent[]): void {
    for (const listener of this.listeners) listener(events)
  }
}
