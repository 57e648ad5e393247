/**
 * `starling watch`: events of a running daemon as they happen, one line each, until Ctrl-C.
 */
import type { Command } from 'commander'
import type { Io } from '../io.js'
import { addOutput, addTarget } from '../options.js'
import { type EventOptions, follow } from './follow.js'

export function register(program: Command, io: Io): void {
  addOutput(addTarget(program.command('watch').description('events of a running daemon as they happen')))
    .option('--peer <name>', 'only events of this peer')
    .option('--type <types>', 'only these types, comma separated (session-state, bad-update, kernel-error, ...)')
    .option('--level <level>', 'only events at least this loud (debug, info, warn, error)')
    .option('--match <words>', 'only events in whose code or message all these words occur')
    .action(async (options: EventOptions) => follow(options, io))
}
