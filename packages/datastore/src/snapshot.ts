/**
 * An immutable map of keys in key order, cheap to change and cheap to keep (design 2, sentence 3).
 *
 * Entries live in sorted chunks. A new snapshot copies the chunks a change touches and the list of chunks, and shares
 * the rest: with 25,000 keys one change copies some 250 pointers and one chunk of at most 128 entries, 3 KB instead of
 * the 1 MB of a copied Map. Key order makes every reader's result independent of the order of arrival, and a prefix is
 * a range. Nobody mutates: a snapshot handed out stays what it was for as long as someone holds it.
 */
import type { Entry, Revision, Snapshot } from './datastore.js'

type Chunk = readonly Entry[]

/** A chunk is split in two when it grows beyond this. */
const CHUNK_LIMIT = 128
const CHUNK_FILL = 96

export interface Change {
  readonly key: string
  /** Absent: the key is gone. */
  readonly after: Entry | undefined
}

export class SortedSnapshot implements Snapshot {
  /** A getter: a static field that constructs its own class is emitted with an alias that is not assigned yet (TypeScript 7.0). */
  static get empty(): SortedSnapshot {
    return EMPTY
  }

  readonly revision: Revision
  readonly size: number
  readonly #chunks: readonly Chunk[]

  private constructor(chunks: readonly Chunk[], size: number, revision: Revision) {
    this.#chunks = chunks
    this.size = size
    this.revision = revision
  }

  static from(entries: Iterable<Entry>, revision: Revision): SortedSnapshot {
    const byKey = new Map<string, Entry>()
    for (const entry of entries) byKey.set(entry.key, entry)
    const sorted = [...byKey.values()].sort((a, b) => (a.key < b.key ? -1 : 1))
    const chunks: Chunk[] = []
    for (let at = 0; at < sorted.length; at += CHUNK_FILL) chunks.push(sorted.slice(at, at + CHUNK_FILL))
    return new SortedSnapshot(chunks, sorted.length, revision)
  }

  get(key: string): Entry | undefined {
    const chunk = this.#chunks[chunkOf(this.#chunks, key)]
    if (chunk === undefined) return undefined
    const entry = chunk[lowerBound(chunk, key)]
    return entry?.key === key ? entry : undefined
  }

  /** All entries whose key begins with `prefix`, in key order. */
  *under(prefix: string): Generator<Entry, void, undefined> {
    const first = chunkOf(this.#chunks, prefix)
    for (let c = first; c < this.#chunks.length; c++) {
      const chunk = this.#chunks[c]!
      for (let i = c === first ? lowerBound(chunk, prefix) : 0; i < chunk.length; i++) {
        const entry = chunk[i]!
        if (!entry.key.startsWith(prefix)) return
        yield entry
      }
    }
  }

  /** The snapshot after the changes. The last change of a key wins. */
  with(changes: readonly Change[], revision: Revision): SortedSnapshot {
    if (changes.length * 8 > this.size) return this.#rebuilt(changes, revision)
    const chunks = [...this.#chunks]
    const owned = new Set<Chunk>()
    let size = this.size
    for (const change of changes) {
      const c = chunkOf(chunks, change.key)
      let chunk = chunks[c] as Entry[]
      if (!owned.has(chunk)) {
        chunk = chunk.slice()
        owned.add(chunk)
        chunks[c] = chunk
      }
      size += place(chunk, change)
      if (chunk.length === 0) chunks.splice(c, 1)
      if (chunk.length > CHUNK_LIMIT) {
        const tail = chunk.splice(chunk.length >>> 1)
        owned.add(tail)
        chunks.splice(c + 1, 0, tail)
      }
    }
    return new SortedSnapshot(chunks, size, revision)
  }

  /** Many changes at once (the first listing, a resync): a new build is cheaper than many small ones. */
  #rebuilt(changes: readonly Change[], revision: Revision): SortedSnapshot {
    const byKey = new Map<string, Entry>()
    for (const entry of this.under('')) byKey.set(entry.key, entry)
    for (const { key, after } of changes) {
      if (after === undefined) byKey.delete(key)
      else byKey.set(key, after)
    }
    return SortedSnapshot.from(byKey.values(), revision)
  }
}

const EMPTY = SortedSnapshot.from([], 0)

/** The chunk a key is in or would go into: the last that does not begin after it. */
function chunkOf(chunks: readonly Chunk[], key: string): number {
  let low = 0
  let high = chunks.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (chunks[middle]![0]!.key <= key) low = middle + 1
    else high = middle
  }
  return low === 0 ? 0 : low - 1
}

/** Index of the first entry whose key is not below `key`. */
function lowerBound(chunk: Chunk, key: string): number {
  let low = 0
  let high = chunk.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (chunk[middle]!.key < key) low = middle + 1
    else high = middle
  }
  return low
}

/** Applies one change to a chunk we own; returns how the number of entries changed. */
function place(chunk: Entry[], { key, after }: Change): number {
  const at = lowerBound(chunk, key)
  const present = chunk[at]?.key === key
  if (after === undefined) {
    if (present) chunk.splice(at, 1)
    return present ? -1 : 0
  }
  chunk.splice(at, present ? 1 : 0, after)
  return present ? 0 : 1
}
