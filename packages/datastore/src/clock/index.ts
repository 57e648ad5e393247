/**
 * Node's clock for the machines of this package: the only file of `datastore` that reads one. The drivers and the
 * programs that start a `Syncer` hand it in; tests hand in a simulated one.
 */
import type { Clock } from '../clock.js'

export const systemClock: Clock = {
  now: () => performance.now(),
  after(delay, callback) {
    const timer = setTimeout(callback, delay)
    return () => clearTimeout(timer)
  },
}
