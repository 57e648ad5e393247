/**
 * Events as pages and as a stream (text/event-stream), both read from the event log by id.
 *
 * A stream owns one cursor and no queue: news wakes it, it writes while the socket takes bytes and otherwise waits for
 * `drain`. A client that stands still is closed after LIMITS.streamStall; one that fell off the log sees a gap in the
 * ids and an `event: gap`. A thousand streams cost a thousand sockets and a thousand numbers.
 */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { ApiError } from '../errors.js'
import { describeEvent, EVENT_TYPES, type Level } from '../events/catalogue.js'
import type { EventRecord } from '../ports.js'
import { presentEvent } from '../present.js'
import { escapeText } from '../text.js'
import { type ApiContext, LIMITS } from './context.js'
import { EVENTS_QUERY } from './schemas.js'
import { matcher } from './search.js'

interface EventsQuery {
  readonly after: number
  readonly peer?: string
  readonly type?: string
  readonly level?: Level
  readonly match?: string
  readonly order: 'oldest' | 'newest'
  readonly limit: number
}

type Filter = (record: EventRecord) => boolean

const HEAD = {
  'content-type': 'text/event-stream; charset=utf-8',
  'cache-control': 'no-store',
  'x-content-type-options': 'nosniff',
  'x-accel-buffering': 'no',
} as const

/** Records taken from the log in one go. */
const BATCH = 64

const RANK: Readonly<Record<Level, number>> = { debug: 0, info: 1, warn: 2, error: 3 }

function typesOf(text: string | undefined): ReadonlySet<string> | undefined {
  if (text === undefined) return undefined
  const types = text.split(',')
  const unknown = types.find((type) => !EVENT_TYPES.includes(type))
  if (unknown === undefined) return new Set(types)
  throw new ApiError(
    'API_BAD_REQUEST',
    `type: no event is called ${escapeText(unknown, 40)}: ${EVENT_TYPES.join(', ')}`,
  )
}

function filterOf(query: EventsQuery): Filter {
  const types = typesOf(query.type)
  const words = matcher<{ code: string; message: string }>(({ code, message }) => `${code} ${message}`, query.match)
  const least = RANK[query.level ?? 'debug']
  return ({ event }) => {
    if (types !== undefined && !types.has(event.type)) return false
    if (words !== undefined || least > 0) {
      const description = describeEvent(event)
      if (RANK[description.level] < least || words?.(description) === false) return false
    }
    if (query.peer === undefined) return true
    return ('peer' in event && event.peer === query.peer) || ('name' in event && event.name === query.peer)
  }
}

export function registerEventStream(app: FastifyInstance, context: ApiContext): void {
  app.get<{ Querystring: EventsQuery }>(
    '/v1/events',
    {
      schema: {
        summary: 'Events by id; with `Accept: text/event-stream` as a stream that goes on.',
        tags: ['read'],
        querystring: EVENTS_QUERY,
      },
    },
    async (request, reply) => {
      const accept = request.headers.accept ?? ''
      if (accept.includes('text/event-stream')) return stream(request, reply, context)
      return request.query.order === 'newest' ? newest(request.query, context) : page(request.query, context)
    },
  )
}

/** The log is read forward; of what matches, the newest are kept. It is bounded, and so is the walk. */
function newest(query: EventsQuery, { ports }: ApiContext) {
  const wanted = filterOf(query)
  let kept: EventRecord[] = []
  let after = query.after
  for (;;) {
    const batch = ports.events.read(after, BATCH)
    after = batch.at(-1)?.id ?? after
    if (batch.length === 0) break
    kept = [...kept, ...batch.filter(wanted)].slice(-query.limit)
  }
  return {
    events: kept.reverse().map((record) => presentEvent(record, describeEvent(record.event), ports)),
    after,
    last: ports.events.last,
  }
}

function page(query: EventsQuery, { ports }: ApiContext) {
  const wanted = filterOf(query)
  const events: EventRecord[] = []
  let after = known(query.after, ports.events.last)
  for (;;) {
    const batch = ports.events.read(after, BATCH)
    if (batch.length === 0) break
    for (const record of batch) {
      after = record.id
      if (wanted(record)) events.push(record)
      if (events.length === query.limit) break
    }
    if (events.length === query.limit) break
  }
  return {
    events: events.map((record) => presentEvent(record, describeEvent(record.event), ports)),
    after,
    last: ports.events.last,
  }
}

/** An id that we have not given yet is of a daemon before this one: what happened since is all of ours. */
const known = (after: number, last: number): number => (after > last ? 0 : after)

function startOf(request: FastifyRequest<{ Querystring: EventsQuery }>, last: number): number {
  // A browser that reconnects says where it was; without either word the stream begins now.
  const resumed = request.headers['last-event-id']
  if (typeof resumed === 'string' && /^[0-9]{1,15}$/.test(resumed)) return known(Number(resumed), last)
  return new URL(request.url, 'http://localhost').searchParams.has('after') ? known(request.query.after, last) : last
}

function stream(
  request: FastifyRequest<{ Querystring: EventsQuery }>,
  reply: FastifyReply,
  context: ApiContext,
): FastifyReply {
  const { ports, streams } = context
  if (streams.size >= LIMITS.streams) throw new ApiError('API_TOO_MANY_STREAMS')
  const wanted = filterOf(request.query)
  let cursor = startOf(request, ports.events.last)
  let blocked: NodeJS.Timeout | undefined
  // Whoever asks for the head alone would wait for it as long as the stream goes on.
  if (request.method === 'HEAD') return reply.headers(HEAD).send()
  reply.hijack()
  const socket = reply.raw
  socket.writeHead(200, HEAD)
  // Tells the client how long to wait before it comes back.
  socket.write('retry: 2000\n\n')

  const write = (frame: string): void => {
    if (!socket.write(frame)) blocked ??= setTimeout(close, LIMITS.streamStall)
  }
  const pump = (): void => {
    while (blocked === undefined) {
      const batch = ports.events.read(cursor, BATCH)
      const first = batch[0]
      if (first === undefined) return
      if (first.id > cursor + 1) write(`event: gap\ndata: {"missed":${first.id - cursor - 1}}\n\n`)
      const frames = batch.filter(wanted).map((record) => frame(record, context))
      cursor = batch.at(-1)?.id ?? cursor
      if (frames.length > 0) write(frames.join(''))
    }
  }
  const unsubscribe = ports.events.subscribe(pump)
  const heartbeat = setInterval(() => {
    if (blocked === undefined) write(': still here\n\n')
  }, LIMITS.streamHeartbeat)
  const close = (): void => {
    unsubscribe()
    clearInterval(heartbeat)
    clearTimeout(blocked)
    streams.delete(close)
    socket.destroy()
  }
  streams.add(close)
  socket.on('drain', () => {
    clearTimeout(blocked)
    blocked = undefined
    pump()
  })
  socket.on('close', close)
  socket.on('error', close)
  pump()
  return reply
}

/** A thousand streams of one event: it is put into words once, and forgotten with the event. */
const frames = new WeakMap<EventRecord, string>()

function frame(record: EventRecord, { ports }: ApiContext): string {
  const known = frames.get(record)
  if (known !== undefined) return known
  const data = JSON.stringify(presentEvent(record, describeEvent(record.event), ports))
  const text = `id: ${record.id}\nevent: ${record.event.type}\ndata: ${data}\n\n`
  frames.set(record, text)
  return text
}
