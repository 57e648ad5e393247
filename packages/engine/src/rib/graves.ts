/**
 * Ids of vanished prefixes and rows, kept until every peer knows that they are gone.
 *
 * Two generations per kind: the younger collects, the older waits until each group's slowest reader passed the place its
 * log had when the generation was closed. Then the older is released and the younger takes its place. Cost: one number
 * per vanished id, nothing per peer.
 */
import type { OutGroup } from '../out/group.js'

export class Graves {
  #young: number[] = []
  #old: number[] = []
  #marks = new Map<OutGroup, number>()
  #closed = false

  get size(): number {
    return this.#young.length + this.#old.length
  }

  bury(id: number): void {
    this.#young.push(id)
  }

  /** Releases what may be released; `release` may bury again. */
  reap(source: Iterable<OutGroup>, release: (id: number) => void): void {
    if (this.size === 0) return
    const groups = [...source]
    // To the end: nobody comes again for what is left when nothing happens any more. A release buries at most once more.
    while (this.size > 0) {
      if (!this.#closed) {
        this.#old = this.#young
        this.#young = []
        this.#marks = new Map()
        for (const group of groups) this.#marks.set(group, group.log.end)
        this.#closed = true
      }
      for (const group of groups) {
        const mark = this.#marks.get(group)
        // A group made since then has nothing to tell about them, unless somebody brought his knowledge along.
        if (group.settled() < (mark ?? 0)) return
      }
      const due = this.#old
      this.#old = []
      this.#closed = false
      for (const id of due) release(id)
    }
  }
}
