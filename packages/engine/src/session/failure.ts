/**
 * Why the last attempts failed, in words, as `show peers` keeps saying it.
 *
 * Two kinds of knowledge: what somebody said (a NOTIFICATION of either side), which tells what to mend, and what happened
 * to TCP, which often only follows from it. BIRD, for one, accepts nothing for a minute after it has refused an OPEN: a
 * "connection refused" behind a "wrong AS" must not hide it.
 */

/** What was said longer ago than this need not be the reason any more; BIRD waits up to 5 minutes after an error. */
const SAID_COUNTS = 300_000

export class Failure {
  #text = ''
  #said = ''
  #saidAt = 0

  /** Empty: nothing has failed since it last worked. */
  get text(): string {
    return this.#text
  }

  /** One of the two sides gave a reason. */
  said(words: string, now: number): void {
    this.#said = words
    this.#saidAt = now
    this.#text = words
  }

  /** The connection did not come about, or went, without a word. */
  happened(words: string, now: number): void {
    const explained = this.#said !== '' && now - this.#saidAt < SAID_COUNTS
    this.#text = explained ? `${this.#said}; since then: ${words}` : words
  }

  clear(): void {
    this.#text = ''
    this.#said = ''
  }
}
