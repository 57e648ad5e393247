/**
 * The Linux kernel behind a thread of its own: writes are encoded here, sent there; what the kernel says is decoded here
 * in slices. The same contract as `NetlinkDriver`, and the event loop never waits for the kernel. A worker that dies is a
 * gap, and the next call starts another.
 */

import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'
import { MessageWriter, NLM_F, walkMessages } from '@starling/netlink'
import { BATCH_LIMIT } from '@starling/netlink/socket'
import { errnoName } from '@starling/sys'
import type { FibDriver, KernelEvent, KernelState, RouteSlices, RouteWrite, WriteOutcome } from '../driver.js'
import type { KernelRoute } from '../routes.js'
import { StateCollector, toEvent } from './inbound.js'
import { writeMessage } from './outbound.js'
import type { FromWorker, ToWorker } from './worker-messages.js'

/** Beside this file, or beside the bundle this file has become part of. */
const SCRIPT = new URL('./netlink-worker.js', import.meta.url)
const DONE: WriteOutcome = { errno: 0 }
const SEQUENCES = 0x7fff0000

interface Waiting {
  chunk(bytes: Uint8Array, length: number): void
  resolve(answer: FromWorker): void
  reject(error: Error): void
}

export class WorkerNetlinkDriver implements FibDriver {
  readonly description = 'Linux kernel (rtnetlink)'
  private readonly script: URL
  private readonly listeners: ((events: readonly KernelEvent[]) => void)[] = []
  private readonly waiting = new Map<number, Waiting>()
  /** Parts of a dump, taken one per turn: a port hands over all it has at once. */
  private readonly backlog: Exclude<FromWorker, { op: 'events' }>[] = []
  private worker: Worker | undefined
  /** As many as sends have been under way at once; a buffer that is with the worker is not ours. */
  private readonly writers: MessageWriter[] = []
  private nextId = 1
  private sequence = 1
  private closed = false

  /** False where the worker's file was not shipped: then `NetlinkDriver` does the same in this thread. */
  static get available(): boolean {
    return existsSync(fileURLToPath(SCRIPT))
  }

  /** The worker lives in the calling thread's network namespace. */
  constructor(script: URL = SCRIPT) {
    this.script = script
    this.worker = this.start()
  }

  async read(onRoutes?: RouteSlices): Promise<KernelState> {
    const all: KernelRoute[] = []
    const collector = new StateCollector(onRoutes ?? ((routes) => void all.push(...routes)))
    const answer = await this.ask(
      (id) => [{ op: 'read', id }, []],
      (bytes, length) => {
        walkMessages(bytes, length, (type, _flags, _sequence, _port, from, to) =>
          collector.visit(type, bytes, from, to),
        )
        collector.flush()
      },
    )
    if (answer.op === 'read-end' && answer.interrupted) {
      setImmediate(() => this.tell([{ type: 'gap', reason: 'the tables changed while they were read' }]))
    }
    return { links: collector.links, addresses: collector.addresses, routes: all }
  }

  async write(writes: readonly RouteWrite[]): Promise<readonly WriteOutcome[]> {
    const outcomes: WriteOutcome[] = new Array(writes.length).fill(DONE)
    const sends: Promise<void>[] = []
    for (let start = 0; start < writes.length; start += BATCH_LIMIT) {
      if (start > 0) await new Promise((resolve) => setImmediate(resolve))
      sends.push(this.submit(writes, start, Math.min(BATCH_LIMIT, writes.length - start), outcomes))
    }
    for (const result of await Promise.allSettled(sends)) if (result.status === 'rejected') throw result.reason
    return outcomes
  }

  subscribe(listener: (events: readonly KernelEvent[]) => void): void {
    this.listeners.push(listener)
  }

  async close(): Promise<void> {
    this.closed = true
    this.listeners.length = 0
    const { worker } = this
    if (worker === undefined) return
    const gone = new Promise((resolve) => worker.once('exit', resolve))
    worker.postMessage({ op: 'close' } satisfies ToWorker)
    await gone
  }

  private async submit(
    writes: readonly RouteWrite[],
    start: number,
    count: number,
    outcomes: WriteOutcome[],
  ): Promise<void> {
    const writer = this.writers.pop() ?? new MessageWriter()
    const first = this.sequence
    this.sequence = first + count > SEQUENCES ? 1 : first + count
    writer.reset()
    for (let i = 0; i < count; i++) {
      writeMessage(writer, writes[start + i] as RouteWrite, first + i)
      if (i === count - 1) writer.addFlags(NLM_F.ACK)
      writer.end()
    }
    const { length } = writer
    const buffer = writer.release()
    const answer = await this.ask(
      (id) => [{ op: 'submit', id, buffer, length, first, count }, [buffer]],
      () => undefined,
    )
    if (answer.op !== 'outcome') return
    writer.adopt(answer.buffer)
    this.writers.push(writer)
    for (const { index, errno, text } of answer.errors) {
      outcomes[start + index] = { errno, name: errnoName(errno), ...(text !== '' && { text }) }
    }
  }

  private ask(
    message: (id: number) => [ToWorker, ArrayBuffer[]],
    chunk: (bytes: Uint8Array, length: number) => void,
  ): Promise<FromWorker> {
    if (this.closed) return Promise.reject(new Error('the driver is closed'))
    this.worker ??= this.start()
    const { worker } = this
    const id = this.nextId++
    return new Promise((resolve, reject) => {
      this.waiting.set(id, { chunk, resolve, reject })
      worker.postMessage(...message(id))
    })
  }

  private start(): Worker {
    const worker = new Worker(this.script)
    let reason = 'the netlink worker ended'
    worker.on('message', (message: FromWorker) => this.receive(message))
    worker.on('error', (error) => {
      reason = error.message
    })
    worker.once('exit', () => this.lost(worker, reason))
    return worker
  }

  private receive(message: FromWorker): void {
    if (message.op === 'events') {
      this.events(message)
      return
    }
    if (message.op !== 'chunk' && this.backlog.length === 0) this.settle(message)
    else if (this.backlog.push(message) === 1) setImmediate(() => this.pump())
  }

  private pump(): void {
    const message = this.backlog.shift()
    if (message !== undefined) this.settle(message)
    if (this.backlog.length > 0) setImmediate(() => this.pump())
  }

  private settle(message: Exclude<FromWorker, { op: 'events' }>): void {
    const waiting = this.waiting.get(message.id)
    if (message.op === 'chunk') {
      waiting?.chunk(new Uint8Array(message.buffer), message.length)
      return
    }
    this.waiting.delete(message.id)
    if (message.op === 'failed') waiting?.reject(new Error(message.text))
    else waiting?.resolve(message)
  }

  private events({ buffer, length, gap }: FromWorker & { op: 'events' }): void {
    const bytes = new Uint8Array(buffer)
    const events: KernelEvent[] = gap === undefined ? [] : [{ type: 'gap', reason: gap }]
    walkMessages(bytes, length, (type, _flags, _sequence, _port, from, to) => {
      const event = toEvent(type, bytes, from, to)
      if (event !== undefined) events.push(event)
    })
    this.tell(events)
  }

  private lost(worker: Worker, reason: string): void {
    if (this.worker === worker) this.worker = undefined
    const error = new Error(reason)
    for (const { reject } of this.waiting.values()) reject(error)
    this.waiting.clear()
    if (!this.closed) this.tell([{ type: 'gap', reason }])
  }

  private tell(events: readonly KernelEvent[]): void {
    if (events.length > 0) for (const listener of this.listeners) listener(events)
  }
}
