/**
 * The driver for an embedded server in another process. One connection, opened on first use and mended by itself. Reads
 * are repeated after a break; a write that was sent and not answered comes back as ambiguous; watches resume from the
 * last revision delivered, unless another store answers: then its history is not ours and they end as broken.
 */
import { connect, type Socket } from 'node:net'
import { systemClock } from '../clock/index.js'
import type { Clock } from '../clock.js'
import {
  type Datastore,
  DatastoreError,
  type Entry,
  type Listing,
  type Revision,
  type Watch,
  type WatchEnd,
  type WatchSink,
  type WriteResult,
} from '../datastore.js'
import { type Answer, describeAddress, type EmbeddedAddress, type Reply, readLines, writeLine } from './protocol.js'

export interface EmbeddedClientOptions {
  /** How long a call waits for the server; 5 s. */
  readonly callMs?: number
  readonly clock?: Clock
}

export function embeddedDatastore(address: EmbeddedAddress, options: EmbeddedClientOptions = {}): Datastore {
  return new EmbeddedDatastore(address, options)
}

type Call = Parameters<typeof writeLine>[1] extends infer Message
  ? Message extends { op: string; id: number }
    ? Omit<Message, 'id'>
    : never
  : never

interface Pending {
  readonly call: Call
  readonly repeatable: boolean
  sent: boolean
  readonly resolve: (answer: Answer) => void
  readonly reject: (error: Error) => void
  readonly cancel: () => void
}

/** A listing of a large cluster on one line. */
const REPLY_LIMIT = 512 * 1024 * 1024
const RECONNECT_MS = 50
const RECONNECT_LIMIT_MS = 1_000

class EmbeddedDatastore implements Datastore {
  readonly description: string
  readonly #address: EmbeddedAddress
  readonly #clock: Clock
  readonly #callMs: number
  readonly #pending = new Map<number, Pending>()
  readonly #watches = new Map<number, RemoteWatch>()
  #socket: Socket | undefined
  /** The store that answers now; undefined while there is no connection. */
  #store: string | undefined
  /** The store that gave the last listing. */
  #listed: string | undefined
  #ids = 0
  #wait = RECONNECT_MS
  /** A server has answered once. */
  #met = false
  /** Why there is no connection; the first word a caller wants. */
  #lost = ''
  #cancelReconnect = () => {}
  #closed = false

  constructor(address: EmbeddedAddress, { callMs = 5_000, clock = systemClock }: EmbeddedClientOptions) {
    this.#address = address
    this.#callMs = callMs
    this.#clock = clock
    this.description = `embedded ${describeAddress(address)}`
  }

  async get(key: string): Promise<Entry | undefined> {
    return ((await this.#call({ op: 'get', key }, true)) as Entry | null) ?? undefined
  }

  async list(prefix: string): Promise<Listing> {
    const listing = (await this.#call({ op: 'list', prefix }, true)) as Listing
    this.#listed = this.#store
    return listing
  }

  create(key: string, value: string): Promise<WriteResult> {
    return this.#call({ op: 'create', key, value }, false) as Promise<WriteResult>
  }

  update(key: string, value: string, revision: Revision): Promise<WriteResult> {
    return this.#call({ op: 'update', key, value, revision }, false) as Promise<WriteResult>
  }

  delete(key: string, revision?: Revision): Promise<WriteResult> {
    const call: Call = revision === undefined ? { op: 'delete', key } : { op: 'delete', key, revision }
    return this.#call(call, false) as Promise<WriteResult>
  }

  watch(prefix: string, from: Revision, sink: WatchSink): Watch {
    if (this.#closed) throw new DatastoreError('the datastore is closed', false)
    const id = ++this.#ids
    const left = () => {
      this.#watches.delete(id)
      if (this.#store !== undefined && this.#socket)
        writeLine(this.#socket, { id: ++this.#ids, op: 'unwatch', watch: id })
    }
    const watch = new RemoteWatch(prefix, from, this.#listed, sink, left)
    this.#watches.set(id, watch)
    void Promise.resolve().then(() => {
      if (this.#store === undefined) this.#connect()
      else this.#subscribe(id, watch)
    })
    return watch
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    this.#cancelReconnect()
    for (const watch of [...this.#watches.values()]) watch.close()
    for (const { reject, cancel } of this.#pending.values()) {
      cancel()
      reject(new DatastoreError('the datastore is closed', false))
    }
    this.#pending.clear()
    this.#socket?.destroy()
  }

  #call(call: Call, repeatable: boolean): Promise<Answer> {
    if (this.#closed) return Promise.reject(new DatastoreError('the datastore is closed', false))
    return new Promise((resolve, reject) => {
      const id = ++this.#ids
      const cancel = this.#clock.after(this.#callMs, () => {
        this.#pending.delete(id)
        const ambiguous = !repeatable && pending.sent
        const why = this.#lost === '' ? '' : `: ${this.#lost}`
        reject(new DatastoreError(`${this.description}: no answer in ${this.#callMs} ms${why}`, true, { ambiguous }))
      })
      const pending: Pending = { call, repeatable, sent: false, resolve, reject, cancel }
      this.#pending.set(id, pending)
      if (this.#store === undefined) this.#connect()
      else this.#submit(id, pending)
    })
  }

  #submit(id: number, pending: Pending): void {
    pending.sent = true
    writeLine(this.#socket!, { ...pending.call, id })
  }

  #subscribe(id: number, watch: RemoteWatch): void {
    if (watch.over) return
    if (watch.belongsTo(this.#store!)) {
      writeLine(this.#socket!, { id, op: 'watch', prefix: watch.prefix, from: watch.cursor + 1 })
      watch.link(true, '')
    } else {
      this.#watches.delete(id)
      watch.end({ reason: 'broken', error: 'another store answers: the server began anew' })
    }
  }

  #connect(): void {
    if (this.#socket || this.#closed) return
    const socket =
      'path' in this.#address
        ? connect(this.#address.path)
        : connect(this.#address.port, this.#address.host ?? '127.0.0.1')
    this.#socket = socket
    let reason = 'the server ended the connection'
    socket.setNoDelay(true)
    socket.on('error', (error) => {
      reason = error.message
    })
    socket.on('close', () => this.#broken(reason))
    readLines(socket, REPLY_LIMIT, (message) => this.#received(message as Reply))
  }

  #broken(reason: string): void {
    this.#socket = undefined
    this.#store = undefined
    if (this.#closed) return
    this.#lost = reason
    // A store that never answered and still refuses after some tries is probably misspelt: no use in waiting longer.
    const hopeless = !this.#met && this.#wait >= RECONNECT_LIMIT_MS
    for (const [id, { repeatable, sent, reject, cancel }] of this.#pending) {
      if (!hopeless && (repeatable || !sent)) continue
      this.#pending.delete(id)
      cancel()
      reject(new DatastoreError(`${this.description}: ${reason}`, true, { ambiguous: sent && !repeatable }))
    }
    for (const watch of this.#watches.values()) watch.link(false, reason)
    if (this.#pending.size === 0 && this.#watches.size === 0) return
    this.#cancelReconnect = this.#clock.after(this.#wait, () => this.#connect())
    this.#wait = Math.min(this.#wait * 2, RECONNECT_LIMIT_MS)
  }

  #received(reply: Reply): void {
    if ('hello' in reply) {
      this.#store = reply.hello
      this.#wait = RECONNECT_MS
      this.#met = true
      this.#lost = ''
      for (const [id, pending] of this.#pending) this.#submit(id, pending)
      for (const [id, watch] of [...this.#watches]) this.#subscribe(id, watch)
      return
    }
    if ('events' in reply) this.#watches.get(reply.id)?.events(reply.events, reply.revision)
    else if ('end' in reply) {
      const watch = this.#watches.get(reply.id)
      this.#watches.delete(reply.id)
      watch?.end(reply.end)
    } else {
      const pending = this.#pending.get(reply.id)
      this.#pending.delete(reply.id)
      pending?.cancel()
      if ('error' in reply) pending?.reject(new DatastoreError(reply.error, reply.retriable))
      else pending?.resolve(reply.answer)
    }
  }
}

class RemoteWatch implements Watch {
  readonly prefix: string
  /** Everything up to here has been delivered. */
  cursor: Revision
  over = false
  readonly #sink: WatchSink
  readonly #left: () => void
  #store: string | undefined

  constructor(prefix: string, from: Revision, store: string | undefined, sink: WatchSink, left: () => void) {
    this.prefix = prefix
    this.cursor = from - 1
    this.#store = store
    this.#sink = sink
    this.#left = left
  }

  /** A watch that follows no listing of ours takes the first store it meets. */
  belongsTo(store: string): boolean {
    this.#store ??= store
    return this.#store === store
  }

  link(up: boolean, detail: string): void {
    if (!this.over) this.#sink.link?.(up, detail)
  }

  events(...[events, revision]: Parameters<WatchSink['events']>): void {
    if (this.over || revision <= this.cursor) return
    this.cursor = revision
    this.#sink.events(events, revision)
  }

  end(end: WatchEnd): void {
    if (this.over) return
    this.over = true
    this.#sink.end(end)
  }

  close(): void {
    if (this.over) return
    this.#left()
    this.end({ reason: 'closed' })
  }
}
