/**
 * Refused connections, told so that a flood of them cannot push everything else out of the log: a burst in full, then one
 * a second that says how many there were since. Which one that is hardly matters; that there are thousands does.
 */
import { REFUSAL_INTERVAL, REFUSALS_TOLD } from '../config/limits.js'

export class Refusals {
  #budget = REFUSALS_TOLD
  #at = 0
  #untold = 0

  /** How many went untold before this one; undefined: this one is not told either. */
  tell(now: number): number | undefined {
    const earned = Math.floor((now - this.#at) / REFUSAL_INTERVAL)
    if (earned > 0) {
      this.#budget = Math.min(REFUSALS_TOLD, this.#budget + earned)
      this.#at = this.#budget === REFUSALS_TOLD ? now : this.#at + earned * REFUSAL_INTERVAL
    }
    if (this.#budget === 0) {
      this.#untold++
      return undefined
    }
    this.#budget--
    const untold = this.#untold
    this.#untold = 0
    return untold
  }
}
