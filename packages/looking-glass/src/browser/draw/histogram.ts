/** Events per slice of time, stacked by tone: pure. */
import type { Event } from '../data/types.js'

export interface Bar {
  readonly from: number
  readonly to: number
  readonly all: number
  readonly bad: number
  readonly warn: number
}

export function bars(events: readonly Event[], from: number, to: number, slices: number): Bar[] {
  const length = Math.max(1, to - from) / slices
  const counts = Array.from({ length: slices }, () => ({ all: 0, bad: 0, warn: 0 }))
  for (const { at, code, level } of events) {
    const time = Date.parse(at)
    if (time < from || time > to) continue
    const slice = counts[Math.min(slices - 1, Math.floor((time - from) / length))]
    if (slice === undefined) continue
    slice.all++
    if (level === 'error' || code === 'SESSION_DOWN') slice.bad++
    else if (level === 'warn') slice.warn++
  }
  return counts.map((slice, index) => ({ from: from + index * length, to: from + (index + 1) * length, ...slice }))
}
