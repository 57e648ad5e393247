/**
 * Changes of best paths as events, at a bounded rate: the first hundred one by one, then one in five seconds, and
 * how many there were beside them at most every ten seconds. A full table moving costs a counter; the event log keeps its room for
 * what matters more.
 */
import type { HostEvent } from '@starling/api'
import type { InstallView } from '@starling/engine'
import { Prefix } from '@starling/inet'

const BURST = 100
/** Milliseconds for one more. */
const REFILL = 5_000
const SUMMARY = 10_000

const textOf = (address: Uint8Array, length: number): string => Prefix.from(address, length)?.toString() ?? ''

export class BestPathEvents {
  readonly #push: (at: number, event: HostEvent) => void
  readonly #now: () => number
  #budget = BURST
  #filled = Number.NEGATIVE_INFINITY
  #untold = 0
  #toldAt = Number.NEGATIVE_INFINITY

  constructor(now: () => number, push: (at: number, event: HostEvent) => void) {
    this.#now = now
    this.#push = push
  }

  /** The view is valid during the call only. */
  installed({ address, length, from, nextHops }: InstallView): void {
    if (!this.#may()) return
    const [hop] = nextHops
    this.#push(this.#now(), {
      type: 'best-path',
      prefix: textOf(address, length),
      from,
      ...(hop === undefined ? {} : { nextHop: textOf(hop.address, 8 * hop.address.length).replace(/\/.*/, '') }),
    })
  }

  removed(address: Uint8Array, length: number): void {
    if (this.#may()) this.#push(this.#now(), { type: 'best-path', prefix: textOf(address, length) })
  }

  #may(): boolean {
    // Most calls of a storm end here, without asking for the time.
    if (this.#budget === 0 && ++this.#untold % 64 !== 0) return false
    const now = this.#now()
    const earned = Math.floor((now - this.#filled) / REFILL)
    if (earned > 0) {
      this.#budget = Math.min(BURST, this.#budget + earned)
      this.#filled = now
    }
    if (this.#untold > 0 && now - this.#toldAt >= SUMMARY) {
      this.#push(now, { type: 'best-paths', changes: this.#untold })
      this.#untold = 0
      this.#toldAt = now
    }
    if (this.#budget === 0) return false
    this.#budget--
    return true
  }
}
