import { mkdtempSync, rmSync } from 'node:fs'
import { get } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type Api, startApi } from '../server.js'
import { type FakeDaemon, fakeDaemon, routeView } from '../testing/index.js'

let folder = ''
let daemon: FakeDaemon
let api: Api

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'starling-birdwatcher-'))
  daemon = fakeDaemon()
  api = await startApi({ ports: daemon, control: join(folder, 's.sock'), metrics: { process: false } })
})
afterEach(async () => {
  await api.close()
  rmSync(folder, { recursive: true, force: true })
})

// biome-ignore lint/suspicious/noExplicitAny: JSON of unknown shape, looked into by assertions
function ask(path: string): Promise<{ status: number | undefined; body: any }> {
  return new Promise((resolve, reject) => {
    get({ socketPath: join(folder, 's.sock'), path: `/birdwatcher${path}` }, (response) => {
      let text = ''
      response.on('data', (chunk) => {
        text += String(chunk)
      })
      response.on('end', () => resolve({ status: response.statusCode, body: JSON.parse(text) }))
    }).on('error', reject)
  })
}

describe('what Alice-LG parses', () => {
  test.each([
    '/status',
    '/protocols/bgp',
    '/protocols/short',
    '/routes/protocol/Global_192_0_2_1',
    '/routes/table/master',
  ])('%s is wrapped with version, cache status and ttl', async (path) => {
    expect((await ask(path)).body).toMatchObject({
      api: {
        Version: expect.any(String),
        result_from_cache: false,
        cache_status: { cached_at: { date: expect.any(String) } },
      },
      ttl: '2026-08-04T08:02:01.000Z',
    })
  })

  test('status', async () => {
    expect((await ask('/status')).body.status).toEqual({
      router_id: '10.0.0.11',
      version: 'Starling 0.1.0',
      message: 'Daemon is up and running',
      current_server: '2026-08-04 08:01:01',
      last_reboot: '2026-08-04 08:00:00',
      last_reconfig: '2026-08-04 08:00:00',
    })
  })

  test('neighbours', async () => {
    expect((await ask('/protocols/bgp')).body.protocols.Global_192_0_2_1).toMatchObject({
      bird_protocol: 'BGP',
      state: 'up',
      state_changed: '2026-08-04 08:00:01',
      neighbor_address: '192.0.2.1',
      neighbor_as: 64601,
      routes: { imported: 2, filtered: 1, exported: 1, preferred: 2 },
    })
  })

  test('a route', async () => {
    daemon.routeList = [
      routeView('10.1.0.0/16', { asPath: '64601 64602', communities: ['64601:1', '64601:2:3'], med: 5 }),
    ]
    expect((await ask('/routes/prefix?prefix=10.1.0.0/16')).body.routes).toEqual([
      {
        network: '10.1.0.0/16',
        gateway: '10.0.0.12',
        interface: '',
        from_protocol: 'Mesh_10_0_0_12',
        learnt_from: '10.0.0.12',
        age: '2026-08-04 08:00:01',
        primary: true,
        metric: 100,
        type: ['BGP', 'unicast', 'univ'],
        bgp: {
          origin: 'IGP',
          as_path: ['64601', '64602'],
          next_hop: '10.0.0.12',
          local_pref: '100',
          med: '5',
          communities: [[64601, 1]],
          large_communities: [[64601, 2, 3]],
          ext_communities: [],
        },
      },
    ])
  })

  test('what a peer was not sent', async () => {
    const exported = daemon.routes
    daemon.routes = (query) => (query.view === 'exported' ? { routes: [routeView('10.244.2.0/26')] } : exported(query))
    const { body } = await ask('/routes/noexport/Global_192_0_2_1')
    expect(body.routes.map((item: { network: string }) => item.network)).toEqual(['10.244.1.0/26'])
  })

  test('a large table arrives whole', async () => {
    daemon.routeList = Array.from({ length: 3000 }, (_, i) => routeView(`10.${i >> 8}.${i & 255}.0/24`))
    expect((await ask('/routes/table/master')).body.routes).toHaveLength(3000)
  })

  test('while a large table is written others get their turns, also where nothing of it is wanted', async () => {
    daemon.routeList = Array.from({ length: 20_000 }, (_, i) =>
      routeView(`10.${i >> 8}.${i & 255}.0/24`, { best: false }),
    )
    const pages = daemon.routes
    let calls = 0
    let turns = 0
    let calledInTurn = 0
    let most = 0
    let over = false
    daemon.routes = (query) => {
      calls++
      most = Math.max(most, ++calledInTurn)
      return pages(query)
    }
    const turn = (): void => {
      turns++
      calledInTurn = 0
      if (!over) setImmediate(turn)
    }
    setImmediate(turn)
    expect((await ask('/routes/noexport/Global_192_0_2_1')).body.routes).toEqual([])
    over = true
    expect(calls).toBeGreaterThan(1)
    expect(turns).toBeGreaterThanOrEqual(calls)
    expect(most).toBe(1)
  })

  test('communities by name, by pairs, by threes and extended ones', async () => {
    const communities = ['no-export', '64601:7', '64601:2:3', 'rt:64512:9', '0x4000fc0000000001']
    daemon.routeList = [routeView('10.1.0.0/16', { communities })]
    expect((await ask('/routes/prefix?prefix=10.1.0.0/16')).body.routes[0].bgp).toMatchObject({
      communities: [
        [65535, 65281],
        [64601, 7],
      ],
      large_communities: [[64601, 2, 3]],
      ext_communities: [
        ['rt', '64512', '9'],
        ['generic', '0x4000fc00', '0x00000001'],
      ],
    })
  })

  test('a table of BIRD 2 holds one family', async () => {
    daemon.routeList = [routeView('10.1.0.0/16'), routeView('fd00:1::/64', { family: 'ipv6' })]
    const networks = async (table: string) =>
      (await ask(`/routes/table/${table}`)).body.routes.map((item: { network: string }) => item.network)
    expect(await networks('master')).toEqual(['10.1.0.0/16', 'fd00:1::/64'])
    expect(await networks('master4')).toEqual(['10.1.0.0/16'])
    expect(await networks('master6')).toEqual(['fd00:1::/64'])
    expect((await ask('/routes/table/T64601')).status).toBe(400)
  })

  test('an address that ends in a slash asks for the same', async () => {
    expect((await ask('//status')).body.status.router_id).toBe('10.0.0.11')
  })

  test('a refusal is text where Alice looks for it', async () => {
    expect((await ask('/routes/protocol/nobody')).body).toEqual({
      error: expect.stringMatching(/: no peer has this name or address/),
      code: 'API_PEER_NOT_FOUND',
    })
  })

  test('nobody by that name, nothing of that form', async () => {
    expect((await ask('/routes/protocol/nobody')).status).toBe(404)
    expect((await ask('/routes/prefix?prefix=banana')).status).toBe(400)
  })
})
