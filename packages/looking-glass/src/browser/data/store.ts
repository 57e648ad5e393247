/**
 * What the page knows: the newest answer per API path, shared by all views, refreshed by time or by news.
 *
 * An answer stays on the screen while it is asked for again (stale while revalidating) and when that fails; the state
 * then says how old it is. Nothing is asked while the tab is hidden. Answers of paths nobody looks at are forgotten
 * soon, so the page never holds more than what it shows.
 */
import { Failure, getJson } from './request.js'
import type { Event } from './types.js'

export interface Answer<T> {
  readonly data?: T
  /** Milliseconds of the browser's clock when `data` came. */
  readonly at: number
  readonly failure?: Failure
  readonly loading: boolean
}

interface Entry {
  answer: Answer<unknown>
  /** Whoever looks at it, with how fresh each wants it. */
  readonly listeners: Map<() => void, Freshness>
  readonly load: () => Promise<unknown>
  timer: ReturnType<typeof setTimeout> | undefined
  forget: ReturnType<typeof setTimeout> | undefined
}

export interface Freshness {
  /** Milliseconds between refreshes. */
  readonly every?: number
  /** Refresh when an event of this type arrives. */
  readonly on?: readonly string[]
}

const KEEP = 30_000
/** News comes in bursts; one refresh answers a burst. */
const SETTLE = 400
const DEFAULT_EVERY = 15_000
export const NOTHING: Answer<never> = { at: 0, loading: true }

const entries = new Map<string, Entry>()

export function read<T>(key: string): Answer<T> {
  return (entries.get(key)?.answer ?? NOTHING) as Answer<T>
}

export function watch(
  key: string,
  freshness: Freshness,
  listener: () => void,
  load?: () => Promise<unknown>,
): () => void {
  let entry = entries.get(key)
  if (entry === undefined) {
    entry = {
      answer: NOTHING,
      listeners: new Map(),
      load: load ?? (() => getJson(key)),
      timer: undefined,
      forget: undefined,
    }
    entries.set(key, entry)
  }
  const present = entry
  clearTimeout(present.forget)
  present.listeners.set(listener, freshness)
  if (present.timer === undefined) {
    const age = Date.now() - present.answer.at
    if (age > 1000) void refresh(key)
    else schedule(key, periodOf(present))
  }
  return () => {
    present.listeners.delete(listener)
    if (present.listeners.size > 0) return
    clearTimeout(present.timer)
    present.timer = undefined
    present.forget = setTimeout(() => entries.delete(key), KEEP)
  }
}

/** As fresh as the most demanding wants it. */
function periodOf({ listeners }: Entry): number {
  return Math.min(...[...listeners.values()].map(({ every = DEFAULT_EVERY }) => every))
}

function schedule(key: string, pause: number): void {
  const entry = entries.get(key)
  if (entry === undefined || entry.listeners.size === 0) return
  clearTimeout(entry.timer)
  entry.timer = setTimeout(() => void refresh(key), pause)
}

export async function refresh(key: string): Promise<void> {
  const entry = entries.get(key)
  if (entry === undefined) return
  if (entry.listeners.size === 0) return
  if (document.hidden) {
    schedule(key, periodOf(entry))
    return
  }
  clearTimeout(entry.timer)
  // A number instead of undefined: "running", so that watch() does not start it twice.
  entry.timer = setTimeout(() => {}, 0)
  const before = entry.answer
  try {
    const data = await entry.load()
    entry.answer = { data, at: Date.now(), loading: false }
  } catch (error) {
    const failure = error instanceof Failure ? error : new Failure('failed', 'PAGE', String(error))
    // A resource that is gone is news, not an old answer worth keeping.
    const keep = failure.kind === 'unreachable' || failure.kind === 'failed'
    entry.answer = {
      at: before.at,
      failure,
      loading: false,
      ...(keep && before.data !== undefined ? { data: before.data } : {}),
    }
  }
  for (const listener of [...entry.listeners.keys()]) listener()
  schedule(key, periodOf(entry))
}

/** Whoever shows something these events may have changed asks again soon. */
export function newsArrived(events: readonly Event[]): void {
  const types = new Set(events.map(({ event }) => event.type as string))
  for (const [key, entry] of entries) {
    const wanted = [...entry.listeners.values()].flatMap(({ on = [] }) => on)
    if (wanted.some((type) => types.has(type))) schedule(key, SETTLE)
  }
}

export function refreshAll(): void {
  for (const [key, entry] of entries) if (entry.listeners.size > 0) void refresh(key)
}
