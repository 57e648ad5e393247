/**
 * Patience with other programs: the first repairs of a route are immediate, a program that keeps taking it away is
 * answered ever more calmly, but never later than half a second.
 */

const LIMIT_MS = 500
const MEMORY_MS = 10_000
const IMMEDIATE = 2

/** A route of ours that nobody wants and that comes back: somebody else writes under our protocol. */
const RIVAL_FIRST_MS = 1000
const RIVAL_LIMIT_MS = 60_000
const RIVAL_MEMORY_MS = 600_000
const RIVALS_KEPT = 4096

/** Patience with a rival: a BIRD that still runs beside us takes our protocol for its own, as we take its routes for ours. */
export class Rivals {
  private readonly known = new Map<string, { count: number; at: number }>()

  /** Counts one more deletion under a key: when it may be made, and how often it was before. */
  until(key: string, now: number): { readonly at: number; readonly before: number } {
    const last = this.known.get(key)
    const before = last !== undefined && now - last.at < RIVAL_MEMORY_MS ? last.count : 0
    const at = before === 0 ? now : now + Math.min(RIVAL_LIMIT_MS, RIVAL_FIRST_MS * 2 ** Math.min(before - 1, 16))
    if (last === undefined && this.known.size >= RIVALS_KEPT) this.known.clear()
    this.known.set(key, { count: before + 1, at })
    return { at, before }
  }
}

export class Repairs {
  private readonly known = new Map<number, { count: number; at: number; until: number }>()

  /** Counts one more repair of a row and says when it may be made. */
  until(slot: number, now: number): number {
    const last = this.known.get(slot)
    const count = last !== undefined && now - last.at < MEMORY_MS ? last.count + 1 : 0
    const until = count < IMMEDIATE ? now : now + Math.min(LIMIT_MS, 20 * 2 ** Math.min(count, 8))
    this.known.set(slot, { count, at: now, until })
    return until
  }

  /** True while a repair of the row waits for its time. */
  waiting(slot: number, now: number): boolean {
    return now < (this.known.get(slot)?.until ?? now)
  }

  /** Repairs of a row in the current run of interference; 0 when nobody interferes. */
  count(slot: number): number {
    const run = this.known.get(slot)
    return run === undefined ? 0 : run.count + 1
  }

  clear(): void {
    this.known.clear()
  }
}
