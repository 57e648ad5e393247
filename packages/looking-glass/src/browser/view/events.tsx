/**
 * What changed? The events the daemon keeps, newest first, under a time line with a brush. The chosen range stands in
 * the address, and Rates follows it.
 */
import type { JSX } from 'preact'
import { useMemo, useRef, useState } from 'preact/hooks'
import { useSignal } from '../data/hooks.js'
import { EVENTS_KEPT, events, missed } from '../data/live.js'
import { pathOf } from '../data/request.js'
import type { Event } from '../data/types.js'
import { bars } from '../draw/histogram.js'
import { amend, href, place } from '../route.js'
import { Drawer } from '../ui/drawer.js'
import { Empty, Panel } from '../ui/parts.js'
import { FilterField } from '../ui/table.js'
import { clock, count } from '../words.js'
import { EventLine } from './event-line.js'
import { Choice } from './peers.js'

const LEVELS = ['info', 'warn', 'error']
const RANK = { debug: 0, info: 1, warn: 2, error: 3 } as const
const SHOWN = 200

export interface Range {
  readonly from: number
  readonly to: number
}

/** The range in the address, in milliseconds since 1970; undefined means everything. */
export function rangeOf(query: Readonly<Record<string, string>>): Range | undefined {
  const from = Date.parse(query['from'] ?? '')
  const to = Date.parse(query['to'] ?? '')
  return Number.isNaN(from) || Number.isNaN(to) || to <= from ? undefined : { from, to }
}

export function Events(): JSX.Element {
  const { query } = useSignal(place)
  const log = useSignal(events)
  const lost = useSignal(missed)
  const [shown, show] = useState(SHOWN)
  const range = rangeOf(query)
  const { filter = '', level, type } = query
  const types = useMemo(() => [...new Set(log.map(({ event }) => event.type as string))].sort(), [log])
  const words = filter
    .toLowerCase()
    .split(/\s+/)
    .filter((word) => word !== '')
  const least = RANK[(level ?? 'debug') as keyof typeof RANK] ?? 0
  const matching = log.filter(
    (event) =>
      RANK[event.level] >= least &&
      (type === undefined || event.event.type === type) &&
      words.every((word) => `${event.code} ${event.message}`.toLowerCase().includes(word)),
  )
  const inRange =
    range === undefined
      ? matching
      : matching.filter(({ at }) => Date.parse(at) >= range.from && Date.parse(at) <= range.to)
  const command = ['starling show events', type && `--type ${type}`, '--follow']
  return (
    <>
      <Panel
        title="Events"
        note={
          range === undefined ? undefined : (
            <span>
              {clock(range.from)} to {clock(range.to)}{' '}
              <button type="button" class="small" onClick={() => amend({ from: undefined, to: undefined })}>
                Whole time
              </button>{' '}
              <a href={href('rates', '', { from: query['from'], to: query['to'] })}>Rates of this time</a>
            </span>
          )
        }
      >
        <div class="tools">
          <FilterField label="Filter events" />
          <Choice label="Type" value={type} options={types} onChange={(value) => amend({ type: value })} />
          <Choice
            label="From level"
            value={level}
            options={LEVELS}
            all="debug"
            onChange={(value) => amend({ level: value })}
          />
        </div>
        {log.length > 0 && <Brush log={matching} whole={log} range={range} />}
        {lost > 0 && <p class="stale">{count(lost)} events were dropped before this page could read them.</p>}
        {inRange.length === 0 ? (
          <Empty>{log.length === 0 ? 'Nothing has happened since the daemon started.' : 'No event matches.'}</Empty>
        ) : (
          <ol class="events">
            {inRange
              .slice(-shown)
              .reverse()
              .map((event) => (
                <EventLine key={event.id} event={event} />
              ))}
          </ol>
        )}
        {inRange.length > shown && (
          <p>
            <button type="button" onClick={() => show(shown + SHOWN)}>
              {`Show ${count(Math.min(SHOWN, inRange.length - shown))} older of ${count(inRange.length)}`}
            </button>
          </p>
        )}
        {log.length >= EVENTS_KEPT && <p class="quiet">This page keeps the newest {count(EVENTS_KEPT)} events.</p>}
      </Panel>
      <Drawer
        command={command.filter(Boolean).join(' ')}
        api={pathOf('v1/events', { after: log[0] === undefined ? 0 : log[0].id - 1, type })}
      />
    </>
  )
}

const SLICES = 96
const WIDTH = 960
const HEIGHT = 56

/** Drag to choose a range; the arrow keys move it for those without a pointer. */
function Brush(props: { log: readonly Event[]; whole: readonly Event[]; range: Range | undefined }): JSX.Element {
  const { log, range, whole } = props
  const frame = useRef<HTMLDivElement>(null)
  const [drag, setDrag] = useState<readonly [number, number]>()
  const from = Date.parse(whole[0]?.at ?? '')
  const to = Math.max(Date.parse(whole.at(-1)?.at ?? ''), from + 1000)
  const list = useMemo(() => bars(log, from, to, SLICES), [log, from, to])
  const most = Math.max(1, ...list.map(({ all }) => all))
  const timeAt = (event: PointerEvent): number => {
    const box = frame.current?.getBoundingClientRect()
    const share = box === undefined ? 0 : (event.clientX - box.left) / box.width
    return from + Math.max(0, Math.min(1, share)) * (to - from)
  }
  const choose = (a: number, b: number): void => {
    const [start, end] = a < b ? [a, b] : [b, a]
    if (end - start < (to - from) / SLICES / 2) amend({ from: undefined, to: undefined })
    else amend({ from: new Date(start).toISOString(), to: new Date(end).toISOString() })
  }
  const onKey = (event: KeyboardEvent): void => {
    const step = (to - from) / 12
    const direction = event.key === 'ArrowLeft' ? -1 : event.key === 'ArrowRight' ? 1 : 0
    if (event.key === 'Escape') amend({ from: undefined, to: undefined })
    if (direction === 0) return
    event.preventDefault()
    const now = range ?? { from: to - step, to }
    const moved = range === undefined ? 0 : direction * step
    const start = Math.max(from, Math.min(to - (now.to - now.from), now.from + moved))
    choose(start, start + (now.to - now.from))
  }
  const marked = drag ?? (range === undefined ? undefined : ([range.from, range.to] as const))
  const x = (time: number): number => (WIDTH * (Math.max(from, Math.min(to, time)) - from)) / (to - from)
  return (
    <div class="brush">
      <div
        class="field"
        ref={frame}
        role="slider"
        tabIndex={0}
        aria-label="Range of time: drag, or use the arrow keys; Escape shows everything"
        aria-valuemin={0}
        aria-valuemax={100}
        aria-valuenow={marked === undefined ? 0 : Math.round((100 * x(marked[0])) / WIDTH)}
        aria-valuetext={marked === undefined ? 'the whole time' : `${clock(marked[0])} to ${clock(marked[1])}`}
        onKeyDown={onKey}
        onPointerDown={(event) => {
          event.currentTarget.setPointerCapture(event.pointerId)
          const time = timeAt(event)
          setDrag([time, time])
        }}
        onPointerMove={(event) => {
          if (drag !== undefined) setDrag([drag[0], timeAt(event)])
        }}
        onPointerUp={(event) => {
          if (drag !== undefined) choose(drag[0], timeAt(event))
          setDrag(undefined)
        }}
        onPointerCancel={() => setDrag(undefined)}
      >
        <svg viewBox={`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" aria-hidden="true">
          {list.map(({ all, bad, from: start, warn }) => {
            const left = x(start)
            const width = WIDTH / SLICES - 1.5
            const scale = (HEIGHT - 4) / most
            return all === 0 ? null : (
              <g key={start}>
                <rect class="info" x={left} width={width} y={HEIGHT - all * scale} height={all * scale} />
                <rect class="warn" x={left} width={width} y={HEIGHT - (bad + warn) * scale} height={warn * scale} />
                <rect class="bad" x={left} width={width} y={HEIGHT - bad * scale} height={bad * scale} />
              </g>
            )
          })}
          {marked !== undefined && (
            <rect
              class="marked"
              x={Math.min(x(marked[0]), x(marked[1]))}
              width={Math.abs(x(marked[1]) - x(marked[0]))}
              y="0"
              height={HEIGHT}
            />
          )}
        </svg>
      </div>
      <div class="ends">
        <span>{clock(from)}</span>
        <span>{clock(to)}</span>
      </div>
    </div>
  )
}
