import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startApi } from '@starling/api'
import { fakeDaemon } from '@starling/api/testing'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { EXIT } from '../exit.js'
import { main } from '../main.js'
import { recordingIo } from '../testing.js'

let folder = ''
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'starling-host-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

async function run(args: readonly string[], env: Record<string, string> = {}) {
  const { io, out, err } = recordingIo({ env })
  const code = await main(args, io)
  return { code, out: out(), err: err() }
}

describe('programmer', () => {
  const rows: [words: string, args: (folder: string) => string[], told: RegExp][] = [
    ['no socket', () => [], /required option '--socket <path>'/],
    ['a folder that is not there', (at) => ['--socket', join(at, 'no', 's.sock')], /folder .*\/no does not exist/],
    ['a file that is no socket', (at) => ['--socket', join(at, 'file')], /a file that is no socket/],
    ['a user by name', (at) => ['--socket', join(at, 's'), '--allow-uid', 'starling'], /numeric user ID/],
    ['the kernel’s own table', (at) => ['--socket', join(at, 's'), '--table', '255'], /255 is the kernel’s own/],
  ]
  test.each(rows)('%s is refused with what would have been right', async (_words, args, told) => {
    writeFileSync(join(folder, 'file'), '')
    const { code, err } = await run(['programmer', ...args(folder)])
    expect(code).toBe(EXIT.usage)
    expect(err).toMatch(told)
  })
})

describe('cleanup', () => {
  test('a running daemon is not cleaned behind its back', async () => {
    const control = join(folder, 's.sock')
    const api = await startApi({ ports: fakeDaemon(), control, metrics: { process: false } })
    const { code, err } = await run(['cleanup'], { STARLING_CONTROL: control })
    await api.close()
    // Without NET_ADMIN that is said first.
    expect([EXIT.failed, EXIT.denied]).toContain(code)
    expect(err).toMatch(/stop it first|needs CAP_NET_ADMIN/)
  })
})
