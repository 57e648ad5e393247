/**
 * Plays a recording to a fresh engine, at the recorded times, and compares what it says with what was said.
 *
 * Of two connections that collided only the one that carried more is played: the other was closed without a route.
 */
import { Engine, type EngineEvent, type RouteView, type Sink } from '@starling/engine'
import { type RecordedEvent, type RecordedLine, recordedEvent, replayConfig, toLine } from './lines.js'

export interface Replay {
  /** Events of the recording and of the replay, in order. */
  readonly recorded: readonly RecordedEvent[]
  readonly replayed: readonly RecordedEvent[]
  readonly same: boolean
  /** Everything the engine reported, for people. */
  readonly events: readonly { readonly at: number; readonly event: EngineEvent }[]
  /** What the peer's Adj-RIB-In held at the end, the newest session's. */
  readonly routes: readonly RouteView[]
}

/** Odd: connections that the transport accepted. */
const CONNECTION = 1
/** Idle hold times are over by then. */
const BEFORE = 3_600_000
const SLICE = 10_000
const SHOWN_ROUTES = 1_000

const nothing = (): undefined => undefined

export function replayRecording(lines: readonly RecordedLine[]): Replay {
  const [start, ...rest] = lines
  if (start === undefined || !('input' in start) || start.input !== 'start') throw new Error('no start line')
  const played = busiest(rest)
  const first = rest.find((line) => 'connection' in line && line.connection === played)
  if (first === undefined) throw new Error('the recording ended before a connection began')
  const { key } = start.config.peer
  const events: { at: number; event: EngineEvent }[] = []
  const sink: Sink = {
    connect: nothing,
    close: nothing,
    send: () => true,
    installRoute: nothing,
    removeRoute: nothing,
    trackNextHop: nothing,
    untrackNextHop: nothing,
    event: (event) => events.push({ at: engine?.now ?? 0, event }),
  }
  let engine: Engine | undefined
  engine = new Engine(replayConfig(start.config), sink, {
    now: first.at - BEFORE,
    random: () => 0.5,
    restarting: false,
  })
  engine.tick(first.at - BEFORE / 2)
  engine.tick(first.at)
  let routes: readonly RouteView[] = []
  for (const line of rest) {
    if ('output' in line && line.output === 'live') events.length = 0
    if ('connection' in line && line.connection !== played) continue
    if (!('input' in line)) continue
    // What a session held is gone with it: look before its end.
    if (line.input === 'closed') routes = received(engine, key)
    play(engine, line, key)
    while (engine.work(SLICE, line.at));
    const now = received(engine, key)
    if (now.length > 0) routes = now
  }
  const recorded = rest.flatMap((line) => ('output' in line && line.output === 'event' ? [line.event] : []))
  const replayed = events.flatMap(({ event }) => recordedEvent(event, key) ?? [])
  return { recorded, replayed, same: toLine(recorded) === toLine(replayed), events, routes }
}

const received = (engine: Engine, peer: string): readonly RouteView[] =>
  engine.routes({ view: 'received', peer, limit: SHOWN_ROUTES }).routes

function busiest(lines: readonly RecordedLine[]): number {
  const sizes = new Map<number, number>()
  for (const line of lines) {
    if (!('connection' in line)) continue
    const size = 'bytes' in line ? line.bytes.length : 0
    sizes.set(line.connection, (sizes.get(line.connection) ?? 0) + size)
  }
  return [...sizes].sort((a, b) => b[1] - a[1])[0]?.[0] ?? 0
}

function play(engine: Engine, line: Extract<RecordedLine, { input: string }>, peer: string): void {
  const { at } = line
  switch (line.input) {
    case 'start':
      return
    case 'incoming':
    case 'opened':
      engine.incoming(CONNECTION, line.endpoints, at)
      return
    case 'received':
      engine.received(CONNECTION, Buffer.from(line.bytes, 'hex'), at)
      return
    case 'closed':
      engine.closed(CONNECTION, line.reason, at)
      return
    case 'writable':
      engine.writable(CONNECTION, at)
      return
    case 'tick':
      engine.tick(at)
      return
    case 'bfd':
      engine.bfdChanged(peer, line.up, at)
      return
    case 'admin':
      engine.admin(peer, line.action, { reason: line.reason }, at)
  }
}
