/**
 * What breaks between us and a real etcd: links cut at every moment, a member that hangs, members that die, history that
 * is compacted while we are away. One sentence holds throughout: a watch delivers every event once and in order, or
 * says that it cannot; and a syncer ends with what the store holds, without ever having removed what was not deleted.
 */
import { type Snapshot, Syncer } from '@starling/datastore'
import { systemClock } from '@starling/datastore/clock'
import { etcdDatastore } from '@starling/datastore/etcd'
import { EtcdClient, EtcdError, type EtcdOptions, type WatchEnd } from '@starling/etcd3'
import fc from 'fast-check'
import { afterEach, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { needs } from '../support/needs.js'
import { CuttingProxy, EtcdRig, PATIENT, pause, until } from './etcd-rig.js'

needs('etcd')

let rig: EtcdRig
let writer: EtcdClient
const cleanups: (() => void | Promise<void>)[] = []
beforeAll(async () => {
  rig = await EtcdRig.start()
  writer = await EtcdClient.open({ endpoints: rig.urls, ...PATIENT })
  return async () => {
    writer.close()
    await rig.close()
  }
})
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

async function proxied(options: EtcdOptions = {}) {
  const proxy = await CuttingProxy.start(rig.ports[0]!)
  const client = await EtcdClient.open({ endpoints: [proxy.url], maxBackoffMs: 50, ...options })
  cleanups.push(() => proxy.close())
  cleanups.push(() => client.close())
  return { proxy, client }
}

function watchAll(client: EtcdClient, prefix: string, from: number) {
  const values: string[] = []
  const ends: WatchEnd[] = []
  const links: boolean[] = []
  client.watchPrefix(prefix, from, {
    events: (events) => void values.push(...events.map(({ kv }) => kv.value)),
    link: (up) => void links.push(up),
    end: (end) => void ends.push(end),
  })
  return { values, ends, links }
}

const numbers = (count: number, start = 0) => Array.from({ length: count }, (_, i) => String(start + i))

async function write(key: string, values: readonly string[]): Promise<number> {
  let first = 0
  for (const value of values) {
    const revision = await writer.put(key, value)
    first ||= revision
  }
  return first
}

describe('a watch', () => {
  it('loses nothing when the link is cut between "created" and the replay', async () => {
    const from = await write('/gap/k', numbers(10))
    const { proxy, client } = await proxied({ maxBackoffMs: 5 })
    // Each connection lives for 20 bytes more than the one before: they die at every station on the way.
    let bytes = 0
    proxy.budget = () => (bytes += 20)
    const { values, ends, links } = watchAll(client, '/gap/', from)
    await until('all ten', () => values.length >= 10)
    const created = links.filter((up) => up).length
    expect(proxy.connections).toBeGreaterThan(10)
    expect(created).toBeGreaterThan(1)
    expect(values).toEqual(numbers(10))
    expect(ends).toEqual([])
  })

  it('delivers what happened while the link was down', async () => {
    const { proxy, client } = await proxied()
    const from = (await client.readPrefix('/down/')).revision + 1
    const { values, links } = watchAll(client, '/down/', from)
    await write('/down/k', ['before'])
    await until('the first', () => values.length === 1)
    proxy.down()
    await write('/down/k', numbers(20))
    expect(values).toEqual(['before'])
    proxy.up()
    await until('the rest', () => values.length === 21)
    expect(values).toEqual(['before', ...numbers(20)])
    expect(links).toEqual([true, false, true])
  })

  it('says compacted when the link was down for longer than the history lasts', async () => {
    const { proxy, client } = await proxied()
    const from = (await client.readPrefix('/long/')).revision + 1
    const { values, ends } = watchAll(client, '/long/', from)
    await write('/long/k', ['before'])
    await until('the first', () => values.length === 1)
    proxy.down()
    const revision = (await write('/long/k', numbers(5))) + 4
    await writer.compact(revision)
    proxy.up()
    await until('the end', () => ends.length > 0)
    expect(values).toEqual(['before'])
    expect(ends).toEqual([{ kind: 'compacted', revision }])
  })

  it('survives cuts at random moments: each event once, in order', async () => {
    let round = 0
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.integer({ min: 1, max: 4_000 }), { minLength: 1, maxLength: 8 }),
        async (budgets) => {
          const prefix = `/random${++round}/`
          const { proxy, client } = await proxied()
          const from = (await writer.readPrefix(prefix)).revision + 1
          // Each connection may carry so many bytes from the server; the last ones live.
          const left = [...budgets]
          proxy.budget = () => left.shift() ?? Number.POSITIVE_INFINITY
          const { values, ends } = watchAll(client, prefix, from)
          await write(`${prefix}k`, numbers(60))
          await until('all events', () => values.length >= 60)
          expect(values).toEqual(numbers(60))
          expect(ends).toEqual([])
          client.close()
          await proxy.close()
        },
      ),
      { numRuns: 15 },
    )
  })
})

describe('a member that hangs', () => {
  it('costs a call one deadline and a watch one keepalive, and loses neither', async () => {
    const hung = await EtcdRig.start()
    cleanups.push(() => hung.close())
    const keepalive = { timeMs: 1_000, timeoutMs: 500 }
    const client = await EtcdClient.open({
      endpoints: hung.urls,
      attemptMs: 500,
      callMs: 2_000,
      maxBackoffMs: 100,
      keepalive,
    })
    cleanups.push(() => client.close())
    const calm = await EtcdClient.open({ endpoints: hung.urls, ...PATIENT })
    cleanups.push(() => calm.close())
    const from = await calm.put('/hang/k', 'a')
    const { values, links } = watchAll(client, '/hang/', from)
    await until('the first', () => values.length === 1)

    onTestFinished(() => hung.signal(0, 'SIGCONT'))
    await hung.suspend(0)
    const asked = performance.now()
    const error = await client.get('/hang/k').catch((caught) => caught)
    expect(error).toBeInstanceOf(EtcdError)
    expect(error.retriable).toBe(true)
    // One deadline, not two.
    expect(performance.now() - asked).toBeLessThan(4_000)
    const write = await client.put('/hang/k', 'b').catch((caught) => caught)
    expect(write).toBeInstanceOf(EtcdError)
    await until('the watch notices', () => links.includes(false))

    hung.signal(0, 'SIGCONT')
    await until('the watch is back', () => links.at(-1) === true)
    await calm.put('/hang/k', 'c')
    await until('the change', () => values.includes('c'))
    expect(values.filter((value) => value !== 'b')).toEqual(['a', 'c'])
  })
})

/** A syncer on one prefix, and everything it ever said. */
function follow(datastore: Awaited<ReturnType<typeof etcdDatastore>>, prefix: string) {
  const snapshots: Record<string, string>[] = []
  const statuses: string[] = []
  const listener = {
    snapshot: (snapshot: Snapshot) =>
      void snapshots.push(Object.fromEntries([...snapshot.under('')].map(({ key, value }) => [key, value]))),
    status: (status: string) => void statuses.push(status),
  }
  const syncer = new Syncer({ datastore, prefixes: [prefix], clock: systemClock, listener })
  syncer.start()
  cleanups.push(() => syncer.stop())
  return { syncer, snapshots, statuses }
}

describe('a syncer', () => {
  it('keeps the last snapshot through an outage with compaction, and then shows exactly what the store holds', async () => {
    const proxy = await CuttingProxy.start(rig.ports[0]!)
    cleanups.push(() => proxy.close())
    const datastore = await etcdDatastore({ endpoints: [proxy.url], maxBackoffMs: 50, attemptMs: 1_000, callMs: 2_000 })
    cleanups.push(() => datastore.close())
    for (const key of ['keep', 'change', 'drop']) await writer.put(`/outage/${key}`, '1')
    const { syncer, snapshots, statuses } = follow(datastore, '/outage/')
    await until('in sync', () => syncer.status === 'in-sync')
    proxy.down()
    await until('it notices', () => syncer.status === 'resync')
    await writer.put('/outage/change', '2')
    await writer.delete('/outage/drop')
    await writer.compact(await writer.put('/outage/new', '1'))
    expect(snapshots).toHaveLength(1)
    proxy.up()
    await until('in sync again', () => syncer.status === 'in-sync' && snapshots.length > 1)
    const prefixed = { '/outage/keep': '1', '/outage/change': '2', '/outage/new': '1' }
    expect(snapshots.slice(1)).toEqual([prefixed])
    expect(statuses.at(-1)).toBe('in-sync')
  })
})

describe('a syncer under random harm', () => {
  type Step = 'put' | 'delete' | 'cut' | 'down' | 'up' | 'compact'
  const kinds = fc.constantFrom<Step>('put', 'put', 'put', 'put', 'delete', 'cut', 'down', 'up', 'compact')
  const steps = fc.array(fc.tuple(kinds, fc.integer({ min: 0, max: 5 }), fc.integer({ min: 0, max: 15 })), {
    minLength: 10,
    maxLength: 60,
  })

  it('ends with what etcd holds, and never takes a key away that nobody deleted', async () => {
    let round = 0
    await fc.assert(
      fc.asyncProperty(steps, async (sequence) => {
        const prefix = `/harm${++round}/`
        const proxy = await CuttingProxy.start(rig.ports[0]!)
        const datastore = await etcdDatastore({
          endpoints: [proxy.url],
          maxBackoffMs: 20,
          attemptMs: 1_000,
          callMs: 1_000,
        })
        await writer.put(`${prefix}stays`, 'for ever')
        const { syncer, snapshots } = follow(datastore, prefix)
        const truth: Record<string, string> = { [`${prefix}stays`]: 'for ever' }
        let n = 0
        for (const [step, key, wait] of sequence) {
          const name = `${prefix}${key}`
          if (step === 'put') {
            truth[name] = String(++n)
            await writer.put(name, truth[name])
          } else if (step === 'delete') {
            delete truth[name]
            await writer.delete(name)
          } else if (step === 'compact') await writer.compact(await writer.put('/tick', String(++n)))
          else proxy[step]()
          await pause(wait)
        }
        proxy.up()
        await until('the whole truth', () => JSON.stringify(sorted(snapshots.at(-1))) === JSON.stringify(sorted(truth)))
        for (const snapshot of snapshots) expect(snapshot[`${prefix}stays`]).toBe('for ever')
        syncer.stop()
        await datastore.close()
        await proxy.close()
      }),
      { numRuns: 8, endOnFailure: true },
    )
  })
})

const sorted = (contents: Record<string, string> = {}) => Object.entries(contents).sort()

describe('three members', () => {
  it('serve reads, writes and a watch while they are killed one after the other', async () => {
    const three = await EtcdRig.start({ members: 3 })
    cleanups.push(() => three.close())
    const datastore = await etcdDatastore({ endpoints: three.urls, maxBackoffMs: 100, attemptMs: 1_000 })
    cleanups.push(() => datastore.close())
    const { syncer, snapshots } = follow(datastore, '/three/')
    await until('in sync', () => syncer.status === 'in-sync')
    let written = 0
    /** Writes until it is certain; an ambiguous answer is looked up. */
    const certainly = async (value: string) => {
      const key = `/three/${value}`
      for (;;) {
        const result = await datastore.create(key, value).catch(() => undefined)
        if (result) return
      }
    }
    for (const victim of [0, 1, 2]) {
      for (let i = 0; i < 5; i++) await certainly(String(written++))
      await three.kill(victim)
      for (let i = 0; i < 5; i++) await certainly(String(written++))
      three.run(victim)
      await three.healthy()
    }
    await until('everything arrived', () => Object.keys(snapshots.at(-1) ?? {}).length === written)
    const sizes = snapshots.map((snapshot) => Object.keys(snapshot).length)
    expect(sizes).toEqual([...sizes].sort((a, b) => a - b))
    expect(written).toBe(30)
  })

  it('without a majority make a watch say so, and lose nothing', async () => {
    const three = await EtcdRig.start({ members: 3 })
    cleanups.push(() => three.close())
    const client = await EtcdClient.open({ endpoints: [three.urls[0]!], maxBackoffMs: 100, attemptMs: 10_000 })
    cleanups.push(() => client.close())
    const from = await client.put('/quorum/k', 'a')
    const { values, links } = watchAll(client, '/quorum/', from)
    await until('the first', () => values.length === 1)
    await Promise.all([three.kill(1), three.kill(2)])
    await until('no leader', () => links.includes(false))
    three.run(1)
    three.run(2)
    await until('the link is back', () => links.at(-1) === true)
    await until('a write succeeds', async () => (await client.put('/quorum/k', 'b').catch(() => 0)) > 0)
    await until('its event', () => values.at(-1) === 'b')
    expect([...new Set(values)]).toEqual(['a', 'b'])
  })
})
