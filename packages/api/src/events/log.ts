/**
 * The event log: a ring of the newest news, one of the newest small steps, and a small one per peer for bad UPDATEs.
 *
 * Steps (level debug: attempts to connect, single best paths) come by the thousand when a rack is down; they have a ring
 * of their own so that they cannot push out what happened before them.
 *
 * The daemon pushes, everybody else reads by id: a list, any number of event streams, the text log, the metrics. A
 * reader keeps one number and no queue, so a slow one costs nothing and, having fallen off the ring, sees the gap in the
 * ids. Bounds: `capacity` records of a few hundred bytes, plus 4 KiB for each bad UPDATE kept.
 */
import type { PeerKey } from '@starling/engine'
import type { DaemonEvent, EventRecord, EventSource } from '../ports.js'
import { eventLevel } from './catalogue.js'

export interface EventLogOptions {
  /** Of the news, and of the steps. */
  readonly capacity?: number
  readonly steps?: number
  /** Bad UPDATEs kept per peer, and peers for which any are kept. */
  readonly offendersPerPeer?: number
  readonly offendingPeers?: number
}

export class EventLog implements EventSource {
  readonly #news: Ring
  readonly #steps: Ring
  readonly #offenders = new Map<PeerKey, EventRecord[]>()
  readonly #listeners = new Set<(record: EventRecord) => void>()
  readonly #offendersPerPeer: number
  readonly #offendingPeers: number
  #last = 0

  constructor(options: EventLogOptions = {}) {
    this.#news = new Ring(options.capacity ?? 4096)
    this.#steps = new Ring(options.steps ?? 2048)
    this.#offendersPerPeer = options.offendersPerPeer ?? 16
    this.#offendingPeers = options.offendingPeers ?? 64
  }

  get last(): number {
    return this.#last
  }

  push(at: number, event: DaemonEvent): EventRecord {
    const record: EventRecord = { id: ++this.#last, at, event }
    const ring = eventLevel(event) === 'debug' ? this.#steps : this.#news
    ring.push(record)
    if (event.type === 'bad-update') this.#keepOffender(event.peer, record)
    for (const listener of this.#listeners) listener(record)
    return record
  }

  read(after: number, limit: number): readonly EventRecord[] {
    const out: EventRecord[] = []
    let n = this.#news.firstAfter(after)
    let s = this.#steps.firstAfter(after)
    while (out.length < limit) {
      const news = this.#news.at(n)
      const step = this.#steps.at(s)
      const next = step === undefined || (news !== undefined && news.id < step.id) ? news : step
      if (next === undefined) break
      out.push(next)
      if (next === news) n++
      else s++
    }
    return out
  }

  subscribe(listener: (record: EventRecord) => void): () => void {
    this.#listeners.add(listener)
    return () => {
      this.#listeners.delete(listener)
    }
  }

  badUpdates(peer?: PeerKey): readonly EventRecord[] {
    if (peer !== undefined) return [...(this.#offenders.get(peer) ?? [])]
    return [...this.#offenders.values()].flat().sort((a, b) => a.id - b.id)
  }

  #keepOffender(peer: PeerKey, record: EventRecord): void {
    const kept = this.#offenders.get(peer) ?? []
    kept.push(record)
    if (kept.length > this.#offendersPerPeer) kept.shift()
    // Re-inserting keeps the map ordered by the latest offence: the first key is the one to forget.
    this.#offenders.delete(peer)
    this.#offenders.set(peer, kept)
    if (this.#offenders.size > this.#offendingPeers) {
      const [oldest] = this.#offenders.keys()
      if (oldest !== undefined) this.#offenders.delete(oldest)
    }
  }
}

/** The newest records in the order of their ids; positions count from the first record there ever was. */
class Ring {
  readonly #slots: (EventRecord | undefined)[]
  #count = 0

  constructor(capacity: number) {
    this.#slots = new Array<EventRecord | undefined>(capacity).fill(undefined)
  }

  push(record: EventRecord): void {
    this.#slots[this.#count++ % this.#slots.length] = record
  }

  at(position: number): EventRecord | undefined {
    return position < this.#count ? this.#slots[position % this.#slots.length] : undefined
  }

  /** The position of the first record kept whose id is above `after`. */
  firstAfter(after: number): number {
    let low = Math.max(0, this.#count - this.#slots.length)
    let high = this.#count
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((this.at(middle)?.id ?? 0) > after) high = middle
      else low = middle + 1
    }
    return low
  }
}
