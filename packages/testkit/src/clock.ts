/**
 * A simulated clock: a heap of things to do, and a `now` that jumps to the next one. Hours pass in milliseconds.
 */

interface Entry {
  readonly at: number
  readonly order: number
  readonly run: () => void
}

export class SimClock {
  now = 0
  /** Things done so far: the size of a run. */
  steps = 0
  readonly #heap: Entry[] = []
  #order = 0

  /** Things at the same moment happen in the order they were asked for. */
  at(time: number, run: () => void): void {
    this.#push({ at: Math.max(time, this.now), order: this.#order++, run })
  }

  after(delay: number, run: () => void): void {
    this.at(this.now + delay, run)
  }

  get next(): number {
    return this.#heap[0]?.at ?? Number.POSITIVE_INFINITY
  }

  /** Let time pass until `until`; everything due by then has happened. */
  runUntil(until: number): void {
    while (this.next <= until) this.step()
    this.now = Math.max(this.now, until)
  }

  run(duration: number): void {
    this.runUntil(this.now + duration)
  }

  /** Run until the condition holds; false when `limit` milliseconds passed without it. */
  runWhile(condition: () => boolean, limit: number): boolean {
    const end = this.now + limit
    while (condition()) {
      if (this.next > end) {
        this.now = end
        return !condition()
      }
      this.step()
    }
    return true
  }

  step(): void {
    const entry = this.#pop()
    if (entry === undefined) return
    this.now = Math.max(this.now, entry.at)
    this.steps++
    entry.run()
  }

  #push(entry: Entry): void {
    const heap = this.#heap
    let i = heap.length
    heap.push(entry)
    while (i > 0) {
      const parent = (i - 1) >> 1
      const above = heap[parent]
      if (above === undefined || !before(entry, above)) break
      heap[i] = above
      i = parent
    }
    heap[i] = entry
  }

  #pop(): Entry | undefined {
    const heap = this.#heap
    const top = heap[0]
    const last = heap.pop()
    if (top === undefined || last === undefined || heap.length === 0) return top
    let i = 0
    for (;;) {
      let child = 2 * i + 1
      const left = heap[child]
      const right = heap[child + 1]
      if (left === undefined) break
      let smaller = left
      if (right !== undefined && before(right, left)) {
        smaller = right
        child++
      }
      if (!before(smaller, last)) break
      heap[i] = smaller
      i = child
    }
    heap[i] = last
    return top
  }
}

function before(a: Entry, b: Entry): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order)
}
