/**
 * `starling watch`: events of a running daemon as they happen, one line each, until Ctrl-C.
 */
import type { Command } from 'commander'
import type { Io } from '../io.js'
import { addOutput, addTarget } from '../options.js'
import { type EventOptions, follow } from './show/index.js'

export function register(program: Command, io: Io): void {
  addOutput(addTarget(program.command('watch').description('events of a running daemon as they happen')))
    .option('--peer <name>', 'only events of this peer')
    .option('--type <types>', 'only these types, comma separated')
    .action(async (options: EventOptions) => follow(options, io))
}
