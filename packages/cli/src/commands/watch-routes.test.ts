import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Api, startApi } from '@starling/api'
import { type FakeDaemon, fakeDaemon, routeView } from '@starling/api/testing'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { EXIT } from '../exit.js'
import { main } from '../main.js'
import { type Recording, recordingIo } from '../testing.js'
import { watchRoutes } from './watch-routes.js'

let folder = ''
let api: Api
let daemon: FakeDaemon
let stop: AbortController
let screen: Recording

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'starling-watch-'))
  stop = new AbortController()
  screen = recordingIo({ signal: stop.signal })
  daemon = fakeDaemon()
  daemon.routeList = [routeView('10.50.0.0/24', { from: 'Mesh_10_0_0_12' })]
  api = await startApi({ ports: daemon, control: join(folder, 's.sock'), metrics: { process: false } })
})
afterEach(async () => {
  stop.abort()
  await api.close()
  rmSync(folder, { recursive: true, force: true })
})

async function until(text: string): Promise<void> {
  for (let i = 0; i < 4000 && !screen.out().includes(text); i++) await new Promise((resolve) => setTimeout(resolve, 5))
  expect(screen.out()).toContain(text)
}

test('the paths of a prefix, and what becomes of them', async () => {
  const options = { control: join(folder, 's.sock'), output: 'table', color: 'never', headers: true } as const
  const watching = watchRoutes({ kind: 'prefix', prefix: '10.50.0.0/24' }, options, screen.io, 5)
  await until('= *  10.50.0.0/24 from Mesh_10_0_0_12 via 10.0.0.12, AS path empty, local-pref 100')
  const worse = { from: 'Mesh_10_0_0_13', peer: '10.0.0.13', best: false, reason: 'router-id' }
  daemon.routeList = [...daemon.routeList, routeView('10.50.0.0/24', worse)]
  await until('+    10.50.0.0/24 from Mesh_10_0_0_13')
  daemon.routeList = [routeView('10.50.0.0/24', { ...worse, best: true, reason: '' })]
  await until('-    10.50.0.0/24 from Mesh_10_0_0_12')
  await until('~ *  10.50.0.0/24 from Mesh_10_0_0_13')
  stop.abort()
  await watching
  expect(screen.out().trimEnd().split('\n')).toHaveLength(4)
})

test.each([
  [['watch', 'Mesh_10_0_0_12'], 'watch takes PREFIX, for ADDRESS or in PREFIX'],
  [['watch', '10.0.0.0/8', '--type', 'bad-update'], '--type is for events'],
  [['watch', '10.0.0.0/40'], 'needs a prefix'],
])('%j is refused', async (args, words) => {
  expect(await main([...args, '--control', join(folder, 's.sock')], screen.io)).toBe(EXIT.usage)
  expect(screen.err()).toContain(words)
})
