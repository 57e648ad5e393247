/**
 * The process's clock: monotonic milliseconds everywhere inside, wall-clock time only at the edge (`toEpoch`).
 *
 * A jump of the wall clock must never expire a hold timer, so nothing but a printed date ever sees it.
 */
export const now = (): number => performance.now()

/** Milliseconds since 1970 of a moment on the monotonic clock; follows a corrected wall clock. */
export const toEpoch = (at: number): number => Date.now() - (performance.now() - at)
