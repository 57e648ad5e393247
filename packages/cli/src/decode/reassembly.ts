/**
 * TCP segments of one direction put in order: what the receiver's application read.
 *
 * Retransmissions are cut to what is new, segments that came early wait (bounded), and a capture that begins in the middle starts
 * with the first octets seen. Sequence numbers wrap at 2^32: they are compared by their signed distance.
 */

/** Octets held back for a gap. A gap that stays means the capture lost a packet: reading goes on behind it. */
const MAX_HELD = 4 * 1024 * 1024

export class Reassembly {
  /** Octets lost to gaps so far. */
  lost = 0
  #next: number | undefined = undefined
  readonly #early = new Map<number, Uint8Array>()
  #held = 0

  /** Takes a segment and returns the octets that are now in order. */
  push(sequence: number, syn: boolean, payload: Uint8Array): Uint8Array[] {
    const first = syn ? (sequence + 1) >>> 0 : sequence
    if (syn) {
      this.#next = first
      this.#early.clear()
      this.#held = 0
    }
    if (this.#next === undefined && payload.length > 0) this.#next = first
    const out: Uint8Array[] = []
    if (payload.length === 0 || this.#next === undefined) return out
    this.#take(first, payload, out)
    this.#drain(out)
    if (this.#held > MAX_HELD) this.#skipGap(out)
    return out
  }

  #take(sequence: number, payload: Uint8Array, out: Uint8Array[]): void {
    const next = this.#next ?? sequence
    const distance = (sequence - next) | 0
    if (distance > 0) {
      const old = this.#early.get(sequence)
      if (old !== undefined && old.length >= payload.length) return
      this.#held += payload.length - (old?.length ?? 0)
      this.#early.set(sequence, payload)
      return
    }
    if (-distance >= payload.length) return
    out.push(payload.subarray(-distance))
    this.#next = (sequence + payload.length) >>> 0
  }

  #drain(out: Uint8Array[]): void {
    for (let moved = true; moved; ) {
      moved = false
      for (const [sequence, payload] of this.#early) {
        if (((sequence - (this.#next ?? 0)) | 0) > 0) continue
        this.#early.delete(sequence)
        this.#held -= payload.length
        this.#take(sequence, payload, out)
        moved = true
      }
    }
  }

  #skipGap(out: Uint8Array[]): void {
    const next = this.#next ?? 0
    let nearest = Number.POSITIVE_INFINITY
    for (const sequence of this.#early.keys()) nearest = Math.min(nearest, (sequence - next) | 0)
    this.lost += nearest
    this.#next = (next + nearest) >>> 0
    this.#drain(out)
  }
}
