/**
 * How long a route takes from the wire to the kernel: from the first thing that came in since the speaker was last at
 * rest (so a route in the middle of a burst is never flattered) to the kernel's acknowledgement of the write.
 *
 * A wrapper around the driver sees the acknowledgements; nothing on the road between knows of it. What rests unwritten
 * when the programmer has nothing left to do was no change, or waits for a next hop: neither is a latency.
 */
import type { InstallView } from '@starling/engine'
import type { FibDriver, RouteWrite, WriteOutcome } from '@starling/route-programmer'
import { destinationKey } from './destination-key.js'

export interface KernelLatencyOptions {
  readonly now: () => number
  /** Milliseconds; once per route written. */
  observed(latency: number): void
}

export class KernelLatency {
  readonly #options: KernelLatencyOptions
  readonly #asked = new Map<string, number>()

  constructor(options: KernelLatencyOptions) {
    this.#options = options
  }

  /** The engine has a new best route; `since`: when the burst it belongs to began. */
  asked({ source, address, length }: Pick<InstallView, 'source' | 'address' | 'length'>, since: number): void {
    if (source === 'bgp') this.#asked.set(destinationKey(address, length), since)
  }

  /** The programmer has nothing left to do. */
  rested(): void {
    this.#asked.clear()
  }

  /** The same driver, listened to. */
  listening(driver: FibDriver): FibDriver {
    return {
      description: driver.description,
      read: (onRoutes) => driver.read(onRoutes),
      subscribe: (listener) => driver.subscribe(listener),
      close: () => driver.close(),
      write: async (writes) => {
        const outcomes = await driver.write(writes)
        if (this.#asked.size > 0) this.#acknowledged(writes, outcomes)
        return outcomes
      },
    }
  }

  #acknowledged(writes: readonly RouteWrite[], outcomes: readonly WriteOutcome[]): void {
    const now = this.#options.now()
    writes.forEach(({ op, route }, i) => {
      if (op === 'delete' || outcomes[i]?.errno !== 0) return
      const key = destinationKey(route.destination.address, route.destination.length)
      const since = this.#asked.get(key)
      if (since === undefined) return
      this.#asked.delete(key)
      this.#options.observed(now - since)
    })
  }
}
