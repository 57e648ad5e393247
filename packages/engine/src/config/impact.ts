/**
 * What a change of each configuration field costs: the table behind "a session is reset only when the protocol demands
 * it" (design section 4). A new field does not compile until it has a row.
 *
 * none          names and labels
 * import        the stored routes of the peer run through import again
 * export        what the peer gets is computed again
 * timers        in force at once where it can be, otherwise from the next OPEN on; the session stays
 * renegotiate   the OPEN said otherwise, so the session must be opened again (CEASE/6)
 * reconnect     the TCP connection itself is another one
 */
import type { PeerConfig, PeerFamilyConfig } from './types.js'

export type Impact = 'none' | 'import' | 'export' | 'timers' | 'renegotiate' | 'reconnect'

export const IMPACT: Record<keyof PeerConfig, Impact> = {
  key: 'reconnect',
  name: 'none',
  kind: 'none',
  description: 'none',
  why: 'none',
  remoteAddress: 'reconnect',
  remotePort: 'reconnect',
  localAddress: 'reconnect',
  interface: 'reconnect',
  /** Only when the AS of the running session no longer fits: `sessionStillFits`. */
  remoteAs: 'renegotiate',
  localAs: 'renegotiate',
  passive: 'timers',
  /** Administrative state is handled by itself: CEASE/2 with the text, or a start. */
  enabled: 'timers',
  shutdownMessage: 'none',
  heldDown: 'timers',
  password: 'reconnect',
  ttlSecurity: 'reconnect',
  /** From the next connection on: no mark in a header is worth a session. */
  transport: 'none',
  /** Refined by {@link familiesImpact}: limits do not reset anything. */
  families: 'renegotiate',
  /** Refined by {@link timersImpact}. */
  timers: 'timers',
  /** Restart time and stale time are looked at when the session ends; the next OPEN says the new ones. */
  gracefulRestart: 'timers',
  routeRefresh: 'timers',
  extendedMessages: 'timers',
  fourOctetAs: 'renegotiate',
  role: 'renegotiate',
  routeReflectorClient: 'import',
  clusterId: 'import',
  nextHop: 'export',
  allowOwnAs: 'import',
  enforceFirstAs: 'import',
  asOverride: 'export',
  removePrivateAs: 'export',
  importPolicy: 'import',
  exportPolicy: 'export',
  importDefault: 'import',
  exportDefault: 'export',
  discardAttributes: 'import',
  withdrawOnAttributes: 'import',
  bfdStrict: 'timers',
}

/** Reflection looks at both sides of a route: who sent it and who gets it. */
const ALSO_EXPORT: ReadonlySet<keyof PeerConfig> = new Set(['routeReflectorClient', 'clusterId'])

export interface FieldChange {
  readonly field: keyof PeerConfig
  readonly impact: Impact
}

/** Plain data compared by value: configuration holds no functions, maps or cycles. */
export function sameValue(a: unknown, b: unknown): boolean {
  if (Object.is(a, b)) return true
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false
  if (Array.isArray(a) !== Array.isArray(b)) return false
  const left = a as Record<string, unknown>
  const right = b as Record<string, unknown>
  const keys = new Set([...Object.keys(left), ...Object.keys(right)])
  for (const key of keys) if (!sameValue(left[key], right[key])) return false
  return true
}

/** Families and capabilities are the OPEN's; limits are ours alone. */
export function familiesImpact(before: readonly PeerFamilyConfig[], after: readonly PeerFamilyConfig[]): Impact {
  const offered = (list: readonly PeerFamilyConfig[]) =>
    list
      .map(({ family, addPath, extendedNextHop }) => `${family} ${addPath.receive} ${addPath.send} ${extendedNextHop}`)
      .sort()
  if (!sameValue(offered(before), offered(after))) return 'renegotiate'
  const limits = (list: readonly PeerFamilyConfig[]) => list.map((each) => [each.family, each.importLimit]).sort()
  return sameValue(limits(before), limits(after)) ? 'export' : 'import'
}

/** All timers are the session's but one, which acts where routes go out. */
function timersImpact(before: PeerConfig, after: PeerConfig): Impact {
  return before.timers.advertisementInterval === after.timers.advertisementInterval ? 'timers' : 'export'
}

function impactOf(field: keyof PeerConfig, before: PeerConfig, after: PeerConfig): Impact {
  if (field === 'families') return familiesImpact(before.families, after.families)
  return field === 'timers' ? timersImpact(before, after) : IMPACT[field]
}

/** Every field that differs, with what it costs. */
export function changedFields(before: PeerConfig, after: PeerConfig): FieldChange[] {
  if (before === after) return []
  const changes: FieldChange[] = []
  for (const field of Object.keys(IMPACT) as (keyof PeerConfig)[]) {
    if (sameValue(before[field], after[field])) continue
    changes.push({ field, impact: impactOf(field, before, after) })
  }
  return changes
}

/** Does the AS of the running session fit the new wish? Then `remoteAs` may change without a reset. */
export function remoteAsStillFits(config: PeerConfig, remoteAs: number): boolean {
  const wanted = config.remoteAs
  if (wanted === 'any') return true
  if (wanted === 'external') return remoteAs !== config.localAs
  if (wanted === 'internal') return remoteAs === config.localAs
  return wanted === remoteAs
}

export interface PeerEffect {
  readonly import: boolean
  readonly export: boolean
  /** The first field that demands a new session. */
  readonly reset: FieldChange | undefined
}

/** The smallest sufficient effect of some changes on a peer whose session (if any) has that remote AS. */
export function effectOf(
  changes: readonly FieldChange[],
  after: PeerConfig,
  sessionAs: number | undefined,
): PeerEffect {
  const resets = changes.filter(
    ({ field, impact }) =>
      (impact === 'renegotiate' || impact === 'reconnect') &&
      !(field === 'remoteAs' && sessionAs !== undefined && remoteAsStillFits(after, sessionAs)),
  )
  return {
    import: changes.some(({ impact }) => impact === 'import'),
    export: changes.some(({ field, impact }) => impact === 'export' || ALSO_EXPORT.has(field)),
    reset: resets[0],
  }
}
