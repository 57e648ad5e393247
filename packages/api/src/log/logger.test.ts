import { describe, expect, test, vi } from 'vitest'
import { EventLog } from '../events/log.js'
import { createLogger, type LoggerOptions, logEvents } from './logger.js'

function collect(options: LoggerOptions = {}) {
  const lines: string[] = []
  const logger = createLogger({ ...options, destination: { write: (line) => void lines.push(line) } })
  return { logger, lines, last: () => JSON.parse(lines.at(-1) ?? '{}') }
}

describe('a log line', () => {
  test('is JSON with level, time and name', () => {
    const { logger, last } = collect({ name: 'node worker-1' })
    logger.info({ peer: '10.0.0.12' }, 'hello')
    expect(last()).toMatchObject({ level: 'info', name: 'node worker-1', peer: '10.0.0.12', msg: 'hello' })
    expect(last().time).toMatch(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/)
  })

  test('never shows a secret', () => {
    const { logger, lines } = collect()
    const deep = { token: 'hunter2', list: [{ secret: 'hunter2' }] }
    logger.info({ password: 'hunter2', peer: { password: 'hunter2', deep } }, 'configured')
    expect(lines.join('')).not.toContain('hunter2')
    expect(lines.join('')).toContain('[redacted]')
  })

  test("escapes a peer's text, wherever it stands", () => {
    const { logger, lines, last } = collect()
    const hostile = 'bye\u001b[2J\n{"level":"fatal"}\u202e'
    logger.warn({ reason: hostile, list: [hostile], nested: { text: hostile }, error: new Error(hostile) }, hostile)
    expect(lines).toHaveLength(1)
    const text = lines[0] ?? ''
    expect(text).not.toMatch(/[\u001b\u202e]/)
    expect(last().reason).toBe('bye\\u001b[2J\\n{"level":"fatal"}\\u202e')
    expect(last().msg).toBe(last().reason)
  })

  test('a long text is cut', () => {
    const { logger, lines } = collect()
    logger.info({ text: 'x'.repeat(100_000) }, 'y'.repeat(100_000))
    expect((lines[0] ?? '').length).toBeLessThan(5000)
  })

  test('the level can be changed at run time', () => {
    const { logger, lines } = collect({ level: 'warn' })
    logger.info('quiet')
    logger.level = 'debug'
    logger.debug('loud')
    expect(lines).toHaveLength(1)
  })
})

describe('events', () => {
  test('of a plan that changed no session are for those who debug', () => {
    const { logger, lines, last } = collect()
    const events = new EventLog()
    const stop = logEvents(logger, events)
    events.push(1, { type: 'config-applied', generation: 7, added: 0, changed: 0, removed: 0 })
    expect(lines).toHaveLength(0)
    events.push(2, { type: 'config-applied', generation: 8, added: 0, changed: 1, removed: 0 })
    expect(last()).toMatchObject({ level: 'info', code: 'CONFIG_APPLIED', generation: 8 })
    stop()
  })

  test('are one line each, with the code of the catalogue', () => {
    vi.useFakeTimers()
    const { logger, lines, last } = collect()
    const events = new EventLog()
    const stop = logEvents(logger, events)
    const base = { peer: '10.0.0.12', name: 'Mesh_10_0_0_12' }
    events.push(1, { type: 'session-state', ...base, from: 'Established', to: 'Idle', reason: 'hold timer expired' })
    expect(lines).toHaveLength(0)
    vi.advanceTimersByTime(100)
    expect(last()).toMatchObject({
      level: 'warn',
      code: 'SESSION_DOWN',
      peer: '10.0.0.12',
      msg: 'Mesh_10_0_0_12 is down: hold timer expired',
    })
    events.push(2, { type: 'session-state', ...base, from: 'Idle', to: 'Connect', reason: '' })
    vi.advanceTimersByTime(100)
    expect(lines).toHaveLength(1)
    const bytes = new Uint8Array(4096)
    events.push(3, {
      type: 'bad-update',
      ...base,
      verdict: 'treat-as-withdraw',
      attribute: 5,
      rule: 'RFC 7606 7.5',
      bytes,
    })
    expect(last().code).toBe('BAD_UPDATE')
    expect((lines.at(-1) ?? '').length).toBeLessThan(500)
    stop()
    vi.useRealTimers()
    events.push(4, { type: 'started', version: '0' })
    expect(lines).toHaveLength(2)
  })

  test('of a lost session wait for each other, but never past another kind of event', () => {
    const { logger, lines, last } = collect()
    const events = new EventLog()
    const stop = logEvents(logger, events)
    const base = { peer: '10.0.0.12', name: 'Mesh_10_0_0_12' }
    const lost = { type: 'session-state', ...base, from: 'Established', to: 'Idle', reason: '' } as const
    for (let i = 0; i < 3; i++) events.push(i, lost)
    expect(lines).toHaveLength(0)
    events.push(4, { type: 'stopping', reason: 'SIGTERM' })
    expect(lines.map((line) => JSON.parse(line).id)).toEqual([1, 2, 3, 4])
    events.push(5, lost)
    stop()
    expect(last()).toMatchObject({ id: 5, code: 'SESSION_DOWN' })
  })
})

describe('the event log', () => {
  test('keeps the newest, and shows a reader that fell off where it starts again', () => {
    const log = new EventLog({ capacity: 10 })
    for (let i = 0; i < 25; i++) log.push(i, { type: 'started', version: String(i) })
    expect(log.read(0, 100).map(({ id }) => id)).toEqual([16, 17, 18, 19, 20, 21, 22, 23, 24, 25])
    expect(log.read(20, 2).map(({ id }) => id)).toEqual([21, 22])
    expect(log.read(25, 10)).toEqual([])
  })

  test('attempts of a peer that is down do not push out what happened', () => {
    const log = new EventLog({ capacity: 10, steps: 4 })
    const attempt = { type: 'session-state', peer: 'a', name: 'a', from: 'Connect', to: 'Active', reason: '' } as const
    log.push(0, { type: 'started', version: '1' })
    for (let i = 1; i < 1000; i++) log.push(i, attempt)
    log.push(1000, { type: 'stopping', reason: 'x' })
    expect(log.read(0, 100).map(({ id }) => id)).toEqual([1, 997, 998, 999, 1000, 1001])
    expect(log.read(998, 2).map(({ id }) => id)).toEqual([999, 1000])
    expect(log.read(1001, 2)).toEqual([])
  })

  test('keeps bad UPDATEs per peer, bounded in peers and per peer', () => {
    const log = new EventLog({ capacity: 4, offendersPerPeer: 2, offendingPeers: 3 })
    for (let i = 0; i < 20; i++) {
      const peer = `10.0.0.${i >> 2}`
      log.push(i, {
        type: 'bad-update',
        peer,
        name: peer,
        verdict: 'session-reset',
        attribute: 1,
        rule: '',
        bytes: new Uint8Array(),
      })
    }
    expect(log.badUpdates()).toHaveLength(6)
    expect(log.badUpdates('10.0.0.4').map(({ id }) => id)).toEqual([19, 20])
    expect(log.badUpdates('10.0.0.0')).toEqual([])
  })
})
