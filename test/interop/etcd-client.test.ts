/**
 * The etcd client against a real member: reads, writes, compare-and-swap, leases, status, and the watch under ordinary
 * conditions. What happens when links and members break is in `etcd-faults.test.ts`.
 */
import { absent, EtcdClient, unchanged, type WatchEnd, type WatchEvent } from '@starling/etcd3'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { needs } from '../support/needs.js'
import { freePort } from '../support/places.js'
import { EtcdRig, PATIENT, until } from './etcd-rig.js'

needs('etcd')

let rig: EtcdRig
let client: EtcdClient

beforeAll(async () => {
  rig = await EtcdRig.start()
  client = await EtcdClient.open({ endpoints: rig.urls, ...PATIENT })
})
afterAll(async () => {
  client.close()
  await rig.close()
})

/** A sink that keeps everything. */
function recorder() {
  const seen: WatchEvent[] = []
  const ends: WatchEnd[] = []
  const batches: number[] = []
  return {
    seen,
    ends,
    batches,
    events: (events: readonly WatchEvent[], revision: number) => {
      seen.push(...events)
      batches.push(revision)
    },
    end: (end: WatchEnd) => ends.push(end),
  }
}

describe('keys', () => {
  it('writes, reads and deletes text in any script', async () => {
    const revision = await client.put('/kv/straße', 'größe 🐦')
    const kv = await client.get('/kv/straße')
    expect(kv).toMatchObject({ key: '/kv/straße', value: 'größe 🐦', modRevision: revision, version: 1 })
    const gone = await client.delete('/kv/straße')
    expect(gone.deleted).toBe(1)
    expect(gone.prevKvs[0]?.value).toBe('größe 🐦')
    expect(await client.get('/kv/straße')).toBeUndefined()
  })

  it('agrees with etcdctl about keys, values and revisions', async () => {
    rig.ctl(['put', '/kv/foreign', '{"a":1}'])
    const raw = JSON.parse(rig.ctl(['get', '/kv/foreign', '-w', 'json']))
    const kv = await client.get('/kv/foreign')
    expect(kv?.value).toBe('{"a":1}')
    expect(kv?.modRevision).toBe(raw.kvs[0].mod_revision)
    expect(kv?.createRevision).toBe(raw.kvs[0].create_revision)
  })

  it('reads a prefix in pages at one revision although writes go on', async () => {
    for (let i = 0; i < 25; i++) await client.put(`/pages/${String(i).padStart(2, '0')}`, 'old')
    const reading = client.readPrefix('/pages/', 4)
    const writing = Promise.all(Array.from({ length: 25 }, (_, i) => client.put(`/pages/${i}x`, 'new')))
    const { kvs, revision } = await reading
    await writing
    expect(kvs.filter(({ value }) => value === 'old')).toHaveLength(25)
    expect(Math.max(...kvs.map((kv) => kv.modRevision))).toBeLessThanOrEqual(revision)
  })

  it('reads the whole store with an empty prefix', async () => {
    const { kvs } = await client.readPrefix('')
    expect(kvs.length).toBeGreaterThan(25)
  })

  it('swaps only over the revision compared, and tells what stands there otherwise', async () => {
    const key = '/cas/a'
    const create = { compare: [absent(key)], success: [{ put: { key, value: '1' } }], failure: [{ range: { key } }] }
    const first = await client.txn(create)
    expect(first.succeeded).toBe(true)
    const second = await client.txn(create)
    expect(second.succeeded).toBe(false)
    expect(second.responses[0]?.range?.kvs[0]?.value).toBe('1')
    const update = (revision: number) =>
      client.txn({ compare: [unchanged(key, revision)], success: [{ put: { key, value: '2' } }], failure: [] })
    expect((await update(first.header.revision)).succeeded).toBe(true)
    expect((await update(first.header.revision)).succeeded).toBe(false)
  })

  it('reports the status of each member', async () => {
    const [answer] = await client.status()
    expect(answer?.status).toMatchObject({ version: expect.stringMatching(/^3\./), errors: [] })
  })
})

describe('discovery', () => {
  it('asks again when all members it knew are gone, and moves calls and watches to the new ones', async () => {
    let port = await freePort()
    const resolveSrv = async (name: string) => {
      if (name.includes('ssl')) throw new Error('ENOTFOUND')
      return [{ name: '127.0.0.1', port, priority: 0, weight: 0 }]
    }
    const moved = await EtcdClient.open({ discoverySrv: 'cluster.example', resolveSrv, maxBackoffMs: 100 })
    const sink = recorder()
    const from = await client.put('/moved', '1')
    moved.watchPrefix('/moved', from, sink)
    port = rig.ports[0]!
    expect((await moved.get('/moved'))?.value).toBe('1')
    await until('the watch', () => sink.seen.length === 1)
    expect(moved.endpoints).toEqual(rig.urls)
    moved.close()
  })
})

describe('watch', () => {
  it('delivers history and then what happens, each revision whole and in order', async () => {
    const start = await client.put('/w/a', '1')
    await client.txn({
      compare: [],
      success: [{ put: { key: '/w/b', value: '1' } }, { put: { key: '/w/c', value: '1' } }],
      failure: [],
    })
    const sink = recorder()
    const watcher = client.watchPrefix('/w/', start, sink)
    await until('history', () => sink.seen.length === 3)
    await client.delete('/w/a')
    await client.put('/wx', 'not below the prefix')
    await client.put('/w/d', '1')
    await until('the live events', () => sink.seen.length === 5)
    expect(sink.seen.map(({ type, kv }) => `${type} ${kv.key}`)).toEqual([
      'put /w/a',
      'put /w/b',
      'put /w/c',
      'delete /w/a',
      'put /w/d',
    ])
    expect(watcher.cursor).toBe(sink.seen.at(-1)?.kv.modRevision)
    watcher.close()
    expect(sink.ends).toEqual([{ kind: 'closed' }])
  })

  it('puts a fragmented answer together and never splits a revision', async () => {
    const value = 'x'.repeat(300_000)
    const ops = Array.from({ length: 4 }, (_, i) => ({ put: { key: `/frag/${i}`, value } }))
    let from = 0
    for (let i = 0; i < 6; i++) {
      const { header } = await client.txn({ compare: [], success: ops, failure: [] })
      from ||= header.revision
    }
    const sink = recorder()
    const watcher = client.watchPrefix('/frag/', from, sink)
    await until('all of it', () => sink.seen.length === 24)
    expect(sink.batches).toEqual([...sink.batches].sort((a, b) => a - b))
    watcher.close()
  })

  it('says compacted, and from which revision on there is something, instead of skipping', async () => {
    const first = await client.put('/comp/a', '1')
    for (let i = 0; i < 5; i++) await client.put('/comp/a', String(i))
    await client.compact(first + 4)
    const sink = recorder()
    client.watchPrefix('/comp/', first, sink)
    await until('the end', () => sink.ends.length > 0)
    expect(sink.ends).toEqual([{ kind: 'compacted', revision: first + 4 }])
    expect(sink.seen).toEqual([])
  })
})

describe('leases', () => {
  it('keep their keys alive beyond the time to live, and take them along when revoked', async () => {
    const lost: string[] = []
    const lease = await client.lease(3, (reason) => lost.push(reason))
    await client.put('/lease/a', '1', { lease: lease.id })
    const end = performance.now() + 4_500
    await until('the time to live has passed', () => performance.now() > end)
    expect(await client.get('/lease/a')).toBeDefined()
    await lease.revoke()
    expect(await client.get('/lease/a')).toBeUndefined()
    expect(lost).toEqual([])
  })

  it('are reported lost when someone else revokes them', async () => {
    const lost: string[] = []
    const lease = await client.lease(2, (reason) => lost.push(reason))
    rig.ctl(['lease', 'revoke', BigInt(lease.id).toString(16)])
    await until('loss', () => lost.length === 1)
  })
})
