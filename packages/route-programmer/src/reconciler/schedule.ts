/** Retry times: a small binary heap of (time, slot). An entry outlives its reason; the taker looks whether it still holds. */

export class Schedule {
  private readonly times: number[] = []
  private readonly slots: number[] = []

  get next(): number {
    return this.times[0] ?? Number.POSITIVE_INFINITY
  }

  add(time: number, slot: number): void {
    let at = this.times.length
    this.times.push(time)
    this.slots.push(slot)
    while (at > 0) {
      const parent = (at - 1) >> 1
      if ((this.times[parent] as number) <= time) break
      this.swap(at, parent)
      at = parent
    }
  }

  /** A slot whose time has come, or -1. */
  takeDue(now: number): number {
    if (this.next > now) return -1
    const slot = this.slots[0] as number
    const lastTime = this.times.pop() as number
    const lastSlot = this.slots.pop() as number
    if (this.times.length > 0) {
      this.times[0] = lastTime
      this.slots[0] = lastSlot
      this.sink()
    }
    return slot
  }

  private sink(): void {
    for (let at = 0; ; ) {
      const left = 2 * at + 1
      const right = left + 1
      let least = at
      if (left < this.times.length && (this.times[left] as number) < (this.times[least] as number)) least = left
      if (right < this.times.length && (this.times[right] as number) < (this.times[least] as number)) least = right
      if (least === at) return
      this.swap(at, least)
      at = least
    }
  }

  private swap(a: number, b: number): void {
    const { times, slots } = this
    ;[times[a], times[b]] = [times[b] as number, times[a] as number]
    ;[slots[a], slots[b]] = [slots[b] as number, slots[a] as number]
  }
}
