import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Api, startApi } from '@starling/api'
import { type FakeDaemon, fakeDaemon } from '@starling/api/testing'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { EXIT } from '../exit.js'
import { type Recording, recordingIo } from '../testing.js'
import { type EventOptions, follow } from './follow.js'

let folder = ''
let api: Api | undefined
let stop: AbortController
let screen: Recording

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'starling-follow-'))
  stop = new AbortController()
  screen = recordingIo({ signal: stop.signal })
})
afterEach(async () => {
  stop.abort()
  await api?.close()
  api = undefined
  rmSync(folder, { recursive: true, force: true })
})

const options = (more: Partial<EventOptions> = {}): EventOptions => ({
  control: join(folder, 's.sock'),
  output: 'table',
  color: 'never',
  headers: true,
  limit: 10,
  ...more,
})

async function daemon(startedAt: number): Promise<FakeDaemon> {
  const fake = fakeDaemon()
  fake.identityValue = { ...fake.identityValue, startedAt }
  api = await startApi({ ports: fake, control: join(folder, 's.sock'), metrics: { process: false } })
  return fake
}

async function until(done: () => boolean): Promise<void> {
  for (let i = 0; i < 2000 && !done(); i++) await new Promise((resolve) => setTimeout(resolve, 5))
  expect(done()).toBe(true)
}

const happen = (fake: FakeDaemon, reason: string) => fake.events.push(1, { type: 'kernel-resync', reason })

test('a daemon that restarts is waited for, and told from its beginning', async () => {
  const first = await daemon(500)
  happen(first, 'before anybody looked')
  const watching = follow(options(), screen.io, 5)
  await new Promise((resolve) => setTimeout(resolve, 50))
  happen(first, 'the first life')
  await until(() => screen.out().includes('the first life'))
  await api?.close()
  await until(() => screen.err().includes('trying again'))
  const second = await daemon(900)
  happen(second, 'the second life')
  await until(() => screen.out().includes('the second life'))
  expect(screen.out()).not.toContain('before anybody looked')
  expect(screen.err()).toContain('answers again')
  stop.abort()
  await watching
})

test('a stream that broke goes on after the last event, without a repeat', async () => {
  const only = await daemon(500)
  const watching = follow(options({ output: 'json' }), screen.io, 5)
  await new Promise((resolve) => setTimeout(resolve, 50))
  happen(only, 'one')
  await until(() => screen.out().includes('one'))
  await api?.close()
  happen(only, 'two')
  api = await startApi({ ports: only, control: join(folder, 's.sock'), metrics: { process: false } })
  await until(() => screen.out().includes('two'))
  const ids = screen
    .out()
    .trim()
    .split('\n')
    .map((line) => (JSON.parse(line) as { id: number }).id)
  expect(ids).toEqual([1, 2])
  stop.abort()
  await watching
})

test('nobody there at all is an error, with how to start one', async () => {
  await expect(follow(options(), screen.io)).rejects.toMatchObject({
    exitCode: EXIT.unreachable,
    message: expect.stringContaining('systemctl start starling-node'),
  })
})

test('a type of event that does not exist is refused, and the real ones are named', async () => {
  await daemon(1000)
  await expect(follow(options({ type: 'session-state,nosuch' }), screen.io, 1)).rejects.toMatchObject({
    exitCode: EXIT.usage,
    message: expect.stringMatching(/no event is called nosuch: session-state, .*kernel-error/),
  })
})
