/**
 * The process's clock is the speaker's: milliseconds that never jump. Wall-clock time exists only at the edge
 * (`toEpoch`), and follows a corrected clock there: a jump must never expire a hold timer.
 */
import { now } from '@starling/speaker'

export { now }

/** Milliseconds since 1970 of a moment on our clock. */
export const toEpoch = (at: number): number => Date.now() - (now() - at)
