/**
 * Idle hold and redial delays: doubling from a minimum to a maximum, with jitter, forgiven after stable time.
 *
 * The count of failures survives Established: a session that flaps every few seconds must slow down although each
 * attempt succeeds (reliability.md section 2, "Session machine").
 */
import { JITTER, STABLE_TIME } from '../config/limits.js'

export class Backoff {
  failures = 0
  readonly #random: () => number

  constructor(random: () => number) {
    this.#random = random
  }

  failed(): void {
    if (this.failures < 30) this.failures++
  }

  /** A session of this length ended. */
  ended(lasted: number): void {
    if (lasted >= STABLE_TIME) this.failures = 0
  }

  clear(): void {
    this.failures = 0
  }

  /** Milliseconds to wait now: nothing before the first failure. */
  delay(range: readonly [minimum: number, maximum: number]): number {
    if (this.failures === 0) return 0
    const [minimum, maximum] = range
    const wait = Math.min(maximum, minimum * 2 ** (this.failures - 1))
    return wait * (1 - JITTER * this.#random())
  }
}
