import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type Api, type ApiOptions, startApi } from './server.js'
import { type FakeDaemon, fakeDaemon } from './testing/index.js'

interface Answer {
  readonly status: number
  readonly headers: Record<string, string | string[] | undefined>
  readonly text: string
  // biome-ignore lint/suspicious/noExplicitAny: JSON of unknown shape, looked into by assertions
  readonly body: any
}

let folder = ''
let daemon: FakeDaemon
let api: Api | undefined

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'starling-api-'))
  daemon = fakeDaemon()
})
afterEach(async () => {
  await api?.close()
  api = undefined
  rmSync(folder, { recursive: true, force: true })
})

const control = (): string => join(folder, 'starling.sock')

async function start(more: Partial<ApiOptions> = {}): Promise<void> {
  api = await startApi({ ports: daemon, control: control(), metrics: { process: false }, ...more })
}

function ask(
  path: string,
  options: { method?: string; body?: string; headers?: Record<string, string>; port?: number } = {},
): Promise<Answer> {
  const { method = 'GET', body, headers = {}, port } = options
  const where = port === undefined ? { socketPath: control() } : { host: '127.0.0.1', port }
  return new Promise((resolve, reject) => {
    const sent = request({ ...where, path, method, headers }, (response) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.on('end', () => {
        const text = Buffer.concat(chunks).toString()
        const json = String(response.headers['content-type']).includes('json')
        resolve({
          status: response.statusCode ?? 0,
          headers: response.headers,
          text,
          body: json ? JSON.parse(text) : undefined,
        })
      })
    })
    sent.on('error', reject)
    sent.end(body)
  })
}

const post = (path: string, body: unknown, more: { headers?: Record<string, string>; port?: number } = {}) =>
  ask(path, {
    method: 'POST',
    body: JSON.stringify(body),
    ...more,
    headers: { 'content-type': 'application/json', ...more.headers },
  })

describe('reads', () => {
  test('the socket is for owner and group only', async () => {
    await start()
    expect(statSync(control()).mode & 0o777).toBe(0o660)
  })

  test('peers carry RFC 3339 times and an age', async () => {
    await start()
    const { body } = await ask('/v1/peers')
    expect(body.total).toBe(4)
    const peer = body.peers.find((item: { name: string }) => item.name === 'Mesh_10_0_0_13')
    expect(peer).toMatchObject({ state: 'Connect', since: '2026-08-04T08:00:31.000Z', age: 30 })
  })

  test('peers are filtered by state and kind', async () => {
    await start()
    expect((await ask('/v1/peers?state=down')).body.peers).toHaveLength(1)
    expect((await ask('/v1/peers?kind=global')).body.peers).toHaveLength(1)
  })

  test('pages of peers neither repeat nor skip', async () => {
    await start()
    const seen: string[] = []
    let path = '/v1/peers?limit=1'
    for (let i = 0; i < 10 && path !== ''; i++) {
      const { body } = await ask(path)
      seen.push(...body.peers.map((peer: { name: string }) => peer.name))
      path = body.next === undefined ? '' : `/v1/peers?limit=1&cursor=${body.next}`
    }
    expect(seen.sort()).toEqual(daemon.peerList.map((peer) => peer.name).sort())
  })

  test('a peer is found by name and by address', async () => {
    await start()
    expect((await ask('/v1/peers/Global_192_0_2_1')).body.remoteAs).toBe(64601)
    expect((await ask('/v1/peers/fd00%3Aa%3A%3A12')).body.name).toBe('Mesh_fd00_a__12')
  })

  test('a prefix is made canonical before the engine sees it', async () => {
    await start()
    await ask('/v1/routes?in=10.244.7.9/16')
    expect(daemon.asked?.match).toEqual({ kind: 'in', prefix: '10.244.0.0/16' })
    await ask('/v1/routes?prefix=FD00:0:0::1/64')
    expect(daemon.asked?.match).toEqual({ kind: 'exact', prefix: 'fd00::/64' })
  })

  test('kernel routes come with the totals; a reflector has none', async () => {
    await start()
    expect((await ask('/v1/kernel')).body).toMatchObject({ kernel: { driver: 'memory' }, routes: [{ repairs: 0 }] })
    daemon.kernelState = undefined
    expect(await ask('/v1/kernel')).toMatchObject({ status: 404, body: { error: { code: 'API_NO_KERNEL' } } })
  })

  test.each(['/v1/summary', '/v1/groups', '/v1/blocks', '/v1/nodes', '/v1/events', '/v1/bad-updates', '/v1/errors'])(
    '%s answers',
    async (path) => {
      await start()
      expect((await ask(path)).status).toBe(200)
    },
  )

  test('the OpenAPI document lists every page', async () => {
    await start()
    const { body } = await ask('/v1/openapi.json')
    expect(body.openapi).toBe('3.1.0')
    expect(Object.keys(body.paths)).toEqual(
      expect.arrayContaining(['/v1/peers', '/v1/peers/{name}', '/v1/routes', '/v1/explain', '/metrics', '/readyz']),
    )
  })

  test('a dead process leaves a socket behind and the next one takes its place; a live one is respected', async () => {
    await start()
    await expect(startApi({ ports: daemon, control: control() })).rejects.toThrow('in use')
  })
})

describe('changes', () => {
  test('the Unix socket may change things', async () => {
    await start()
    const answer = await post('/v1/peers/Mesh_10_0_0_12/actions', { operation: 'disable', reason: 'maintenance' })
    expect(answer).toMatchObject({ status: 200, body: { changed: true } })
    expect(daemon.actions).toEqual([{ action: 'peer', operation: 'disable', peer: '10.0.0.12', reason: 'maintenance' }])
  })

  test('TCP without a token takes none, with a token only for its bearer', async () => {
    await start({ http: { port: 0 } })
    const open = Number(new URL(api?.url ?? '').port)
    expect(await post('/v1/reload', {}, { port: open })).toMatchObject({ status: 403 })
    await api?.close()
    await start({ http: { port: 0, token: 'right' } })
    const port = Number(new URL(api?.url ?? '').port)
    expect(await post('/v1/reload', {}, { port })).toMatchObject({ status: 401 })
    expect(await post('/v1/reload', {}, { port, headers: { authorization: 'Bearer wrong' } })).toMatchObject({
      status: 401,
    })
    expect(daemon.actions).toEqual([])
    expect(await post('/v1/reload', {}, { port, headers: { authorization: 'Bearer right' } })).toMatchObject({
      status: 200,
    })
    expect(daemon.actions).toEqual([{ action: 'reload' }])
  })

  test('a refusal says why', async () => {
    await start()
    daemon.adminResult = { ok: false, code: 'refused', detail: 'held down: secret missing' }
    expect(await post('/v1/peers/10.0.0.12/actions', { operation: 'enable' })).toMatchObject({
      status: 409,
      body: { error: { code: 'API_REFUSED', message: 'held down: secret missing' } },
    })
  })
})

describe('hostile input gets a clear 4xx and changes nothing', () => {
  const cases: readonly [string, string, number, string][] = [
    ['a word as prefix', '/v1/routes?prefix=banana', 400, 'API_BAD_PREFIX'],
    ['a prefix longer than its family', '/v1/explain?prefix=10.0.0.0/33', 400, 'API_BAD_PREFIX'],
    ['a zone in a prefix', '/v1/explain?prefix=fe80::1%25eth0', 400, 'API_BAD_PREFIX'],
    ['an endless prefix', `/v1/routes?prefix=${'1'.repeat(5000)}`, 400, 'API_BAD_REQUEST'],
    ['two questions at once', '/v1/routes?prefix=10.0.0.0/8&in=10.0.0.0/8', 400, 'API_BAD_REQUEST'],
    ['an array where text is due', '/v1/routes?prefix=1.1.1.1&prefix=2.2.2.2', 400, 'API_BAD_REQUEST'],
    ['an unknown parameter', '/v1/peers?colour=red', 400, 'API_BAD_REQUEST'],
    ['a page too large', '/v1/routes?limit=100000000', 400, 'API_BAD_REQUEST'],
    ['a cursor from nowhere', '/v1/peers?cursor=%00%01', 400, 'API_BAD_CURSOR'],
    ['a peer that is a path', '/v1/peers/..%2F..%2Fetc%2Fpasswd', 404, 'API_PEER_NOT_FOUND'],
    ['an endless name', `/v1/peers/${'a'.repeat(5000)}`, 400, 'API_BAD_REQUEST'],
    ['a path that is no text', '/v1/peers/%E0%A4%A', 400, 'API_BAD_REQUEST'],
    ['a cursor of routes from nowhere', '/v1/routes?cursor=zzzz', 400, 'API_BAD_CURSOR'],
    ['a prototype as peer', '/v1/peers/__proto__', 404, 'API_PEER_NOT_FOUND'],
    ['received routes of nobody', '/v1/routes?view=received', 400, 'API_BAD_REQUEST'],
    ['a prefix nobody announced', '/v1/explain?prefix=9.9.9.0/24', 404, 'API_PREFIX_NOT_FOUND'],
    ['no such page', '/v1/nothing', 404, 'API_NOT_FOUND'],
  ]
  test.each(cases)('%s', async (_what, path, status, code) => {
    await start()
    const answer = await ask(path)
    expect(answer.body.error.code).toBe(code)
    expect(answer.status).toBe(status)
    expect(answer.text.length).toBeLessThan(1000)
  })

  test('ten megabytes of body are refused without being read to the end', async () => {
    await start()
    const big = 'x'.repeat(10 * 1024 * 1024)
    const answer = await post('/v1/drain', { enabled: true, reason: big }).catch((error: Error) => error)
    // Either the answer arrives, or the server has closed on the sender already.
    if (!(answer instanceof Error))
      expect(answer).toMatchObject({ status: 413, body: { error: { code: 'API_BODY_TOO_LARGE' } } })
    expect(daemon.actions).toEqual([])
  })

  test('a body that is no JSON, or not of the form', async () => {
    await start()
    const headers = { 'content-type': 'application/json' }
    expect((await ask('/v1/drain', { method: 'POST', body: '{', headers })).status).toBe(400)
    expect(
      (await ask('/v1/drain', { method: 'POST', body: '<a/>', headers: { 'content-type': 'text/xml' } })).status,
    ).toBe(415)
    expect((await post('/v1/peers/10.0.0.12/actions', { operation: 'explode' })).status).toBe(400)
    expect((await post('/v1/drain', { enabled: true, __proto__: { x: 1 }, extra: 1 })).status).toBe(400)
    expect(daemon.actions).toEqual([])
  })

  test('the wrong method on a known page', async () => {
    await start()
    expect(await ask('/v1/peers', { method: 'DELETE' })).toMatchObject({ status: 405 })
  })

  test('HTML in a peer description stays text, and no browser would run it', async () => {
    await start()
    daemon.peerList = [{ ...daemon.peerList[0]!, description: '<script>alert(1)</script>\u202e\u0007' }]
    const answer = await ask('/v1/peers')
    expect(answer.body.peers[0].description).toBe('<script>alert(1)</script>\\u202e\\u0007')
    expect(answer.headers['content-type']).toContain('application/json')
    expect(answer.headers['x-content-type-options']).toBe('nosniff')
    expect(answer.headers['content-security-policy']).toContain("default-src 'none'")
  })

  test('a defect of ours shows a code and nothing of the inside', async () => {
    await start()
    daemon.groups = () => {
      throw new Error('secret path /root')
    }
    const answer = await ask('/v1/groups')
    expect(answer).toMatchObject({ status: 500, body: { error: { code: 'API_INTERNAL' } } })
    expect(answer.text).not.toContain('secret')
  })
})

describe('health', () => {
  test('ready while one peer is Established, with reasons when none is', async () => {
    await start()
    expect((await ask('/readyz')).status).toBe(200)
    daemon.peerList = daemon.peerList.map((peer) => ({ ...peer, state: 'Active', reason: 'no answer' }))
    const answer = await ask('/readyz')
    expect(answer.status).toBe(503)
    expect(answer.body.reasons[0]).toMatchObject({ code: 'no-peer-established', peers: expect.any(Array) })
    expect((await ask('/livez')).status).toBe(200)
    expect((await ask('/healthz')).body).toMatchObject({ ok: false, live: { ok: true }, ready: { ok: false } })
  })

  test('one family alone can be asked', async () => {
    await start()
    daemon.peerList = daemon.peerList.map((peer) =>
      peer.remoteAddress.includes(':') ? { ...peer, state: 'Idle' } : peer,
    )
    expect((await ask('/readyz?family=ipv4')).status).toBe(200)
    expect((await ask('/readyz?family=ipv6')).status).toBe(503)
  })
})
