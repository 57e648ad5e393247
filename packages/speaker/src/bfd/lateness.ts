/**
 * How late timers fired: the newest thousand wake-ups, read as percentiles.
 */
import type { Lateness } from './messages.js'

const SAMPLES = 1024

export class LatenessGauge {
  readonly #samples = new Float64Array(SAMPLES)
  #count = 0

  add(milliseconds: number): void {
    this.#samples[this.#count % SAMPLES] = Math.max(0, milliseconds)
    this.#count++
  }

  read(): Lateness {
    const size = Math.min(this.#count, SAMPLES)
    if (size === 0) return { p50: 0, p99: 0, maximum: 0 }
    const sorted = this.#samples.slice(0, size).sort()
    const at = (share: number) => sorted[Math.min(size - 1, Math.floor(size * share))] ?? 0
    return { p50: at(0.5), p99: at(0.99), maximum: at(1) }
  }
}
