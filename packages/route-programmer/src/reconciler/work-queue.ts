/**
 * What is to be looked at, once each: rows whose two sides may differ, deletions behind them, and rows that wait for a
 * retry. A row may leave the queue with nothing to do; whether it has is decided when it is taken.
 */

import { ScatterQueue } from './scatter.js'
import { Schedule } from './schedule.js'
import { FLAG, type Slots } from './slots.js'

/** Failed writes are tried again after a change of the network, but not for each of a thousand changes. */
const TOPOLOGY_RETRY_MS = 50

export class WorkQueue {
  private readonly slots: Slots
  private readonly schedule = new Schedule()
  private readonly queue = new ScatterQueue()
  private readonly deletions = new ScatterQueue()
  private retryAllAt = Number.POSITIVE_INFINITY
  private retriedAllAt = Number.NEGATIVE_INFINITY

  constructor(slots: Slots) {
    this.slots = slots
  }

  get pending(): boolean {
    return !this.queue.empty || !this.deletions.empty
  }

  /** When the next waiting row is due. */
  get nextRetry(): number {
    return Math.min(this.schedule.next, this.retryAllAt)
  }

  add(slot: number): void {
    if (this.slots.has(slot, FLAG.QUEUED)) return
    this.slots.raise(slot, FLAG.QUEUED)
    this.queue.push(slot)
  }

  /** Deletions are taken only when nothing else is left: additions go first. */
  addDeletion(slot: number): void {
    this.slots.raise(slot, FLAG.QUEUED)
    this.deletions.push(slot)
  }

  addLater(time: number, slot: number): void {
    this.schedule.add(time, slot)
  }

  retryFailures(now: number): void {
    this.retryAllAt = Math.min(this.retryAllAt, Math.max(now, this.retriedAllAt + TOPOLOGY_RETRY_MS))
  }

  /** Moves what is due into the queue. */
  promote(now: number, failures: Iterable<number>): void {
    for (let slot = this.schedule.takeDue(now); slot >= 0; slot = this.schedule.takeDue(now)) {
      // The row may have been given back since; a free one must not be queued.
      if (this.slots.live(slot)) this.add(slot)
    }
    if (now < this.retryAllAt) return
    this.retryAllAt = Number.POSITIVE_INFINITY
    this.retriedAllAt = now
    for (const slot of failures) if (this.slots.live(slot)) this.add(slot)
  }

  /** The next row, or -1. */
  next(): number {
    const slot = this.queue.next()
    if (slot >= 0) this.slots.lower(slot, FLAG.QUEUED)
    return slot
  }

  /** The next deletion, or -1 while anything else waits. */
  nextDeletion(): number {
    if (!this.queue.empty) return -1
    const slot = this.deletions.next()
    if (slot >= 0) this.slots.lower(slot, FLAG.QUEUED)
    return slot
  }
}
