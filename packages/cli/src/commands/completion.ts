/**
 * `starling completion bash|zsh|fish`: scripts that ask `starling __complete`, which knows the commands from their own
 * definitions and the names of peers and nodes from the running daemon.
 */
import { Argument, type Command } from 'commander'
import type { Io } from '../io.js'
import { clientFor, type TargetOptions } from '../options.js'

const SCRIPTS = {
  bash: `_starling() {
  local IFS=$'\\n'
  COMPREPLY=($(starling __complete -- "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null))
}
complete -o default -F _starling starling
`,
  zsh: `#compdef starling
_starling() {
  local -a found
  found=("\${(@f)$(starling __complete -- "\${(@)words[2,CURRENT]}" 2>/dev/null)}")
  compadd -a found
}
compdef _starling starling
`,
  fish: `function __starling_complete
  set -l words (commandline -opc) (commandline -ct)
  starling __complete -- $words[2..-1] 2>/dev/null
end
complete -c starling -f -a '(__starling_complete)'
`,
} as const

type Shell = keyof typeof SCRIPTS
const SHELLS = Object.keys(SCRIPTS) as Shell[]

export function register(program: Command, io: Io): void {
  program
    .command('completion')
    .description('a completion script for your shell')
    .addArgument(new Argument('<shell>', 'which shell').choices(SHELLS))
    .action((shell: Shell) => io.write(SCRIPTS[shell]))
}

/** What a word or an option may be, where only the running daemon knows. */
type Live = 'peer' | 'node'

const OPTIONS_WITH_NAMES: Readonly<Record<string, Live>> = { '--peer': 'peer', '--to': 'peer', '--node': 'node' }
const COMMANDS_WITH_NAMES: Readonly<Record<string, Live>> = {
  'show peers': 'peer',
  'show routes': 'peer',
  'show nodes': 'node',
  'peer enable': 'peer',
  'peer disable': 'peer',
  'peer restart': 'peer',
  'peer refresh': 'peer',
  record: 'peer',
}
const COMMANDS_WITH_PREFIXES = new Set(['explain', 'show routes', 'show kernel'])
const ROUTE_WORDS = ['for', 'in', 'all', 'received', 'filtered', 'accepted', 'exported']

/** Candidates for the last of `words`, which may be empty. */
export async function complete(root: Command, words: readonly string[], io: Io): Promise<readonly string[]> {
  const partial = words.at(-1) ?? ''
  const before = words.slice(0, -1)
  let command = root
  const path: string[] = []
  for (const word of before) {
    const next = command.commands.find((item) => item.name() === word || item.aliases().includes(word))
    if (next === undefined) continue
    command = next
    path.push(next.name())
  }
  const target = targetOf(before)
  const previous = before.at(-1) ?? ''
  const option = command.options.find((item) => item.long === previous || item.short === previous)
  const candidates =
    option !== undefined && (option.required || option.optional)
      ? await valuesOf(option.long ?? '', partial, option.argChoices, target, io)
      : [
          ...(await operandsOf(command, path.join(' '), partial, target, io)),
          ...(partial.startsWith('-') ? optionsOf(command) : []),
        ]
  return [...new Set(candidates)].filter((item) => item.startsWith(partial)).sort()
}

/** Which daemon the words before already speak of: its names are wanted, not those of the local one. */
function targetOf(words: readonly string[]): TargetOptions {
  const value = (name: string): string | undefined => {
    const at = words.lastIndexOf(name)
    return at < 0 ? words.findLast((word) => word.startsWith(`${name}=`))?.slice(name.length + 1) : words[at + 1]
  }
  const [control, url, token, cacert] = ['--control', '--url', '--token', '--cacert'].map(value)
  return {
    ...(control === undefined ? {} : { control }),
    ...(url === undefined ? {} : { url }),
    ...(token === undefined ? {} : { token }),
    ...(cacert === undefined ? {} : { cacert }),
  }
}

async function valuesOf(
  option: string,
  partial: string,
  choices: readonly string[] | undefined,
  target: TargetOptions,
  io: Io,
): Promise<readonly string[]> {
  if (option === '--type') return eventTypes(partial)
  const live = OPTIONS_WITH_NAMES[option]
  return live === undefined ? (choices ?? []) : names(live, target, io)
}

/** The last of a list with commas; loaded here only, because the API's package is large. */
async function eventTypes(partial: string): Promise<readonly string[]> {
  const { EVENT_TYPES } = await import('@starling/api')
  const before = partial.slice(0, partial.lastIndexOf(',') + 1)
  return EVENT_TYPES.map((type) => before + type)
}

const optionsOf = (command: Command): string[] => command.options.flatMap((item) => item.long ?? [])

async function operandsOf(
  command: Command,
  path: string,
  partial: string,
  target: TargetOptions,
  io: Io,
): Promise<readonly string[]> {
  const live = COMMANDS_WITH_NAMES[path]
  return [
    ...command.commands.map((item) => item.name()),
    ...command.registeredArguments.flatMap((item) => item.argChoices ?? []),
    ...(path === 'show routes' ? ROUTE_WORDS : []),
    ...(live === undefined ? [] : await names(live, target, io)),
    ...(COMMANDS_WITH_PREFIXES.has(path) && /^[0-9a-f:.]+/i.test(partial) ? await prefixes(partial, target, io) : []),
  ]
}

/** Of a full table nobody wants all: the first ones that hold what was typed. */
async function prefixes(partial: string, target: TargetOptions, io: Io): Promise<readonly string[]> {
  try {
    const query = { view: 'best', match: partial, limit: 500 }
    const { routes } = await clientFor(target, io).get<{ routes: { prefix: string }[] }>('/v1/routes', query)
    return routes.map(({ prefix }) => prefix)
  } catch {
    return []
  }
}

/** No daemon, no names: completion never complains. */
async function names(live: Live, target: TargetOptions, io: Io): Promise<readonly string[]> {
  try {
    const client = clientFor(target, io)
    if (live === 'peer') {
      const { peers } = await client.get<{ peers: { name: string }[] }>('/v1/peers', { limit: 1000 })
      return peers.map(({ name }) => name)
    }
    const { nodes } = await client.get<{ nodes: { name: string }[] }>('/v1/nodes', { limit: 1000 })
    return nodes.map(({ name }) => name)
  } catch {
    return []
  }
}
