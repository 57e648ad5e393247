/**
 * Columns of one family's prefixes: first path, best path, flags; and the queue of those to be decided.
 *
 * 9 octets a prefix, and 4 while it waits. A prefix whose last path went is buried, not released: peers that lag may
 * still have to be told of its withdrawal, and its id must not mean another prefix until they were (`graves.ts`).
 * Even then it only turns cold: taking it out of the hash table costs a cache miss, which a flapping peer would pay twice
 * for every route, so that is left until an id is wanted for a new prefix.
 */
import { growU8, growU32, nextCapacity, PAGE } from '@starling/inet'

export const PrefixFlag = {
  dirty: 1,
  /** In the kernel by our wish. */
  installed: 2,
  /** On a list of ids to be released; `late`: vanished once more since it was put there. */
  grave: 4,
  late: 8,
  /** Vanished, kept interned until its id is wanted for another prefix. */
  cold: 16,
  /** On the list of cold ones, where it may stay after it got a path again. */
  listed: 32,
} as const

export class PrefixColumns {
  head = new Uint32Array(64)
  best = new Uint32Array(64)
  flags = new Uint8Array(64)
  /** Prefixes marked and taken so far: a position in the stream of decisions. */
  marked = 0
  decided = 0
  /** Prefixes that are cold now. */
  coldCount = 0
  /** Ids below this may be used; the columns hold nothing from here on. */
  #opened = 0
  #cold: number[] = []
  #coldFirst = 0
  #queue = new Uint32Array(64)
  #first = 0
  #last = 0

  reach(id: number): void {
    if (id >= this.#opened) this.#open(id)
  }

  #open(id: number): void {
    if (id >= this.head.length) {
      const capacity = nextCapacity(id + 1)
      this.head = growU32(this.head, capacity)
      this.best = growU32(this.best, capacity)
      this.flags = growU8(this.flags, capacity)
    }
    const next = (id | (PAGE - 1)) + 1
    this.#opened = Math.min(next, this.head.length)
    if (next >= this.head.length) return
    // These are read first: see PAGE.
    this.head[next] = 0
    this.best[next] = 0
    this.flags[next] = 0
  }

  get waiting(): number {
    return this.#last - this.#first
  }

  mark(id: number): void {
    if (this.flags[id] & PrefixFlag.dirty) return
    this.flags[id] |= PrefixFlag.dirty
    if (this.#last === this.#queue.length) this.#makeRoom()
    this.#queue[this.#last++] = id
    this.marked++
  }

  chill(id: number): void {
    if (this.flags[id] & PrefixFlag.cold) return
    this.coldCount++
    if ((this.flags[id] & PrefixFlag.listed) === 0) this.#cold.push(id)
    this.flags[id] |= PrefixFlag.cold | PrefixFlag.listed
  }

  /** The prefix has a path again. */
  thaw(id: number): void {
    if ((this.flags[id] & PrefixFlag.cold) === 0) return
    this.flags[id] &= ~PrefixFlag.cold
    this.coldCount--
  }

  /** The longest cold prefix, no longer marked; 0 when there is none. */
  takeCold(): number {
    while (this.#coldFirst < this.#cold.length) {
      const id = this.#cold[this.#coldFirst++]
      if (this.#coldFirst * 2 > this.#cold.length && this.#coldFirst > 1024) {
        this.#cold = this.#cold.slice(this.#coldFirst)
        this.#coldFirst = 0
      }
      this.flags[id] &= ~PrefixFlag.listed
      if ((this.flags[id] & PrefixFlag.cold) === 0) continue
      this.thaw(id)
      return id
    }
    return 0
  }

  /** Takes the oldest. */
  take(): number {
    const id = this.#queue[this.#first++]
    if (this.#first === this.#last) {
      this.#first = 0
      this.#last = 0
    }
    this.flags[id] &= ~PrefixFlag.dirty
    this.decided++
    return id
  }

  /** Frees the dirty queue's memory when a burst is over. */
  shrink(): void {
    if (this.waiting === 0 && this.#queue.length > 65536) this.#queue = new Uint32Array(64)
  }

  #makeRoom(): void {
    const waiting = this.waiting
    if (this.#first > waiting) {
      this.#queue.copyWithin(0, this.#first, this.#last)
    } else {
      const grown = new Uint32Array(this.#queue.length * 2)
      grown.set(this.#queue.subarray(this.#first, this.#last))
      this.#queue = grown
    }
    this.#first = 0
    this.#last = waiting
  }
}
