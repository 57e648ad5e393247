/**
 * Clients that mean harm, or are only slow: half a request, and recordings by those who may not, too many of them, or
 * read by nobody.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { type IncomingMessage, request } from 'node:http'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { RecordListener } from '../ports.js'
import { type Api, type ApiOptions, startApi } from '../server.js'
import { type FakeDaemon, fakeDaemon } from '../testing/index.js'
import { LIMITS } from './context.js'

let folder = ''
let daemon: FakeDaemon
let api: Api
let recorders: RecordListener[] = []
const opened: IncomingMessage[] = []

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'starling-hostile-'))
  daemon = fakeDaemon()
  recorders = []
})
afterEach(async () => {
  for (const response of opened.splice(0)) response.destroy()
  await api.close()
  rmSync(folder, { recursive: true, force: true })
})

const socketPath = (): string => join(folder, 'starling.sock')
async function start(more: Partial<ApiOptions> = {}): Promise<void> {
  api = await startApi({ ports: daemon, control: socketPath(), metrics: { process: false }, ...more })
}

const RECORD = '/v1/peers/Mesh_10_0_0_12/record'

function get(path: string, target: object = { socketPath: socketPath() }, token = ''): Promise<IncomingMessage> {
  const headers = token === '' ? {} : { authorization: `Bearer ${token}` }
  return new Promise((resolve, reject) => {
    const sent = request({ ...target, path, headers }, (response) => {
      opened.push(response)
      resolve(response)
    })
    sent.on('error', reject)
    sent.end()
  })
}

function recordable(): void {
  daemon.record = (_peer, listener) => {
    recorders.push(listener)
    listener.line('{"input":"start"}')
    return () => {
      recorders = recorders.filter((each) => each !== listener)
    }
  }
}

test('half a request is answered 408 and closed, and others are served meanwhile', async () => {
  await start({ requestTimeout: 250 })
  const socket = connect({ path: socketPath() })
  let text = ''
  socket.on('data', (chunk: Buffer) => {
    text += chunk.toString()
  })
  const closed = new Promise((resolve) => socket.once('close', resolve))
  socket.write('POST /v1/drain HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{')
  expect((await get('/v1/summary')).statusCode).toBe(200)
  await closed
  expect(text).toMatch(/^HTTP\/1\.1 408 /)
  expect(daemon.actions).toEqual([])
})

describe('a recording', () => {
  test('over TCP is for the bearer of the token alone', async () => {
    recordable()
    await start({ http: { port: 0, token: 'secret' } })
    const target = { host: '127.0.0.1', port: Number(new URL(api.url ?? '').port) }
    expect((await get(RECORD, target)).statusCode).toBe(401)
    expect((await get(RECORD, target, 'wrong')).statusCode).toBe(401)
    expect(recorders).toHaveLength(0)
    expect((await get(RECORD, target, 'secret')).statusCode).toBe(200)
  })

  test('of nobody is 404, of a daemon that cannot 501', async () => {
    await start()
    expect((await get(RECORD)).statusCode).toBe(501)
    recordable()
    expect((await get('/v1/peers/nobody/record')).statusCode).toBe(404)
  })

  test('more than a few at a time are refused, and a reader that leaves makes room', async () => {
    recordable()
    await start()
    const first = await get(RECORD)
    for (let i = 1; i < LIMITS.recordings; i++) await get(RECORD)
    expect((await get(RECORD)).statusCode).toBe(503)
    first.destroy()
    for (let i = 0; i < 200 && recorders.length === LIMITS.recordings; i++) await new Promise(setImmediate)
    expect((await get(RECORD)).statusCode).toBe(200)
  })

  test('that nobody reads is cut off, not queued for', async () => {
    recordable()
    await start()
    ;(await get(RECORD)).pause()
    const line = JSON.stringify({ bytes: 'ff'.repeat(50_000) })
    let sent = 0
    for (; recorders.length === 1 && sent < 1_000; sent++) recorders[0]?.line(line)
    expect(recorders).toHaveLength(0)
    expect(sent * line.length).toBeLessThan(2 * LIMITS.recordBacklog)
  })

  test('ends for its reader when the session ends', async () => {
    recordable()
    await start()
    const response = await get(RECORD)
    let text = ''
    response.on('data', (chunk: Buffer) => {
      text += chunk.toString()
    })
    const ended = new Promise((resolve) => response.once('end', resolve))
    recorders[0]?.line('{"output":"end"}')
    recorders[0]?.ended('the session ended')
    await ended
    expect(text).toBe('data: {"input":"start"}\n\ndata: {"output":"end"}\n\n')
  })
})
