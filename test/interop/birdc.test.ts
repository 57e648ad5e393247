/**
 * Debian's own birdc and birdcl against our control socket: what their users type must come back as from BIRD.
 *
 * Verifies: the greeting, every command they expand themselves, exit codes, restricted mode (`-r`), a table longer than
 * one page, and that both clients leave when told to.
 */
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startApi } from '@starling/api'
import { type FakeDaemon, fakeDaemon, routeView } from '@starling/api/testing'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { needs } from '../support/needs.js'

needs('bird')

const CLIENTS = ['birdc', 'birdcl'] as const

const folder = mkdtempSync(join(tmpdir(), 'starling-birdc-'))
const daemon: FakeDaemon = fakeDaemon()
let close: () => Promise<void>

beforeAll(async () => {
  const api = await startApi({ ports: daemon, birdControl: folder, metrics: { process: false } })
  close = () => api.close()
})
afterAll(async () => {
  await close()
  rmSync(folder, { recursive: true, force: true })
})
beforeEach(() => {
  daemon.actions.length = 0
})

function run(client: string, args: readonly string[], input = ''): Promise<{ code: number | null; text: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(client, ['-s', join(folder, 'bird.ctl'), ...args], { stdio: ['pipe', 'pipe', 'pipe'] })
    let text = ''
    child.stdout.on('data', (chunk) => {
      text += String(chunk)
    })
    child.stderr.on('data', (chunk) => {
      text += String(chunk)
    })
    child.on('error', reject)
    child.on('close', (code) => resolve({ code, text }))
    child.stdin.end(input)
  })
}

describe.each(CLIENTS)('%s', (client) => {
  test('show status', async () => {
    const { code, text } = await run(client, ['show', 'status'])
    expect(code).toBe(0)
    expect(text).toContain('BIRD v0.3.3+birdv1.6.8 ready.')
    expect(text).toContain('Router ID is 10.0.0.11')
    expect(text).toContain('Daemon is up and running')
  })

  test('show protocols, abbreviated as its users do', async () => {
    const { code, text } = await run(client, ['s', 'p'])
    expect(code).toBe(0)
    expect(text).toMatch(/^name +proto +table +state +since +info$/m)
    expect(text).toMatch(/^Mesh_10_0_0_12 BGP +master +up +\d\d:\d\d:\d\d +Established$/m)
  })

  test('show protocols all', async () => {
    const { text } = await run(client, ['show', 'protocols', 'all', 'Mesh_10_0_0_12'])
    expect(text).toMatch(/BGP state: +Established/)
    expect(text).toMatch(/Neighbor AS: +64512/)
  })

  test('show route with its questions', async () => {
    expect((await run(client, ['show', 'route'])).text).toMatch(
      /^10\.244\.2\.0\/26 +via 10\.0\.0\.12 on eth0 \[Mesh_10_0_0_12/m,
    )
    expect((await run(client, ['show', 'route', 'for', '9.9.9.9'])).text).toContain('Network not in table')
    expect((await run(client, ['show', 'route', 'protocol', 'Mesh_10_0_0_12', 'all'])).text).toContain(
      'BGP.local_pref: 100',
    )
    expect((await run(client, ['show', 'route', 'count'])).text).toContain('3 of 3 routes for 2 networks')
    expect((await run(client, ['s', 'r', 'f', '10.244.2.9', 'all'])).text).toContain('BGP.next_hop: 10.0.0.12')
    expect((await run(client, ['show', 'route', 'all', 'for', '10.244.2.9'])).text).toContain('BGP.next_hop: 10.0.0.12')
  })

  test('show route where, with conditions joined', async () => {
    const where = async (...condition: string[]) => (await run(client, ['show', 'route', 'where', ...condition])).text
    expect(await where('source', '=', 'RTS_STATIC')).toMatch(/^10\.244\.1\.0\/26 +blackhole \[static1/m)
    expect(await where('bgp_path', '~', '[=', '64601', '=]', '&&', 'net.len', '>', '24')).toContain('[Global_192_0_2_1')
    expect(await where('net', '~', '[', '10.244.2.0/24+', ']', 'count')).toContain('2 of 3 routes for 1 networks')
    expect(await run(client, ['show', 'route', 'where', 'nonsense'])).toMatchObject({ code: 1 })
  })

  test('a refused command is exit 1', async () => {
    expect(await run(client, ['show', 'protocols', 'nobody'])).toMatchObject({
      code: 1,
      text: expect.stringContaining('syntax error'),
    })
  })

  test('disable, enable, restart, reload, configure', async () => {
    expect((await run(client, ['disable', 'Mesh_10_0_0_12'])).text).toContain('Mesh_10_0_0_12: disabled')
    expect((await run(client, ['reload', 'in', 'Mesh_10_0_0_12'])).text).toContain('Mesh_10_0_0_12: reloading')
    expect((await run(client, ['configure', 'soft'])).text).toContain('Reconfigured')
    expect(daemon.actions).toEqual([
      { action: 'peer', operation: 'disable', peer: '10.0.0.12' },
      { action: 'peer', operation: 'refresh-in', peer: '10.0.0.12' },
      { action: 'reload' },
    ])
  })

  test('-r restricts', async () => {
    const { text } = await run(client, ['-r', 'disable', 'Mesh_10_0_0_12'])
    expect(text).toContain('Access denied')
    expect(daemon.actions).toEqual([])
  })

  test('several commands from a pipe, then quit', async () => {
    const { code, text } = await run(client, [], 'show status\nshow route count\nquit\n')
    expect(code).toBe(0)
    expect(text).toContain('Daemon is up and running')
    expect(text).toContain('3 of 3 routes')
  })

  test('ten thousand routes arrive whole', async () => {
    const before = daemon.routeList
    daemon.routeList = Array.from({ length: 10_000 }, (_, i) => routeView(`10.${i >> 8}.${i & 255}.0/24`))
    const { text } = await run(client, ['show', 'route'])
    daemon.routeList = before
    expect(text.match(/ via 10\.0\.0\.12 on /g)).toHaveLength(10_000)
  })
})
