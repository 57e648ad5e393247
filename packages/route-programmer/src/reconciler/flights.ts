/**
 * Batches on their way to the kernel, oldest first. Several may be under way, so that the driver never waits for us; a
 * row is in one of them at most: one that is asked for again meanwhile is looked at when its batch lands.
 */

import { FLAG, type Slots } from './slots.js'

/** Rows and what each will hold, by position. */
export interface Flight {
  readonly slots: number[]
  readonly ways: number[]
  /** Something happened meanwhile that may have undone it: its success proves nothing. */
  tainted: boolean
}

export class Flights {
  private readonly slots: Slots
  private out: Flight[] = []

  constructor(slots: Slots) {
    this.slots = slots
  }

  get any(): boolean {
    return this.out.length > 0
  }

  launch(flight: Flight): void {
    this.out.push(flight)
  }

  /** True for a row under way; it will be offered again. */
  postpones(slot: number): boolean {
    if (!this.slots.has(slot, FLAG.FLYING)) return false
    this.slots.raise(slot, FLAG.AGAIN)
    return true
  }

  /** The oldest has come back. */
  land(): Flight | undefined {
    return this.out.shift()
  }

  /** The row is no longer under way; true when it was asked for again meanwhile. */
  landed(slot: number): boolean {
    const again = this.slots.has(slot, FLAG.AGAIN)
    this.slots.lower(slot, FLAG.FLYING | FLAG.AGAIN)
    return again
  }

  taint(): void {
    for (const flight of this.out) flight.tainted = true
  }

  /** Nobody knows what became of these rows. */
  lose(): number[] {
    const lost = this.out.flatMap(({ slots }) => slots)
    this.out = []
    return lost
  }
}
