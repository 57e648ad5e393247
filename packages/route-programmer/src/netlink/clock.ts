/** The host's clock for programmers: the only file of this package that knows timers. */

import type { ProgrammerClock } from '../programmer.js'

export const systemClock: ProgrammerClock = {
  now: () => performance.now(),
  at: (time, callback) => {
    const timer = setTimeout(callback, Math.max(0, time - performance.now()))
    return () => clearTimeout(timer)
  },
  turn: () => new Promise((resolve) => setImmediate(resolve)),
}
