/**
 * The memory driver: a store in this process, shared by as many `Datastore`s as call `connect`. It is a product (lab,
 * demo, simulation, embedded server) and the reference for what the other drivers do; the file driver is a view on one.
 *
 * It behaves as etcd does: one revision per commit, which may change several keys; a history from which watches replay;
 * compaction, after which an old watch is told so. Watches read the shared history from their own position, so a watch
 * costs one number however much happens. Callbacks run in a microtask, never inside the call that caused them.
 */
import {
  type Conflict,
  type Datastore,
  DatastoreError,
  type Entry,
  type Listing,
  type Revision,
  type Watch,
  type WatchEnd,
  type WatchEvent,
  type WatchSink,
  type WriteResult,
} from './datastore.js'

export interface MemoryOptions {
  /** Events kept for watches that start in the past; the oldest go first. 100,000 by default, about 10 MB of references. */
  readonly historyLimit?: number
}

/** `value` absent deletes. */
export interface KeyChange {
  readonly key: string
  readonly value: string | undefined
}

/** The text is JSON as etcd would hold it, so its length bounds memory; etcd's own limit for a request is 1.5 MB. */
export const VALUE_LIMIT = 1_500_000

export class MemoryStore {
  readonly #entries = new Map<string, Entry>()
  readonly #watches = new Set<MemoryWatch>()
  readonly #historyLimit: number
  #history: WatchEvent[] = []
  #revision: Revision = 1
  /** Changes up to here are forgotten. */
  #compacted: Revision = 0

  constructor({ historyLimit = 100_000 }: MemoryOptions = {}) {
    this.#historyLimit = historyLimit
  }

  get revision(): Revision {
    return this.#revision
  }

  get compacted(): Revision {
    return this.#compacted
  }

  connect(description = 'memory'): Datastore {
    return new MemoryDatastore(this, description)
  }

  get(key: string): Entry | undefined {
    return this.#entries.get(key)
  }

  list(prefix: string): Listing {
    const entries = [...this.#entries.values()].filter(({ key }) => key.startsWith(prefix))
    entries.sort((a, b) => (a.key < b.key ? -1 : 1))
    return { entries, revision: this.#revision }
  }

  /** All changes under one new revision. Deleting what is not there is no change; no change takes no revision. */
  commit(changes: readonly KeyChange[]): Revision {
    const newest = new Map(changes.map(({ key, value }) => [key, value]))
    const revision = this.#revision + 1
    const before = this.#history.length
    for (const [key, value] of newest) {
      if (value !== undefined) {
        const entry: Entry = { key, value, revision }
        this.#entries.set(key, entry)
        this.#history.push({ type: 'put', entry })
      } else if (this.#entries.delete(key)) {
        this.#history.push({ type: 'delete', key, revision })
      }
    }
    if (this.#history.length === before) return this.#revision
    this.#revision = revision
    this.#trim()
    for (const watch of this.#watches) watch.wake()
    return revision
  }

  /** Forgets the changes up to a revision, as etcd's compaction does; by default all of them. */
  compact(revision: Revision = this.#revision): void {
    this.#history = this.#history.filter((event) => revisionOf(event) > revision)
    this.#compacted = Math.max(this.#compacted, revision)
    for (const watch of this.#watches) watch.wake()
  }

  /** Trimming drops a quarter at a time and never half of a revision. */
  #trim(): void {
    if (this.#history.length > this.#historyLimit) {
      this.compact(revisionOf(this.#history[this.#historyLimit >>> 2]!))
    }
  }

  /** Changes after a revision, or undefined if some of them are forgotten. */
  after(revision: Revision): readonly WatchEvent[] | undefined {
    if (revision < this.#compacted) return undefined
    let low = 0
    let high = this.#history.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (revisionOf(this.#history[middle]!) <= revision) low = middle + 1
      else high = middle
    }
    return this.#history.slice(low)
  }

  enter(watch: MemoryWatch): void {
    this.#watches.add(watch)
    watch.wake()
  }

  leave(watch: MemoryWatch): void {
    this.#watches.delete(watch)
  }
}

function revisionOf(event: WatchEvent): Revision {
  return event.type === 'put' ? event.entry.revision : event.revision
}

class MemoryWatch implements Watch {
  readonly #store: MemoryStore
  readonly #prefix: string
  readonly #sink: WatchSink
  #cursor: Revision
  #scheduled = false
  #ended = false
  #linked = false

  constructor(store: MemoryStore, prefix: string, from: Revision, sink: WatchSink) {
    this.#store = store
    this.#prefix = prefix
    this.#sink = sink
    this.#cursor = from - 1
  }

  wake(): void {
    if (this.#scheduled || this.#ended) return
    this.#scheduled = true
    void Promise.resolve().then(() => this.#deliver())
  }

  close(): void {
    this.end({ reason: 'closed' })
  }

  end(end: WatchEnd): void {
    if (this.#ended) return
    this.#ended = true
    this.#store.leave(this)
    this.#sink.end(end)
  }

  #deliver(): void {
    this.#scheduled = false
    if (this.#ended) return
    const events = this.#store.after(this.#cursor)
    if (events === undefined) {
      this.end({ reason: 'compacted', revision: this.#store.compacted })
      return
    }
    if (!this.#linked) {
      this.#linked = true
      this.#sink.link?.(true, '')
    }
    this.#cursor = Math.max(this.#cursor, this.#store.revision)
    const ours = events.filter((event) => (event.type === 'put' ? event.entry.key : event.key).startsWith(this.#prefix))
    if (ours.length > 0 && !this.#ended) this.#sink.events(ours, this.#cursor)
  }
}

class MemoryDatastore implements Datastore {
  readonly description: string
  readonly #store: MemoryStore
  readonly #watches = new Set<MemoryWatch>()
  #closed = false

  constructor(store: MemoryStore, description: string) {
    this.#store = store
    this.description = description
  }

  async get(key: string): Promise<Entry | undefined> {
    this.#open()
    return this.#store.get(key)
  }

  async list(prefix: string): Promise<Listing> {
    this.#open()
    return this.#store.list(prefix)
  }

  watch(prefix: string, from: Revision, sink: WatchSink): Watch {
    this.#open()
    const watch = new MemoryWatch(this.#store, prefix, from, {
      events: (events, revision) => sink.events(events, revision),
      link: (up, detail) => sink.link?.(up, detail),
      end: (end) => {
        this.#watches.delete(watch)
        sink.end(end)
      },
    })
    this.#watches.add(watch)
    this.#store.enter(watch)
    return watch
  }

  async create(key: string, value: string): Promise<WriteResult> {
    this.#check(key, value)
    const current = this.#store.get(key)
    return current ? { conflict: 'exists', current } : this.#put(key, value)
  }

  async update(key: string, value: string, revision: Revision): Promise<WriteResult> {
    this.#check(key, value)
    return this.#mismatch(key, revision) ?? this.#put(key, value)
  }

  async delete(key: string, revision?: Revision): Promise<WriteResult> {
    this.#open()
    const entry = this.#store.get(key)
    if (entry === undefined) return { conflict: 'missing' }
    const mismatch = revision === undefined ? undefined : this.#mismatch(key, revision)
    if (mismatch) return mismatch
    this.#store.commit([{ key, value: undefined }])
    return { entry }
  }

  async close(): Promise<void> {
    this.#closed = true
    for (const watch of [...this.#watches]) watch.close()
  }

  #put(key: string, value: string): WriteResult {
    const revision = this.#store.commit([{ key, value }])
    return { entry: { key, value, revision } }
  }

  #mismatch(key: string, revision: Revision): Conflict | undefined {
    const current = this.#store.get(key)
    if (current === undefined) return { conflict: 'missing' }
    return current.revision === revision ? undefined : { conflict: 'changed', current }
  }

  #check(key: string, value: string): void {
    this.#open()
    if (key === '') throw new DatastoreError('a key cannot be empty', false)
    if (value.length > VALUE_LIMIT) throw new DatastoreError(`${key}: a value of more than ${VALUE_LIMIT} bytes`, false)
  }

  #open(): void {
    if (this.#closed) throw new DatastoreError('the datastore is closed', false)
  }
}
