/**
 * A peer that is down because it reached a prefix limit: until a time, or until somebody acts. Whoever changes the limit
 * has acted (`reconfigure.ts`), and so has `starling peer restart` or `enable`.
 */
const NEVER = Number.POSITIVE_INFINITY

export class LimitHold {
  #until: number | undefined
  #words = ''
  /** Seconds. */
  #after = 0

  /** Milliseconds; undefined = for good. */
  begin(words: string, restartAfter: number | undefined, now: number): void {
    this.#words = words
    this.#after = Math.ceil((restartAfter ?? 0) / 1000)
    this.#until = restartAfter === undefined ? NEVER : now + restartAfter
  }

  /** True when it was held. */
  end(): boolean {
    const held = this.#until !== undefined
    this.#until = undefined
    return held
  }

  /** When it may start again by itself. */
  get deadline(): number {
    return this.#until ?? NEVER
  }

  blocked(now: number): string | undefined {
    const until = this.#until
    if (until === undefined || now >= until) return undefined
    if (until === NEVER) return `${this.#words}: stays down until it is restarted by hand or the limit is changed`
    return `${this.#words}: starts again ${this.#after} s after it, or when the limit is changed`
  }
}
