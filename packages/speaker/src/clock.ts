/**
 * The clock of the speaker: milliseconds since the epoch that never jump, because a BGP timer must not follow NTP.
 */
import { performance } from 'node:perf_hooks'

export function now(): number {
  return performance.timeOrigin + performance.now()
}
