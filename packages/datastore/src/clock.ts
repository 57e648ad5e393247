/**
 * Time and chance for the machines of this package, which own neither. Node's clock is `@starling/datastore/clock`,
 * tests bring a simulated one.
 */
export interface Clock {
  /** Milliseconds; only differences matter. */
  now(): number
  /** Calls back once, `delay` milliseconds from now. The answer cancels. */
  after(delay: number, callback: () => void): () => void
}
