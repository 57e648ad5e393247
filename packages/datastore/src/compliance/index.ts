/**
 * What every datastore driver must do, as one vitest suite: the contract of `datastore.ts` in sentences. A driver's test
 * calls `datastoreCompliance` with a function that makes one over a store of its own; a driver that cannot write says so
 * and is judged on reading alone. Nothing here knows which driver it drives.
 */
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type Datastore, DatastoreError, type WatchEnd, type WatchEvent } from '../datastore.js'

export interface DriverUnderTest {
  readonly datastore: Datastore
  /** Writes and removes as somebody else would: etcdctl, an editor, another node. */
  set(key: string, value: string): Promise<void>
  remove(key: string): Promise<void>
  /** Makes the store forget its history; needed with the trait `compacts`. */
  compact?(): Promise<void>
  /** Breaks the link between driver and store for a moment; needed with the trait `linked`. */
  cut?(): Promise<void>
  close(): Promise<void>
}

export interface DriverTraits {
  /** False: create, update and delete reject. */
  readonly writable?: boolean
  /** A store that coalesces (a folder of files) may show only the newest of two changes to one key. */
  readonly everyChange?: boolean
  /** The store can forget its history. */
  readonly compacts?: boolean
  /** There is a link to the store that can break. */
  readonly linked?: boolean
}

const PREFIX = '/compliance/'
const json = (n: number | string) => JSON.stringify({ n })

/** Waits for a condition; the real stores behind some drivers answer in their own time. */
async function until(what: string, condition: () => boolean): Promise<void> {
  for (let i = 0; i < 40_000; i++) {
    if (condition()) return
    await new Promise((resolve) => setTimeout(resolve, 2))
  }
  throw new Error(`waited in vain: ${what}`)
}

export class RecordingSink {
  readonly log: string[] = []
  readonly seen: WatchEvent[] = []
  readonly revisions: number[] = []
  readonly ends: WatchEnd[] = []

  events(events: readonly WatchEvent[], revision: number): void {
    this.revisions.push(revision)
    for (const event of events) {
      this.seen.push(event)
      this.log.push(event.type === 'put' ? `${event.entry.key}=${event.entry.value}` : `${event.key} gone`)
    }
  }

  end(end: WatchEnd): void {
    this.ends.push(end)
  }
}

export function datastoreCompliance(
  name: string,
  make: () => Promise<DriverUnderTest>,
  { writable = true, everyChange = true, compacts = true, linked = false }: DriverTraits = {},
): void {
  describe(`${name} keeps the datastore contract:`, () => {
    let driver: DriverUnderTest
    let store: Datastore

    beforeEach(async () => {
      driver = await make()
      store = driver.datastore
    })
    afterEach(() => driver.close())

    const written = async (key: string, value: string) => {
      await driver.set(key, value)
      await untilListed(key, value)
    }
    const untilListed = async (key: string, value: string | undefined) => {
      for (let i = 0; i < 2_000; i++) {
        if ((await store.get(key))?.value === value) return
        await new Promise((resolve) => setTimeout(resolve, 2))
      }
      throw new Error(`${key} never became ${value}`)
    }

    reading()
    watching()
    if (everyChange) replaying()
    if (compacts) compacting()
    if (linked) breaking()
    if (writable) writing()
    else refusing()

    function reading(): void {
      it('lists nothing under a prefix nobody wrote to, at a real revision', async () => {
        const { entries, revision } = await store.list('/nobody/')
        expect(entries).toEqual([])
        expect(revision).toBeGreaterThan(0)
      })

      it('lists what is below the prefix, in key order, and nothing beside it', async () => {
        await written(`${PREFIX}b`, json(2))
        await written(`${PREFIX}a`, json(1))
        await written('/compliance-not/c', json(3))
        const { entries, revision } = await store.list(PREFIX)
        expect(entries.map(({ key, value }) => [key, value])).toEqual([
          [`${PREFIX}a`, json(1)],
          [`${PREFIX}b`, json(2)],
        ])
        for (const entry of entries) expect(entry.revision).toBeLessThanOrEqual(revision)
      })

      it('gets one entry, or nothing', async () => {
        await written(`${PREFIX}one`, json(1))
        const entry = await store.get(`${PREFIX}one`)
        expect(entry).toMatchObject({ key: `${PREFIX}one`, value: json(1) })
        expect(await store.get(`${PREFIX}on`)).toBeUndefined()
        expect(await store.get(`${PREFIX}one1`)).toBeUndefined()
      })

      it('gives an entry a higher revision with every change, and only then', async () => {
        await written(`${PREFIX}r`, json(1))
        const first = await store.get(`${PREFIX}r`)
        await written(`${PREFIX}other`, json(1))
        expect((await store.get(`${PREFIX}r`))?.revision).toBe(first?.revision)
        await written(`${PREFIX}r`, json(2))
        expect((await store.get(`${PREFIX}r`))?.revision).toBeGreaterThan(first!.revision)
      })

      it('keeps text in every script and value byte for byte', async () => {
        const value = JSON.stringify({ text: 'Größe 星 🐦 \\u003c "quoted"', n: 12345678901234 })
        await written(`${PREFIX}text`, value)
        expect((await store.get(`${PREFIX}text`))?.value).toBe(value)
      })

      it('describes itself', () => {
        expect(store.description).not.toBe('')
      })
    }

    function watching(): void {
      it('tells a change after the listing, and nothing from before it or from beside the prefix', async () => {
        await written(`${PREFIX}before`, json(0))
        const { revision } = await store.list(PREFIX)
        const sink = new RecordingSink()
        store.watch(PREFIX, revision + 1, sink)
        await driver.set('/compliance-not/x', json(1))
        await driver.set(`${PREFIX}a`, json(1))
        await until('the change', () => sink.log.length >= 1)
        expect(sink.log).toEqual([`${PREFIX}a=${json(1)}`])
        expect(sink.revisions[0]).toBeGreaterThan(revision)
      })

      it('tells a deletion with a revision of its own', async () => {
        await written(`${PREFIX}a`, json(1))
        const { revision } = await store.list(PREFIX)
        const sink = new RecordingSink()
        store.watch(PREFIX, revision + 1, sink)
        await driver.remove(`${PREFIX}a`)
        await until('the deletion', () => sink.seen.length === 1)
        expect(sink.seen[0]).toMatchObject({ type: 'delete', key: `${PREFIX}a` })
        expect(sink.seen[0]?.type === 'delete' && sink.seen[0].revision > revision).toBe(true)
        expect(await store.get(`${PREFIX}a`)).toBeUndefined()
      })

      it('never calls the sink before watch() has returned, and after close() only to say closed, once', async () => {
        const { revision } = await store.list(PREFIX)
        let returned = false
        const sink = new RecordingSink()
        const early: string[] = []
        const watch = store.watch(PREFIX, revision + 1, {
          events: (events, at) => {
            if (!returned) early.push('events')
            sink.events(events, at)
          },
          link: () => {
            if (!returned) early.push('link')
          },
          end: (end) => sink.end(end),
        })
        returned = true
        await driver.set(`${PREFIX}a`, json(1))
        await until('the change', () => sink.seen.length === 1)
        watch.close()
        watch.close()
        await written(`${PREFIX}b`, json(2))
        expect(sink.ends).toEqual([{ reason: 'closed' }])
        expect(sink.seen).toHaveLength(1)
        expect(early).toEqual([])
      })

      it('serves several watches, each its own prefix', async () => {
        const { revision } = await store.list('')
        const [a, b] = [new RecordingSink(), new RecordingSink()]
        store.watch(`${PREFIX}a/`, revision + 1, a)
        store.watch(`${PREFIX}b/`, revision + 1, b)
        await driver.set(`${PREFIX}a/1`, json(1))
        await driver.set(`${PREFIX}b/1`, json(2))
        await until('both', () => a.seen.length === 1 && b.seen.length === 1)
        expect([a.log, b.log]).toEqual([[`${PREFIX}a/1=${json(1)}`], [`${PREFIX}b/1=${json(2)}`]])
      })

      it('ends its watches and refuses calls once closed', async () => {
        const { revision } = await store.list(PREFIX)
        const sink = new RecordingSink()
        store.watch(PREFIX, revision + 1, sink)
        await store.close()
        await until('the end', () => sink.ends.length === 1)
        expect(sink.ends).toEqual([{ reason: 'closed' }])
        await expect(store.list(PREFIX)).rejects.toBeInstanceOf(DatastoreError)
      })
    }

    function replaying(): void {
      it('replays history from any revision on: the list-then-watch gap loses nothing', async () => {
        const { revision } = await store.list(PREFIX)
        for (let i = 0; i < 20; i++) await driver.set(`${PREFIX}${i % 3}`, json(i))
        await driver.remove(`${PREFIX}0`)
        const sink = new RecordingSink()
        store.watch(PREFIX, revision + 1, sink)
        await until('all of it', () => sink.seen.length === 21)
        expect(sink.log.slice(0, 20)).toEqual(Array.from({ length: 20 }, (_, i) => `${PREFIX}${i % 3}=${json(i)}`))
        expect(sink.log[20]).toBe(`${PREFIX}0 gone`)
        expect(sink.revisions).toEqual([...sink.revisions].sort((a, b) => a - b))
      })
    }

    function compacting(): void {
      it('says compacted when the history asked for is gone', async () => {
        const { revision } = await store.list(PREFIX)
        for (let i = 0; i < 5; i++) await driver.set(`${PREFIX}a`, json(i))
        await driver.compact!()
        const sink = new RecordingSink()
        store.watch(PREFIX, revision + 1, sink)
        await until('the end', () => sink.ends.length === 1)
        expect(sink.ends[0]?.reason).toBe('compacted')
        expect(sink.seen).toEqual([])
      })
    }

    function breaking(): void {
      it('mends a cut link by itself: every change once, in order, and none invented', async () => {
        const { revision } = await store.list(PREFIX)
        const sink = new RecordingSink()
        store.watch(PREFIX, revision + 1, sink)
        for (let i = 0; i < 30; i++) {
          if (i % 10 === 5) await driver.cut!()
          await driver.set(`${PREFIX}${i % 4}`, json(i))
        }
        await until('all changes', () => sink.seen.length >= 30)
        expect(sink.log).toEqual(Array.from({ length: 30 }, (_, i) => `${PREFIX}${i % 4}=${json(i)}`))
        expect(sink.ends).toEqual([])
      })
    }

    function writing(): void {
      it('creates only where nothing is', async () => {
        const first = await store.create(`${PREFIX}c`, json(1))
        expect(first).toMatchObject({ entry: { key: `${PREFIX}c`, value: json(1) } })
        const entry = await store.get(`${PREFIX}c`)
        expect('entry' in first && first.entry).toEqual(entry)
        expect(await store.create(`${PREFIX}c`, json(2))).toEqual({ conflict: 'exists', current: entry })
        expect(await store.get(`${PREFIX}c`)).toEqual(entry)
      })

      it('updates only over the revision last seen', async () => {
        await store.create(`${PREFIX}u`, json(1))
        const first = await store.get(`${PREFIX}u`)
        const second = await store.update(`${PREFIX}u`, json(2), first!.revision)
        expect(second).toMatchObject({ entry: { value: json(2) } })
        const current = await store.get(`${PREFIX}u`)
        expect(await store.update(`${PREFIX}u`, json(3), first!.revision)).toEqual({ conflict: 'changed', current })
        expect(await store.update(`${PREFIX}none`, json(3), 7)).toEqual({ conflict: 'missing' })
        expect(await store.get(`${PREFIX}none`)).toBeUndefined()
      })

      it('deletes over a revision or whatever stands there, and gives back what it deleted', async () => {
        await store.create(`${PREFIX}d`, json(1))
        const entry = (await store.get(`${PREFIX}d`))!
        expect(await store.delete(`${PREFIX}d`, entry.revision + 1_000)).toEqual({
          conflict: 'changed',
          current: entry,
        })
        expect(await store.delete(`${PREFIX}d`, entry.revision)).toEqual({ entry })
        expect(await store.delete(`${PREFIX}d`)).toEqual({ conflict: 'missing' })
        expect(await store.delete(`${PREFIX}d`, entry.revision)).toEqual({ conflict: 'missing' })
        await store.create(`${PREFIX}d`, json(2))
        expect(await store.delete(`${PREFIX}d`)).toMatchObject({ entry: { value: json(2) } })
      })

      it('lets exactly one of many concurrent writers through', async () => {
        const created = await Promise.all(Array.from({ length: 10 }, (_, i) => store.create(`${PREFIX}race`, json(i))))
        expect(created.filter((result) => 'entry' in result)).toHaveLength(1)
        const { revision } = (await store.get(`${PREFIX}race`))!
        const updates = Array.from({ length: 10 }, (_, i) => store.update(`${PREFIX}race`, json(`u${i}`), revision))
        expect((await Promise.all(updates)).filter((result) => 'entry' in result)).toHaveLength(1)
      })

      it('shows its own writes to its watches', async () => {
        const { revision } = await store.list(PREFIX)
        const sink = new RecordingSink()
        store.watch(PREFIX, revision + 1, sink)
        await store.create(`${PREFIX}own`, json(1))
        await store.delete(`${PREFIX}own`)
        await until('both', () => sink.seen.length === 2)
        expect(sink.log).toEqual([`${PREFIX}own=${json(1)}`, `${PREFIX}own gone`])
      })

      it('refuses an empty key', async () => {
        await expect(store.create('', json(1))).rejects.toBeInstanceOf(DatastoreError)
      })
    }

    function refusing(): void {
      it('rejects every write and changes nothing', async () => {
        await written(`${PREFIX}a`, json(1))
        const writes = [
          () => store.create(`${PREFIX}b`, json(1)),
          () => store.update(`${PREFIX}a`, json(2), 1),
          () => store.delete(`${PREFIX}a`),
        ]
        for (const write of writes) await expect(write()).rejects.toMatchObject({ retriable: false })
        expect((await store.list(PREFIX)).entries.map(({ value }) => value)).toEqual([json(1)])
      })
    }
  })
}
