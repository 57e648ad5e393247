/** What `starling lab` answers without bringing anything up. */
import { expect, test } from 'vitest'
import { labCommand } from './command.js'
import type { LabIo } from './io.js'

async function lab(...words: string[]) {
  const said = { out: '', err: '' }
  const io = {
    write: (text: string) => {
      said.out += text
    },
    error: (text: string) => {
      said.err += text
    },
  } as LabIo
  return { code: await labCommand(words, io), ...said }
}

test.each([[['demo', '--help']], [['up', '-h']], [['help']], [[]]])('%o helps and starts nothing', async (words) => {
  const { code, out, err } = await lab(...words)
  expect({ code, err }).toEqual({ code: 0, err: '' })
  expect(out).toMatch(/^usage: starling lab COMMAND\n/)
})

test('an option that does not exist is a mistake of the command line', async () => {
  expect((await lab('demo', '--nosuch')).code).toBe(2)
})

test.each([
  [['up', '--timeout', 'soon'], '--timeout is a number of seconds, not "soon"'],
  [['up', 'demo', 'mesh'], 'one topology at a time: what is "mesh"?'],
  [['up', 'nosuch'], 'no topology nosuch'],
  [['up', '--datastore', 'redis'], '--datastore is embedded, etcd or etcd:URL'],
])('%o is answered at once, not from the background', async (words, message) => {
  const { code, err } = await lab(...words)
  expect(err).toContain(message)
  expect(code).toBe(2)
})
