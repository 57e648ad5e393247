/**
 * `starling watch PREFIX`: every path of a prefix, and each change of one, until Ctrl-C; on reflectors too.
 *
 * The daemon is asked once a second, for this prefix alone: nothing is written down where nobody looks, and a path that
 * comes and goes between two questions is not seen.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { CliError, EXIT } from '../exit.js'
import type { Io } from '../io.js'
import { clientFor, type ShowOptions } from '../options.js'
import { harmless, type Painter, painterFor } from '../output/text.js'
import { marks } from './show/routes.js'
import type { RouteWords } from './show/routes-words.js'
import type { RouteJson } from './show/views.js'

const PAUSE = 1000
/** The most that a page holds. */
const PATHS = 1000

type Change = 'present' | 'added' | 'changed' | 'removed'

const SIGNS = { present: '=', added: '+', changed: '~', removed: '-' } as const
const COLOURS = { present: undefined, added: 'green', changed: 'yellow', removed: 'red' } as const

const keyOf = ({ prefix, source, from, peer, pathId }: RouteJson): string =>
  JSON.stringify([prefix, source, from, peer, pathId])

/** Everything but how long. */
function factsOf({ since: _since, age: _age, ...facts }: RouteJson): string {
  return JSON.stringify(facts)
}

export async function watchRoutes(
  match: NonNullable<RouteWords['match']>,
  options: ShowOptions,
  io: Io,
  pause = PAUSE,
): Promise<void> {
  const client = clientFor(options, io)
  const paint = painterFor(options.color, io.terminal, io.env)
  const tell = (change: Change, route: RouteJson): void => {
    const at = new Date().toISOString()
    io.write(options.output === 'json' ? `${JSON.stringify({ at, change, route })}\n` : line(at, change, route, paint))
  }
  let known: ReadonlyMap<string, RouteJson> | undefined
  let lost = ''
  while (!io.signal.aborted) {
    try {
      const query = { [match.kind]: match.prefix, view: 'all', limit: PATHS }
      const page = await client.get<{ routes: RouteJson[]; next?: string }>('/v1/routes', query)
      if (known === undefined && page.next !== undefined) io.error(`only the first ${PATHS} paths are watched\n`)
      if (known === undefined && page.routes.length === 0) io.error('no path yet\n')
      if (lost !== '') io.error(`${client.description} answers again\n`)
      lost = ''
      known = compare(known, page.routes, tell)
    } catch (error) {
      if (!(error instanceof CliError)) throw error
      // Nobody there at all is a mistake to be told; a question that is refused is not better the next time.
      if (known === undefined || error.exitCode !== EXIT.unreachable) throw error
      if (lost === '') io.error(`starling: ${error.message}; trying again\n`)
      lost = error.message
    }
    await delay(pause, undefined, { signal: io.signal }).catch(() => undefined)
  }
}

function compare(
  before: ReadonlyMap<string, RouteJson> | undefined,
  routes: readonly RouteJson[],
  tell: (change: Change, route: RouteJson) => void,
): ReadonlyMap<string, RouteJson> {
  const after = new Map(routes.map((route) => [keyOf(route), route]))
  for (const [key, route] of before ?? []) if (!after.has(key)) tell('removed', route)
  for (const [key, route] of after) {
    const old = before?.get(key)
    if (old === undefined) tell(before === undefined ? 'present' : 'added', route)
    else if (factsOf(old) !== factsOf(route)) tell('changed', route)
  }
  return after
}

function line(at: string, change: Change, route: RouteJson, paint: Painter): string {
  const via = route.nextHop === undefined ? '' : ` via ${route.nextHop}`
  const path = route.source === 'bgp' ? `, AS path ${route.asPath === '' ? 'empty' : route.asPath}` : ''
  const preference = route.localPref === undefined ? '' : `, local-pref ${route.localPref}`
  const reason = route.reason === '' || change === 'removed' ? '' : `: ${route.reason}`
  const mark = change === 'removed' ? '' : marks(route)
  const words = `${SIGNS[change]} ${mark.padEnd(2)} ${route.prefix} from ${route.from}${via}${path}${preference}${reason}`
  const colour = COLOURS[change]
  return `${at}  ${colour === undefined ? harmless(words) : paint(harmless(words), colour)}\n`
}
