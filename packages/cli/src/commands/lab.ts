/** `starling lab ...`: everything after the word belongs to `@starling/lab`, which parses it itself. */
import { labCommand } from '@starling/lab'
import type { Command } from 'commander'
import { verdict } from '../exit.js'
import type { Io } from '../io.js'

export function register(program: Command, io: Io): void {
  program
    .command('lab [words...]')
    .description(
      'topologies in network namespaces: demo, up, down, status, exec, capture, ping, kill, replace, cut, heal',
    )
    .helpOption(false)
    .allowUnknownOption()
    .passThroughOptions()
    .action(async (words: string[]) => {
      const code = await labCommand(words, io)
      if (code !== 0) throw verdict(code)
    })
}
