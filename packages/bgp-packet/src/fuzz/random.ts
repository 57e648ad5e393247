/**
 * The fuzzer's dice: xorshift32, so that a run is its seed.
 */

export class Random {
  #state: number

  constructor(seed: number) {
    this.#state = seed >>> 0 || 0x9e3779b9
  }

  /** A 32-bit unsigned number. */
  next(): number {
    let x = this.#state
    x ^= x << 13
    x ^= x >>> 17
    x ^= x << 5
    this.#state = x >>> 0
    return this.#state
  }

  /** 0 to n - 1. */
  below(n: number): number {
    return this.next() % n
  }

  chance(oneIn: number): boolean {
    return this.next() % oneIn === 0
  }
}
