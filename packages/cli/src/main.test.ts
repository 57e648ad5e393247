import { mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startApi } from '@starling/api'
import { type FakeDaemon, fakeDaemon } from '@starling/api/testing'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { EXIT } from './exit.js'
import type { Io } from './io.js'
import { main } from './main.js'
import { recordingIo } from './testing.js'

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

async function run(args: string | readonly string[], more: Partial<Io> = {}): Promise<Run> {
  const { io, out, err } = recordingIo({ env: { STARLING_CONTROL: join(folder, 's.sock') }, ...more })
  const words = typeof args === 'string' ? args.split(' ').filter((word) => word !== '') : args
  const code = await main(words, io)
  return { code, out: out(), err: err() }
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

  test('what there is not to show is answered with what there is', async () => {
    const { code, err } = await run('show datastore')
    expect(code).toBe(EXIT.usage)
    expect(err).toMatch(/^starling: nothing to show is called "datastore": peers, routes, kernel, /)
  })

  test('a router ID that is none is refused before anything starts', async () => {
    const { code, err } = await run('node --router-id 1.2.3 --datastore memory')
    expect(code).toBe(EXIT.usage)
    expect(err).toContain("'1.2.3' is invalid")
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

  test('a name that fits several lists them all', async () => {
    daemon.nodeList = [{ ...daemon.nodeList[0]!, name: 'w2', ipv4Address: '10.0.0.12', ipv6Address: 'fd00:a::12' }]
    const { code, out } = await run('show peers w2 --no-headers')
    expect(code).toBe(EXIT.ok)
    expect(lines(out).map((line) => line.split(' ')[0])).toEqual(['Mesh_10_0_0_12', 'Mesh_fd00_a__12'])
    expect(await run('peer restart w2')).toMatchObject({ code: EXIT.usage, err: expect.stringContaining('several') })
  })

  test('explain answers for the prefix that an address is in, and says what covers a prefix that nobody has', async () => {
    const paths = [daemon.routeList[1]!]
    const known = { prefix: '10.244.2.0/26', paths, decision: [], exports: [] }
    daemon.explain = (prefix) => (prefix === known.prefix ? known : undefined)
    daemon.routes = ({ match }) => ({ routes: match?.kind === 'for' && match.prefix.startsWith('10.') ? paths : [] })
    expect(lines((await run('explain 10.244.2.9')).out).slice(0, 2)).toEqual([
      '10.244.2.0/26',
      'the longest match for 10.244.2.9',
    ])
    const { code, err } = await run('explain 10.244.2.0/28')
    expect({ code, err }).toEqual({
      code: EXIT.failed,
      err: expect.stringContaining('Nobody announced 10.244.2.0/28 and nothing originates it; packets there follow'),
    })
    expect((await run('explain 192.0.2.1')).err).toContain('no route covers it')
  })

  test('routes: best by default, everything of a peer when it is named', async () => {
    expect(lines((await run('show routes --no-headers')).out)).toHaveLength(2)
    await run('show routes received Mesh_10_0_0_12')
    expect(daemon.asked).toMatchObject({ view: 'received', peer: '10.0.0.12' })
    await run('show routes in 10.244.0.0/16 all')
    expect(daemon.asked).toMatchObject({ view: 'all', match: { kind: 'in', prefix: '10.244.0.0/16' } })
  })

  test('no routes during a restart are no loss, and it is said when they come', async () => {
    daemon.routeList = []
    expect((await run('show routes')).out).toBe('No routes.\n')
    const until = daemon.now() + 60_000
    daemon.healthValue = { ...daemon.healthValue, graceful: { recovering: true, until, waitingFor: ['Mesh_a'] } }
    expect((await run('show routes')).out).toMatch(
      /^No routes are chosen yet: .* 2026-08-04T08:02:01.000Z at the latest/,
    )
    expect((await run('show routes -o json')).out).toBe('[]\n')
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
    expect(err).toContain('start one with "starling node"')
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

describe('changes', () => {
  test('peer disable with a reason', async () => {
    expect(await run(['peer', 'disable', 'Mesh_10_0_0_12', '--reason', 'new cable'])).toMatchObject({
      code: EXIT.ok,
      out: 'done\n',
    })
    expect(daemon.actions).toEqual([{ action: 'peer', operation: 'disable', peer: '10.0.0.12', reason: 'new cable' }])
  })

  test.each([
    ['peer refresh Mesh_10_0_0_12 --direction out', { action: 'peer', operation: 'refresh-out', peer: '10.0.0.12' }],
    ['drain --reason reboot', { action: 'drain', enabled: true, reason: 'reboot' }],
    ['drain --timeout 30', { action: 'drain', enabled: true, timeout: 30 }],
    ['drain --undo', { action: 'drain', enabled: false }],
    ['undrain', { action: 'drain', enabled: false }],
    ['log-level debug', { action: 'log-level', level: 'debug' }],
    ['reload', { action: 'reload' }],
  ])('%s', async (args, action) => {
    expect((await run(args)).code).toBe(EXIT.ok)
    expect(daemon.actions).toEqual([action])
  })

  test('a refusal is exit 1 and says why', async () => {
    daemon.adminResult = { ok: false, code: 'refused', detail: 'secret missing' }
    expect(await run('peer enable Mesh_10_0_0_12')).toMatchObject({
      code: EXIT.failed,
      err: expect.stringContaining('secret missing'),
    })
  })
})

describe('explain', () => {
  test('the whole road, and where it stops', async () => {
    daemon.explanation = {
      prefix: '10.244.2.0/26',
      paths: [
        daemon.routeList[1]!,
        { ...daemon.routeList[2]!, eligible: false, reason: 'import policy: BGPFilter/tor-import spec.importV4[1]' },
      ],
      decision: [
        { step: 'as-path-length', winner: 'Mesh_10_0_0_12', loser: 'Global_192_0_2_1', detail: '0 against 1' },
      ],
      exports: [{ peer: '10.0.0.13', name: 'Mesh_10_0_0_13', sent: false, reason: 'split horizon' }],
    }
    const { out } = await run('explain 10.244.2.0/26')
    expect(out).toContain('Mesh_10_0_0_12 beats Global_192_0_2_1 at as-path-length: 0 against 1')
    expect(out).toContain('rejected  from Global_192_0_2_1')
    expect(out).toContain('import policy: BGPFilter/tor-import spec.importV4[1]')
    expect(out).toContain('installed: via 10.0.0.12 dev eth0')
    expect(out).toMatch(/Mesh_10_0_0_13 +no +- +split horizon/)
    expect(JSON.parse((await run('explain 10.244.2.0/26 -o json')).out).kernel.state).toBe('installed')
  })

  test('nobody ever spoke of it', async () => {
    expect(await run('explain 9.9.9.0/24')).toMatchObject({
      code: EXIT.failed,
      err: expect.stringContaining('API_PREFIX_NOT_FOUND'),
    })
    expect((await run('explain banana')).code).toBe(EXIT.usage)
  })
})

describe("health, ours and Calico's", () => {
  const calico = async (args: string, age: number, file = true) => {
    const nodename = join(folder, 'nodename')
    if (file) {
      writeFileSync(nodename, 'worker-1')
      const at = Date.now() / 1000 - age
      utimesSync(nodename, at, at)
    }
    return run(args, { env: { STARLING_CONTROL: join(folder, 's.sock'), CALICO_NODENAME_FILE: nodename } })
  }

  test('ready and not ready', async () => {
    expect(await run('health')).toMatchObject({ code: EXIT.ok, out: 'ok (any)\n' })
    daemon.peerList = daemon.peerList.map((peer) => ({ ...peer, state: 'Idle' }))
    expect(await run('health')).toMatchObject({
      code: EXIT.unhealthy,
      err: expect.stringContaining('no-peer-established'),
    })
    expect((await run('health --live')).code).toBe(EXIT.ok)
  })

  test.each([
    ['settled, one down', '--bird-ready', 60, EXIT.ok, ''],
    [
      'just started, one down',
      '--bird-ready',
      5,
      EXIT.failed,
      'calico/node is not ready: BIRD is not ready: BGP not established with 10.0.0.13',
    ],
    ['just started, the other family is up', '--bird6-ready', 5, EXIT.ok, ''],
    ['alive', '--bird-live --bird6-live', 5, EXIT.ok, ''],
  ])('%s', async (_what, flags, age, code, text) => {
    expect(await calico(`health ${flags}`, age)).toMatchObject({ code, err: expect.stringContaining(text) })
  })

  test('graceful restart in progress counts in the first 30 seconds', async () => {
    daemon.peerList = daemon.peerList.filter((peer) => peer.state === 'Established')
    daemon.healthValue = { ...daemon.healthValue, graceful: { recovering: true, waitingFor: [] } }
    expect((await calico('health --bird-ready', 5)).err).toContain('graceful restart in progress')
    expect((await calico('health --bird-ready', 60)).code).toBe(EXIT.ok)
  })

  test('no nodename file, no daemon', async () => {
    expect((await calico('health --bird-ready', 0, false)).err).toContain('nodename file')
    await stop?.()
    stop = undefined
    expect((await calico('health --bird-live', 60)).err).toContain('calico/node is not live')
    expect((await run('health')).code).toBe(EXIT.unreachable)
  })
})

describe('completion', () => {
  const complete = async (...words: string[]) => (await run(['__complete', '--', ...words])).out.trimEnd().split('\n')

  test.each([
    [['sh'], ['show']],
    [['show', 'ke'], ['kernel']],
    [['show', 'peers', 'Mesh_10_0_0_12'], ['Mesh_10_0_0_12']],
    [['peer', 'restart', 'Glo'], ['Global_192_0_2_1']],
    [['show', 'routes', 'rec'], ['received']],
    [['show', 'blocks', '--node', ''], ['worker-1']],
    [['show', 'peers', '-o', 'j'], ['json']],
    [['explain', '10.244.1'], ['10.244.1.0/26']],
    [['show', 'routes', 'for', '10.244.2'], ['10.244.2.0/26']],
    [['show', 'peers', '--state', 'Est'], ['Established']],
    [['show', 'peers', '--kind', 'me'], ['mesh']],
    [
      ['show', 'routes', '--family', ''],
      ['ipv4', 'ipv6'],
    ],
    [
      ['watch', '--type', 'best'],
      ['best-path', 'best-paths'],
    ],
    [['watch', '--type', 'bad-update,kernel-e'], ['bad-update,kernel-error']],
    [['show', 'events', '--level', 'w'], ['warn']],
    [['show', 'peers', '--no-'], ['--no-headers']],
    [['completion', 'z'], ['zsh']],
    [['show', 'peers', '--control', '/nowhere', 'Mesh'], ['']],
    [['show', 'peers', '--control=/nowhere', 'Mesh'], ['']],
  ])('%o gives %o', async (words, expected) => {
    expect(await complete(...words)).toEqual(expected)
  })

  test('without a daemon there are no names and no complaints', async () => {
    await stop?.()
    stop = undefined
    expect(await run(['__complete', '--', 'peer', 'restart', ''])).toEqual({ code: EXIT.ok, out: '', err: '' })
  })

  test.each(['bash', 'zsh', 'fish'])('the script for %s asks us', async (shell) => {
    expect((await run(`completion ${shell}`)).out).toContain('starling __complete --')
  })
})
