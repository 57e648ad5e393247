/**
 * The live side of the page: the stream's state, the events kept for the time lines, and the samples for the plots.
 *
 * Both rings are bounded: 4,096 events (about 2 MB) and one hour of samples.
 */
import { signal } from './hooks.js'
import { getJson, getText } from './request.js'
import { parseMetrics, type Sample, sampleOf } from './samples.js'
import { newsArrived, refreshAll } from './store.js'
import { openStream, type StreamState } from './stream.js'
import type { Event, EventsPage } from './types.js'

/** As many as the daemon keeps: a filter here misses nothing that it could find. */
export const EVENTS_KEPT = 4096
const SAMPLES_KEPT = 1200
const SAMPLE_EVERY = 3000
/** A storm of events is shown in steps, not one render each. */
const GATHER = 200
/** Largest page of the API. */
const PAGE = 1000

export const stream = signal<StreamState | undefined>(undefined)
export const events = signal<readonly Event[]>([])
export const missed = signal(0)
export const samples = signal<readonly Sample[]>([])
/** Browser time of the last good sample: the age of what the page shows. */
export const heard = signal(0)

function keep(news: readonly Event[]): void {
  const known = events.value.at(-1)?.id ?? 0
  const fresh = news.filter(({ id }) => id > known)
  if (fresh.length > 0) events.set([...events.value, ...fresh].slice(-EVENTS_KEPT))
}

let gathered: Event[] = []

function gather(news: readonly Event[]): void {
  if (gathered.length === 0) setTimeout(show, GATHER)
  gathered.push(...news)
}

function show(): void {
  const batch = gathered
  gathered = []
  keep(batch)
  newsArrived(batch)
}

async function backfill(): Promise<void> {
  try {
    const { last } = await getJson<EventsPage>('v1/events?limit=1')
    let after = Math.max(0, last - EVENTS_KEPT)
    const past: Event[] = []
    while (after < last) {
      const page = await getJson<EventsPage>(`v1/events?after=${after}&limit=${PAGE}`)
      past.push(...page.events)
      if (page.after <= after) break
      after = page.after
    }
    const first = events.value[0]?.id ?? Number.POSITIVE_INFINITY
    const older = past.filter(({ id }) => id < first)
    const newest = past.filter(({ id }) => id > (events.value.at(-1)?.id ?? first))
    events.set([...older, ...events.value, ...(first === Number.POSITIVE_INFINITY ? [] : newest)].slice(-EVENTS_KEPT))
  } catch {
    // The stream state tells the reader; the next reconnect tries again.
  }
}

async function sample(): Promise<void> {
  if (!document.hidden) {
    try {
      const parsed = parseMetrics(await getText('metrics'))
      samples.set([...samples.value, sampleOf(parsed, Date.now())].slice(-SAMPLES_KEPT))
      heard.set(Date.now())
    } catch {
      // Its age shows.
    }
  }
  setTimeout(() => void sample(), SAMPLE_EVERY)
}

export function startLive(): void {
  openStream({
    events(news) {
      heard.set(Date.now())
      gather(news)
    },
    missed: (count) => missed.set(missed.value + count),
    state(state) {
      const returned = state.kind === 'open' && stream.value?.kind === 'broken'
      stream.set(state)
      if (state.kind === 'open') {
        heard.set(Date.now())
        void backfill()
      }
      if (returned) refreshAll()
    },
  })
  document.addEventListener('visibilitychange', () => {
    if (!document.hidden) refreshAll()
  })
  void sample()
}
