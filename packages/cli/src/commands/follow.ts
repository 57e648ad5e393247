/**
 * Events as they happen, until Ctrl-C: `starling watch` and `show events --follow`.
 *
 * A daemon that restarts is a thing to watch, not a reason to stop: once a stream was open, a broken one is opened again.
 * It goes on after the last event that was shown, or from the beginning when another process answers by then.
 */
import { setTimeout as delay } from 'node:timers/promises'
import type { ApiClient } from '../client/client.js'
import { CliError, EXIT } from '../exit.js'
import type { Io } from '../io.js'
import { clientFor, type ShowOptions } from '../options.js'
import { type Painter, painterFor } from '../output/text.js'
import { eventLine } from './show/lists.js'
import type { EventJson } from './show/views.js'

export interface EventOptions extends ShowOptions {
  readonly peer?: string
  readonly type?: string
  readonly level?: string
  readonly match?: string
  readonly limit: number
  readonly follow?: boolean
}

/** Between two attempts, milliseconds. */
const PAUSE = 1000

interface Where {
  readonly startedAt: string
  readonly last: number
}

async function whereIs(client: ApiClient): Promise<Where> {
  const { identity, lastEvent } = await client.get<{ identity: { startedAt: string }; lastEvent: number }>(
    '/v1/summary',
  )
  return { startedAt: identity.startedAt, last: lastEvent }
}

export async function follow(options: EventOptions, io: Io, pause = PAUSE): Promise<void> {
  const client = clientFor(options, io)
  const paint = painterFor(options.color, io.terminal, io.env)
  // Nobody there at all is a mistake to be told, not a thing to wait for.
  let { startedAt, last: after } = await whereIs(client)
  let lost = ''
  while (!io.signal.aborted) {
    try {
      const now = await whereIs(client)
      if (now.startedAt !== startedAt) after = 0
      startedAt = now.startedAt
      if (lost !== '') io.error(`${client.description} answers again\n`)
      lost = ''
      for await (const event of stream(client, options, after, io)) {
        after = event.id
        io.write(written(event, options, paint))
      }
      if (!io.signal.aborted) throw new CliError('the event stream ended')
    } catch (error) {
      if (io.signal.aborted) return
      if (!(error instanceof CliError)) throw error
      // A question the daemon refuses does not become a good one by asking again.
      if (error.exitCode === EXIT.usage || error.exitCode === EXIT.denied) throw error
      if (lost === '') io.error(`starling: ${error.message}; trying again\n`)
      lost = error.message
      await delay(pause, undefined, { signal: io.signal }).catch(() => undefined)
    }
  }
}

const written = (event: EventJson, { output }: EventOptions, paint: Painter): string =>
  output === 'json' ? `${JSON.stringify(event)}\n` : eventLine(event, paint)

async function* stream(
  client: ApiClient,
  { level, match, peer, type }: EventOptions,
  after: number,
  io: Io,
): AsyncGenerator<EventJson> {
  const query = { peer, type, level, match, after: String(after) }
  for await (const event of client.events<EventJson | { missed: number }>('/v1/events', query, io.signal)) {
    if ('missed' in event) io.error(`${event.missed} events were gone before they could be read\n`)
    else yield event
  }
}
