/**
 * `starling watch`: events of a running daemon as they happen, one line each, until Ctrl-C.
 */
import type { Command } from 'commander'
import type { Io } from '../io.js'
import { addEventFilter, addOutput, addTarget } from '../options.js'
import { type EventOptions, follow } from './follow.js'

export function register(program: Command, io: Io): void {
  const command = addTarget(program.command('watch').description('events of a running daemon as they happen'))
  addEventFilter(addOutput(command)).action(async (options: EventOptions) => follow(options, io))
}
