/**
 * The event log: a ring of the newest events, and a smaller one per peer for bad UPDATEs.
 *
 * The daemon pushes, everybody else reads by id: a list, any number of event streams, the text log, the metrics. A
 * reader keeps one number and no queue, so a slow one costs nothing and, having fallen off the ring, sees the gap in the
 * ids. Bounds: `capacity` records of a few hundred bytes, plus 4 KiB for each bad UPDATE kept.
 */
import type { PeerKey } from '@starling/engine'
import type { DaemonEvent, EventRecord, EventSource } from '../ports.js'

export interface EventLogOptions {
  readonly capacity?: number
  /** Bad UPDATEs kept per peer, and peers for which any are kept. */
  readonly offendersPerPeer?: number
  readonly offendingPeers?: number
}

export class EventLog implements EventSource {
  readonly #ring: (EventRecord | undefined)[]
  readonly #offenders = new Map<PeerKey, EventRecord[]>()
  readonly #listeners = new Set<(record: EventRecord) => void>()
  readonly #offendersPerPeer: number
  readonly #offendingPeers: number
  #last = 0

  constructor(options: EventLogOptions = {}) {
    this.#ring = new Array<EventRecord | undefined>(options.capacity ?? 4096).fill(undefined)
    this.#offendersPerPeer = options.offendersPerPeer ?? 16
    this.#offendingPeers = options.offendingPeers ?? 64
  }

  get last(): number {
    return this.#last
  }

  push(at: number, event: DaemonEvent): EventRecord {
    const record: EventRecord = { id: ++this.#last, at, event }
    this.#ring[record.id % this.#ring.length] = record
    if (event.type === 'bad-update') this.#keepOffender(event.peer, record)
    for (const listener of this.#listeners) listener(record)
    return record
  }

  read(after: number, limit: number): readonly EventRecord[] {
    const out: EventRecord[] = []
    const oldest = Math.max(1, this.#last - this.#ring.length + 1)
    for (let id = Math.max(after + 1, oldest); id <= this.#last && out.length < limit; id++) {
      const record = this.#ring[id % this.#ring.length]
      if (record !== undefined) out.push(record)
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
