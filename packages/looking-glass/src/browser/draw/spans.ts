/** One session's states as spans of time, from the events that were kept: pure. */
import type { Event, Peer, SessionState } from '../data/types.js'

export interface Span {
  readonly state: SessionState
  readonly from: number
  readonly to: number
  readonly reason: string
}

/** Spans from the first known event of that peer until `now`; the state before the first event is its `from`. */
export function spansOf(log: readonly Event[], peer: Pick<Peer, 'key' | 'state' | 'since'>, now: number): Span[] {
  const changes = log.flatMap(({ at, event }) =>
    event.type === 'session-state' && event.peer === peer.key ? [{ at: Date.parse(at), ...event }] : [],
  )
  const first = changes[0]
  if (first === undefined)
    return [{ state: peer.state, from: Math.min(Date.parse(peer.since), now), to: now, reason: '' }]
  const start = Math.min(Date.parse(log[0]?.at ?? ''), first.at)
  const spans: Span[] = start < first.at ? [{ state: first.from, from: start, to: first.at, reason: '' }] : []
  changes.forEach((change, index) => {
    spans.push({ state: change.to, from: change.at, to: changes[index + 1]?.at ?? now, reason: change.reason })
  })
  return spans
}
