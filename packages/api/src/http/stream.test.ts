import { mkdtempSync, rmSync } from 'node:fs'
import { type ClientRequest, get, type IncomingMessage, request } from 'node:http'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type Api, startApi } from '../server.js'
import { type FakeDaemon, fakeDaemon } from '../testing/index.js'
import { LIMITS } from './context.js'

let folder = ''
let daemon: FakeDaemon
let api: Api
const open: ClientRequest[] = []

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'starling-stream-'))
  daemon = fakeDaemon()
  api = await startApi({ ports: daemon, control: join(folder, 's.sock'), metrics: { process: false } })
})
afterEach(async () => {
  for (const request of open.splice(0)) request.destroy()
  await api.close()
  rmSync(folder, { recursive: true, force: true })
})

const push = (text: string) => daemon.events.push(1000, { type: 'kernel-resync', reason: text })

interface Reader {
  readonly response: IncomingMessage
  /** Resolves once the text has arrived. */
  until(text: string): Promise<string>
}

function subscribe(query = '', headers: Record<string, string> = {}): Promise<Reader> {
  return new Promise((resolve, reject) => {
    const asked = get(
      {
        socketPath: join(folder, 's.sock'),
        path: `/v1/events${query}`,
        headers: { accept: 'text/event-stream', ...headers },
      },
      (response) => {
        let seen = ''
        const waiting: { text: string; done: (all: string) => void }[] = []
        response.setEncoding('utf8')
        response.on('data', (chunk: string) => {
          seen += chunk
          for (const { text, done } of waiting) if (seen.includes(text)) done(seen)
        })
        const until = (text: string): Promise<string> =>
          seen.includes(text) ? Promise.resolve(seen) : new Promise((done) => waiting.push({ text, done }))
        resolve({ response, until })
      },
    )
    asked.on('error', reject)
    open.push(asked)
  })
}

function page(query: string): Promise<{ events: { id: number; code: string }[]; after: number; last: number }> {
  return new Promise((resolve, reject) => {
    get({ socketPath: join(folder, 's.sock'), path: `/v1/events${query}` }, (response) => {
      let text = ''
      response.on('data', (chunk) => {
        text += String(chunk)
      })
      response.on('end', () => resolve(JSON.parse(text)))
    }).on('error', reject)
  })
}

test.each(['/v1/events', '/v1/peers/Mesh_10_0_0_12/record'])(
  'the head of %s is an answer, not a stream',
  async (path) => {
    const status = await new Promise<number | undefined>((resolve, reject) => {
      const headers = { accept: 'text/event-stream' }
      request({ method: 'HEAD', socketPath: join(folder, 's.sock'), path, headers }, (response) => {
        response.resume()
        response.on('end', () => resolve(response.statusCode))
      })
        .on('error', reject)
        .end()
    })
    expect(status).toBe(path === '/v1/events' ? 200 : 405)
  },
)

test('an id from before the daemon was started again stands for its beginning', async () => {
  push('first')
  expect((await page('?after=4711')).events.map(({ id }) => id)).toEqual([1])
  const browser = await subscribe('', { 'last-event-id': '4711' })
  await browser.until('id: 1\n')
  const program = await subscribe('?after=4711')
  await program.until('id: 1\n')
  push('second')
  expect(await program.until('id: 2\n')).not.toContain('event: gap')
})

describe('pages of events', () => {
  test('go on where the one before ended', async () => {
    for (let i = 0; i < 5; i++) push(`n${i}`)
    const first = await page('?limit=3')
    expect(first.events.map(({ id }) => id)).toEqual([1, 2, 3])
    expect((await page(`?limit=3&after=${first.after}`)).events.map(({ id }) => id)).toEqual([4, 5])
  })

  test('are filtered by type and peer', async () => {
    push('x')
    daemon.events.push(1, { type: 'peer-added', peer: '10.0.0.12', name: 'Mesh_10_0_0_12' })
    expect((await page('?type=peer-added,peer-removed')).events.map(({ id }) => id)).toEqual([2])
    expect((await page('?peer=Mesh_10_0_0_12')).events.map(({ id }) => id)).toEqual([2])
    expect((await page('?peer=10.0.0.12')).events.map(({ code }) => code)).toEqual(['PEER_ADDED'])
  })
})

describe('the stream', () => {
  test('begins now and carries ids, types and JSON', async () => {
    push('before')
    const reader = await subscribe()
    expect(reader.response.headers['content-type']).toContain('text/event-stream')
    push('after')
    const text = await reader.until('after')
    expect(text).not.toContain('before')
    expect(text).toMatch(/^id: 2\nevent: kernel-resync\ndata: \{.*"code":"KERNEL_RESYNC".*\}\n\n/m)
  })

  test('goes on after a reconnect where the client was', async () => {
    push('one')
    push('two')
    expect(await (await subscribe('', { 'last-event-id': '1' })).until('two')).not.toContain('"one"')
    expect(await (await subscribe('?after=0')).until('two')).toContain('one')
  })

  test('says how much a client missed that was away too long', async () => {
    for (let i = 0; i < 5000; i++) push(`n${i}`)
    const text = await (await subscribe('?after=0')).until('n4999')
    expect(text).toContain('event: gap\ndata: {"missed":904}')
  })

  test('filters', async () => {
    const reader = await subscribe('?type=started')
    push('noise')
    daemon.events.push(1, { type: 'started', version: '1' })
    expect(await reader.until('STARTED')).not.toContain('noise')
  })

  test('a line feed in a peer text cannot forge an event', async () => {
    const reader = await subscribe()
    daemon.events.push(1, { type: 'admin', action: 'x', detail: 'a\n\nid: 99\nevent: forged\ndata: {}' })
    push('end')
    const text = await reader.until('KERNEL_RESYNC')
    expect(text.match(/^event: /gm)).toHaveLength(2)
    expect(text).not.toMatch(/^event: forged/m)
  })

  test('a thousand at once all hear the news, and the one too many is told so', async () => {
    const readers: Reader[] = []
    // In portions: a Unix socket refuses what its backlog cannot hold.
    for (let i = 0; i < 10; i++) readers.push(...(await Promise.all(Array.from({ length: 100 }, () => subscribe()))))
    push('hello everybody')
    await Promise.all(readers.map((reader) => reader.until('hello everybody')))
    const metrics = await api.metrics.text()
    expect(metrics).toMatch(/^starling_event_streams 1000$/m)
    const more = await Promise.all(Array.from({ length: LIMITS.streams - 1000 + 1 }, () => subscribe()))
    expect(more.filter(({ response }) => response.statusCode === 503)).toHaveLength(1)
  })

  test('a client that reads nothing costs one socket buffer, not a queue', async () => {
    const socket = connect(join(folder, 's.sock'))
    socket.write('GET /v1/events HTTP/1.1\r\nhost: x\r\naccept: text/event-stream\r\n\r\n')
    await new Promise((resolve) => socket.once('data', resolve))
    socket.pause()
    const before = process.memoryUsage().heapUsed
    // Far more than any socket buffer holds.
    for (let round = 0; round < 200; round++) {
      for (let i = 0; i < 200; i++) push('x'.repeat(400))
      await new Promise((resolve) => setImmediate(resolve))
    }
    expect(process.memoryUsage().heapUsed - before).toBeLessThan(64 * 1024 * 1024)
    const reader = await subscribe('?after=39999')
    await reader.until('id: 40000')
    socket.destroy()
  })
})
