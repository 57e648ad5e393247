/**
 * Event-loop delay over at most the last minute: the one number that says whether the process is overloaded.
 *
 * The histogram is emptied once a minute, so that a bad second of last week does not stay the maximum for ever.
 */
import { monitorEventLoopDelay } from 'node:perf_hooks'
import type { LoopDelay } from './ports.js'

const NANOSECONDS_PER_MILLISECOND = 1e6
const WINDOW = 60_000

export interface LoopDelayMonitor {
  read(): LoopDelay
  /** Forget what was: a start blocks the loop on purpose, and says nothing about load. */
  reset(): void
  close(): void
}

/** `resolution` is the sampling period, part of every sample: it is taken off again. */
export function monitorLoopDelay(resolution = 20): LoopDelayMonitor {
  const histogram = monitorEventLoopDelay({ resolution })
  histogram.enable()
  const window = setInterval(() => histogram.reset(), WINDOW)
  window.unref()
  const milliseconds = (value: number): number =>
    Number.isFinite(value) ? Math.max(0, value / NANOSECONDS_PER_MILLISECOND - resolution) : 0
  return {
    read() {
      const delay: LoopDelay = {
        mean: milliseconds(histogram.mean),
        p50: milliseconds(histogram.percentile(50)),
        p99: milliseconds(histogram.percentile(99)),
        max: histogram.count === 0 ? 0 : milliseconds(histogram.max),
      }
      return delay
    },
    reset() {
      histogram.reset()
    },
    close() {
      clearInterval(window)
      histogram.disable()
    },
  }
}
