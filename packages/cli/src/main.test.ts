import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startApi } from '@starling/api'
import { type FakeDaemon, fakeDaemon } from '@starling/api/testing'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { EXIT } from './exit.js'
import type { Io } from './io.js'
import { main } from './main.js'

let folder = ''
let daemon: FakeDaemon
let stop: (() => Promise<void>) | undefined

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'starling-cli-'))
  daemon = fakeDaemon()
  const api = await startApi({ ports: daemon, control: join(folder, 's.sock'), metrics: { process: false } })
  stop = () => api.close()
})
afterEach(async () => {
  await stop?.()
  rmSync(folder, { recursive: true, force: true })
})

interface Run {
  readonly code: number
  readonly out: string
  readonly err: string
}

async function run(args: string, more: Partial<Io> = {}): Promise<Run> {
  let out = ''
  let err = ''
  const io: Io = {
    write(text) {
      out += text
    },
    error(text) {
      err += text
    },
    terminal: false,
    columns: 200,
    rows: 40,
    env: { STARLING_CONTROL: join(folder, 's.sock') },
    signal: new AbortController().signal,
    ...more,
  }
  const code = await main(
    args.split(' ').filter((word) => word !== ''),
    io,
  )
  return { code, out, err }
}

const lines = (text: string): string[] => text.trimEnd().split('\n')

describe('show', () => {
  test('peers: a table with states, ages and reasons', async () => {
    const { code, out } = await run('show peers')
    expect(code).toBe(EXIT.ok)
    const [head, ...rows] = lines(out)
    expect(head).toMatch(/^NAME +KIND +AS +STATE +SINCE +RECEIVED +ACCEPTED +SENT +FLAPS +INFO$/)
    expect(rows).toHaveLength(4)
    expect(rows.find((row) => row.startsWith('Mesh_10_0_0_13'))).toMatch(/Connect +30s .*connection refused$/)
  })

  test('peers as JSON carry RFC 3339 times and no colours', async () => {
    const { out } = await run('show peers -o json --state Connect', { terminal: true })
    expect(JSON.parse(out)).toMatchObject([{ name: 'Mesh_10_0_0_13', since: '2026-08-04T08:00:31.000Z', age: 30 }])
  })

  test('colours appear on a terminal only, and not against NO_COLOR', async () => {
    const sgr = '\u001b['
    expect((await run('show peers')).out).not.toContain(sgr)
    expect((await run('show peers', { terminal: true })).out).toContain(sgr)
    const env = { STARLING_CONTROL: join(folder, 's.sock'), NO_COLOR: '1' }
    expect((await run('show peers', { terminal: true, env })).out).not.toContain(sgr)
    expect((await run('show peers --color always')).out).toContain(sgr)
  })

  test('one peer in full, and a missing one is exit 1', async () => {
    const { out } = await run('show peers Global_192_0_2_1')
    expect(out).toMatch(/^AS: +64601 \(external\), local 64512$/m)
    expect(out).toMatch(/^keepalive +9 +9$/m)
    expect(await run('show peers nobody')).toMatchObject({
      code: EXIT.failed,
      err: expect.stringContaining('API_PEER_NOT_FOUND'),
    })
  })

  test('routes: best by default, everything of a peer when it is named', async () => {
    expect(lines((await run('show routes --no-headers')).out)).toHaveLength(2)
    await run('show routes received Mesh_10_0_0_12')
    expect(daemon.asked).toMatchObject({ view: 'received', peer: '10.0.0.12' })
    await run('show routes in 10.244.0.0/16 all')
    expect(daemon.asked).toMatchObject({ view: 'all', match: { kind: 'in', prefix: '10.244.0.0/16' } })
  })

  test('pages are followed to the limit, and no further', async () => {
    daemon.routeList = Array.from({ length: 2500 }, (_, i) => ({
      ...daemon.routeList[1]!,
      prefix: `10.${i >> 8}.${i & 255}.0/24`,
    }))
    const { out, err } = await run('show routes -o json --limit 2100')
    expect(JSON.parse(out)).toHaveLength(2100)
    expect(err).toContain('there is more')
  })

  test('kernel: totals above, routes below', async () => {
    const { out } = await run('show kernel')
    expect(out).toMatch(/Routes: +2 desired, 2 installed/)
    expect(out).toMatch(/10\.244\.2\.0\/26 +installed +via 10\.0\.0\.12 dev eth0/)
  })

  test.each(['', 'groups', 'blocks', 'nodes', 'events'])('show %s answers', async (what) => {
    daemon.events.push(1000, { type: 'started', version: '0.1.0' })
    const { code, out } = await run(`show ${what}`)
    expect(code).toBe(EXIT.ok)
    expect(out.length).toBeGreaterThan(20)
  })

  test('-o yaml', async () => {
    expect((await run('show nodes -o yaml')).out).toContain('name: worker-1')
  })

  test('the newest events are kept, oldest first', async () => {
    for (let i = 1; i <= 1200; i++) daemon.events.push(i, { type: 'kernel-resync', reason: `number ${i}` })
    const shown = lines((await run('show events --limit 3')).out)
    expect(shown.map((line) => line.replace(/.*number /, ''))).toEqual(['1198', '1199', '1200'])
  })
})

describe('exit codes', () => {
  test('nobody there', async () => {
    const { code, err } = await run('show peers --control /nonexistent/socket')
    expect(code).toBe(EXIT.unreachable)
    expect(err).toContain('is it running?')
  })

  test.each([
    'show peers --colour',
    'nonsense',
    'show routes received',
    'show routes in banana',
    'show peers -o xml',
    '',
  ])('a wrong command line (%s) is a usage error that says something', async (args) => {
    const { code, out, err } = await run(args)
    expect(code).toBe(EXIT.usage)
    expect((out + err).length).toBeGreaterThan(10)
  })

  test('help and version are no errors', async () => {
    expect(await run('--version')).toMatchObject({ code: EXIT.ok, out: '0.1.0\n' })
    expect(await run('show --help')).toMatchObject({ code: EXIT.ok, out: expect.stringContaining('peers') })
  })
})
