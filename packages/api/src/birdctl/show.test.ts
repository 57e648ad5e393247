/**
 * The rarer questions to the control socket, compared with what BIRD 1.6 and 2.0 answer; and clients that misbehave.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type FakeDaemon, fakeDaemon, peerView, routeView } from '../testing/index.js'
import { type BirdControl, startBirdControl } from './server.js'
import { birdTalk } from './testing.js'

let folder = ''
let daemon: FakeDaemon
let control: BirdControl

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'starling-bird-show-'))
  daemon = fakeDaemon()
  control = await startBirdControl(daemon, folder)
})
afterEach(async () => {
  await control.close()
  rmSync(folder, { recursive: true, force: true })
})

async function ask(command: string, file = 'bird.ctl'): Promise<string[]> {
  const text = await birdTalk(join(folder, file), [command])
  return text.replace(/\n$/, '').split('\n').slice(1)
}

describe('show interfaces', () => {
  beforeEach(() => {
    const plain = { up: true, running: true, mtu: 1500, loopback: false, pointToPoint: false }
    daemon.interfaces = () => [
      { ...plain, name: 'lo', index: 1, mtu: 65536, loopback: true, addresses: [{ address: '127.0.0.1', length: 8 }] },
      {
        ...{ ...plain, name: 'eth0', index: 2 },
        addresses: [
          { address: '10.0.0.11', length: 24 },
          { address: '203.0.113.7', length: 32 },
          { address: 'fe80::1', length: 64 },
        ],
      },
      { ...plain, name: 'tunl0', index: 3, running: false, pointToPoint: true, addresses: [] },
    ]
  })

  test('names, flags and the addresses of the family', async () => {
    expect(await ask('show interfaces')).toEqual([
      '1001-lo up (index=1)',
      '1004-\tMultiAccess AdminUp LinkUp Loopback Ignored MTU=65536',
      '1003-\t127.0.0.1/8 (Primary, scope host)',
      '1001-eth0 up (index=2)',
      '1004-\tMultiAccess Broadcast Multicast AdminUp LinkUp MTU=1500',
      '1003-\t10.0.0.11/24 (Primary, scope site)',
      ' \t203.0.113.7/32 (Secondary, scope univ)',
      '1001-tunl0 down (index=3)',
      '1004-\tPtP AdminUp LinkDown MTU=1500',
      '0000 ',
    ])
    expect(await ask('show interfaces', 'bird6.ctl')).toContain('1003-\tfe80::1/64 (Primary, scope link)')
  })

  test('summary: one line each', async () => {
    expect(await ask('show interfaces summary')).toEqual([
      '2005-interface state address',
      '1005-lo        up    127.0.0.1/8',
      ' eth0      up    10.0.0.11/24',
      ' tunl0     down',
      '0000 ',
    ])
  })
})

describe('what is asked seldom', () => {
  test('show symbols, of one kind and of one name', async () => {
    expect(await ask('show symbols')).toContain(' Mesh_10_0_0_12\tprotocol')
    expect(await ask('show symbols table')).toEqual(['1010-master  \trouting table', '0000 '])
    expect(await ask('show symbols filter')).toEqual(['0000 '])
    expect(await ask('show symbols kernel1')).toEqual(['1010 kernel1 \tprotocol'])
    expect(await ask('show symbols nobody')).toEqual(['1010 nobody  \tundefined'])
  })

  test('show memory has the headings that monitoring looks for', async () => {
    const rows = await ask('show memory')
    expect(rows[0]).toBe('1018-BIRD memory usage')
    expect(rows[1]).toMatch(/^ Routing tables: +\d+ kB$/)
    expect(rows[2]).toMatch(/^ Total: +\d+ kB$/)
  })

  test('attributes of a route have a code of their own', async () => {
    daemon.routeList = [routeView('10.244.2.0/26')]
    const rows = await ask('show route all')
    expect(rows[1]).toBe('1008-\tType: BGP unicast univ')
    expect(rows[2]).toBe('1012-\tBGP.origin: IGP')
    expect(rows[3]).toMatch(/^ \tBGP\.as_path:/)
  })

  test.each([
    ['show route import table Mesh_10_0_0_12.ipv4', { peer: '10.0.0.12', view: 'received' }],
    ['show route export table Mesh_10_0_0_12', { peer: '10.0.0.12', view: 'exported' }],
    ['show route export Mesh_10_0_0_12.ipv4', { peer: '10.0.0.12', view: 'exported' }],
    ['show route protocol Mesh_10_0_0_12.ipv4', { peer: '10.0.0.12', view: 'accepted' }],
  ])('%s', async (command, asked) => {
    await ask(command)
    expect(daemon.asked).toMatchObject(asked)
  })

  test('the table of the other family is empty on this socket', async () => {
    expect(await ask('show route table master6')).toEqual(['0000 '])
    expect((await ask('show route table master4')).length).toBeGreaterThan(1)
    expect(await ask('show route table master6 count')).toEqual(['0014 0 of 0 routes for 0 networks'])
  })

  test('a network that is there, of which nothing was asked for, is in the table', async () => {
    expect(await ask('show route 10.244.2.0/26 protocol static1')).toEqual(['0000 '])
    expect(await ask('show route 10.244.99.0/26 protocol static1')).toEqual(['8001 Network not in table'])
  })

  test.each([
    ['show protocols Mesh_10_0_0_12 Mesh_10_0_0_13', '9001 syntax error, unexpected Mesh_10_0_0_13'],
    ['show status now', '9001 syntax error, unexpected now'],
    ['show interfaces please', '9001 syntax error, unexpected please'],
    ['show static nobody', '9001 syntax error, unexpected nobody'],
    ['show symbols a b', '9001 syntax error, unexpected b'],
    ['show route primary filtered', '9001 Incompatible show route options'],
    ['show route import table static1', '9001 No import table in channel static1'],
    ['show ospf', '9001 There is no OSPF protocol running'],
    ['show protocols "Mesh', '9001 Unterminated string'],
    ['configure nonsense', '9001 syntax error, unexpected nonsense'],
    ['debug', '9001 syntax error, unexpected END'],
    ['dump', '9001 syntax error, unexpected END'],
    ['dump resources', '0000 '],
    ['eval 1 + 1', '9001 There are no filters to evaluate for: show route where CONDITION asks about routes'],
  ])('%s: %s', async (command, last) => expect(await ask(command)).toEqual([last]))

  test('a disabled peer is not restarted, nor reloaded', async () => {
    daemon.peerList = [peerView('Mesh_10_0_0_12', '10.0.0.12', { enabled: false, state: 'Idle', reason: 'x' })]
    for (const verb of ['restart', 'reload'])
      expect(await ask(`${verb} Mesh_10_0_0_12`)).toEqual(['0008-Mesh_10_0_0_12: already disabled', '0000 '])
    expect(daemon.actions).toEqual([])
  })
})

test('a program that leaks connections keeps nobody out: the longest silent one goes', async () => {
  const path = join(folder, 'bird.ctl')
  const greeted = (socket: Socket) => new Promise<void>((resolve) => socket.once('data', () => resolve()))
  const open: Socket[] = []
  const gone = new Set<Socket>()
  for (let i = 0; i < 64; i++) {
    const socket = connect(path)
    open.push(socket)
    socket.on('close', () => gone.add(socket))
    socket.on('error', () => undefined)
    await greeted(socket)
  }
  const [first, second] = open as [Socket, Socket]
  first.write('show status\n')
  await greeted(first)
  const closed = new Promise<void>((resolve) => second.once('close', () => resolve()))
  expect(await ask('show symbols nobody')).toEqual(['1010 nobody  \tundefined'])
  await closed
  expect([...gone]).toEqual([second])
  for (const socket of open) socket.destroy()
})
