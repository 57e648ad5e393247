import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Clock } from './clock.js'
import type { Datastore, Listing, Snapshot, SyncStatus, Watch, WatchEnd, WatchSink } from './datastore.js'
import { MemoryStore } from './memory.js'
import { Syncer, type SyncerOptions } from './syncer.js'

/** Jumps from timer to timer; promises settle between two of them. */
class SimulatedClock implements Clock {
  #now = 0
  #timers: { at: number; callback: () => void }[] = []

  now(): number {
    return this.#now
  }

  after(delay: number, callback: () => void): () => void {
    const timer = { at: this.#now + delay, callback }
    this.#timers.push(timer)
    return () => {
      this.#timers = this.#timers.filter((other) => other !== timer)
    }
  }

  async advance(milliseconds: number): Promise<void> {
    const end = this.#now + milliseconds
    for (;;) {
      await settled()
      const next = this.#timers.filter(({ at }) => at <= end).sort((a, b) => a.at - b.at)[0]
      if (next === undefined) break
      this.#timers = this.#timers.filter((timer) => timer !== next)
      this.#now = Math.max(this.#now, next.at)
      next.callback()
    }
    this.#now = end
  }
}

const settled = () => new Promise((resolve) => setImmediate(resolve))

/** A memory store whose lists and watches a test can break. */
class Fragile {
  readonly store = new MemoryStore()
  readonly datastore: Datastore
  lists: string[] = []
  failLists: Error | undefined
  readonly #sinks = new Map<WatchSink, string>()

  constructor(clock: Clock) {
    const inner = this.store.connect()
    this.datastore = {
      description: 'fragile',
      get: (key) => inner.get(key),
      list: async (prefix): Promise<Listing> => {
        this.lists.push(`${clock.now()} ${prefix}`)
        if (this.failLists) throw this.failLists
        return inner.list(prefix)
      },
      watch: (prefix, from, sink): Watch => {
        const watch = inner.watch(prefix, from, {
          events: (events, revision) => sink.events(events, revision),
          link: (up, detail) => sink.link?.(up, detail),
          end: (end) => {
            this.#sinks.delete(ender)
            sink.end(end)
          },
        })
        const ender: WatchSink = {
          events: () => {},
          link: (up, detail) => sink.link?.(up, detail),
          end: (end: WatchEnd) => {
            this.#sinks.delete(ender)
            // From here on the inner watch must be silent.
            sink.end(end)
            watch.close()
          },
        }
        this.#sinks.set(ender, prefix)
        return watch
      },
      create: (key, value) => inner.create(key, value),
      update: (key, value, revision) => inner.update(key, value, revision),
      delete: (key, revision) => inner.delete(key, revision),
      close: () => inner.close(),
    }
  }

  set(key: string, value: string | undefined): void {
    this.store.commit([{ key, value }])
  }

  breakWatches(end: WatchEnd = { reason: 'broken', error: 'cut' }, below = '/'): void {
    for (const [sink, prefix] of [...this.#sinks]) if (prefix.startsWith(below)) sink.end(end)
  }

  link(up: boolean): void {
    for (const sink of this.#sinks.keys()) sink.link?.(up, up ? '' : 'no route')
  }
}

function setup(options: Partial<SyncerOptions> = {}) {
  const clock = new SimulatedClock()
  const fragile = new Fragile(clock)
  const snapshots: { at: number; content: Record<string, string>; changed: string[] }[] = []
  const statuses: string[] = []
  const listener = {
    snapshot(snapshot: Snapshot, changed: ReadonlySet<string>) {
      const content = Object.fromEntries([...snapshot.under('')].map(({ key, value }) => [key, value]))
      snapshots.push({ at: clock.now(), content, changed: [...changed].sort() })
    },
    status: (status: SyncStatus, detail: string) => statuses.push(detail ? `${status}: ${detail}` : status),
  }
  const syncer = new Syncer({ datastore: fragile.datastore, prefixes: ['/a/', '/b/'], clock, listener, ...options })
  return { clock, fragile, snapshots, statuses, syncer }
}

describe('a syncer', () => {
  it('says nothing before every prefix is listed, then everything at once', async () => {
    const { clock, fragile, snapshots, statuses, syncer } = setup()
    fragile.set('/a/1', 'x')
    fragile.set('/b/1', 'y')
    fragile.set('/c/1', 'not ours')
    syncer.start()
    await clock.advance(0)
    expect(statuses).toEqual(['waiting: listing fragile', 'in-sync: 2 keys at revision 4'])
    expect(snapshots).toEqual([{ at: 0, content: { '/a/1': 'x', '/b/1': 'y' }, changed: ['/a/1', '/b/1'] }])
  })

  it('gives an empty snapshot for an empty store: in sync is news too', async () => {
    const { clock, snapshots, syncer } = setup()
    syncer.start()
    await clock.advance(0)
    expect(snapshots).toEqual([{ at: 0, content: {}, changed: [] }])
  })

  it('passes a lone change on at once and gathers a burst into its newest values', async () => {
    const { clock, fragile, snapshots, syncer } = setup({ gatherMs: 10 })
    syncer.start()
    await clock.advance(100)
    fragile.set('/a/1', '0')
    await clock.advance(0)
    for (let i = 1; i <= 50; i++) fragile.set('/a/1', String(i))
    fragile.set('/a/2', 'gone again')
    fragile.set('/a/2', undefined)
    await clock.advance(100)
    expect(snapshots.slice(1)).toEqual([
      { at: 100, content: { '/a/1': '0' }, changed: ['/a/1'] },
      { at: 110, content: { '/a/1': '50' }, changed: ['/a/1'] },
    ])
  })

  it('does not bother its listener with a rewrite of the same value, but knows its revision', async () => {
    const { clock, fragile, snapshots, syncer } = setup()
    fragile.set('/a/1', 'x')
    syncer.start()
    await clock.advance(100)
    fragile.set('/a/1', 'x')
    await clock.advance(100)
    expect(snapshots).toHaveLength(1)
    expect(syncer.snapshot.get('/a/1')?.revision).toBe(fragile.store.revision)
  })

  it('keeps the last snapshot when watch and lists break, and catches up by comparison afterwards', async () => {
    const { clock, fragile, snapshots, statuses, syncer } = setup()
    for (const key of ['/a/keep', '/a/change', '/a/drop']) fragile.set(key, '1')
    syncer.start()
    await clock.advance(1_000)
    statuses.length = 0
    fragile.failLists = new Error('no route to etcd')
    fragile.breakWatches()
    fragile.set('/a/change', '2')
    fragile.set('/a/drop', undefined)
    fragile.set('/b/new', '1')
    await clock.advance(60_000)
    expect(snapshots).toHaveLength(1)
    expect(syncer.snapshot.size).toBe(3)
    expect(statuses[0]).toBe('resync: watch /a/: cut')
    expect(syncer.status).toBe('resync')
    fragile.failLists = undefined
    await clock.advance(2_000)
    expect(syncer.status).toBe('in-sync')
    expect(snapshots.slice(1)).toMatchObject([
      { content: { '/a/keep': '1', '/a/change': '2', '/b/new': '1' }, changed: ['/a/change', '/a/drop', '/b/new'] },
    ])
  })

  it('waits a second after a failed list and half a second between two lists', async () => {
    const { clock, fragile, syncer } = setup({ prefixes: ['/a/'] })
    fragile.failLists = new Error('down')
    syncer.start()
    await clock.advance(2_500)
    expect(fragile.lists).toEqual(['0 /a/', '1000 /a/', '2000 /a/'])
    fragile.failLists = undefined
    await clock.advance(600)
    fragile.breakWatches()
    await clock.advance(100)
    fragile.breakWatches()
    await clock.advance(1_000)
    expect(fragile.lists.slice(3)).toEqual(['3000 /a/', '3500 /a/'])
  })

  it('spreads the retries of many nodes when it is given dice', async () => {
    const { clock, fragile, syncer } = setup({ prefixes: ['/a/'], random: () => 0.5 })
    fragile.failLists = new Error('down')
    syncer.start()
    await clock.advance(1_300)
    expect(fragile.lists).toEqual(['0 /a/', '1250 /a/'])
  })

  it('holds back one prefix while another is listed anew: half a picture looks like deletions', async () => {
    const { clock, fragile, snapshots, syncer } = setup()
    fragile.set('/a/1', '1')
    syncer.start()
    await clock.advance(1_000)
    fragile.failLists = new Error('down')
    fragile.breakWatches({ reason: 'compacted', revision: 9 }, '/a/')
    await clock.advance(500)
    fragile.set('/b/1', '1')
    fragile.set('/a/1', undefined)
    await clock.advance(400)
    expect(snapshots).toHaveLength(1)
    fragile.failLists = undefined
    await clock.advance(1_000)
    expect(snapshots.slice(1).map(({ content }) => content)).toEqual([{ '/b/1': '1' }])
  })

  it('shows a broken link as resync and its return as in-sync, without listing', async () => {
    const { clock, fragile, statuses, syncer } = setup({ prefixes: ['/a/'] })
    syncer.start()
    await clock.advance(1_000)
    const lists = fragile.lists.length
    statuses.length = 0
    fragile.link(false)
    await clock.advance(1_000)
    fragile.link(true)
    await clock.advance(1_000)
    expect(statuses).toEqual(['resync: watch /a/: no route', 'in-sync'])
    expect(fragile.lists).toHaveLength(lists)
  })

  it('sees that a store which began anew holds another value under the same revision', async () => {
    const { clock, fragile, snapshots, syncer } = setup({ prefixes: ['/a/'] })
    fragile.set('/a/1', 'old')
    syncer.start()
    await clock.advance(1_000)
    const { revision } = fragile.store
    fragile.datastore.list = async () => ({ entries: [{ key: '/a/1', value: 'new', revision }], revision })
    fragile.breakWatches()
    await clock.advance(1_000)
    expect(snapshots.at(-1)).toMatchObject({ content: { '/a/1': 'new' }, changed: ['/a/1'] })
  })

  it('lists a prefix below another only once', async () => {
    const { clock, fragile, syncer } = setup({ prefixes: ['/a/', '/a/b/', '/a/'] })
    syncer.start()
    await clock.advance(0)
    expect(fragile.lists).toEqual(['0 /a/'])
  })

  it('is silent once stopped', async () => {
    const { clock, fragile, snapshots, statuses, syncer } = setup()
    syncer.start()
    await clock.advance(0)
    statuses.length = 0
    fragile.set('/a/1', '1')
    syncer.stop()
    fragile.breakWatches()
    await clock.advance(10_000)
    expect([snapshots.length, statuses]).toEqual([1, []])
  })

  type Step = 'put' | 'delete' | 'break' | 'compact' | 'fail' | 'heal' | 'wait'
  const steps = fc.array(
    fc.tuple(
      fc.constantFrom<Step>('put', 'put', 'put', 'delete', 'break', 'compact', 'fail', 'heal', 'wait'),
      fc.integer({ min: 0, max: 5 }),
    ),
    { maxLength: 40 },
  )
  it('ends with exactly the store’s content, and each step is its changes, whatever breaks on the way', async () => {
    await fc.assert(
      fc.asyncProperty(steps, async (sequence) => {
        const { clock, fragile, snapshots, syncer } = setup()
        syncer.start()
        let n = 0
        for (const [step, key] of sequence) {
          const name = key < 3 ? `/a/${key}` : `/b/${key}`
          if (step === 'put') fragile.set(name, String(++n))
          else if (step === 'delete') fragile.set(name, undefined)
          else if (step === 'break') fragile.breakWatches()
          else if (step === 'compact') fragile.store.compact()
          else if (step === 'fail') fragile.failLists = new Error('down')
          else if (step === 'heal') fragile.failLists = undefined
          else await clock.advance(key * 100)
        }
        fragile.failLists = undefined
        await clock.advance(3_000)
        const truth = Object.fromEntries(fragile.store.list('').entries.map(({ key, value }) => [key, value]))
        expect(snapshots.at(-1)?.content).toEqual(truth)
        let before: Record<string, string> = {}
        for (const { content, changed } of snapshots) {
          const all = new Set([...Object.keys(before), ...Object.keys(content)])
          expect(changed).toEqual([...all].filter((key) => before[key] !== content[key]).sort())
          before = content
        }
        syncer.stop()
      }),
      { numRuns: 100 },
    )
  })
})
