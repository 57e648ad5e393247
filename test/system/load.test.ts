/**
 * A reflector under load: while a large table pours in, a session with a hold time of 3 s stays up and hears its
 * KEEPALIVEs, a client that reads gets everything, and one that stopped reading costs bounded memory and delays nobody.
 * STARLING_LOAD_ROUTES=1000000 on an idle machine gives the figures of docs/performance.md; they are printed.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { needs } from '../support/needs.js'
import { ownLoopback, page } from '../support/places.js'
import { LoadClient } from './load-client.js'
import { PROGRAM } from './support.js'

needs('ip')

const ROUTES = Number(process.env['STARLING_LOAD_ROUTES'] ?? 300_000)
const REFLECTOR = ownLoopback(1)
const PORT = 17_991
const MEGABYTE = 1 << 20
/** What one stopped reader may keep alive in the reflector: the log's bound of its group and as much again. */
const STOPPED_READER = 32 * MEGABYTE

let folder: string
let child: ChildProcess
const clients: LoadClient[] = []

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'starling-load-'))
  const range = '127.0.0.0/8'
  const alone = ['--as', '65000', '--router-id', '10.9.9.9', '--listen', `${REFLECTOR}:${PORT}`, '--accept', range]
  const args = ['reflector', ...alone, '--control', join(folder, 's.sock'), '--log-level', 'error']
  child = spawn(process.execPath, [PROGRAM, ...args], { stdio: 'inherit' })
})
afterAll(() => {
  for (const client of clients) client.close()
  child?.kill('SIGKILL')
  rmSync(folder, { recursive: true, force: true })
})

const pause = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds))

async function until(what: string, done: () => boolean, seconds: number): Promise<void> {
  const end = performance.now() + seconds * 1000
  while (!done()) {
    if (performance.now() > end) throw new Error(`not within ${seconds} s: ${what}`)
    await pause(10)
  }
}

async function client(local: string, holdTime: number, afi: 1 | 2): Promise<LoadClient> {
  for (let attempt = 0; attempt < 900; attempt++) {
    const made = new LoadClient({ local, remote: REFLECTOR, port: PORT, holdTime, afi })
    await until('an answer', () => made.established || made.closed, 90)
    if (made.established) {
      clients.push(made)
      return made
    }
    await pause(100)
  }
  throw new Error('the reflector does not answer')
}

function residentBytes(): number {
  const pages = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${child.pid}/status`, 'utf8'))?.[1]
  return Number(pages) * 1024
}

async function loopDelay(statistic: string): Promise<number> {
  const line = new RegExp(`starling_event_loop_delay_seconds\\{statistic="${statistic}"\\} (\\S+)`)
  return Number(line.exec(await page(join(folder, 's.sock'), '/metrics'))?.[1]) * 1000
}

test('a large table pours in: short hold times hold, readers get all, a stopped reader costs a bounded amount', async () => {
  const feeder = await client('127.0.0.101', 90, 1)
  const reader = await client('127.0.0.102', 90, 1)
  const stopped = await client('127.0.0.103', 90, 1)
  // It hears no route: KEEPALIVEs alone, one a second.
  const watch = await client('127.0.0.104', 3, 2)
  stopped.socket.pause()
  const before = residentBytes()
  watch.longestSilence = 0
  const began = performance.now()
  const step = 20_000
  for (let from = 0; from < ROUTES; from += step) {
    feeder.announce(from, Math.min(ROUTES, from + step))
    while (feeder.socket.writableLength > MEGABYTE) await pause(1)
  }
  await until('the reader has all', () => reader.count === ROUTES, 180)
  const took = performance.now() - began
  const growth = residentBytes() - before
  const delay = { p99: await loopDelay('p99'), max: await loopDelay('max') }
  await pause(Math.max(0, 4000 - took))
  const figures = { routes: ROUTES, took, growth: growth / MEGABYTE, silence: watch.longestSilence, ...delay }
  process.stdout.write(`under load: ${JSON.stringify(figures)}\n`)

  expect(watch.closed).toBe(false)
  expect(watch.longestSilence).toBeGreaterThan(500)
  // Its hold time: what it must hear something in.
  expect(watch.longestSilence).toBeLessThan(3_000)
  expect(stopped.count).toBeLessThan(ROUTES)
  expect(growth).toBeLessThan(ROUTES * 160 + STOPPED_READER)

  // It reads again, and ends with exactly the table.
  stopped.socket.resume()
  await until('the stopped one has all', () => stopped.count === ROUTES, 180)
  expect(clients.map(({ closed }) => closed)).toEqual([false, false, false, false])
})
