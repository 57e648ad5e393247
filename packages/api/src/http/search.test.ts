import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type Api, startApi } from '../server.js'
import { type FakeDaemon, fakeDaemon, kernelRoute, peerView, routeView } from '../testing/index.js'
import { LIMITS } from './context.js'
import { byAddress, natural, type Pages, type Shape, searchTable } from './search.js'
import { nodeShape, peerShape } from './shapes.js'

let daemon: FakeDaemon
let api: Api

beforeEach(async () => {
  daemon = fakeDaemon()
  api = await startApi({ ports: daemon, http: { port: 0 }, metrics: { process: false } })
})
afterEach(() => api.close())

// biome-ignore lint/suspicious/noExplicitAny: JSON of unknown shape, looked into by assertions
async function ask(path: string): Promise<{ status: number; body: any }> {
  const response = await fetch(`${api.url}${path}`)
  return { status: response.status, body: await response.json() }
}

/** Every page of a question, by following `next`. */
async function whole<T>(path: string, list: string, pick: (row: never) => T): Promise<T[]> {
  const rows: T[] = []
  let cursor = ''
  for (let page = 0; page < 1000; page++) {
    const { status, body } = await ask(`${path}${cursor === '' ? '' : `&cursor=${encodeURIComponent(cursor)}`}`)
    expect(status).toBe(200)
    rows.push(...body[list].map(pick))
    if (body.next === undefined) return rows
    cursor = body.next
  }
  throw new Error('the pages do not end')
}

const nameOf = ({ name }: { name: string }) => name
const prefixOf = ({ prefix }: { prefix: string }) => prefix

describe('lists that are there whole', () => {
  beforeEach(() => {
    daemon.peerList = [1, 2, 3, 9, 10, 11, 20].map((number) =>
      peerView(`Mesh_10_0_0_${number}`, `10.0.0.${number}`, {
        since: 1000 * number,
        flaps: number % 3,
        ...(number === 9 ? { state: 'Connect', reason: 'connection refused' } : {}),
      }),
    )
  })

  test.each([
    ['name', ['1', '2', '3', '9', '10', '11', '20']],
    ['-name', ['20', '11', '10', '9', '3', '2', '1']],
    ['remoteAddress', ['1', '2', '3', '9', '10', '11', '20']],
    ['age', ['20', '11', '10', '9', '3', '2', '1']],
    ['-flaps', ['11', '2', '20', '1', '10', '3', '9']],
  ])('peers by %s, in pages that neither repeat nor skip', async (sort, order) => {
    for (const limit of [1, 2, 3, 100]) {
      const names = await whole(`/v1/peers?sort=${sort}&limit=${limit}`, 'peers', nameOf)
      expect(names).toEqual(order.map((number) => `Mesh_10_0_0_${number}`))
    }
  })

  test('words find what is anywhere in a row, in any case, and the total counts what they find', async () => {
    expect((await ask('/v1/peers?match=CONNECTION%20refused')).body).toMatchObject({
      total: 1,
      peers: [{ name: 'Mesh_10_0_0_9' }],
    })
    expect((await ask('/v1/peers?match=nothing%20like%20it')).body).toMatchObject({ total: 0, peers: [] })
    expect((await ask('/v1/nodes?match=rack%3Dr1')).body.total).toBe(1)
    expect((await ask('/v1/nodes?rack=r2')).body.total).toBe(0)
    expect((await ask('/v1/blocks?match=worker-1&sort=-allocated')).body.total).toBe(1)
  })

  test('what cannot be sorted by is refused with the names that can', async () => {
    const { status, body } = await ask('/v1/peers?sort=colour')
    expect(status).toBe(400)
    expect(body.error.message).toMatch(/^sort: one of name, -name, /)
  })

  test.each(['bm90IGpzb24', 'WzFd', 'W10', 'bnVsbA', '!!'])(
    'a cursor that is none of ours (%s) is refused',
    async (cursor) => {
      expect((await ask(`/v1/peers?cursor=${encodeURIComponent(cursor)}`)).body.error.code).toBe('API_BAD_CURSOR')
      expect((await ask(`/v1/routes?match=x&cursor=${encodeURIComponent(cursor)}`)).body.error.code).toBe(
        'API_BAD_CURSOR',
      )
    },
  )
})

describe('tables that are walked', () => {
  const many = 3 * LIMITS.slice + 7
  const numbered = (i: number): string => `10.${i >> 8}.${i & 255}.0/24`

  beforeEach(() => {
    daemon.routeList = Array.from({ length: many }, (_, i) =>
      routeView(numbered(many - 1 - i), {
        localPref: i % 5,
        from: `Mesh_${i % 7}`,
        asPath: i % 100 === 3 ? '64999' : '',
      }),
    )
    daemon.kernelList = Array.from({ length: many }, (_, i) => kernelRoute(numbered(many - 1 - i), { repairs: i % 4 }))
  })

  test('routes in the order of their prefixes, whatever the table’s own', async () => {
    const prefixes = await whole('/v1/routes?sort=prefix&limit=400', 'routes', prefixOf)
    expect(prefixes).toEqual(Array.from({ length: many }, (_, i) => numbered(i)))
  })

  test('by something that many share: each route once', async () => {
    const prefixes = await whole('/v1/routes?sort=-localPref&limit=300', 'routes', prefixOf)
    expect(new Set(prefixes).size).toBe(many)
    const { body } = await ask('/v1/routes?sort=-localPref&limit=1')
    expect(body).toMatchObject({ total: many, routes: [{ localPref: 4 }] })
  })

  test.each([1, 4, 1000])('what matches, in pages of %i', async (limit) => {
    const found = await whole(`/v1/routes?match=64999&limit=${limit}`, 'routes', prefixOf)
    expect(found).toEqual(daemon.routeList.filter(({ asPath }) => asPath === '64999').map(prefixOf))
  })

  test('kernel routes the same way', async () => {
    const { body } = await ask('/v1/kernel?sort=-repairs&match=installed&limit=2')
    expect(body).toMatchObject({ total: many, routes: [{ repairs: 3 }, { repairs: 3 }] })
  })

  test('others are served while walks are under way', async () => {
    const order: string[] = []
    const walked = ask('/v1/routes?sort=-prefix&limit=1').then(() => order.push('walk'))
    await ask('/livez').then(() => order.push('other'))
    await walked
    expect(order).toEqual(['other', 'walk'])
  })

  test('more walks than are allowed at a time are refused', async () => {
    const shape: Shape<number> = { id: String, text: String, fields: { n: (n) => n } }
    const walks = new Set<symbol>()
    const one = () => searchTable(() => ({ rows: [1] }), shape, { sort: 'n', limit: 1 }, { walks, gone: () => false })
    for (let i = 0; i < LIMITS.walks; i++) walks.add(Symbol())
    await expect(one()).rejects.toMatchObject({ code: 'API_BUSY', statusCode: 503 })
    walks.clear()
    expect((await one()).items).toEqual([1])
  })

  test('a walk whose client left stops', async () => {
    let pages = 0
    const shape: Shape<number> = { id: String, text: String, fields: { n: (n) => n } }
    const endless: Pages<number> = () => ({ rows: [pages++], next: '1' })
    const walks = new Set<symbol>()
    const found = await searchTable(endless, shape, { sort: 'n', limit: 1 }, { walks, gone: () => pages > 3 })
    expect(found.items).toEqual([0])
    expect(walks.size).toBe(0)
  })

  test('a table longer than a walk goes is shown in part, and says so', async () => {
    const shape: Shape<number> = { id: String, text: String, fields: { n: (n) => n } }
    const rows = Array.from({ length: 100_000 }, (_, i) => i)
    const endless: Pages<number> = () => ({ rows, next: '1' })
    const walk = { walks: new Set<symbol>(), gone: () => false }
    expect(await searchTable(endless, shape, { sort: '-n', limit: 1 }, walk)).toMatchObject({ partial: true })
    expect(await searchTable(endless, shape, { match: 'x', limit: 1 }, walk)).toMatchObject({
      partial: true,
      items: [],
    })
  })
})

describe('events', () => {
  beforeEach(() => {
    for (let i = 0; i < 200; i++) {
      daemon.events.push(i, { type: 'kernel-repair', prefix: `10.0.${i}.0/24`, detail: 'put back' })
      daemon.events.push(i, { type: 'datastore-status', status: 'in-sync', detail: `revision ${i}` })
    }
  })
  const ids = (body: { events: { id: number }[] }) => body.events.map(({ id }) => id)

  test('by words, by loudness, newest first', async () => {
    expect(ids((await ask('/v1/events?match=10.0.7.0&limit=10')).body)).toEqual([15])
    expect(ids((await ask('/v1/events?order=newest&limit=3')).body)).toEqual([400, 399, 398])
    expect(ids((await ask('/v1/events?order=newest&match=10.0.1&limit=1')).body)).toEqual([399])
    expect((await ask('/v1/events?level=error')).body.events).toEqual([])
    expect((await ask('/v1/events?level=loud')).body.error.message).toBe('level: one of debug, info, warn, error')
  })
})

test('keys order as people count', () => {
  expect(['n10', 'n9', 'n1'].sort((a, b) => (natural(a) < natural(b) ? -1 : 1))).toEqual(['n1', 'n9', 'n10'])
  const prefixes = ['fd00::/64', '10.0.0.0/8', '9.0.0.0/8', '10.0.0.0/24', 'nonsense']
  expect(prefixes.sort((a, b) => (byAddress(a) < byAddress(b) ? -1 : 1))).toEqual([
    '9.0.0.0/8',
    '10.0.0.0/8',
    '10.0.0.0/24',
    'fd00::/64',
    'nonsense',
  ])
  expect(Object.keys(peerShape.fields)).toContain('received')
  expect(Object.keys(nodeShape.fields)).toContain('rack')
})
