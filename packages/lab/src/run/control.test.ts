/** The control socket: a request's output arrives in order, then its exit code; failures are words, not silence. */
import { mkdtempSync, rmSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { askControl, serveControl } from './control.js'

const folder = mkdtempSync(join(tmpdir(), 'starling-control-'))
const path = join(folder, 'lab.sock')
let left = () => {}
let server: ReturnType<typeof serveControl>

beforeAll(() => {
  server = serveControl(path, async ({ command, args }, output) => {
    if (command === 'wait') {
      output.out('waiting\n')
      await new Promise<void>((resolve) => output.gone.addEventListener('abort', () => resolve()))
      left()
      return 0
    }
    if (command !== 'echo') throw new Error(`unknown ${command}`)
    for (const word of args) output.out(`${word}\n`)
    output.err('warning\n')
    return 7
  })
})

afterAll(() => {
  server.close()
  rmSync(folder, { recursive: true })
})

async function ask(command: string, ...args: string[]) {
  const heard: string[] = []
  const output = {
    out: (text: string) => void heard.push(`out ${text}`),
    err: (text: string) => void heard.push(`err ${text}`),
  }
  return { exit: await askControl(path, { command, args }, output), heard }
}

test('output and exit code come through', async () => {
  expect(await ask('echo', 'one', 'two')).toEqual({ exit: 7, heard: ['out one\n', 'out two\n', 'err warning\n'] })
})

test('a request that fails says why and exits 1', async () => {
  expect(await ask('nonsense')).toEqual({ exit: 1, heard: ['err unknown nonsense\n'] })
})

test('who answers learns that the one who asked has gone', async () => {
  const learnt = new Promise<void>((resolve) => {
    left = resolve
  })
  const socket = connect(path, () => socket.write('{"command":"wait","args":[]}\n'))
  socket.once('data', () => socket.destroy())
  await learnt
})

test('nobody at the socket is an error', async () => {
  await expect(
    askControl(`${path}.gone`, { command: 'echo', args: [] }, { out: () => {}, err: () => {} }),
  ).rejects.toThrow()
})
