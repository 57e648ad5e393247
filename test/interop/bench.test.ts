/**
 * The benchmark's own honesty: its load finds a table complete when it is, and counts what must not happen when it does.
 */
import { spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { KEEPALIVE } from '@starling/bgp-packet'
import { beforeAll, expect, test, vi } from 'vitest'
import { serveFloor } from '../../bench/reflect/floor.js'
import { Load, type Phase } from '../../bench/reflect/load.js'
import { announcementsOf, openOf } from '../../bench/reflect/messages.js'
import { SCENARIOS, type Scenario, universeOf } from '../../bench/reflect/scenarios.js'
import { needs } from '../support/needs.js'
import { enterPrivateNetwork, ip } from './support/network.js'

needs('root', 'ip')

const [first] = SCENARIOS
if (first === undefined) throw new Error('no scenario')
const plain: Scenario = {
  ...first,
  clients: 6,
  senders: 6,
  latency: 6,
  kill: 0,
  reconnect: false,
  storm: false,
  // A phase ends when all is there: the limit is for a machine that has other things to do.
  limit: 120,
}

beforeAll(() => {
  enterPrivateNetwork()
  ip('address add 100.64.0.1/16 dev lo')
})

async function play(scenario: Scenario) {
  const load = new Load(scenario)
  const phases: Phase[] = []
  await load.play((phase) => phases.push(phase))
  load.stop()
  return { load, phases }
}

test('a reflector that tells everybody everything else is found complete, without a fault', async () => {
  const floor = serveFloor()
  const { load, phases } = await play(plain)
  expect(phases.map(({ phase, ok, wrong }) => [phase, ok, wrong])).toEqual([
    ['establish', true, 0],
    ['announce', true, 0],
    ['latency', true, 0],
  ])
  expect(load.faults).toEqual({ unknown: 0, own: 0, nextHop: 0, notification: 0 })
  expect(load.losses).toBe(0)
  const table = await play({ ...plain, clients: 3, senders: 1, prefixesOfSender: 2_000, internet: true, latency: 2 })
  expect(table.phases.every(({ ok }) => ok)).toBe(true)
  floor.close()
})

test('one that sends a route back, changes next hops or forgets a prefix is caught', async () => {
  const universe = universeOf(plain)
  const theirs = announcementsOf(plain, universe, 1)
  const server = createServer((socket) => {
    socket.on('error', () => undefined)
    socket.once('data', () => socket.write(Buffer.concat([openOf(0), KEEPALIVE, theirs])))
  }).listen(179, '100.64.0.1')
  const { load, phases } = await play({ ...plain, clients: 2, senders: 2, limit: 6 })
  expect(phases.at(-1)).toMatchObject({ phase: 'announce', ok: false, wrong: 4 })
  expect(load.faults.own).toBe(4)
  server.close()
})

test('killed in the middle, it leaves nothing: no folder, no process', { timeout: 60_000 }, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'killed-bench-'))
  const bundle = join(folder, 'bundle')
  mkdirSync(bundle)
  // Stands in for the reflector: it says where it is, and never ends by itself.
  const stand = `require('node:fs').writeFileSync(${JSON.stringify(join(folder, 'pid'))}, String(process.pid))
require('node:net').createServer(() => undefined).listen(179, '100.64.0.1')`
  writeFileSync(join(bundle, 'starling.js'), stand)
  const args = ['scripts/bench.mjs', '--scenario', 'S1', '--peers', 'none', '--bundle', bundle]
  const bench = spawn(process.execPath, args, { env: { ...process.env, TMPDIR: folder }, stdio: 'ignore' })
  const pid = await vi.waitFor(() => Number(readFileSync(join(folder, 'pid'), 'utf8')), {
    timeout: 30_000,
    interval: 50,
  })
  expect(readdirSync(folder).some((name) => name.startsWith('starling-bench-'))).toBe(true)
  bench.kill('SIGKILL')
  await vi.waitFor(
    () => {
      expect(readdirSync(folder).sort()).toEqual(['bundle', 'pid'])
      expect(() => process.kill(pid, 0)).toThrow('ESRCH')
    },
    { timeout: 20_000, interval: 100 },
  )
  rmSync(folder, { recursive: true })
})
