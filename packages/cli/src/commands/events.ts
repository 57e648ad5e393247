/**
 * `starling watch`: events of a running daemon as they happen, one line each, until Ctrl-C; with a prefix, its paths.
 */
import type { Command } from 'commander'
import { usage } from '../exit.js'
import type { Io } from '../io.js'
import { addEventFilter, addOutput, addTarget } from '../options.js'
import { type EventOptions, follow } from './follow.js'
import { parseRouteWords } from './show/routes-words.js'
import { watchRoutes } from './watch-routes.js'

export function register(program: Command, io: Io): void {
  const command = addTarget(
    program
      .command('watch [words...]')
      .description('events of a running daemon as they happen, or the paths of PREFIX, for ADDRESS, in PREFIX'),
  )
  addEventFilter(addOutput(command)).action(async (words: string[], options: EventOptions) => {
    if (words.length === 0) return follow(options, io)
    const { match, peer, view } = parseRouteWords(words)
    if (match === undefined || peer !== undefined || view !== undefined)
      throw usage('watch takes PREFIX, for ADDRESS or in PREFIX')
    const filter = (['peer', 'type', 'level', 'match'] as const).find((name) => options[name] !== undefined)
    if (filter !== undefined) throw usage(`--${filter} is for events; of a prefix all paths are told`)
    await watchRoutes(match, options, io)
  })
}
