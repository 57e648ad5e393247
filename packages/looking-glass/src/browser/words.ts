/** Numbers, ages and states as people say them. */
import type { Kernel, Summary } from './data/types.js'

const GROUPED = new Intl.NumberFormat('en', { useGrouping: true })

/** 12 345 with a thin space: figures of any size stay readable and tabular. */
export const count = (value: number): string => GROUPED.format(value).replaceAll(',', '\u2009')

const UNITS: readonly (readonly [number, string])[] = [
  [86_400, 'd'],
  [3600, 'h'],
  [60, 'min'],
  [1, 's'],
]

/** `3 d 4 h`, `12 min`, `40 s`, `now`. */
export function age(seconds: number): string {
  const whole = Math.floor(seconds)
  if (!Number.isFinite(whole)) return ''
  if (whole < 1) return 'now'
  const index = UNITS.findIndex(([size]) => whole >= size)
  const [size, unit] = UNITS[index] ?? [1, 's']
  const first = `${Math.floor(whole / size)} ${unit}`
  const next = UNITS[index + 1]
  if (next === undefined || size === 60) return first
  const rest = Math.floor((whole % size) / next[0])
  return rest === 0 ? first : `${first} ${rest} ${next[1]}`
}

/** How long something has lasted, after "for": `40 s`, `less than 1 s`. */
export function lasting(seconds: number): string {
  return seconds < 1 ? 'less than 1 s' : age(seconds)
}

export function bytes(value: number): string {
  const power = value < 1000 ? 0 : Math.min(3, Math.floor(Math.log10(value) / 3))
  const scaled = value / 1000 ** power
  const digits = power === 0 || scaled >= 100 || Number.isInteger(scaled) ? 0 : 1
  return `${scaled.toFixed(digits)} ${['B', 'kB', 'MB', 'GB'][power]}`
}

/** A tick whose words would be those of its neighbour (half an octet) says nothing. */
export function labels(ticks: readonly number[], format: (value: number) => string): string[] {
  const words = ticks.map(format)
  return ticks.map((tick, i) => {
    const text = words[i] ?? ''
    return Number.isInteger(tick) || (text !== words[i - 1] && text !== words[i + 1]) ? text : ''
  })
}

export function milliseconds(value: number): string {
  return value >= 1000 ? `${(value / 1000).toFixed(1)} s` : `${value < 10 ? value.toFixed(1) : Math.round(value)} ms`
}

/** `12:04:31`, with the day when it is not today's. */
export function clock(time: string | number, now: number = Date.now()): string {
  const date = new Date(time)
  const text = date.toTimeString().slice(0, 8)
  return new Date(now).toDateString() === date.toDateString() ? text : `${date.toISOString().slice(0, 10)} ${text}`
}

export const plural = (number: number, one: string, many = `${one}s`): string =>
  `${count(number)} ${number === 1 ? one : many}`

export interface SessionTotals {
  readonly all: number
  readonly up: number
  readonly down: number
}

export function sessionTotals(sessions: Summary['sessions']): SessionTotals {
  let all = 0
  let up = 0
  for (const states of Object.values(sessions)) {
    for (const [state, number] of Object.entries(states)) {
      all += number
      if (state === 'Established') up += number
    }
  }
  return { all, up, down: all - up }
}

export type Tone = 'ok' | 'wait' | 'bad'

export interface Sentence {
  readonly tone: Tone
  readonly text: string
}

/** What of the kernel deserves a word. */
function kernelWords({ drifted, failed, pending, synchronized }: Kernel): Sentence | undefined {
  const bad = [
    failed > 0 ? `the kernel refused ${plural(failed, 'route')}` : '',
    drifted > 0 ? `${plural(drifted, 'kernel route')} drifted and ${drifted === 1 ? 'is' : 'are'} being repaired` : '',
  ].filter((text) => text !== '')
  if (bad.length > 0) return { tone: 'bad', text: bad.join('; ') }
  if (!synchronized) return { tone: 'wait', text: 'the kernel table is being read again' }
  if (pending > 0) return { tone: 'wait', text: `${plural(pending, 'kernel route')} waiting to be written` }
  return undefined
}

export interface Trouble {
  /** Name of the peer that is down, and of the node it is on when known. */
  readonly peer: string
  readonly node?: string
  /** Until when the routes of that peer are kept (RFC 4724), RFC 3339. */
  readonly staleUntil?: string
}

/** The longest of the graces that still run. */
function heldWords(troubles: readonly Trouble[], now: number): string {
  const ends = troubles.flatMap(({ staleUntil }) => (staleUntil === undefined ? [] : [Date.parse(staleUntil)]))
  const left = Math.round((Math.max(...ends) - now) / 1000)
  return ends.length > 0 && left > 0 ? ` (routes held by graceful restart for ${left} s more)` : ''
}

function sessionWords(totals: SessionTotals, troubles: readonly Trouble[], now: number): Sentence | undefined {
  if (totals.down === 0) return undefined
  const head = `${count(totals.down)} of ${plural(totals.all, 'session')} down`
  const places = [...new Set(troubles.map(({ node, peer }) => node ?? peer))].sort((a, b) =>
    a.localeCompare(b, 'en', { numeric: true }),
  )
  if (places.length === 0) return { tone: 'bad', text: head }
  const linking =
    totals.down === 2 && places.length === 1 ? 'both to' : totals.down > 2 && places.length === 1 ? 'all to' : 'to'
  const named = places.slice(0, 3).join(', ')
  const more = places.length > 3 ? ` and ${places.length - 3} more` : ''
  return { tone: 'bad', text: `${head}, ${linking} ${named}${more}${heldWords(troubles, now)}` }
}

function graceWords({ gracefulRestart }: Summary, now: number): Sentence | undefined {
  if (!gracefulRestart.recovering) return undefined
  const { until, waitingFor } = gracefulRestart
  const left = until === undefined ? 0 : Math.round((Date.parse(until) - now) / 1000)
  const waiting = waitingFor.length === 0 ? '' : `, waiting for ${waitingFor.slice(0, 3).join(', ')}`
  return { tone: 'wait', text: `routes held by graceful restart${left > 0 ? ` for ${left} s more` : ''}${waiting}` }
}

/** The one sentence of the overview: what is wrong, worst first, or that nothing is. */
export function sentence(summary: Summary, troubles: readonly Trouble[], now: number): Sentence {
  const totals = sessionTotals(summary.sessions)
  const { datastore, kernel, live, ready } = summary
  const stopped = live.reasons[0]
  const parts = [
    stopped === undefined ? undefined : { tone: 'bad' as const, text: stopped.message },
    sessionWords(totals, troubles, now),
    kernel === null ? undefined : kernelWords(kernel),
    graceWords(summary, now),
    datastore.status === 'in-sync'
      ? undefined
      : { tone: 'wait' as const, text: `the datastore is ${datastore.status} and the last snapshot stays in force` },
    datastore.problems.length === 0
      ? undefined
      : { tone: 'wait' as const, text: `${plural(datastore.problems.length, 'resource')} refused as invalid` },
  ].filter((part) => part !== undefined)
  if (!ready.ok && !parts.some(({ tone }) => tone === 'bad')) {
    const why = ready.reasons[0]?.message ?? 'no reason given'
    parts.unshift({ tone: 'bad', text: `not ready: ${why}` })
  }
  if (parts.length > 0) {
    const text = parts.map((part) => part.text).join('; ')
    return {
      tone: parts.some(({ tone }) => tone === 'bad') ? 'bad' : 'wait',
      text: `${text[0]?.toUpperCase()}${text.slice(1)}.`,
    }
  }
  const prefixes = summary.tables.reduce((sum, table) => sum + table.prefixes, 0)
  const sessions =
    totals.all === 0
      ? 'No peer is configured'
      : totals.all === 1
        ? 'The only session is up'
        : `All ${count(totals.all)} sessions are up`
  const written = kernel === null ? '' : `, ${plural(kernel.installed, 'route')} in the kernel`
  return {
    tone: 'ok',
    text: `${sessions}, ${plural(prefixes, 'prefix', 'prefixes')} known${written}. Nothing is wrong.`,
  }
}
