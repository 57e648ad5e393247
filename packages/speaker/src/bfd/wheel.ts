/**
 * The timer wheel of the BFD worker: slots of one millisecond, one entry per session. A thousand sessions at 100 ms
 * move their deadlines twenty thousand times a second; a deadline that moves back costs nothing here, because the entry
 * stays where it is and is asked for its real deadline when its slot comes.
 */

const SLOTS = 2048

export interface Timed {
  /** When it wants to be called; Infinity: not at all. */
  deadline(): number
  /** Its slot, in milliseconds; kept by the wheel. */
  slot: number
}

export class TimerWheel<T extends Timed> {
  readonly #slots: T[][] = Array.from({ length: SLOTS }, () => [])
  /** The next slot to look at. */
  #at: number
  #entries = 0

  constructor(now: number) {
    this.#at = Math.floor(now)
  }

  /** Look at this entry no later than its deadline. Call it whenever the deadline may have come closer. */
  schedule(entry: T): void {
    const deadline = entry.deadline()
    if (!Number.isFinite(deadline)) return
    const slot = Math.min(Math.max(Math.ceil(deadline), this.#at), this.#at + SLOTS - 1)
    if (entry.slot >= this.#at && entry.slot <= slot) return
    entry.slot = slot
    this.#slots[slot % SLOTS]?.push(entry)
    this.#entries++
  }

  /** Every entry whose slot has come, once; it is scheduled again afterwards. */
  advance(now: number, due: (entry: T) => void): void {
    const end = Math.floor(now)
    // After a long sleep every slot is due, and each is looked at once.
    if (end - this.#at >= SLOTS) this.#at = end - SLOTS + 1
    for (; this.#at <= end && this.#entries > 0; this.#at++) {
      const index = this.#at % SLOTS
      const entries = this.#slots[index] ?? []
      if (entries.length === 0) continue
      this.#slots[index] = []
      this.#entries -= entries.length
      for (const entry of entries) {
        // Another slot: it was moved forward since and has been called there.
        if (entry.slot % SLOTS !== index) continue
        entry.slot = -1
        due(entry)
      }
      for (const entry of entries) if (entry.slot === -1) this.#again(entry, end)
    }
    if (this.#at <= end) this.#at = end + 1
  }

  /** Overdue entries wait for the slot after this turn's. */
  #again(entry: T, end: number): void {
    const deadline = entry.deadline()
    if (!Number.isFinite(deadline)) return
    const slot = Math.min(Math.max(Math.ceil(deadline), end + 1), this.#at + SLOTS - 1)
    entry.slot = slot
    this.#slots[slot % SLOTS]?.push(entry)
    this.#entries++
  }

  /** When the next slot with an entry comes; Infinity when there is none. */
  next(): number {
    if (this.#entries === 0) return Number.POSITIVE_INFINITY
    for (let slot = this.#at; slot < this.#at + SLOTS; slot++) {
      if ((this.#slots[slot % SLOTS]?.length ?? 0) > 0) return slot
    }
    return Number.POSITIVE_INFINITY
  }
}
