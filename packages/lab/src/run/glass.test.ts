import { mkdtemp, rm } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { type Glass, openGlass } from './glass.js'

let folder: string
let daemon: Server
let glass: Glass
const asked: string[] = []

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'starling-glass-'))
  asked.length = 0
  daemon = createServer((request, response) => {
    asked.push(`${request.method} ${request.url}`)
    response.setHeader('content-type', 'application/json')
    response.end('{"ok":true}')
  })
  await new Promise<void>((resolve) => daemon.listen(join(folder, 'a.sock'), resolve))
  glass = await openGlass(
    [
      { name: 'a', socket: join(folder, 'a.sock') },
      { name: 'b', socket: join(folder, 'b.sock') },
    ],
    9250,
  )
})
afterEach(async () => {
  glass.close()
  daemon.close()
  daemon.closeAllConnections()
  await rm(folder, { recursive: true, force: true })
})

const page = (device: string): string => glass.pages.find((each) => each.device === device)?.url ?? ''

it('passes what is read on to the daemon and its answer back', async () => {
  const response = await fetch(`${page('a')}/v1/summary?x=1`)
  expect(await response.json()).toEqual({ ok: true })
  expect(asked).toEqual(['GET /v1/summary?x=1'])
})

it('lets nobody change anything', async () => {
  const response = await fetch(`${page('a')}/v1/drain`, { method: 'POST' })
  expect(response.status).toBe(405)
  expect(asked).toEqual([])
})

it('says that a daemon does not answer', async () => {
  const response = await fetch(`${page('b')}/`)
  expect(response.status).toBe(502)
})

it('gives each device a port of its own, on loopback', () => {
  const ports = glass.pages.map(({ url }) => new URL(url).port)
  expect(new Set(ports).size).toBe(2)
  expect(glass.pages.every(({ url }) => new URL(url).hostname === '127.0.0.1')).toBe(true)
})

it('goes past the ports of many other labs without a word on the terminal', async () => {
  const warnings: Error[] = []
  const hear = (warning: Error) => warnings.push(warning)
  process.on('warning', hear)
  const many = Array.from({ length: 14 }, (_, i) => ({ name: `d${i}`, socket: join(folder, 'a.sock') }))
  const first = await openGlass(many, 9250)
  const second = await openGlass([{ name: 'late', socket: join(folder, 'a.sock') }], 9250)
  await new Promise((resolve) => setImmediate(resolve))
  process.off('warning', hear)
  const [page] = second.pages
  expect(Number(new URL(page?.url ?? '').port)).toBeGreaterThanOrEqual(9250 + many.length)
  expect(await (await fetch(`${page?.url}/v1/summary`)).json()).toEqual({ ok: true })
  for (const each of [first, second]) each.close()
  expect(warnings).toEqual([])
})
