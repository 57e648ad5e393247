/**
 * Who may take our time: strangers are closed unread, a peer has one connection that has not said OPEN, a range has its
 * limit, and all together have one. On real sockets of the loopback.
 */
import { connect, type Socket } from 'node:net'
import type { EngineEvent } from '@starling/engine'
import { testConfig, testPeer } from '@starling/testkit'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { Speaker } from './speaker.js'
import type { SpeakerNotice, SpeakerOptions } from './types.js'

const US = '127.0.0.81'
const PEER = '127.0.0.82'

const speakers: Speaker[] = []
const sockets: Socket[] = []
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy()
  for (const speaker of speakers.splice(0)) await speaker.stop({ mode: 'shutdown' })
})

async function until(what: string, condition: () => boolean): Promise<void> {
  await vi.waitFor(() => expect(condition(), what).toBe(true), { timeout: 60_000, interval: 5 })
}

async function start(config: SpeakerOptions['config'], more: Partial<SpeakerOptions> = {}) {
  const events: EngineEvent[] = []
  const notices: SpeakerNotice[] = []
  const nothing = () => undefined
  const speaker = new Speaker({
    config,
    listen: [{ address: US, port: 0 }],
    notice: (notice) => notices.push(notice),
    extras: {
      installRoute: nothing,
      removeRoute: nothing,
      trackNextHop: nothing,
      untrackNextHop: nothing,
      event: (event) => events.push(event),
    },
    ...more,
  })
  speakers.push(speaker)
  await speaker.start()
  const received = vi.spyOn(speaker.engine, 'received')
  const refused = () => events.filter(({ type }) => type === 'connection-refused')
  return { speaker, notices, received, refused }
}

interface Caller {
  readonly closed: boolean
  /** Octets that we sent it. */
  readonly heard: number
}

/** A TCP client at an address of its own that talks at once, if it has something to say. */
async function call(speaker: Speaker, from: string, words = new Uint8Array(0)): Promise<Caller> {
  const caller = { closed: false, heard: 0 }
  const socket = connect({ host: US, port: speaker.ports[0] as number, localAddress: from })
  sockets.push(socket)
  socket.on('error', () => undefined)
  socket.on('data', (bytes) => {
    caller.heard += bytes.length
  })
  socket.on('close', () => {
    caller.closed = true
  })
  await new Promise((resolve) => socket.once('connect', resolve))
  if (words.length > 0) socket.write(words)
  return caller
}

describe('a stranger', () => {
  it('is closed before a byte of it is read, told nothing, and counted', async () => {
    const { speaker, received, refused } = await start(testConfig('10.0.0.1', [testPeer(PEER, { passive: true })]))
    const words = new Uint8Array(65_536).fill(0xff)
    const callers = await Promise.all(Array.from({ length: 50 }, (_, i) => call(speaker, `127.0.1.${i + 1}`, words)))
    await until('all are closed', () => callers.every(({ closed }) => closed))
    expect(refused()).toHaveLength(50)
    expect(refused()[0]).toMatchObject({ reason: 'no peer is configured for this address' })
    expect(received).not.toHaveBeenCalled()
    expect(callers.reduce((sum, { heard }) => sum + heard, 0)).toBe(0)
  })

  it('does not keep a peer from speaking', async () => {
    const { speaker, received } = await start(testConfig('10.0.0.1', [testPeer(PEER, { passive: true })]))
    for (let i = 1; i <= 20; i++) await call(speaker, `127.0.1.${i}`)
    const peer = await call(speaker, PEER, Uint8Array.of(0xff))
    await until('its octet is read', () => received.mock.calls.length === 1)
    await until('it is sent our OPEN', () => peer.heard >= 29)
  })
})

describe('connections without an OPEN', () => {
  it('a peer has one of them: the newest', async () => {
    const { speaker } = await start(testConfig('10.0.0.1', [testPeer(PEER, { passive: true })]))
    const callers: Caller[] = []
    for (let i = 0; i < 20; i++) callers.push(await call(speaker, PEER))
    await until('one is left', () => callers.filter(({ closed }) => !closed).length === 1)
    expect(callers.at(-1)?.closed).toBe(false)
  })

  it('a range has no more than its limit', async () => {
    const { key: _k, name: _n, kind: _d, remoteAddress: _a, remotePort: _p, passive: _s, ...template } = testPeer(PEER)
    const config = testConfig('10.0.0.1', [], { dynamicNeighbors: [{ range: '127.0.2.0/24', maximum: 3, template }] })
    const { speaker, refused, received } = await start(config)
    const callers: Caller[] = []
    for (let i = 1; i <= 10; i++) callers.push(await call(speaker, `127.0.2.${i}`))
    await until('three are left', () => callers.filter(({ closed }) => !closed).length === 3)
    expect(callers.slice(0, 3).map(({ closed }) => closed)).toEqual([false, false, false])
    expect(refused()).toHaveLength(7)
    expect(refused()[0]).toMatchObject({ reason: expect.stringContaining('limit of 3 dynamic neighbours') })
    expect(received).not.toHaveBeenCalled()
  })
})

describe('all connections together', () => {
  it('are limited: one more is closed unread, and a place that is free again is given away', async () => {
    const peers = [1, 2, 3, 4].map((i) => testPeer(`127.0.3.${i}`, { passive: true }))
    const { speaker, notices, received } = await start(testConfig('10.0.0.1', peers), { maxConnections: 3 })
    const [first] = [
      await call(speaker, '127.0.3.1'),
      await call(speaker, '127.0.3.2'),
      await call(speaker, '127.0.3.3'),
    ]
    const last = await call(speaker, '127.0.3.4', Uint8Array.of(0xff))
    await until('the last is closed', () => last.closed)
    expect(first.closed).toBe(false)
    expect(received).not.toHaveBeenCalled()
    expect(notices).toContainEqual({
      type: 'connection-refused',
      remoteAddress: '127.0.3.4',
      reason: '3 connections are open',
    })
    sockets[0]?.destroy()
    await until('its place is taken', () => first.closed)
    const again = await call(speaker, '127.0.3.4')
    await until('it is heard', () => again.heard > 0)
  })
})
