/**
 * `starling`: finds the command, loads its module alone, runs it, and turns failures into messages and exit codes.
 */
import { Command, CommanderError } from 'commander'
import { COMMANDS, type CommandEntry } from './commands/list.js'
import { CliError, EXIT } from './exit.js'
import { type Io, processIo } from './io.js'
import { VERSION } from './version.js'

/** A program with the named command in full and the others as a line of help. */
export async function createProgram(io: Io, wanted: readonly CommandEntry[] = COMMANDS): Promise<Command> {
  const program = new Command('starling')
    .description('BGP for the nodes of a cluster')
    .version(VERSION, '-V, --version', 'print the version')
    .configureOutput({ writeOut: (text) => io.write(text), writeErr: (text) => io.error(text) })
    .configureHelp({ helpWidth: Math.min(io.columns, 110), sortSubcommands: false })
    .showHelpAfterError('(--help says more)')
    .enablePositionalOptions()
    .exitOverride()
  for (const entry of COMMANDS) {
    if (wanted.includes(entry)) (await entry.load())(program, io)
    else program.command(entry.name).description(entry.summary).allowUnknownOption().argument('[words...]')
  }
  return program
}

export async function main(args: readonly string[], io: Io = processIo()): Promise<number> {
  if (args[0] === '__complete') return completion(args.slice(args[1] === '--' ? 2 : 1), io)
  const entry = COMMANDS.find(({ name }) => name === args[0])
  try {
    const program = await createProgram(io, entry === undefined ? [] : [entry])
    if (args.length === 0) {
      program.outputHelp()
      return EXIT.usage
    }
    await program.parseAsync([...args], { from: 'user' })
    return EXIT.ok
  } catch (error) {
    return failure(error, io)
  }
}

/** Asked by the completion scripts: candidates for the last word, one per line. */
async function completion(words: readonly string[], io: Io): Promise<number> {
  const entry = words.length > 1 ? COMMANDS.find(({ name }) => name === words[0]) : undefined
  const { complete } = await import('./commands/completion.js')
  const found = await complete(await createProgram(io, entry === undefined ? [] : [entry]), words, io)
  io.write(found.map((item) => `${item}\n`).join(''))
  return EXIT.ok
}

function failure(error: unknown, io: Io): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage
  if (error instanceof CliError) {
    if (error.message !== '') io.error(`starling: ${error.message}\n`)
    return error.exitCode
  }
  throw error
}
