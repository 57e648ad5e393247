/**
 * Graceful restart, the restarter's side (RFC 4724 section 4.1): after our own restart nothing is advertised, installed
 * or removed until the peers have sent what they know, each within a bounded, visible time.
 *
 * Waited for are only peers that answer: a peer whose address refuses or stays silent for {@link ANSWER_TIME} holds
 * nobody up (silence for minutes waiting for End-of-RIB is the best-known complaint: calico 7144, kube-router 1323).
 * A peer without graceful restart, or one that restarts itself (R bit), is not waited for either.
 */
import { ANSWER_TIME } from '../config/limits.js'
import type { PeerKey } from '../config/types.js'
import type { FamilyIndex } from '../rib/contract.js'
import type { Negotiated } from './negotiated.js'

const NEVER = Number.POSITIVE_INFINITY

interface Waiting {
  readonly until: number
  /** Families whose End-of-RIB is awaited; undefined = the session is not up yet. */
  families: Set<FamilyIndex> | undefined
}

export class Deferral {
  #waiting: Map<PeerKey, Waiting> | undefined
  /**
   * Clients that come from a range are not known beforehand: at least this moment is waited for, unless those that come
   * do not do graceful restart. Then nobody kept anything of ours that an early End-of-RIB could destroy.
   */
  #notBefore: number
  #helpers = false
  readonly #limit: number

  constructor(peers: Iterable<PeerKey>, options: { dynamic: boolean; limit: number; now: number }) {
    const until = options.now + Math.min(ANSWER_TIME, options.limit)
    this.#waiting = new Map([...peers].map((key) => [key, { until, families: undefined }]))
    this.#notBefore = options.dynamic ? until : options.now
    this.#limit = options.now + options.limit
  }

  get active(): boolean {
    return this.#waiting !== undefined
  }

  waitsFor(key: PeerKey): boolean {
    return this.#waiting?.has(key) ?? false
  }

  deadline(): number {
    if (this.#waiting === undefined) return NEVER
    let at = this.#waiting.size === 0 ? this.#notBefore : this.#limit
    for (const entry of this.#waiting.values()) at = Math.min(at, entry.until)
    return at
  }

  /** The peer accepted a connection or made one: it is worth the whole time. */
  answered(key: PeerKey): void {
    const entry = this.#waiting?.get(key)
    if (entry !== undefined && entry.families === undefined) {
      this.#waiting?.set(key, { until: this.#limit, families: undefined })
    }
  }

  established(key: PeerKey, session: Negotiated): void {
    if (session.restart !== undefined) this.#helpers = true
    else if (!this.#helpers) this.#notBefore = 0
    const families = new Set<FamilyIndex>()
    for (const family of [0, 1] as const) {
      const restart = session.restart
      if (session.families[family] && restart !== undefined && !restart.restarting) families.add(family)
    }
    if (families.size === 0) this.#waiting?.delete(key)
    else this.#waiting?.set(key, { until: this.#limit, families })
  }

  endOfRib(key: PeerKey, family: FamilyIndex): void {
    const families = this.#waiting?.get(key)?.families
    families?.delete(family)
    if (families?.size === 0) this.#waiting?.delete(key)
  }

  /** It refused, failed, or is not to be spoken to. */
  gone(key: PeerKey): void {
    this.#waiting?.delete(key)
  }

  /** True exactly once: when nobody is waited for any more. */
  finished(now: number): boolean {
    const waiting = this.#waiting
    if (waiting === undefined) return false
    for (const [key, entry] of waiting) if (now >= entry.until) waiting.delete(key)
    if (waiting.size > 0 || (now < this.#notBefore && now < this.#limit)) return false
    this.#waiting = undefined
    return true
  }
}
