/**
 * `docs/cli.md`: every command with its options, made from the commands' own definitions. A test keeps the page true.
 */
import type { Command } from 'commander'
import { COMMANDS } from './commands/list.js'
import { EXIT, EXIT_MEANINGS } from './exit.js'
import type { Io } from './io.js'
import { createProgram } from './main.js'

const cellText = (text: string): string => text.replaceAll('|', '\\|').replaceAll('<', '&lt;')

function section(command: Command, path: string): string {
  const operands = command.registeredArguments.map((item) => {
    const dots = item.variadic ? '...' : ''
    return item.required ? ` <${item.name()}${dots}>` : ` [${item.name()}${dots}]`
  })
  const subcommands = command.commands.length > 0 ? ' [COMMAND]' : ''
  const alias = command.alias() === undefined ? '' : ` (also \`${command.alias()}\`)`
  const head = `## starling ${path}\n\n${command.description()}${alias}\n\n\`starling ${path}${operands.join('')}${subcommands}\`\n`
  const rows = command.options.map((option) => {
    const choices = option.argChoices === undefined ? '' : ` (${option.argChoices.join(', ')})`
    const standard = option.defaultValue
    const shown = typeof standard === 'string' || typeof standard === 'number' ? ` Default: \`${standard}\`.` : ''
    return `| \`${option.flags.replaceAll('|', '\\|')}\` | ${cellText(option.description)}${choices}.${shown} |\n`
  })
  const options = rows.length === 0 ? '' : `\n| Option | Meaning |\n| --- | --- |\n${rows.join('')}`
  return [head + options, ...command.commands.map((item) => section(item, `${path} ${item.name()}`))].join('\n')
}

export async function cliPage(io: Io): Promise<string> {
  const program = await createProgram(io)
  const sections = COMMANDS.flatMap(({ name }) => {
    const command = program.commands.find((item) => item.name() === name)
    return command === undefined ? [] : [section(command, name)]
  })
  const exits = Object.entries(EXIT).map(
    ([name, code]) => `| ${code} | ${EXIT_MEANINGS[name as keyof typeof EXIT]} |\n`,
  )
  return `# The starling command

This page is made from the commands themselves; a test keeps it true. \`starling COMMAND --help\` says the same.

Commands that talk to a running daemon use its Unix socket, or a URL: \`--control PATH\` (\`STARLING_CONTROL\`),
\`--url URL\` (\`STARLING_URL\`), \`--token TOKEN\` (\`STARLING_TOKEN\`). Tables are for people: ages, colours on terminals only
(never with \`NO_COLOR\`); a terminal too narrow for a table gets the reasons beneath the rows and fewer columns, a pipe and \`-o wide\` get all. \`-o json\` and \`-o yaml\` are for programs: RFC 3339 times, numbers as numbers, the field names of
the API.

## Exit codes

| Code | Meaning |
| --- | --- |
${exits.join('')}
${sections.join('\n')}`
}
