/**
 * The only file of this package that knows the time, sleeps or throws dice.
 */

export interface Backoff {
  /** Milliseconds to wait before the next attempt. */
  next(): number
  reset(): void
}

/** Exponential from `first` to `limit`, each wait drawn from its upper half so that many clients do not return at once. */
export function jitteredBackoff(first: number, limit: number, random: () => number = Math.random): Backoff {
  let wait = first
  return {
    next() {
      const drawn = wait * (0.5 + 0.5 * random())
      wait = Math.min(limit, wait * 2)
      return drawn
    },
    reset() {
      wait = first
    },
  }
}

export function now(): number {
  return performance.now()
}

/** A time gRPC understands as a deadline. */
export function deadlineIn(milliseconds: number): number {
  return Date.now() + milliseconds
}

/** Calls back once; the answer cancels. Never keeps the process alive by itself when `background`. */
export function after(milliseconds: number, callback: () => void, background = false): () => void {
  const timer = setTimeout(callback, milliseconds)
  if (background) timer.unref()
  return () => clearTimeout(timer)
}

export function sleep(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds))
}

export function shuffled<T>(items: readonly T[], random: () => number = Math.random): T[] {
  const result = [...items]
  for (let i = result.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1))
    ;[result[i], result[j]] = [result[j]!, result[i]!]
  }
  return result
}
