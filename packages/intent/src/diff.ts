/**
 * The difference between two plans: `starling plan --against`, and what a log line says after a change.
 *
 * Which sessions come, go, or must be opened again and because of which field; which prefixes appear and disappear. What
 * a field costs is the engine's own impact table, so this cannot promise anything else than what will happen.
 */
import { changedFields, effectOf, type FieldChange, type PeerConfig } from '@starling/engine'
import type { Plan } from './plan.js'
import type { PlannedRoute, PlanProblem, PoolRule, Why } from './types.js'

export interface SessionChange {
  readonly name: string
  readonly address: string
  readonly why: Why
}

export interface SessionEffect extends SessionChange {
  /** Every field that differs, with what it costs. */
  readonly fields: readonly FieldChange[]
  /** The field that demands a new session; absent when the session stays up. */
  readonly reset?: string
}

export interface PlanDiff {
  readonly come: readonly SessionChange[]
  readonly go: readonly SessionChange[]
  readonly reset: readonly SessionEffect[]
  /** Changed without a reset. */
  readonly changed: readonly SessionEffect[]
  readonly appear: readonly PlannedRoute[]
  readonly disappear: readonly PlannedRoute[]
  /** Members of the speaker itself that differ: `asNumber`, `routerId`, `listen`... A new router ID resets every session. */
  readonly speaker: readonly string[]
  readonly kernelPools: { readonly before: readonly PoolRule[]; readonly after: readonly PoolRule[] } | undefined
  readonly newProblems: readonly PlanProblem[]
}

export function diffPlans(before: Plan, after: Plan): PlanDiff {
  const come: SessionChange[] = []
  const go: SessionChange[] = []
  const reset: SessionEffect[] = []
  const changed: SessionEffect[] = []
  const speaker = speakerChanges(before, after)
  // A session's AS is its own field: one with a `localASNumber` outlives another AS of the speaker.
  const everything = speaker.find((field) => field === 'routerId')
  for (const [key, peer] of before.engine.peers) if (!after.engine.peers.has(key)) go.push(session(peer))
  for (const [key, peer] of after.engine.peers) {
    const old = before.engine.peers.get(key)
    if (old === undefined) {
      come.push(session(peer))
      continue
    }
    const fields = changedFields(old, peer)
    const cause = effectOf(fields, peer, typeof old.remoteAs === 'number' ? old.remoteAs : undefined).reset?.field
    const field = cause ?? everything
    if (field !== undefined) reset.push({ ...session(peer), fields, reset: field })
    else if (fields.length > 0) changed.push({ ...session(peer), fields })
  }
  const known = new Set(before.problems.map(problemText))
  const pools = (plan: Plan): string => JSON.stringify(plan.kernel.pools)
  return {
    come,
    go,
    reset,
    changed,
    appear: missingIn(before, after),
    disappear: missingIn(after, before),
    speaker,
    kernelPools:
      pools(before) === pools(after) ? undefined : { before: before.kernel.pools, after: after.kernel.pools },
    newProblems: after.problems.filter((problem) => !known.has(problemText(problem))),
  }
}

const session = ({ name, remoteAddress, why }: PeerConfig): SessionChange => ({ name, address: remoteAddress, why })

const problemText = ({ resource, field, message }: PlanProblem): string => `${resource} ${field ?? ''} ${message}`

function missingIn(there: Plan, here: Plan): readonly PlannedRoute[] {
  const known = new Set(there.localRoutes.map(({ prefix }) => prefix))
  return here.localRoutes.filter(({ prefix }) => !known.has(prefix))
}

function speakerChanges(before: Plan, after: Plan): readonly string[] {
  const fields: string[] = []
  for (const field of ['asNumber', 'routerId', 'clusterId'] as const)
    if (before.engine[field] !== after.engine[field]) fields.push(field)
  for (const field of ['listen', 'ignoredInterfaces', 'communities', 'logLevel'] as const)
    if (JSON.stringify(before[field]) !== JSON.stringify(after[field])) fields.push(field)
  return fields
}
