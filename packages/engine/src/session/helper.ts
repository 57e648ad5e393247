/**
 * Graceful restart, the helper's side: how long the routes of a peer that went away are kept (RFC 4724 section 4.2,
 * RFC 8538, RFC 9494). One small machine per family:
 *
 *   none --lost--> stale --restart time over--> long-lived --its time over--> none (swept)
 *                    |  `--no long-lived agreement--> none (swept)
 *                    `--back with F bit--> recovering --End-of-RIB, or too late--> none (what is still stale is swept)
 *
 * Lost again while recovering: what is still stale from the first time goes (RFC 4724 section 4.2, "consecutive restarts"),
 * unless long-lived retention was agreed for the family; then it stays, but no longer than the first loss allowed.
 * A family that only the long-lived capability lists is long-lived from the start (RFC 9494 section 4.2).
 *
 * It owns no routes: it tells the tables when to mark and when to sweep.
 */
import { STALE_AFTER_RECONNECT } from '../config/limits.js'
import { FAMILIES, type PeerConfig } from '../config/types.js'
import type { FamilyIndex, Retention } from '../rib/contract.js'
import type { Cause } from './cause.js'
import type { Negotiated, PeerRestart } from './negotiated.js'
import { longLivedStaleTime } from './open.js'

export interface HelperActions {
  sweep(family: FamilyIndex): void
  markLongLived(family: FamilyIndex): void
  report(phase: 'stale-kept' | 'stale-expired' | 'recovered', until?: number): void
}

type Phase = 'none' | 'stale' | 'long-lived' | 'recovering'
const NEVER = Number.POSITIVE_INFINITY
const BOTH: readonly FamilyIndex[] = [0, 1]
/** RFC 8538 section 3: Cease/Hard Reset ends the session for good. */
const HARD_RESET = { code: 6, subcode: 9 }

/** RFC 4724 section 4.2 and RFC 8538 section 4: does this end keep the peer's routes? */
export function keepsRoutes(restart: PeerRestart | undefined, cause: Cause): boolean {
  if (restart === undefined || cause.final === true) return false
  if (cause.kind === 'transport' || cause.kind === 'silent') return true
  const hard = cause.notification?.code === HARD_RESET.code && cause.notification.subcode === HARD_RESET.subcode
  return restart.notification && !hard
}

export class Helper {
  readonly #phase: [Phase, Phase] = ['none', 'none']
  readonly #until: [number, number] = [NEVER, NEVER]
  /** Agreed long-lived stale time, milliseconds. */
  readonly #longLived: [number, number] = [0, 0]
  /** When the last of what became stale must go, whatever happens meanwhile. */
  readonly #last: [number, number] = [NEVER, NEVER]
  readonly #actions: HelperActions

  constructor(actions: HelperActions) {
    this.#actions = actions
  }

  get active(): boolean {
    return this.#phase[0] !== 'none' || this.#phase[1] !== 'none'
  }

  /** Routes of any family are stale and their peer is not back. */
  get holding(): boolean {
    return BOTH.some((family) => this.#phase[family] === 'stale' || this.#phase[family] === 'long-lived')
  }

  /** The restart time that it asked for is running. */
  get restarting(): boolean {
    return BOTH.some((family) => this.#phase[family] === 'stale')
  }

  get staleUntil(): number | undefined {
    const until = Math.min(this.#until[0], this.#until[1])
    return until === NEVER ? undefined : until
  }

  deadline(): number {
    return Math.min(this.#until[0], this.#until[1])
  }

  /** The session ended: which families stay, for the tables. */
  lost(session: Negotiated, config: PeerConfig, cause: Cause, now: number): Retention {
    const restart = config.gracefulRestart.enabled && keepsRoutes(session.restart, cause) ? session.restart : undefined
    const stale: [boolean, boolean] = [false, false]
    for (const family of BOTH) {
      const offer = session.families[family] ? restart?.families[family] : undefined
      const ours =
        longLivedStaleTime(
          config,
          config.families.find(({ family: name }) => FAMILIES[family] === name),
        ) * 1000
      this.#longLived[family] = Math.min(offer?.longLivedStaleTime ?? 0, ours)
      const longLived = this.#longLived[family]
      stale[family] = offer !== undefined && (offer.listed || longLived > 0)
      if (this.#phase[family] === 'recovering' && (!stale[family] || longLived === 0)) this.#actions.sweep(family)
      const restartTime = offer?.listed === true ? (restart?.restartTime ?? 0) : 0
      const again = this.#phase[family] === 'recovering' ? this.#last[family] : NEVER
      this.#last[family] = stale[family] ? Math.min(again, now + restartTime + longLived) : NEVER
      const until = Math.min(now + restartTime, this.#last[family])
      this.#set(family, stale[family] ? 'stale' : 'none', stale[family] ? until : NEVER)
    }
    if (restart !== undefined && this.active) this.#actions.report('stale-kept', this.deadline())
    return { stale }
  }

  /** The peer is back, its session is up: what it did not preserve goes, the rest waits for End-of-RIB. */
  returned(session: Negotiated, now: number): void {
    for (const family of BOTH) {
      if (this.#phase[family] === 'none') continue
      const back = session.restart?.families[family]
      const longLived = this.#phase[family] === 'long-lived' && back?.longLivedPreserved === true
      if (session.families[family] && ((back?.listed === true && back.preserved) || longLived)) {
        this.#set(family, 'recovering', now + STALE_AFTER_RECONNECT)
      } else {
        this.#sweep(family)
      }
    }
  }

  /** End-of-RIB: whatever is still stale was not announced again. */
  endOfRib(family: FamilyIndex): void {
    if (this.#phase[family] !== 'recovering') return
    this.#sweep(family)
    if (!this.active) this.#actions.report('recovered')
  }

  tick(now: number): void {
    for (const family of BOTH) {
      if (now < this.#until[family]) continue
      if (this.#phase[family] === 'stale' && this.#longLived[family] > 0 && this.#last[family] > now) {
        this.#set(family, 'long-lived', this.#last[family])
        this.#actions.markLongLived(family)
      } else {
        this.#sweep(family)
        this.#actions.report('stale-expired')
      }
    }
  }

  /** The peering is removed or shut down: nothing is kept. */
  end(): void {
    for (const family of BOTH) if (this.#phase[family] !== 'none') this.#sweep(family)
  }

  #sweep(family: FamilyIndex): void {
    this.#set(family, 'none', NEVER)
    this.#actions.sweep(family)
  }

  #set(family: FamilyIndex, phase: Phase, until: number): void {
    this.#phase[family] = phase
    this.#until[family] = until
  }
}
