/**
 * The etcd driver: the contract of `datastore.ts` on `@starling/etcd3`, the only importer of it. Compare-and-swap as
 * Calico does it (calico.md 1.2): one transaction whose other branch reads what stands there. The client mends links,
 * rotates members and renews tokens; this file translates.
 *
 * A prefix namespace (`namespace`) is put before every key on its way out and taken off on its way in, so that several
 * clusters can share one etcd.
 */
import {
  absent,
  EtcdClient,
  type WatchEnd as EtcdEnd,
  EtcdError,
  type EtcdOptions,
  type KeyValue,
  unchanged,
} from '@starling/etcd3'
import {
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
} from '../datastore.js'

export interface EtcdDatastoreOptions extends EtcdOptions {
  /** Put before every key; empty by default. */
  readonly namespace?: string
  /** Keys per page of a listing. */
  readonly pageSize?: number
}

export async function etcdDatastore(options: EtcdDatastoreOptions): Promise<Datastore> {
  try {
    return new EtcdDatastore(await EtcdClient.open(options), options)
  } catch (error) {
    throw translated(error)
  }
}

class EtcdDatastore implements Datastore {
  readonly description: string
  readonly #client: EtcdClient
  readonly #namespace: string
  readonly #pageSize: number | undefined

  constructor(client: EtcdClient, { namespace = '', pageSize, discoverySrv, endpoints }: EtcdDatastoreOptions) {
    this.#client = client
    this.#namespace = namespace
    this.#pageSize = pageSize
    // Without what stands before an @: that would be a password.
    const where =
      discoverySrv === undefined ? (endpoints ?? []).map((url) => url.replace(/\/\/.*@/, '//')) : [discoverySrv]
    this.description = `etcd ${where.join(',')}${namespace}`
  }

  async get(key: string): Promise<Entry | undefined> {
    if (key === '') return undefined
    const kv = await guarded(() => this.#client.get(this.#namespace + key))
    return kv && this.#entry(kv)
  }

  async list(prefix: string): Promise<Listing> {
    const { kvs, revision } = await guarded(() => this.#client.readPrefix(this.#namespace + prefix, this.#pageSize))
    return { entries: kvs.map((kv) => this.#entry(kv)), revision }
  }

  watch(prefix: string, from: Revision, sink: WatchSink): Watch {
    return this.#client.watchPrefix(this.#namespace + prefix, from, {
      events: (events, revision) => {
        const ours = events.map(({ type, kv }): WatchEvent => {
          const entry = this.#entry(kv)
          return type === 'put' ? { type, entry } : { type, key: entry.key, revision: entry.revision }
        })
        sink.events(ours, revision)
      },
      link: (up, detail) => sink.link?.(up, detail),
      end: (end) => sink.end(ended(end)),
    })
  }

  async create(key: string, value: string): Promise<WriteResult> {
    const at = this.#key(key)
    const outcome = await this.#swap({
      compare: [absent(at)],
      success: [{ put: { key: at, value } }],
      failure: [{ range: { key: at } }],
    })
    if (outcome.succeeded) return { entry: { key, value, revision: outcome.revision } }
    return outcome.current ? { conflict: 'exists', current: outcome.current } : { conflict: 'exists' }
  }

  async update(key: string, value: string, revision: Revision): Promise<WriteResult> {
    const at = this.#key(key)
    const outcome = await this.#swap({
      compare: [unchanged(at, revision)],
      success: [{ put: { key: at, value } }],
      failure: [{ range: { key: at } }],
    })
    if (outcome.succeeded) return { entry: { key, value, revision: outcome.revision } }
    return outcome.current ? { conflict: 'changed', current: outcome.current } : { conflict: 'missing' }
  }

  async delete(key: string, revision?: Revision): Promise<WriteResult> {
    const at = this.#key(key)
    const outcome = await this.#swap({
      compare: revision === undefined ? [] : [unchanged(at, revision)],
      success: [{ deleteRange: { key: at, prevKv: true } }],
      failure: [{ range: { key: at } }],
    })
    if (outcome.succeeded) return outcome.current ? { entry: outcome.current } : { conflict: 'missing' }
    return outcome.current ? { conflict: 'changed', current: outcome.current } : { conflict: 'missing' }
  }

  async close(): Promise<void> {
    this.#client.close()
  }

  /** `current` is what the failure branch read, or what the success branch deleted. */
  async #swap(request: Parameters<EtcdClient['txn']>[0]) {
    const { succeeded, responses, header } = await guarded(() => this.#client.txn(request))
    const kv = responses[0]?.range?.kvs[0] ?? responses[0]?.deleteRange?.prevKvs[0]
    return { succeeded, revision: header.revision, current: kv && this.#entry(kv) }
  }

  #key(key: string): string {
    if (key === '') throw new DatastoreError('a key cannot be empty', false)
    return this.#namespace + key
  }

  #entry({ key, value, modRevision }: KeyValue): Entry {
    return { key: key.slice(this.#namespace.length), value, revision: modRevision }
  }
}

async function guarded<T>(call: () => Promise<T>): Promise<T> {
  try {
    return await call()
  } catch (error) {
    throw translated(error)
  }
}

function translated(error: unknown): DatastoreError {
  if (!(error instanceof EtcdError)) return new DatastoreError(String(error), false, { cause: error })
  const { message, code, ambiguous } = error
  return new DatastoreError(`etcd: ${message}`, error.retriable || code === 'compacted', { ambiguous, cause: error })
}

function ended(end: EtcdEnd): WatchEnd {
  if (end.kind === 'closed') return { reason: 'closed' }
  if (end.kind === 'compacted') return { reason: 'compacted', revision: end.revision }
  return { reason: 'broken', error: `${end.kind}: ${end.message}` }
}
