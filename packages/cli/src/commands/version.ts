/** `starling version`: what this is and what it runs on. */
import type { Command } from 'commander'
import type { Io } from '../io.js'
import { addOutput } from '../options.js'
import { type OutputOptions, render } from '../output/print.js'
import { VERSION } from '../version.js'

export function register(program: Command, io: Io): void {
  addOutput(program.command('version').description('print the version')).action((options: OutputOptions) => {
    const value = { version: VERSION, node: process.version, platform: `${process.platform} ${process.arch}` }
    io.write(render(value, options, io, () => `starling ${value.version} (Node ${value.node}, ${value.platform})\n`))
  })
}
