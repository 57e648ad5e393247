/**
 * The pump between a reconciler and a driver: reads when a read is due, takes batches, hands back outcomes, and lets the
 * event loop turn in between, so that nothing blocks it for longer than one batch (about 3 ms). Time comes through the
 * host's clock; events that arrive during a read wait until it is complete, because they may be older than what it saw.
 */

import type { FibDriver, KernelEvent, WriteOutcome } from './driver.js'
import { Reconciler } from './reconciler/reconciler.js'
import type { ReconcilerListener, ReconcilerOptions } from './reconciler/types.js'
import type { DesiredRoute } from './routes.js'

/** The host's clock and timers; tests drive a simulated one. */
export interface ProgrammerClock {
  now(): number
  /** Calls back at or after a time; the result cancels. */
  at(time: number, callback: () => void): () => void
  /** Resolves after the event loop has turned once (setImmediate). */
  turn(): Promise<void>
}

export interface ProgrammerOptions extends ReconcilerOptions {
  /** Writes per batch. */
  readonly batch?: number
}

export interface ProgrammerListener extends ReconcilerListener {
  /** The driver failed as a whole; a read follows. Told once per different text. */
  driverFailed?(text: string): void
  /** Called after each round of work: everything known is done or waiting. */
  idle?(): void
}

const BATCH = 512
/** Batches under way at once: while the kernel takes one, the next are made ready. */
const DEPTH = 8
/** The event loop is held for about this long before it turns again; a batch that takes longer is followed by a smaller one. */
const SLICE_MS = 3
const LEAST_BATCH = 32
/** Keys of other programs' routes told of before the clock is looked at. */
const NEWS = 64
/** Events kept while a read is under way. */
const WAITING_LIMIT = 65_536

export class RouteProgrammer {
  readonly reconciler: Reconciler
  private readonly driver: FibDriver
  private readonly clock: ProgrammerClock
  private readonly listener: ProgrammerListener
  private readonly batch: number
  /** Writes in the next batch: few while the code is cold or the driver slow. */
  private portion: number
  private waiting: KernelEvent[] = []
  private reading = false
  private running = false
  private again = false
  private stopped = false
  private cancelTimer: (() => void) | undefined
  private lastFailure = ''
  private current: Promise<void> = Promise.resolve()

  constructor(
    driver: FibDriver,
    clock: ProgrammerClock,
    options: ProgrammerOptions = {},
    listener: ProgrammerListener = {},
  ) {
    this.driver = driver
    this.clock = clock
    this.listener = listener
    this.batch = options.batch ?? BATCH
    this.portion = Math.min(LEAST_BATCH, this.batch)
    this.reconciler = new Reconciler(options, listener)
  }

  get description(): string {
    return this.driver.description
  }

  /** Subscribes and starts the first read. Routes may be set before. */
  start(): void {
    this.driver.subscribe((events) => {
      if (this.reading) this.keep(events)
      else this.reconciler.applyEvents(events, this.clock.now())
      this.kick()
    })
    this.kick()
  }

  /** For the end of a read; more than can be kept is a gap, as it is in the kernel's own queue. */
  private keep(events: readonly KernelEvent[]): void {
    if (this.waiting.length + events.length > WAITING_LIMIT)
      this.waiting = [{ type: 'gap', reason: 'more events during a read than are kept' }]
    else for (const event of events) this.waiting.push(event)
  }

  set(route: DesiredRoute): void {
    this.reconciler.set(route)
    this.kick()
  }

  remove(key: Pick<DesiredRoute, 'destination' | 'metric' | 'table'>): void {
    this.reconciler.remove(key)
    this.kick()
  }

  allowDeletes(): void {
    this.reconciler.allowDeletes()
    this.kick()
  }

  /** Deletions are allowed after so many milliseconds even without a word. */
  allowDeletesWithin(span: number): void {
    this.reconciler.allowDeletesAt(this.clock.now() + span)
    this.kick()
  }

  /** A verification read now. */
  verify(): void {
    this.reconciler.requestRead('asked for')
    this.kick()
  }

  /** Stops pumping; routes stay in the kernel. */
  async stop(): Promise<void> {
    this.stopped = true
    this.cancelTimer?.()
    await this.current
    await this.driver.close()
  }

  /** Resolves when the round of work under way, if any, is over. */
  settled(): Promise<void> {
    return this.current
  }

  /** Work is collected for one turn of the loop, so that a burst of `set` makes whole batches. */
  private kick(): void {
    if (this.stopped) return
    if (this.running) {
      this.again = true
      return
    }
    this.running = true
    this.cancelTimer?.()
    this.cancelTimer = undefined
    this.current = this.run().finally(() => {
      this.running = false
      if (this.again) this.kick()
      else this.arm()
    })
  }

  private async run(): Promise<void> {
    do {
      this.again = false
      await this.clock.turn()
      if (this.stopped) return
      if (this.reconciler.readDue(this.clock.now()) !== undefined) await this.read()
      await this.tellNews()
      await this.writeAll()
    } while (this.again && !this.stopped)
    this.listener.idle?.()
  }

  private async tellNews(): Promise<void> {
    let sliceStart = this.clock.now()
    while (this.reconciler.hasNews && !this.stopped) {
      this.reconciler.offer(NEWS)
      if (this.clock.now() - sliceStart < SLICE_MS) continue
      await this.clock.turn()
      sliceStart = this.clock.now()
    }
  }

  private async writeAll(): Promise<void> {
    const underWay: Promise<readonly WriteOutcome[] | { readonly error: unknown }>[] = []
    let sliceStart = this.clock.now()
    const breathe = async () => {
      if (this.clock.now() - sliceStart < SLICE_MS) return
      await this.clock.turn()
      sliceStart = this.clock.now()
    }
    for (;;) {
      while (underWay.length < DEPTH) {
        const began = this.clock.now()
        const writes = this.stopped ? [] : this.reconciler.take(this.portion, began)
        if (writes.length === 0) break
        underWay.push(this.driver.write(writes).catch((error: unknown) => ({ error })))
        this.adapt(this.clock.now() - began)
        await breathe()
      }
      const landed = await underWay.shift()
      if (landed === undefined) return
      if ('error' in landed) {
        await Promise.all(underWay)
        this.fail(landed.error)
        return
      }
      this.reconciler.done(landed, this.clock.now())
      if (this.reconciler.hasNews) await this.tellNews()
      await breathe()
    }
  }

  private adapt(took: number): void {
    if (took > SLICE_MS) this.portion = Math.max(Math.min(LEAST_BATCH, this.batch), this.portion >> 1)
    else if (took < SLICE_MS / 3) this.portion = Math.min(this.batch, this.portion * 2)
  }

  private async read(): Promise<void> {
    this.reading = true
    this.reconciler.beginRead()
    try {
      const state = await this.driver.read((routes, links) => this.reconciler.feed(routes, this.clock.now(), links))
      this.reconciler.feed(state.routes, this.clock.now())
      this.reconciler.endRead(state, this.clock.now())
      this.lastFailure = ''
    } catch (error) {
      const text = error instanceof Error ? error.message : String(error)
      this.reconciler.abortRead(text, this.clock.now())
      this.tell(text)
    }
    this.reading = false
    const events = this.waiting
    this.waiting = []
    if (events.length > 0) this.reconciler.applyEvents(events, this.clock.now())
  }

  private fail(error: unknown): void {
    const text = error instanceof Error ? error.message : String(error)
    this.reconciler.broken(text, this.clock.now())
    this.tell(text)
  }

  private tell(text: string): void {
    if (text === this.lastFailure) return
    this.lastFailure = text
    this.listener.driverFailed?.(text)
  }

  private arm(): void {
    if (this.stopped) return
    const now = this.clock.now()
    const deadline = this.reconciler.nextDeadline(now)
    if (deadline === Number.POSITIVE_INFINITY) return
    this.cancelTimer = this.clock.at(Math.max(deadline, now), () => this.kick())
  }
}
