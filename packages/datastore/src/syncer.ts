/**
 * From list and watch to snapshots: the first station on the road of a changed key (design 6).
 *
 * For each prefix: list, then watch from the listing's revision on; when the watch ends for any reason, list again and
 * compare by key, revision and value. Between two snapshots only the newest value of a key is kept, so a burst or a slow
 * listener costs no more than one entry per key. The listener hears nothing before every prefix has been listed once,
 * and again nothing while one of them is being listed anew: half a picture looks like deletions.
 *
 * It must never take a broken watch or a failed list for a deletion: only a delete event or a complete new listing
 * removes a key. Datastore away: status `resync`, the last snapshot stands.
 *
 * Waiting times as Calico's (calico.md 1.2): 1 s after a failed list, at least 500 ms between two lists.
 */
import type { Clock } from './clock.js'
import type {
  Datastore,
  Entry,
  Listing,
  Revision,
  Snapshot,
  SnapshotListener,
  SyncStatus,
  Watch,
  WatchEnd,
} from './datastore.js'
import { SortedSnapshot } from './snapshot.js'

export interface SyncerOptions {
  readonly datastore: Datastore
  /** What to follow. A prefix below another is covered by it. */
  readonly prefixes: readonly string[]
  readonly listener: SnapshotListener
  readonly clock: Clock
  /** 0 to 1; spreads the retries of many nodes. Without it they are not spread. */
  readonly random?: () => number
  readonly listRetryMs?: number
  readonly minResyncMs?: number
  /** At most one snapshot in this time; the first change after a pause is passed on at once. 10 ms. */
  readonly gatherMs?: number
}

/** One prefix. */
interface Source {
  readonly prefix: string
  /** Listed, and the watch that follows it is on. */
  current: boolean
  /** The link of that watch, which mends itself. */
  up: boolean
  /** What is wrong; empty: nothing, or not listed yet. */
  detail: string
  watch: Watch | undefined
  listedAt: number
  cancel: () => void
}

export class Syncer {
  readonly #options: Required<SyncerOptions>
  readonly #sources: readonly Source[]
  /** What the listener has, and what has changed since. */
  #published = SortedSnapshot.empty
  readonly #pending = new Map<string, Entry | undefined>()
  #revision: Revision = 0
  #publishedAt = Number.NEGATIVE_INFINITY
  #cancelPublish: (() => void) | undefined
  #status: SyncStatus = 'waiting'
  #detail = ''
  #stopped = false

  constructor(options: SyncerOptions) {
    this.#options = { random: () => 0, listRetryMs: 1_000, minResyncMs: 500, gatherMs: 10, ...options }
    const prefixes = [...new Set(options.prefixes)]
    const outer = prefixes.filter((prefix) => !prefixes.some((other) => other !== prefix && prefix.startsWith(other)))
    this.#sources = outer.map((prefix) => ({
      prefix,
      current: false,
      up: true,
      detail: '',
      watch: undefined,
      listedAt: Number.NEGATIVE_INFINITY,
      cancel: () => {},
    }))
  }

  get status(): SyncStatus {
    return this.#status
  }

  /** The last snapshot given, empty before the first. */
  get snapshot(): Snapshot {
    return this.#published
  }

  start(): void {
    this.#tell('waiting', this.#listing)
    for (const source of this.#sources) this.#relist(source, 0)
  }

  /** Nothing is called any more. The datastore stays open: it is not ours. */
  stop(): void {
    this.#stopped = true
    this.#cancelPublish?.()
    for (const source of this.#sources) {
      source.cancel()
      source.watch?.close()
    }
  }

  #relist(source: Source, wait: number): void {
    const { clock, minResyncMs } = this.#options
    const earliest = source.listedAt + minResyncMs - clock.now()
    source.cancel = clock.after(Math.max(wait, earliest, 0), () => {
      source.listedAt = clock.now()
      this.#options.datastore.list(source.prefix).then(
        (listing) => this.#listed(source, listing),
        (error: Error) => this.#listFailed(source, error),
      )
    })
  }

  #listFailed(source: Source, error: Error): void {
    if (this.#stopped) return
    source.detail = `list ${source.prefix}: ${error.message}`
    this.#judge()
    const { listRetryMs, random } = this.#options
    this.#relist(source, listRetryMs * (1 + 0.5 * random()))
  }

  #listed(source: Source, listing: Listing): void {
    if (this.#stopped) return
    this.#compare(source.prefix, listing)
    this.#revision = Math.max(this.#revision, listing.revision)
    source.current = true
    source.up = true
    source.detail = ''
    try {
      this.#watch(source, listing.revision + 1)
    } catch (error) {
      source.current = false
      this.#listFailed(source, error as Error)
      return
    }
    this.#judge()
  }

  /** The complete truth about a prefix: what it does not name is gone. */
  #compare(prefix: string, { entries }: Listing): void {
    const listed = new Set<string>()
    for (const entry of entries) {
      listed.add(entry.key)
      const known = this.#pending.has(entry.key) ? this.#pending.get(entry.key) : this.#published.get(entry.key)
      // The value too: a store that began anew counts its revisions from the start.
      if (known?.revision !== entry.revision || known.value !== entry.value) this.#pending.set(entry.key, entry)
    }
    for (const { key } of this.#published.under(prefix)) if (!listed.has(key)) this.#pending.set(key, undefined)
    for (const key of this.#pending.keys()) {
      if (key.startsWith(prefix) && !listed.has(key)) this.#pending.set(key, undefined)
    }
  }

  #watch(source: Source, from: Revision): void {
    const watch = this.#options.datastore.watch(source.prefix, from, {
      events: (events, revision) => {
        if (this.#stopped) return
        for (const event of events) {
          if (event.type === 'put') this.#pending.set(event.entry.key, event.entry)
          else this.#pending.set(event.key, undefined)
        }
        this.#revision = Math.max(this.#revision, revision)
        this.#schedule()
      },
      link: (up, detail) => {
        if (this.#stopped || source.watch !== watch) return
        source.up = up
        source.detail = up ? '' : `watch ${source.prefix}: ${detail}`
        this.#judge()
      },
      end: (end) => {
        if (this.#stopped || source.watch !== watch) return
        source.watch = undefined
        // What was delivered before the end is true; it goes out while the picture is still whole.
        if (this.#status === 'in-sync') this.#publish()
        source.current = false
        source.detail = `watch ${source.prefix}: ${reasonOf(end)}`
        this.#judge()
        this.#relist(source, 0)
      },
    })
    source.watch = watch
  }

  /** The status that follows from the sources, and the snapshot that follows from becoming in sync. */
  #judge(): void {
    const behind = this.#sources.filter((source) => !source.current || !source.up)
    if (behind.length === 0) {
      const first = this.#status === 'waiting'
      if (this.#status !== 'in-sync') this.#tell('in-sync', first ? this.#counts() : '')
      if (first) this.#publish(true)
      else this.#schedule()
      return
    }
    if (this.#status === 'in-sync') this.#publish()
    const trouble = behind.find(({ detail }) => detail !== '')?.detail
    this.#tell(this.#status === 'waiting' ? 'waiting' : 'resync', trouble ?? this.#listing)
  }

  /** What goes on while nothing is wrong. */
  get #listing(): string {
    return `listing ${this.#options.datastore.description}`
  }

  #counts(): string {
    const keys = [...this.#pending.values()].filter((entry) => entry !== undefined).length
    return `${keys} keys at revision ${this.#revision}`
  }

  #tell(status: SyncStatus, detail: string): void {
    if (this.#status === status && this.#detail === detail) return
    this.#status = status
    this.#detail = detail
    this.#options.listener.status(status, detail)
  }

  #schedule(): void {
    if (this.#pending.size === 0 || this.#status !== 'in-sync' || this.#cancelPublish) return
    const { clock, gatherMs } = this.#options
    const wait = Math.max(0, this.#publishedAt + gatherMs - clock.now())
    // Whoever leaves `in-sync` publishes first, which cancels this.
    this.#cancelPublish = clock.after(wait, () => this.#publish())
  }

  #publish(evenIfNothing = false): void {
    this.#cancelPublish?.()
    this.#cancelPublish = undefined
    if (this.#stopped || (this.#pending.size === 0 && !evenIfNothing)) return
    const changed = new Set<string>()
    const changes = [...this.#pending].map(([key, after]) => {
      if (this.#published.get(key)?.value !== after?.value) changed.add(key)
      return { key, after }
    })
    this.#pending.clear()
    this.#published = this.#published.with(changes, this.#revision)
    this.#publishedAt = this.#options.clock.now()
    if (changed.size > 0 || evenIfNothing) this.#options.listener.snapshot(this.#published, changed)
  }
}

function reasonOf(end: WatchEnd): string {
  if (end.reason === 'compacted') return `compacted at revision ${end.revision}`
  return end.reason === 'broken' ? end.error : 'closed'
}
