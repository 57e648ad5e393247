/**
 * `starling top`: one full screen of what matters now: sessions (trouble first), message rates, kernel, the newest
 * events. Redrawn in place; `q` or Ctrl-C ends it and leaves the terminal as it was.
 */
import { setTimeout as delay } from 'node:timers/promises'
import type { Command } from 'commander'
import type { ApiClient } from '../client/client.js'
import { CliError, usage } from '../exit.js'
import type { Io } from '../io.js'
import { addTarget, clientFor, seconds, type TargetOptions } from '../options.js'
import { fit } from '../output/screen.js'
import { table } from '../output/table.js'
import { age, type Painter, painterFor } from '../output/text.js'
import { eventLine, type SummaryJson, summaryText } from './show/lists.js'
import type { EventJson, PeerJson } from './show/views.js'

const ENTER = '\u001b[?1049h\u001b[?25l'
const LEAVE = '\u001b[?25h\u001b[?1049l'

const EVENTS_SHOWN = 6

export function register(program: Command, io: Io): void {
  addTarget(program.command('top').description('a live screen: sessions, rates, kernel, events'))
    .option('-d, --delay <seconds>', 'between two pictures', seconds, 1)
    .action(async (options: TargetOptions & { delay: number }) => {
      if (!io.terminal) throw usage('top needs a terminal; show --watch does without')
      await run(clientFor(options, io), options.delay, io)
    })
}

async function run(client: ApiClient, pause: number, io: Io): Promise<void> {
  const stop = new AbortController()
  const end = (): void => stop.abort()
  io.signal.addEventListener('abort', end)
  const restore = readKeys(end)
  const painter = painterFor('auto', io.terminal, io.env)
  const rates = new Rates()
  io.write(ENTER)
  try {
    while (!stop.signal.aborted) {
      const text = await picture(client, rates, painter, io.rows).catch((error: unknown) => {
        if (error instanceof CliError) return `${error.message}\n`
        throw error
      })
      io.write(fit(text, io))
      await delay(pause * 1000, undefined, { signal: stop.signal }).catch(() => undefined)
    }
  } finally {
    restore()
    io.write(LEAVE)
  }
}

/** Keys arrive only in raw mode, and then Ctrl-C is a key like any other. */
function readKeys(end: () => void): () => void {
  const { stdin } = process
  if (!stdin.isTTY) return () => undefined
  const onKey = (data: Buffer): void => {
    if (/[q\u0003\u0004\u001b]/.test(data.toString())) end()
  }
  stdin.setRawMode(true)
  stdin.on('data', onKey)
  stdin.resume()
  return () => {
    stdin.off('data', onKey)
    stdin.setRawMode(false)
    stdin.pause()
  }
}

/** UPDATEs per second, from what the counters grew by since the picture before. */
export class Rates {
  readonly #before = new Map<string, { at: number; received: number; sent: number }>()

  of(peer: PeerJson, at: number): { received: number; sent: number } {
    const now = { at, received: peer.messagesReceived.update, sent: peer.messagesSent.update }
    const before = this.#before.get(peer.key)
    this.#before.set(peer.key, now)
    if (before === undefined || at <= before.at) return { received: 0, sent: 0 }
    const per = (value: number, last: number): number =>
      Math.max(0, Math.round(((value - last) * 1000) / (at - before.at)))
    return { received: per(now.received, before.received), sent: per(now.sent, before.sent) }
  }
}

const troubleFirst = (a: PeerJson, b: PeerJson): number =>
  Number(a.state === 'Established') - Number(b.state === 'Established') || (a.name < b.name ? -1 : 1)

async function picture(client: ApiClient, rates: Rates, paint: Painter, rows: number): Promise<string> {
  const [summary, { peers }] = await Promise.all([
    client.get<SummaryJson & { lastEvent: number }>('/v1/summary'),
    client.get<{ peers: PeerJson[] }>('/v1/peers', { limit: 1000 }),
  ])
  // Attempts of a peer that is down are not news; they would push the news off the screen.
  const newest = { level: 'info', order: 'newest', limit: EVENTS_SHOWN }
  const { events } = await client.get<{ events: EventJson[] }>('/v1/events', newest)
  return topText({ summary, peers, events: [...events].reverse(), rates, now: performance.now(), paint, rows })
}

export interface TopInput {
  readonly summary: SummaryJson
  readonly peers: readonly PeerJson[]
  readonly events: readonly EventJson[]
  readonly rates: Rates
  readonly now: number
  readonly paint: Painter
  readonly rows: number
}

export function topText({ summary, peers, events, rates, now, paint, rows }: TopInput): string {
  const head = summaryText(summary, paint)
  const room = Math.max(3, rows - head.split('\n').length - events.length - 4)
  const measured = peers.map((peer) => ({ peer, rate: rates.of(peer, now) }))
  const sorted = measured.sort((a, b) => troubleFirst(a.peer, b.peer))
  const sessions = table(
    sorted.slice(0, room),
    [
      { heading: 'PEER', value: ({ peer }) => peer.name },
      {
        heading: 'STATE',
        value: ({ peer }) => peer.state,
        colour: ({ peer }) => (peer.state === 'Established' ? 'green' : 'red'),
      },
      { heading: 'SINCE', value: ({ peer }) => age(peer.age) },
      { heading: 'RECEIVED', value: ({ peer }) => peer.families.reduce((sum, family) => sum + family.received, 0) },
      { heading: 'SENT', value: ({ peer }) => peer.families.reduce((sum, family) => sum + family.sent, 0) },
      { heading: 'IN/S', value: ({ rate }) => rate.received },
      { heading: 'OUT/S', value: ({ rate }) => rate.sent },
      { heading: 'INFO', value: ({ peer }) => peer.reason },
    ],
    { paint },
  )
  const more = sorted.length > room ? `... and ${sorted.length - room} more\n` : ''
  return `${head}\n${sessions}${more}\n${events.map((event) => eventLine(event, paint)).join('')}`
}
