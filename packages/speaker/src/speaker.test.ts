import { once } from 'node:events'
import { createServer } from 'node:net'
import type { EngineEvent } from '@starling/engine'
import { peerKey } from '@starling/engine'
import { testConfig, testPeer, testTimers } from '@starling/testkit'
import { afterEach, describe, expect, it } from 'vitest'
import { drained, withdrawn } from './drain.js'
import { keyChanges, keysFor, wantsTtl } from './keys.js'
import { Speaker } from './speaker.js'
import type { SpeakerNotice } from './types.js'

const A = '127.0.0.71'
const B = '127.0.0.72'
const PORT = 17_179
const QUICK = testTimers({ connectRetryTime: 500, idleHoldTime: [50, 200] })

const running: Speaker[] = []
afterEach(async () => {
  for (const speaker of running.splice(0)) await speaker.stop({ mode: 'shutdown' })
})

interface Made {
  readonly speaker: Speaker
  readonly routes: Set<string>
  readonly events: EngineEvent[]
  readonly notices: SpeakerNotice[]
}

function make(address: string, other: string, passive: boolean, restarting = false): Made {
  const routes = new Set<string>()
  const events: EngineEvent[] = []
  const notices: SpeakerNotice[] = []
  const peer = testPeer(other, { remotePort: PORT, localAddress: address, passive, timers: QUICK })
  const speaker = new Speaker({
    config: testConfig(address.replace('127', '10'), [peer]),
    listen: [{ address, port: PORT }],
    restarting,
    notice: (notice) => notices.push(notice),
    extras: {
      installRoute: ({ address: octets, length }) => routes.add(`${[...octets].join('.')}/${length}`),
      removeRoute: (_family, octets, length) => routes.delete(`${[...octets].join('.')}/${length}`),
      trackNextHop: () => undefined,
      untrackNextHop: () => undefined,
      event: (event) => events.push(event),
    },
  })
  running.push(speaker)
  return { speaker, routes, events, notices }
}

async function until(what: string, condition: () => boolean, limit = 60_000): Promise<void> {
  const end = performance.now() + limit
  while (!condition()) {
    if (performance.now() > end) throw new Error(`not in time: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}

function state(made: Made, other: string) {
  return made.speaker.engine.peer(peerKey(other, PORT))?.state
}

describe('two speakers on the loopback', () => {
  it('exchange twenty thousand routes, and take them back', async () => {
    const a = make(A, B, true)
    const b = make(B, A, false)
    await Promise.all([a.speaker.start(), b.speaker.start()])
    for (let i = 0; i < 20_000; i++) {
      const prefix = `10.${100 + (i >> 14)}.${(i >> 6) & 255}.${(i & 63) * 4}/30`
      a.speaker.setLocalRoute({ prefix, source: 'static', target: { kind: 'blackhole' }, label: 'own block' })
    }
    await until('all routes arrive', () => b.routes.size === 20_000)
    await a.speaker.stop({ mode: 'shutdown', reason: 'test' })
    await until('all routes go', () => b.routes.size === 0)
    expect(b.speaker.engine.peer(peerKey(A, PORT))?.lastError?.text).toBe('test')
    expect(b.speaker.loopDelay().maximum).toBeGreaterThan(0)
  })

  it('keep the routes of one that stops for a restart', async () => {
    const a = make(A, B, false)
    const b = make(B, A, true)
    await Promise.all([a.speaker.start(), b.speaker.start()])
    a.speaker.setLocalRoute({
      prefix: '10.1.0.0/26',
      source: 'static',
      target: { kind: 'blackhole' },
      label: 'own block',
    })
    await until('the route arrives', () => b.routes.has('10.1.0.0/26'))
    await a.speaker.stop({ mode: 'restart' })
    await until('the session is gone', () => state(b, A) !== 'Established')
    expect(b.routes.has('10.1.0.0/26')).toBe(true)
    expect(b.events.filter(({ type }) => type === 'notification-received')).toEqual([])
    const again = make(A, B, false, true)
    await again.speaker.start()
    await until('it is up again', () => state(b, A) === 'Established')
    await until('what it no longer has goes', () => !b.routes.has('10.1.0.0/26'))
  })

  it('waits for an address that is taken, says so once, and listens as soon as it is free', async () => {
    const other = createServer().listen(PORT, A)
    await once(other, 'listening')
    const a = make(A, B, true)
    await a.speaker.start()
    expect(a.speaker.listening).toBe(false)
    expect(a.notices).toEqual([expect.objectContaining({ type: 'listen-waiting', address: A })])
    other.close()
    await until('it listens', () => a.speaker.listening)
    expect(a.notices.at(-1)).toMatchObject({ type: 'listening', port: PORT })
  })
})

describe('keys of a listener', () => {
  it('are those of its family, and change by difference', () => {
    const secret = testPeer('10.0.0.2', { password: 'x' })
    const config = testConfig('10.0.0.1', [secret, testPeer('10.0.0.3'), testPeer('fd00::2', { password: 'y' })])
    expect([...keysFor(config, '0.0.0.0')]).toEqual([['10.0.0.2', 'x']])
    expect([...keysFor(config, '::')]).toEqual([['fd00::2', 'y']])
    const { key: _k, name: _n, kind: _d, remoteAddress: _a, remotePort: _p, passive: _s, ...template } = secret
    const range = { range: '10.7.1.2/16', maximum: 9, template }
    const next = testConfig('10.0.0.1', [testPeer('10.0.0.2', { password: 'z' })], { dynamicNeighbors: [range] })
    const after = keysFor(next, '0.0.0.0')
    expect(after.get('10.7.0.0/16')).toBe('x')
    expect(keyChanges(keysFor(config, '0.0.0.0'), after)).toEqual({
      set: [
        ['10.7.0.0/16', 'x'],
        ['10.0.0.2', 'z'],
      ],
      remove: [],
    })
    expect(keyChanges(after, new Map()).remove).toEqual(['10.7.0.0/16', '10.0.0.2'])
    expect([wantsTtl(config), wantsTtl(testConfig('10.0.0.1', [testPeer('10.0.0.2', { ttlSecurity: 1 })]))]).toEqual([
      false,
      true,
    ])
  })
})

describe('drain', () => {
  it('marks routes first and withdraws them next, for configured and dynamic peers alike', () => {
    const why = { resource: 'test', rule: 'test' }
    const own = { why, conditions: [], actions: [], verdict: 'accept' } as const
    const config = testConfig('10.0.0.1', [testPeer('10.0.0.2', { exportPolicy: [own] })])
    const marked = drained(config).peers.get('10.0.0.2')?.exportPolicy ?? []
    expect(marked.map(({ actions }) => actions[0])).toEqual([
      { kind: 'add-community', value: '65535:0' },
      { kind: 'set-local-pref', value: 0 },
      undefined,
    ])
    expect(marked.at(-1)).toBe(own)
    expect(withdrawn(config).peers.get('10.0.0.2')?.exportPolicy[0]?.verdict).toBe('reject')
  })
})
