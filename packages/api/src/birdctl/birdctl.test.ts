import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { RouteView } from '@starling/engine'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type FakeDaemon, fakeDaemon, peerView, routeView } from '../testing/index.js'
import { type BirdControl, startBirdControl } from './server.js'
import { birdTalk } from './testing.js'

let folder = ''
let daemon: FakeDaemon
let control: BirdControl

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'starling-bird-'))
  daemon = fakeDaemon()
  control = await startBirdControl(daemon, folder)
})
afterEach(async () => {
  await control.close()
  rmSync(folder, { recursive: true, force: true })
})

const talk = (commands: readonly string[], file = 'bird.ctl'): Promise<string> => birdTalk(join(folder, file), commands)

async function ask(command: string, file?: string): Promise<string[]> {
  const all = (await talk([command], file)).replace(/\n$/, '').split('\n')
  expect(all[0]).toBe('0001 BIRD v0.3.3+birdv1.6.8 ready.')
  return all.slice(1)
}

describe('what calicoctl, health and the status reporter read (calico.md 6.1)', () => {
  test('show status', async () => {
    const rows = await ask('show status')
    expect(rows[0]).toBe('1000-BIRD v0.3.3+birdv1.6.8')
    expect(rows[1]).toBe('1011-Router ID is 10.0.0.11')
    expect(rows[2]).toMatch(/^ Current server time is \d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/)
    expect(rows[3]).toMatch(/^ Last reboot on \d{4}-/)
    expect(rows[4]).toMatch(/^ Last reconfiguration on \d{4}-/)
    expect(rows[5]).toBe('0013 Daemon is up and running')
  })

  test('show status during graceful restart', async () => {
    daemon.healthValue = {
      ...daemon.healthValue,
      graceful: { recovering: true, until: daemon.time + 215_000, waitingFor: ['Mesh_10_0_0_12'] },
    }
    const rows = await ask('show status')
    expect(rows.slice(5)).toEqual([
      '0024-Graceful restart recovery in progress',
      '   Waiting for 1 protocols to recover',
      '   Wait timer is 215/240',
      '0013 Daemon is up and running',
    ])
  })

  test('show protocols: six headings, one row each, family by socket', async () => {
    const rows = await ask('show protocols')
    expect(rows[0]).toBe('2002-name     proto    table    state  since       info')
    expect(rows[1]).toMatch(/^1002-kernel1 +Kernel +master +up +\d\d:\d\d:\d\d$/)
    expect(rows.find((row) => row.includes('Mesh_10_0_0_12'))).toMatch(
      /^ Mesh_10_0_0_12 BGP {6}master {3}up {5}\d\d:\d\d:\d\d {4}Established$/,
    )
    expect(rows.find((row) => row.includes('Mesh_10_0_0_13'))).toMatch(/start .* Connect {7}connection refused$/)
    expect(rows.at(-1)).toBe('0000 ')
    expect(rows.some((row) => row.includes('Mesh_fd00'))).toBe(false)
    expect((await ask('show protocols', 'bird6.ctl')).filter((row) => row.includes('BGP'))).toHaveLength(1)
  })

  test('every row has the six columns that parsers split by blanks', async () => {
    for (const row of (await ask('show protocols')).slice(1, -1)) {
      const columns = row
        .replace(/^1002-/, '')
        .trim()
        .split(/\s+/)
      expect(columns.length).toBeGreaterThanOrEqual(5)
      expect(['up', 'start', 'down']).toContain(columns[3])
    }
  })

  test('show protocols all NAME', async () => {
    const rows = await ask('show protocols all Mesh_10_0_0_12')
    expect(rows.join('\n')).toMatch(/BGP state: +Established/)
    expect(rows.join('\n')).toMatch(/Neighbor address: 10\.0\.0\.12/)
    expect(rows.join('\n')).toMatch(/Routes: +2 imported, 1 filtered, 1 exported, 2 preferred/)
    expect(rows.at(-1)).toBe('0000 ')
  })

  test('show route all: communities of three kinds on three lines, names as numbers', async () => {
    const communities = ['no-export', '64601:7', '64601:2:3', 'rt:64512:9']
    daemon.routeList = [routeView('10.244.2.0/26', { communities })]
    expect((await ask('show route all')).filter((line) => line.includes('ommunity'))).toEqual([
      ' \tBGP.community: (65535,65281) (64601,7)',
      ' \tBGP.large_community: (64601, 2, 3)',
      ' \tBGP.ext_community: (rt, 64512, 9)',
    ])
  })

  test('show route', async () => {
    const rows = await ask('show route')
    expect(rows[0]).toMatch(/^1007-10\.244\.1\.0\/26 {6}blackhole \[static1 \d\d:\d\d:\d\d\] \* \(200\)$/)
    expect(rows[1]).toMatch(
      /^ 10\.244\.2\.0\/26 {6}via 10\.0\.0\.12 on eth0 \[Mesh_10_0_0_12 \d\d:\d\d:\d\d\] \* \(100\/0\) \[i\]$/,
    )
    expect(rows[2]).toMatch(
      /^ {20}via 10\.0\.0\.12 on eth0 \[Global_192_0_2_1 .* from 192\.0\.2\.1\] \(100\/0\) \[AS64601i\]$/,
    )
    expect(rows[3]).toBe('0000 ')
  })
})

/** The engine's `accepted`, for a daemon of values. */
function accepting(daemon: FakeDaemon): FakeDaemon['routes'] {
  const all = daemon.routes
  return (query) => {
    const page = all(query)
    const rejected = (route: RouteView) => !route.eligible && route.reason.startsWith('import policy')
    return query.view === 'accepted' ? { ...page, routes: page.routes.filter((route) => !rejected(route)) } : page
  }
}

describe('the rest of the language', () => {
  test.each([
    ['show route protocol Mesh_10_0_0_12', { peer: '10.0.0.12', view: 'accepted' }],
    ['show route export Mesh_10_0_0_12', { peer: '10.0.0.12', view: 'exported' }],
    ['show route filtered protocol Mesh_10_0_0_12', { peer: '10.0.0.12', view: 'filtered' }],
    ['show route for 10.244.2.9', { match: { kind: 'for', prefix: '10.244.2.9/32' } }],
    ['show route 10.244.2.0/26 primary', { match: { kind: 'exact', prefix: '10.244.2.0/26' }, view: 'best' }],
    ['show route where net ~ [ 10.244.0.0/16+ ]', { match: { kind: 'in', prefix: '10.244.0.0/16' } }],
    ['show route where proto = "Mesh_10_0_0_12"', { peer: '10.0.0.12' }],
    ['show route table master all', { view: 'accepted' }],
    ['show route f 10.244.2.9', { match: { kind: 'for', prefix: '10.244.2.9/32' } }],
    ['show route all for 10.244.2.9', { match: { kind: 'for', prefix: '10.244.2.9/32' } }],
    ['show route filtered', { view: 'filtered' }],
    ['show route preexport Mesh_10_0_0_12', { view: 'best' }],
  ])('%s', async (command, asked) => {
    const rows = await ask(command)
    expect(daemon.asked).toMatchObject(asked)
    expect(rows.at(-1)).toMatch(/^(0000 |8001 )/)
  })

  test('counts are of what there is: rejected routes are not in the table', async () => {
    daemon.routeList.push(routeView('172.16.5.0/24', { best: false, eligible: false, reason: 'import policy: x' }))
    daemon.routes = accepting(daemon)
    expect(await ask('show route count')).toEqual(['0014 3 of 3 routes for 2 networks'])
    expect(await ask('show route protocol Mesh_10_0_0_12 count')).toEqual(['0014 1 of 3 routes for 1 networks'])
    expect((await ask('show route primary stats')).at(-1)).toBe('0014 2 of 3 routes for 2 networks')
    expect((await ask('show route')).some((row) => row.includes('172.16.5.0'))).toBe(false)
  })

  test('noexport: what is best here and not told, export: as it stands here', async () => {
    const own = daemon.routes
    const told = own({ view: 'best', limit: 1 }).routes
    daemon.routes = (query) => (query.view === 'exported' ? { routes: told } : own(query))
    daemon.kernelState = undefined
    expect(await ask('show route noexport Global_192_0_2_1')).toEqual(['0000 '])
    daemon.routes = (query) => (query.view === 'exported' ? { routes: [] } : own(query))
    expect((await ask('show route noexport Global_192_0_2_1')).map((row) => row.slice(0, 18))).toEqual([
      '1007-10.244.1.0/26',
      ' 10.244.2.0/26    ',
      '0000 ',
    ])
  })

  test('a device, an unreachable next hop and an interface that the kernel does not tell', async () => {
    daemon.routeList = [
      routeView('10.0.0.0/24', { source: 'direct', from: 'connected eth0', preference: 240 }),
      routeView('10.0.0.12/32', { source: 'direct', from: 'connected eth0', preference: 240 }),
      routeView('10.244.9.0/26', { best: false, eligible: false, reason: 'next hop unreachable' }),
      routeView('10.244.8.0/26'),
    ]
    daemon.kernelList = []
    const own = daemon.routes
    daemon.routes = (query) => own(query.match?.kind === 'for' ? { ...query, match: undefined as never } : query)
    const rows = await ask('show route')
    expect(rows[0]).toMatch(/^1007-10\.0\.0\.0\/24 {8}dev eth0 \[direct1 /)
    expect(rows[2]).toMatch(/^ 10\.244\.9\.0\/26 {6}unreachable \[Mesh_10_0_0_12 [^*]*$/)
    expect(rows[3]).toMatch(/^ 10\.244\.8\.0\/26 {6}via 10\.0\.0\.12 on eth0 \[/)
  })

  test('show static: what this node originates', async () => {
    expect(await ask('show static')).toEqual(['1009-10.244.1.0/26 blackhole', '0000 '])
  })

  test('timers count down, capabilities have the words of BIRD', async () => {
    const received = ['route-refresh', 'graceful-restart time 120: ipv4 unicast', 'four-octet-as 64512', 'fqdn x']
    const capabilities = { advertised: [], received }
    daemon.peerList = [peerView('Mesh_10_0_0_12', '10.0.0.12', { capabilities, holdTimeLeft: 151.4 })]
    const text = (await ask('show protocols all Mesh_10_0_0_12')).join('\n')
    expect(text).toMatch(/Neighbor caps: {4}refresh restart-able AS4\n/)
    expect(text).toMatch(/Hold timer: {7}151\/180\n/)
  })

  test('a large table is read page by page', async () => {
    daemon.routeList = Array.from({ length: 1700 }, (_, i) => routeView(`10.${i >> 8}.${i & 255}.0/24`))
    daemon.kernelState = undefined
    const rows = await ask('show route')
    expect(rows).toHaveLength(1701)
    expect(daemon.asked?.limit).toBe(500)
  })

  test.each([
    ['show route 9.9.9.0/24', '8001 Network not in table'],
    ['show route protocol nobody', '9001 nobody is not a known protocol'],
    ['show route for banana', '9001 IP address or prefix expected'],
    ['show route fd00::/64', '9001 Incompatible type of prefix/ip with table'],
    ['show route 10.0.0.1/24', '9001 Invalid IPv4 prefix 10.0.0.1/24, maybe you wanted 10.0.0.0/24'],
    ['show route where nonsense', '9001 syntax error, unexpected nonsense'],
    ['show route where', '9001 syntax error, unexpected END'],
    ['show route table nope', '9001 syntax error, unexpected nope'],
    ['show route protocol', '9001 syntax error, unexpected END'],
    ['show protocols "Nothing*"', '8003 No protocols match'],
    ['show protocols nobody', '9001 syntax error, unexpected nobody'],
    ['make coffee', '9001 syntax error, unexpected make'],
    ['', '9001 syntax error, unexpected END'],
    ['down', '8007 Access denied'],
  ])('%s fails in words', async (command, last) => {
    expect(await ask(command)).toEqual([last])
    expect(daemon.actions).toEqual([])
  })

  test('disable, enable, restart and reload act on peers by name or pattern, with a message', async () => {
    expect(await ask('disable Mesh_10_0_0_12 "moving"')).toEqual(['0009-Mesh_10_0_0_12: disabled', '0000 '])
    // The other one is not up: there is nothing to reload, and that is no failure.
    expect(await ask('reload out "Mesh_10*"')).toEqual(['0015-Mesh_10_0_0_12: reloading', '0000 '])
    daemon.adminResult = { ok: true, changed: false, detail: '' }
    expect(await ask('enable Mesh_10_0_0_12')).toEqual(['0010-Mesh_10_0_0_12: already enabled', '0000 '])
    expect(daemon.actions.map((action) => ('operation' in action ? action.operation : ''))).toEqual([
      'disable',
      'refresh-out',
      'enable',
    ])
    expect(daemon.actions[0]).toMatchObject({ reason: 'moving' })
  })

  test('configure is a harmless yes', async () => {
    expect(await ask('configure soft')).toEqual(['0002-Reading configuration from memory', '0003 Reconfigured'])
    expect(await ask('configure check')).toEqual(['0002-Reading configuration from memory', '0020 Configuration OK'])
    expect(await ask('configure undo')).toEqual(['0023 Nothing to do'])
    expect(await ask('configure confirm')).toEqual(['0018 Reconfiguration confirmed'])
    expect(await ask('configure status')).toEqual(['0003-Daemon is up and running', '0000 '])
    expect(daemon.actions).toEqual([{ action: 'reload' }])
  })

  test('restricted: shows go on, changes do not', async () => {
    const text = await talk(['restrict', 'disable all', 'configure', 'show status'])
    expect(text).toContain('0016 Access restricted')
    expect(text.match(/8007 Access denied/g)).toHaveLength(2)
    expect(text).toContain('0013 Daemon is up and running')
    expect(daemon.actions).toEqual([])
  })
})

describe('hostile clients and peers', () => {
  test('a line feed in a reason cannot forge a reply line', async () => {
    daemon.peerList = [peerView('Mesh_10_0_0_9', '10.0.0.9', { state: 'Idle', reason: 'x\n0000 \n1002-fake' })]
    const rows = await ask('show protocols')
    expect(rows.filter((row) => row.startsWith('0000'))).toHaveLength(1)
    expect(rows.some((row) => row.startsWith('1002-fake'))).toBe(false)
  })

  test('an endless line ends the connection', async () => {
    const text = await new Promise<string>((resolve) => {
      const socket = connect(join(folder, 'bird.ctl'))
      let got = ''
      socket.on('data', (chunk) => {
        got += String(chunk)
      })
      socket.on('error', () => undefined)
      socket.on('close', () => resolve(got))
      socket.write('x'.repeat(100_000))
    })
    expect(text).toContain('9001 Command too long')
  })

  test('a pattern of many stars costs nothing', async () => {
    const begin = performance.now()
    await ask(`show protocols "${'*a'.repeat(1000)}"`)
    expect(performance.now() - begin).toBeLessThan(1000)
  })

  test('a defect of ours ends the reply and not the server', async () => {
    daemon.memory = () => {
      throw new Error('broken')
    }
    expect((await ask('show memory')).at(-1)).toBe('9001 Internal error')
    expect((await ask('show status')).at(-1)).toBe('0013 Daemon is up and running')
  })

  test('the sockets are for owner and group', () => {
    expect(statSync(join(folder, 'bird6.ctl')).mode & 0o777).toBe(0o660)
  })
})
