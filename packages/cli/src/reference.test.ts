import { readFileSync, writeFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { COMMANDS } from './commands/list.js'
import { createProgram } from './main.js'
import { cliPage } from './reference.js'
import { recordingIo } from './testing.js'
import { VERSION } from './version.js'

test('docs/cli.md says what the commands say (UPDATE=1 rewrites it)', async () => {
  const file = new URL('../../../docs/cli.md', import.meta.url)
  const expected = await cliPage(recordingIo().io)
  if (process.env['UPDATE'] === '1') writeFileSync(file, expected)
  expect(readFileSync(file, 'utf8')).toBe(expected)
})

test('the summary of a command is the description of the command itself', async () => {
  const program = await createProgram(recordingIo().io)
  for (const { name, summary } of COMMANDS) {
    expect([name, program.commands.find((command) => command.name() === name)?.description()]).toEqual([name, summary])
  }
})

test('every option has a description, and every command too', async () => {
  const program = await createProgram(recordingIo().io)
  const walk = (commands: typeof program.commands): void => {
    for (const command of commands) {
      expect(command.description(), command.name()).not.toBe('')
      for (const option of command.options) expect(option.description, `${command.name()} ${option.flags}`).not.toBe('')
      walk(command.commands)
    }
  }
  walk(program.commands)
})

test('the version is that of the package', () => {
  expect(JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')).version).toBe(VERSION)
})
