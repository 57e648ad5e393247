/**
 * The one event stream of the page: keeps it open, comes back with growing pauses, knows how long it has been silent.
 *
 * The daemon sends a comment every 15 seconds, so silence beyond 40 means a dead connection. After a break it resumes at
 * the last id, which makes the gap visible instead of silent.
 */
import { FrameReader } from './sse.js'
import type { Event } from './types.js'

export type StreamState =
  | { readonly kind: 'open' }
  | { readonly kind: 'broken'; readonly since: number; readonly nextTry: number }

const SILENCE = 40_000
const FIRST_PAUSE = 1000
const LONGEST_PAUSE = 30_000

/** Pause before try number `attempt` (from 0), spread by `random` so that many pages do not come back together. */
export function backOff(attempt: number, random: number): number {
  return Math.round(Math.min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** attempt) * (0.75 + random / 2))
}

export interface StreamListener {
  events(events: readonly Event[]): void
  /** Events that fell off the daemon's log before we read them. */
  missed(count: number): void
  state(state: StreamState): void
}

export function openStream(listener: StreamListener): void {
  let last: number | undefined
  let attempt = 0
  let brokenSince: number | undefined

  const connect = async (): Promise<void> => {
    const abort = new AbortController()
    let silence = setTimeout(() => abort.abort(), SILENCE)
    try {
      const response = await fetch(last === undefined ? 'v1/events' : `v1/events?after=${last}`, {
        headers: { accept: 'text/event-stream' },
        signal: abort.signal,
      })
      if (!response.ok || response.body === null) throw new Error(`status ${response.status}`)
      attempt = 0
      brokenSince = undefined
      listener.state({ kind: 'open' })
      const reader = response.body.pipeThrough(new TextDecoderStream()).getReader()
      const frames = new FrameReader()
      for (;;) {
        const { value, done } = await reader.read()
        if (done) break
        clearTimeout(silence)
        silence = setTimeout(() => abort.abort(), SILENCE)
        const events: Event[] = []
        for (const frame of frames.push(value)) {
          if (frame.event === 'gap') listener.missed((JSON.parse(frame.data) as { missed: number }).missed)
          else events.push(JSON.parse(frame.data) as Event)
        }
        const newest = events.at(-1)
        if (newest !== undefined) {
          last = newest.id
          listener.events(events)
        }
      }
    } catch {
      // Refused, broken or silent: all the same to the reader, who sees "data is N s old".
    }
    clearTimeout(silence)
    const pause = backOff(attempt++, Math.random())
    brokenSince ??= Date.now()
    listener.state({ kind: 'broken', since: brokenSince, nextTry: Date.now() + pause })
    setTimeout(() => void connect(), pause)
  }
  void connect()
}
