/**
 * The datastore contract: what a source of cluster state must offer.
 *
 * Keys and values are Calico's own (calico.md 1.2): a key is the etcd key as text, a value the JSON text stored there.
 * Nothing at this level parses a value; `@starling/resources` does. Every driver (memory, embedded, file, etcd) passes
 * the suite in `./compliance`.
 *
 * A driver never reports a removal because it lost its source: losing contact is a status, not a change.
 */

/** etcd's ModRevision: grows with every write to the store; 0 means "does not exist". Below 2^53 in every real cluster. */
export type Revision = number

export interface Entry {
  readonly key: string
  readonly value: string
  readonly revision: Revision
}

export interface Listing {
  readonly entries: readonly Entry[]
  /** The store's revision the listing is true at: a watch goes on from `revision + 1`. */
  readonly revision: Revision
}

export type WatchEvent =
  | { readonly type: 'put'; readonly entry: Entry }
  | { readonly type: 'delete'; readonly key: string; readonly revision: Revision }

/** How a watch ended: `compacted` and `broken` both mean "list again and compare"; `closed` is our own close(). */
export type WatchEnd =
  | { readonly reason: 'compacted'; readonly revision: Revision }
  | { readonly reason: 'broken'; readonly error: string }
  | { readonly reason: 'closed' }

export interface WatchSink {
  /** Events of one store revision are never split over two calls. */
  events(events: readonly WatchEvent[], revision: Revision): void
  /** The link broke or came back. The driver mends it and misses nothing meanwhile; this is for status only. */
  link?(up: boolean, detail: string): void
  /** Exactly once, last. */
  end(end: WatchEnd): void
}

export interface Watch {
  close(): void
}

/** A refused write: somebody else was first. `current` is what stands there now, absent if nothing does. */
export interface Conflict {
  readonly conflict: 'exists' | 'missing' | 'changed'
  readonly current?: Entry
}

export type WriteResult = { readonly entry: Entry } | Conflict

/** The store cannot be reached or refuses us; `retriable` false means that a human must act (credentials, TLS). */
export class DatastoreError extends Error {
  /** The link broke after a write was sent: it may have happened. Read before writing again. */
  readonly ambiguous: boolean
  readonly retriable: boolean
  constructor(message: string, retriable: boolean, options: ErrorOptions & { ambiguous?: boolean } = {}) {
    super(message, options)
    this.name = 'DatastoreError'
    this.retriable = retriable
    this.ambiguous = options.ambiguous ?? false
  }
}

export interface Datastore {
  /** For messages and metrics: `etcd https://10.0.0.1:2379`, `file cluster/`, `memory`. Never holds a secret. */
  readonly description: string
  /** Every write is refused, whatever it is: a store of files. */
  readonly readOnly?: boolean
  list(prefix: string): Promise<Listing>
  /**
   * Every change under the prefix with a revision of `from` or above, in order, each once, until the watch ends. The sink
   * is never called before this returns. A driver that cannot prove that it missed nothing ends the watch.
   */
  watch(prefix: string, from: Revision, sink: WatchSink): Watch
  get(key: string): Promise<Entry | undefined>
  /** Create-only: `conflict: 'exists'` when the key is there. */
  create(key: string, value: string): Promise<WriteResult>
  /** Compare-and-swap on the revision last seen: `missing` or `changed` otherwise. */
  update(key: string, value: string, revision: Revision): Promise<WriteResult>
  /** Compare-and-delete; without a revision unconditional. Resolves to the deleted entry. */
  delete(key: string, revision?: Revision): Promise<WriteResult>
  close(): Promise<void>
}

/** `waiting`: never been in sync. `resync`: was, lost contact, running on the last snapshot. `in-sync`: current. */
export type SyncStatus = 'waiting' | 'resync' | 'in-sync'

/** An immutable picture of the store at one revision. */
export interface Snapshot {
  readonly revision: Revision
  get(key: string): Entry | undefined
  /** Entries whose key starts with `prefix`, in key order. */
  under(prefix: string): Iterable<Entry>
  readonly size: number
}

/** What a {@link Syncer} tells its listener; bursts are coalesced to the newest value per key. */
export interface SnapshotListener {
  /** Called only when in sync; `changed` are the keys whose value differs from the snapshot given before. */
  snapshot(snapshot: Snapshot, changed: ReadonlySet<string>): void
  status(status: SyncStatus, detail: string): void
}
