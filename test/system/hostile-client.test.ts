/**
 * A client of a reflector that means harm, on a real socket against the shipped command (SECURITY.md, third row): what it
 * sends costs its own session at most. The honest clients beside it keep their sessions, their routes and their pace, and
 * what it says about itself cannot write into a terminal or a log.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { encodeOpen, Framer, HEADER_LENGTH, KEEPALIVE, MessageType } from '@starling/bgp-packet'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { needs } from '../support/needs.js'
import { ownLoopback } from '../support/places.js'
import { LoadClient } from './load-client.js'
import { PROGRAM, starling } from './support.js'

needs('ip')

const REFLECTOR = ownLoopback(1)
const PORT = 17_992
const ROUTER_ID = [10, 9, 9, 2] as const
const ESCAPE = '\x1b[2J\x1b]0;owned\x07'
const CONTROL = /[\x00-\x09\x0b-\x1f\x7f-\x9f]/u
const SECONDS = 90
/** Seconds; a KEEPALIVE comes every third of it. */
const HOLD_TIME = 9

let folder = ''
let log = ''
let child: ChildProcess
const honest: LoadClient[] = []
const hostile: Hostile[] = []

const pause = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds))

async function until(what: string, done: () => boolean | Promise<boolean>): Promise<void> {
  const end = performance.now() + SECONDS * 1000
  while (!(await done())) {
    if (performance.now() > end) throw new Error(`not within ${SECONDS} s: ${what}\n${log.slice(-1500)}`)
    await pause(20)
  }
}

/** Octets out, and what came back: whether the session stands, and the code of the NOTIFICATION that ended it. */
class Hostile {
  readonly socket: Socket
  readonly #framer = new Framer()
  established = false
  closed = false
  notification = ''

  constructor(local: string) {
    this.socket = connect({ host: REFLECTOR, port: PORT, localAddress: local, noDelay: true })
    this.socket.on('error', () => undefined)
    this.socket.on('close', () => {
      this.closed = true
    })
    this.socket.on('data', (bytes) => {
      this.#framer.push(bytes)
      while (this.#framer.next()) {
        const { type, buffer, start } = this.#framer
        if (type === MessageType.keepalive) this.established = true
        if (type === MessageType.notification) this.notification = `${buffer[start + 19]}/${buffer[start + 20]}`
      }
    })
    hostile.push(this)
  }

  async open(hostname = 'evil'): Promise<this> {
    this.socket.write(
      encodeOpen({
        type: 'OPEN',
        version: 4,
        myAs: 65_000,
        holdTime: 90,
        bgpId: 0x0a_66_66_66,
        capabilities: [
          { kind: 'multiprotocol', afi: 1, safi: 1 },
          { kind: 'fourOctetAs', asn: 65_000 },
          { kind: 'fqdn', hostname, domain: '' },
          { kind: 'softwareVersion', version: hostname },
        ],
      }),
    )
    this.socket.write(KEEPALIVE)
    await until('the hostile client is Established', () => this.established)
    return this
  }
}

function message(type: number, body: readonly number[], length = HEADER_LENGTH + body.length): Buffer {
  return Buffer.from([...new Array<number>(16).fill(255), length >> 8, length & 255, type, ...body])
}

const ORIGIN = [0x40, 1, 1, 0]
const AS_PATH = [0x40, 2, 0]
const NEXT_HOP = [0x40, 3, 4, 127, 0, 0, 1]
const LOCAL_PREF = [0x40, 5, 4, 0, 0, 0, 100]
const GOOD = [...ORIGIN, ...AS_PATH, ...NEXT_HOP, ...LOCAL_PREF]

/** 11.0.0.0 + number, a host route as LoadClient counts them. */
const route = (number: number): number[] => [32, 11, (number >> 16) & 255, (number >> 8) & 255, number & 255]

function update(attributes: readonly number[], nlri: readonly number[], attributesLength = attributes.length): Buffer {
  return message(MessageType.update, [0, 0, attributesLength >> 8, attributesLength & 255, ...attributes, ...nlri])
}

async function honestClient(local: string): Promise<LoadClient> {
  for (let attempt = 0; attempt < 900; attempt++) {
    const made = new LoadClient({ local, remote: REFLECTOR, port: PORT, holdTime: HOLD_TIME, afi: 1 })
    await until('an answer', () => made.established || made.closed)
    if (made.established) {
      honest.push(made)
      return made
    }
    await pause(100)
  }
  throw new Error(`the reflector does not answer\n${log.slice(-1500)}`)
}

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'starling-hostile-'))
  const alone = ['--as', '65000', '--router-id', ROUTER_ID.join('.'), '--listen', `${REFLECTOR}:${PORT}`]
  const args = ['reflector', ...alone, '--accept', '127.0.0.0/8', '--control', join(folder, 's.sock')]
  child = spawn(process.execPath, [PROGRAM, ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
  for (const stream of [child.stdout, child.stderr])
    stream?.on('data', (bytes: Buffer) => {
      log += bytes.toString('utf8')
    })
  const feeder = await honestClient('127.0.0.111')
  const reader = await honestClient('127.0.0.112')
  feeder.announce(0, 100)
  await until('the reader has the routes', () => reader.count === 100)
})
afterAll(async () => {
  for (const each of honest) each.close()
  for (const each of hostile) each.socket.destroy()
  child.kill('SIGKILL')
  await once(child, 'exit')
  rmSync(folder, { recursive: true, force: true })
})

const show = async (...args: string[]): Promise<string> => {
  const { code, out, err } = await starling(['show', ...args, '--control', join(folder, 's.sock')])
  expect(code, err).toBe(0)
  return out
}

/** The honest side of the world: nothing lost, nothing closed, KEEPALIVEs in time, the same process. */
function unharmed(): void {
  const [feeder, reader] = honest as [LoadClient, LoadClient]
  expect(child.exitCode).toBeNull()
  expect([feeder.closed, reader.closed]).toEqual([false, false])
  expect([...reader.held.subarray(0, 100)].every((held) => held === 1)).toBe(true)
  expect(reader.longestSilence).toBeLessThan(HOLD_TIME * 1000)
}

const FATAL: readonly (readonly [name: string, octets: Buffer, notification: string])[] = [
  ['a marker that is none', Buffer.alloc(19), '1/1'],
  ['a length below the header', message(MessageType.update, [], 18), '1/2'],
  ['a length above 4096', message(MessageType.update, [], 65_535), '1/2'],
  ['an OPEN above 4096 octets', message(MessageType.open, [], 4097), '1/2'],
  ['a KEEPALIVE with more than a header', message(MessageType.keepalive, [], 65_535), '1/2'],
  ['a type that does not exist', message(77, []), '1/3'],
  ['a second OPEN', message(MessageType.open, [4, 0, 1, 0, 90, 1, 2, 3, 4, 0]), '5/3'],
  ['withdrawn routes longer than the message', message(MessageType.update, [255, 255, 0, 0]), '3/1'],
  ['attributes longer than the message', update([], [], 4000), '3/1'],
  ['a prefix of 33 bits', update(GOOD, [33, 11, 0, 0, 0, 0]), '3/10'],
]

test.each(FATAL)('%s ends the session of who sent it, and nobody else notices', async (_, octets, notification) => {
  // An address of its own each time: one that fails five times in a row is held off.
  const client = await new Hostile(`127.0.6.${FATAL.findIndex(([, each]) => each === octets) + 1}`).open()
  client.socket.write(octets)
  await until('the session is ended', () => client.closed)
  expect(client.notification).toBe(notification)
  unharmed()
})

const WITHDRAWN: readonly (readonly [name: string, attributes: readonly number[]])[] = [
  ['an ORIGIN of two octets', [0x40, 1, 2, 0, 0, ...AS_PATH, ...NEXT_HOP, ...LOCAL_PREF]],
  ['an AS_PATH segment that runs over its end', [...ORIGIN, 0x40, 2, 2, 2, 200, ...NEXT_HOP, ...LOCAL_PREF]],
  ['no NEXT_HOP', [...ORIGIN, ...AS_PATH, ...LOCAL_PREF]],
  ['an ORIGINATOR_ID of three octets', [...GOOD, 0x80, 9, 3, 1, 2, 3]],
  ['a CLUSTER_LIST of five octets', [...GOOD, 0x80, 10, 5, 1, 2, 3, 4, 5]],
  ['our own cluster in CLUSTER_LIST', [...GOOD, 0x80, 9, 4, 1, 2, 3, 4, 0x80, 10, 4, ...ROUTER_ID]],
  ['our own router ID as ORIGINATOR_ID', [...GOOD, 0x80, 9, 4, ...ROUTER_ID]],
]

test('routes with broken or looping attributes are dropped, the good one after each gets through, the session stays', async () => {
  const [, reader] = honest as [LoadClient, LoadClient]
  const client = await new Hostile('127.0.0.114').open()
  for (const [at, [name, attributes]] of WITHDRAWN.entries()) {
    client.socket.write(Buffer.concat([update(attributes, route(1000 + at)), update(GOOD, route(2000 + at))]))
    await until(`the good route after ${name}`, () => reader.held[2000 + at] === 1)
    expect(reader.held[1000 + at], name).toBe(0)
  }
  expect(client.closed).toBe(false)
  unharmed()
  client.socket.destroy()
  await until('its routes are gone', () => reader.count === 100)
})

test('a good route that is sent again with a broken attribute is withdrawn from everybody', async () => {
  const [, reader] = honest as [LoadClient, LoadClient]
  const client = await new Hostile('127.0.0.115').open()
  client.socket.write(update(GOOD, route(3000)))
  await until('it is there', () => reader.held[3000] === 1)
  client.socket.write(update([0x40, 1, 1, 9, ...AS_PATH, ...NEXT_HOP, ...LOCAL_PREF], route(3000)))
  await until('it is gone', () => reader.held[3000] === 0)
  expect(client.closed).toBe(false)
  unharmed()
  client.socket.destroy()
})

function stringsIn(value: unknown): string[] {
  if (typeof value === 'string') return [value]
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(stringsIn) : []
}

test('what it says about itself reaches no terminal and no log as control characters', async () => {
  const client = await new Hostile('127.0.0.116').open(`evil${ESCAPE}`)
  const peers = await show('peers', '127.0.0.116')
  expect(peers).toContain('127.0.0.116')
  expect(peers).not.toMatch(CONTROL)
  // Cease, administrative shutdown, with words (RFC 9003).
  const words = [...Buffer.from(`bye${ESCAPE}\n{"level":"fatal"}`)]
  client.socket.write(message(MessageType.notification, [6, 2, words.length, ...words]))
  await until('the session is ended', () => client.closed)
  await until('the log has it', () => log.includes('bye'))
  expect(await show('peers')).not.toMatch(CONTROL)
  expect(await show('events')).not.toMatch(CONTROL)
  expect(log).not.toMatch(CONTROL)
  // JSON would hide a character in an escape of its own: what programs read out of it counts, too.
  const values = [...log.trim().split('\n'), await show('peers', '-o', 'json'), await show('events', '-o', 'json')]
  for (const text of values) for (const value of stringsIn(JSON.parse(text))) expect(value).not.toMatch(CONTROL)
  unharmed()
})

test('two hundred connections that say nothing, and two hundred that say half an OPEN, hold nobody up', async () => {
  const [feeder, reader] = honest as [LoadClient, LoadClient]
  reader.longestSilence = 0
  const crowd = Array.from({ length: 400 }, (_, i) => {
    const each = new Hostile(`127.0.${1 + (i >> 7)}.${1 + (i & 127)}`)
    if (i % 2 === 0) each.socket.write(message(MessageType.open, [4, 0xfd], 45))
    return each
  })
  await until('all are connected or refused', () => crowd.every(({ socket, closed }) => closed || !socket.connecting))
  feeder.announce(4000, 4100)
  await until('routes still arrive', () => reader.count === 200)
  unharmed()
  for (const { socket } of crowd) socket.destroy()
})

test('sessions that come and go a hundred times with routes leave neither routes nor memory behind', async () => {
  const [, reader] = honest as [LoadClient, LoadClient]
  const resident = () => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${child.pid}/status`, 'utf8'))?.[1]) / 1024
  const flap = async (from: number) => {
    const client = await new Hostile(`127.0.5.${from + 1}`).open()
    const nlri = Array.from({ length: 700 }, (_, i) => route(10_000 + i)).flat()
    client.socket.write(update(GOOD, nlri))
    await until('its routes are reflected', () => reader.held[10_699] === 1)
    client.socket.destroy()
    await until('and gone', () => reader.count === 200)
  }
  for (let i = 0; i < 20; i++) await flap(i)
  const before = resident()
  for (let i = 20; i < 100; i++) await flap(i)
  expect(resident() - before).toBeLessThan(48)
  unharmed()
})
