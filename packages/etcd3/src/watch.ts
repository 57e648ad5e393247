/**
 * A watch that cannot lose an event.
 *
 * The cursor is the highest revision of which everything has been handed to the sink. It moves only when events were
 * handed over, or when etcd says that it has none up to a revision (a progress notification, which etcd sends only to a
 * watcher that has caught up). It never moves because a watch was "created": between that answer and the replay of what
 * happened meanwhile the link can break, and a client that moved its cursor then has lost events and does not know it.
 * After any break a new stream, to the next member if need be, starts at cursor + 1; etcd replays from there or says
 * "compacted". Whatever leaves room for doubt ends the watch with a reason, and the caller lists again.
 *
 * Doubts: the revision is compacted; another cluster answers (cluster id); the store is older than our cursor (restored
 * from a backup), which a linearizable read tells from a member that merely lags; etcd cancels for a reason unknown to us.
 *
 * Large answers come in fragments; events are handed over only when the last fragment is there, because a fragment may
 * cut through one revision. Measured against the npm client of 2026, which lost 10 of 10 events in the cut between
 * "created" and replay: node.md 2.1.
 */
import type { ClientDuplexStream, Metadata } from '@grpc/grpc-js'
import { after, now } from './clock.js'
import type { Endpoint } from './endpoints.js'
import { type EtcdError, fromGrpc, isStaleAuth } from './errors.js'
import { type KeyValue, methods, type WatchCreateRequest, type WatchResponse } from './messages.js'
import type { Rpc } from './rpc.js'

export interface WatchEvent {
  readonly type: 'put' | 'delete'
  /** For a delete: the key and, as `modRevision`, the revision of the deletion. */
  readonly kv: KeyValue
}

export type WatchEnd =
  | { readonly kind: 'compacted'; readonly revision: number }
  | { readonly kind: 'reset'; readonly message: string }
  | { readonly kind: 'denied'; readonly message: string }
  | { readonly kind: 'failed'; readonly message: string }
  | { readonly kind: 'closed' }

export interface WatchSink {
  /** Whole revisions, in order, each once. All up to `revision` has now been delivered. */
  events(events: readonly WatchEvent[], revision: number): void
  /** Nothing happened up to here. */
  progress?(revision: number): void
  link?(up: boolean, detail: string): void
  /** Once, last. Any kind but `closed` means: list again. */
  end(end: WatchEnd): void
}

export interface WatchRange {
  readonly key: string
  readonly rangeEnd?: Buffer
}

type Stream = ClientDuplexStream<{ createRequest: WatchCreateRequest }, WatchResponse>

/** Cancellations for an unknown reason without a single event between them before the watch gives up. */
const CANCEL_LIMIT = 5
const STABLE_MS = 1_000
/**
 * A stream silent for so long is opened anew: something between us and etcd may have forgotten it while the connection
 * lives on. etcd breaks the silence of a live watch every 10 minutes by default (progress notification).
 */
const SILENCE_MS = 15 * 60_000

export class Watcher {
  readonly #rpc: Rpc
  readonly #range: WatchRange
  readonly #sink: WatchSink
  readonly #unsubscribe: () => void
  #cursor: number
  #stream: Stream | undefined
  /** Tells a token that arrives for an attempt given up meanwhile from one that is waited for. */
  #attempt = 0
  #cancelTimer = () => {}
  #backoff
  #fragments: WatchResponse['events'][number][] = []
  #failures = 0
  #createdAt: number | undefined
  #heardAt = 0
  #cancellations = 0
  #up: boolean | undefined
  #clusterId: string | undefined
  #ended = false

  constructor(rpc: Rpc, range: WatchRange, from: number, clusterId: string | undefined, sink: WatchSink) {
    this.#rpc = rpc
    this.#range = range
    this.#sink = sink
    this.#cursor = from - 1
    this.#clusterId = clusterId
    this.#backoff = rpc.backoff()
    this.#unsubscribe = rpc.endpoints.onRetired(() => this.#reopen())
    queueMicrotask(() => this.#open())
  }

  /** Everything up to here has been delivered. */
  get cursor(): number {
    return this.#cursor
  }

  close(): void {
    this.#finish({ kind: 'closed' })
  }

  #open(): void {
    if (this.#ended) return
    let member: Endpoint
    try {
      member = this.#rpc.endpoints.current()
    } catch {
      this.#finish({ kind: 'closed' })
      return
    }
    const attempt = ++this.#attempt
    this.#rpc.metadata().then(
      (metadata) => {
        if (this.#attempt === attempt) this.#start(member, metadata)
      },
      (error: EtcdError) => {
        if (this.#attempt !== attempt) return
        if (error.code === 'denied') this.#finish({ kind: 'denied', message: error.message })
        else this.#again(error.message, undefined)
      },
    )
  }

  #start(member: Endpoint, metadata: Metadata): void {
    // A member cut off from the others must say so instead of staying silent.
    metadata.set('hasleader', 'true')
    const { path, encode, decode } = methods.watch
    const stream: Stream = member.client.makeBidiStreamRequest(path, encode, decode, metadata, {})
    this.#stream = stream
    this.#fragments = []
    stream.on('data', (answer: WatchResponse) => {
      if (this.#stream === stream) this.#answered(answer, member)
    })
    stream.on('error', (error) => {
      if (this.#stream === stream) this.#broken(fromGrpc(error), member)
    })
    stream.on('end', () => {
      if (this.#stream === stream) this.#again('etcd ended the stream', member)
    })
    this.#cancelTimer = after(this.#rpc.options.attemptMs, () => this.#again('no answer to the watch request', member))
    stream.write({
      createRequest: { ...this.#range, startRevision: this.#cursor + 1, progressNotify: true, fragment: true },
    })
  }

  #answered(answer: WatchResponse, member: Endpoint): void {
    this.#heardAt = now()
    if (answer.header !== undefined && !this.#sameCluster(answer.header.clusterId)) return
    if (answer.canceled) this.#canceled(answer, member)
    else if (answer.created) this.#created(answer)
    else if (answer.fragment || answer.events.length > 0) this.#collect(answer)
    else this.#progress(answer.header.revision)
  }

  #sameCluster(clusterId: string): boolean {
    if (clusterId === '0') return true
    this.#clusterId ??= clusterId
    if (this.#clusterId === clusterId) return true
    this.#finish({ kind: 'reset', message: `cluster ${clusterId} answers instead of ${this.#clusterId}` })
    return false
  }

  #created({ header }: WatchResponse): void {
    this.#cancelTimer()
    this.#createdAt = now()
    this.#listen(SILENCE_MS)
    this.#link(true, '')
    // The cursor stays. But a store that is behind it is either a lagging member or not the store we knew.
    if (header.revision < this.#cursor) this.#verify()
  }

  #verify(): void {
    const stream = this.#stream
    this.#rpc.call(methods.range, { key: this.#range.key, countOnly: true }, { idempotent: true }).then(
      ({ header }) => {
        if (this.#stream !== stream || header.revision >= this.#cursor) return
        const message = `the store is at revision ${header.revision}, we have seen ${this.#cursor}`
        this.#finish({ kind: 'reset', message })
      },
      (error: EtcdError) => {
        if (this.#stream === stream) this.#again(error.message, undefined)
      },
    )
  }

  #collect(answer: WatchResponse): void {
    for (const event of answer.events) this.#fragments.push(event)
    if (answer.fragment) return
    const events: WatchEvent[] = []
    let revision = this.#cursor
    for (const { type, kv } of this.#fragments) {
      if (kv.modRevision <= this.#cursor) continue
      events.push({ type: type === 1 ? 'delete' : 'put', kv })
      revision = Math.max(revision, kv.modRevision)
    }
    this.#fragments = []
    if (events.length === 0) return
    this.#cancellations = 0
    // The header's revision is the store's, which may be ahead of these events during a replay: not ours to take.
    this.#cursor = revision
    this.#sink.events(events, revision)
  }

  #progress(revision: number): void {
    if (revision <= this.#cursor || this.#fragments.length > 0) return
    this.#cursor = revision
    this.#sink.progress?.(revision)
  }

  #canceled({ compactRevision, cancelReason }: WatchResponse, member: Endpoint): void {
    if (compactRevision > 0) {
      this.#finish({ kind: 'compacted', revision: compactRevision })
      return
    }
    const reason = cancelReason || 'canceled without a reason'
    this.#cancellations++
    // With a stale token etcd 3.4 says "permission denied" here as well; so one fresh token is tried for both.
    const auth = isStaleAuth(reason) || /permission denied/i.test(reason)
    if (auth) this.#rpc.staleToken()
    if (auth && this.#cancellations > 1 && /permission denied/i.test(reason)) {
      this.#finish({ kind: 'denied', message: reason })
    } else if (this.#cancellations >= CANCEL_LIMIT) {
      this.#finish({ kind: 'failed', message: reason })
    } else {
      this.#again(reason, auth ? undefined : member)
    }
  }

  #broken(error: EtcdError, member: Endpoint): void {
    if (error.code === 'unauthenticated') {
      this.#rpc.staleToken()
      this.#again(error.message, undefined)
    } else if (error.code === 'compacted') {
      this.#finish({ kind: 'compacted', revision: 0 })
    } else {
      this.#again(error.message, member)
    }
  }

  #listen(wait: number): void {
    this.#cancelTimer = after(wait, () => {
      const left = this.#heardAt + SILENCE_MS - now()
      if (left <= 0) this.#reopen()
      else this.#listen(left)
    })
  }

  /** Another stream without anything being wrong: the link counts as up unless that fails. */
  #reopen(): void {
    if (this.#ended) return
    this.#drop()
    this.#open()
  }

  /** Drops the stream and opens another: at once the first time and for each further member, then with growing pauses. */
  #again(reason: string, member: Endpoint | undefined): void {
    if (this.#ended) return
    this.#drop()
    this.#link(false, member ? `${member.url}: ${reason}` : reason)
    if (member) this.#rpc.failed(member)
    // A link that held for a while starts the pauses anew; one that is cut again and again does not.
    if (this.#createdAt !== undefined && now() - this.#createdAt > STABLE_MS) {
      this.#failures = 0
      this.#backoff.reset()
    }
    this.#createdAt = undefined
    this.#failures++
    const wait = this.#failures <= this.#rpc.endpoints.count ? 0 : this.#backoff.next()
    this.#cancelTimer = after(wait, () => this.#open())
  }

  #drop(): void {
    this.#cancelTimer()
    this.#attempt++
    const stream = this.#stream
    this.#stream = undefined
    stream?.cancel()
  }

  #link(up: boolean, detail: string): void {
    if (this.#up === up) return
    this.#up = up
    this.#sink.link?.(up, detail)
  }

  #finish(end: WatchEnd): void {
    if (this.#ended) return
    this.#ended = true
    this.#drop()
    this.#unsubscribe()
    this.#sink.end(end)
  }
}
