/**
 * Graceful restart, the helper's side: how long the routes of a peer that went away are kept (RFC 4724 section 4.2,
 * RFC 8538, RFC 9494). One small machine per family:
 *
 *   none --lost--> stale --restart time over--> long-lived --its time over--> none (swept)
 *                    |  `--no long-lived agreement--> none (swept)
 *                    `--back with F bit--> recovering --End-of-RIB, or too late--> none (what is still stale is swept)
 *
 * It owns no routes: it tells the tables when to mark and when to sweep.
 */
import { STALE_AFTER_RECONNECT } from '../config/limits.js'
import type { GracefulRestartConfig } from '../config/types.js'
import type { FamilyIndex, Retention } from '../rib/contract.js'
import type { Cause } from './cause.js'
import type { Negotiated, PeerRestart } from './negotiated.js'

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
  #restart: PeerRestart | undefined
  #longLivedLimit = 0
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

  get staleUntil(): number | undefined {
    const until = Math.min(this.#until[0], this.#until[1])
    return until === NEVER ? undefined : until
  }

  deadline(): number {
    return Math.min(this.#until[0], this.#until[1])
  }

  /** The session ended: which families stay, for the tables. */
  lost(session: Negotiated, config: GracefulRestartConfig, cause: Cause, now: number): Retention {
    const restart = config.enabled && keepsRoutes(session.restart, cause) ? session.restart : undefined
    this.#restart = restart
    this.#longLivedLimit = config.longLivedStaleTime * 1000
    const stale: [boolean, boolean] = [false, false]
    for (const family of BOTH) {
      stale[family] = restart !== undefined && session.families[family] && restart.families[family].listed
      this.#set(family, stale[family] ? 'stale' : 'none', stale[family] ? now + (restart?.restartTime ?? 0) : NEVER)
    }
    if (restart !== undefined && this.active) this.#actions.report('stale-kept', this.deadline())
    return { stale }
  }

  /** The peer is back, its session is up: what it did not preserve goes, the rest waits for End-of-RIB. */
  returned(session: Negotiated, now: number): void {
    for (const family of BOTH) {
      if (this.#phase[family] === 'none') continue
      const back = session.restart?.families[family]
      if (session.families[family] && back?.listed === true && back.preserved) {
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
      const longLived = Math.min(this.#restart?.families[family].longLivedStaleTime ?? 0, this.#longLivedLimit)
      if (this.#phase[family] === 'stale' && longLived > 0) {
        this.#set(family, 'long-lived', now + longLived)
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
