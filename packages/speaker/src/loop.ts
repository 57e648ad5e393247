/**
 * When work happens: the quiet gate of hot-path.md section 2.
 *
 * Reads only mark. The first read of a quiet time arms `setImmediate`; while turns keep bringing something it is armed
 * again, for at most as long as a flush costs (2 to 20 ms), and only then is everything decided and sent at once.
 * Timers go first in every turn, so no amount of work makes a KEEPALIVE late by more than a slice.
 */
import { now } from './clock.js'
import { GATE_MAXIMUM, GATE_MINIMUM, SLICE } from './limits.js'

export interface LoopBody {
  /** Due timers; cheap when nothing is due. */
  tick(at: number): void
  /** One step of work; true = more to do. */
  work(at: number): boolean
  /** Send what the turn collected, read again where reading had stopped. */
  endTurn(): void
  nextDeadline(): number
  /** What it costs to send something small to everybody, in milliseconds. */
  roundCost(): number
}

export class Loop {
  readonly #body: LoopBody
  #activity = 0
  #seen = 0
  #armed = false
  #stopped = false
  #first = 0
  #lastCost = 0
  #cost = 0
  #working = false
  #timer: NodeJS.Timeout | undefined
  #timerAt = Number.POSITIVE_INFINITY

  constructor(body: LoopBody) {
    this.#body = body
  }

  /** Something came in. */
  poke(): void {
    this.#activity++
    if (this.#armed || this.#stopped) return
    this.#armed = true
    this.#seen = this.#activity
    this.#first = now()
    setImmediate(this.#gate)
  }

  /** When the present burst began: the first thing that came in since the last rest. */
  get burstStart(): number {
    return this.#first
  }

  stop(): void {
    this.#stopped = true
    clearTimeout(this.#timer)
  }

  readonly #gate = (): void => {
    if (this.#stopped) return
    const start = now()
    this.#body.tick(start)
    if (!this.#working && this.#activity !== this.#seen && start - this.#first < this.#patience()) {
      this.#seen = this.#activity
      this.#body.endTurn()
      setImmediate(this.#gate)
      return
    }
    const more = this.#slice(start)
    this.#body.endTurn()
    this.#cost += now() - start
    this.#working = more
    if (more) {
      setImmediate(this.#gate)
      return
    }
    this.#lastCost = this.#cost
    this.#cost = 0
    this.#armed = false
    this.#arm()
  }

  #patience(): number {
    return Math.min(GATE_MAXIMUM, Math.max(GATE_MINIMUM, this.#lastCost, this.#body.roundCost()))
  }

  #slice(start: number): boolean {
    let at = start
    while (this.#body.work(at)) {
      at = now()
      if (at - start >= SLICE) return true
    }
    return false
  }

  /** One timer for the whole process: the engine's next deadline. */
  #arm(): void {
    const deadline = this.#body.nextDeadline()
    if (this.#timer !== undefined && deadline === this.#timerAt) return
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#timerAt = deadline
    if (deadline === Number.POSITIVE_INFINITY) return
    this.#timer = setTimeout(this.#due, Math.max(0, Math.ceil(deadline - now())))
  }

  readonly #due = (): void => {
    this.#timer = undefined
    this.poke()
  }
}
