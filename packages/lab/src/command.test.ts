/** What `starling lab` answers without bringing anything up. */
import { expect, test } from 'vitest'
import { labCommand, patienceFor } from './command.js'
import type { LabIo } from './io.js'
import { parseTopology } from './topology/parse.js'

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
  [['up', '--exit-when-converged'], 'what is up stays until "lab down"'],
  [['capture', 'rr1', '--port', '99999'], '--port is a whole number from 1 to 65535, not "99999"'],
  [['capture', 'rr1', '--seconds', 'abc'], '--seconds is a whole number'],
  [['capture'], 'usage: starling lab capture NAME'],
  [['ping', 'a', 'b', '-c', 'many'], '-c is a whole number'],
  [['ping', 'a'], 'usage: starling lab ping FROM TO'],
  [['up', 'nosuch'], 'no topology nosuch'],
  [['up', '--datastore', 'redis'], '--datastore is embedded, etcd or etcd:URL'],
])('%o is answered at once, without a lab', async (words, message) => {
  const { code, err } = await lab(...words)
  expect(err).toContain(message)
  expect(code).toBe(2)
})

test('a large lab gets more time, the demo not more than the two minutes it promises', () => {
  const patience = (nodes: number) => {
    const words = Array.from({ length: nodes }, (_, at) => `{ name: n${at}, rack: r }`).join(', ')
    return patienceFor(parseTopology('x', `name: x\nracks: [{ name: r, subnet: 10.0.0.0/16 }]\nnodes: [${words}]\n`))
  }
  expect([patience(6), patience(12), patience(50)]).toEqual([110, 110, 300])
})
