/**
 * Policy terms, walked one by one over one route: the meaning of `PolicyTerm`, slow and plain.
 *
 * `starling plan --evaluate` shows its steps to people, and it is the oracle that the engine's compiled policies are tested
 * against. It never touches the hot path.
 */
import type { Action, Condition, PolicyTerm, PrefixRange, RouteSource, Why } from '@starling/engine'
import { Prefix } from '@starling/inet'
import { PRIORITY_CEILING } from './terms.js'

/** What policy can see and change of a route. */
export interface PolicyRoute {
  readonly prefix: string
  readonly source: RouteSource
  readonly interface?: string
  /** How it was learned; `local` unless the source is `bgp`. */
  readonly learnedFrom: 'ebgp' | 'ibgp' | 'local'
  readonly asPath: readonly number[]
  readonly communities: readonly string[]
  readonly localPref?: number
  readonly med?: number
  readonly metric?: number
  readonly nextHop?: string
  /** BIRD's route preference. */
  readonly preference: number
}

export interface PolicySession {
  readonly type: 'ebgp' | 'ibgp'
  readonly defaultLocalPref: number
}

export interface PolicyStep {
  readonly why: Why
  readonly matched: boolean
  /** The first condition that did not hold. */
  readonly failed?: string
  /** What the actions did, in words. */
  readonly actions: readonly string[]
  readonly verdict?: 'accept' | 'reject'
}

export interface PolicyVerdict {
  readonly verdict: 'accept' | 'reject'
  /** The term that decided; absent when the default did. */
  readonly why?: Why
  /** After the actions of every matching term. */
  readonly route: PolicyRoute
  readonly steps: readonly PolicyStep[]
}

export function evaluatePolicy(
  terms: readonly PolicyTerm[],
  fallback: 'accept' | 'reject',
  route: PolicyRoute,
  session: PolicySession,
): PolicyVerdict {
  const steps: PolicyStep[] = []
  let current = route
  for (const { why, conditions, actions, verdict } of terms) {
    const failed = conditions.find((condition) => !holds(condition, current, session))
    if (failed !== undefined) {
      steps.push({ why, matched: false, failed: describeCondition(failed), actions: [] })
      continue
    }
    for (const action of actions) current = act(action, current, session)
    const step = { why, matched: true, actions: actions.map(describeAction) }
    steps.push(verdict === undefined ? step : { ...step, verdict })
    if (verdict !== undefined) return { verdict, why, route: current, steps }
  }
  return { verdict: fallback, route: current, steps }
}

function holds(condition: Condition, route: PolicyRoute, session: PolicySession): boolean {
  switch (condition.kind) {
    case 'prefix':
      return holdsPrefix(condition, route.prefix)
    case 'source':
      return condition.any.includes(route.source)
    case 'interface':
      return (
        route.interface !== undefined && condition.globs.some((glob) => globMatches(glob, route.interface as string))
      )
    case 'peer-type':
      return session.type === condition.is
    case 'community':
      return condition.any.some((value) => route.communities.includes(value))
    case 'as-path-prefix':
      return condition.sequence.every((asNumber, i) => route.asPath[i] === asNumber)
    case 'local-pref':
      return compare(route.localPref ?? session.defaultLocalPref, condition.operator, condition.value)
    case 'metric':
      return route.metric !== undefined && compare(route.metric, condition.operator, condition.value)
    case 'learned-from':
      return route.learnedFrom === condition.is
  }
}

/** A condition speaks of its ranges' family only: a route of the other family does not meet it, negated or not. */
function holdsPrefix({ ranges, negate }: Extract<Condition, { kind: 'prefix' }>, prefix: string): boolean {
  if (ranges.length === 0) return negate
  const family = prefix.includes(':') ? 'ipv6' : 'ipv4'
  const own = ranges.filter((range) => range.family === family)
  return own.length > 0 && own.some((range) => inRange(prefix, range)) !== negate
}

function inRange(text: string, { network, minimum, maximum }: PrefixRange): boolean {
  const prefix = Prefix.parse(text)
  const outer = Prefix.parse(network)
  if (prefix === undefined || outer === undefined) return false
  // A range may begin above its network's own length, never below it.
  return outer.contains(prefix) && prefix.length >= minimum && prefix.length <= maximum
}

function compare(value: number, operator: '=' | '<' | '>', limit: number): boolean {
  return operator === '=' ? value === limit : operator === '<' ? value < limit : value > limit
}

/** `*` any run of characters, `?` exactly one. */
export function globMatches(glob: string, text: string): boolean {
  let g = 0
  let t = 0
  let star = -1
  let mark = 0
  while (t < text.length) {
    if (g < glob.length && glob[g] === '*') {
      star = g++
      mark = t
    } else if (g < glob.length && (glob[g] === '?' || glob[g] === text[t])) {
      g++
      t++
    } else if (star >= 0) {
      g = star + 1
      t = ++mark
    } else return false
  }
  while (glob[g] === '*') g++
  return g === glob.length
}

function act(action: Action, route: PolicyRoute, session: PolicySession): PolicyRoute {
  switch (action.kind) {
    case 'add-community':
      return route.communities.includes(action.value)
        ? route
        : { ...route, communities: [...route.communities, action.value] }
    case 'remove-community':
      return { ...route, communities: route.communities.filter((value) => value !== action.value) }
    case 'prepend-as-path':
      return { ...route, asPath: [...action.sequence, ...route.asPath] }
    case 'set-local-pref':
      return { ...route, localPref: action.value }
    case 'set-med': {
      const { med: _med, ...rest } = route
      return action.value === undefined ? rest : { ...rest, med: action.value }
    }
    case 'calico-priority': {
      if (route.source === 'bgp') {
        const localPref = route.localPref ?? session.defaultLocalPref
        return { ...route, metric: Math.max(0, PRIORITY_CEILING - localPref) }
      }
      const metric = route.metric ?? action.normalPriority
      return { ...route, metric, localPref: Math.max(0, PRIORITY_CEILING - metric) }
    }
    case 'set-preference':
      return { ...route, preference: action.value }
    case 'set-next-hop':
      return { ...route, nextHop: action.value }
  }
}

export function describeCondition(condition: Condition): string {
  switch (condition.kind) {
    case 'prefix': {
      const ranges = condition.ranges.map(({ network, minimum, maximum }) => `${network}{${minimum},${maximum}}`)
      return `prefix ${condition.negate ? 'outside' : 'in'} ${ranges.join(', ') || 'nothing'}`
    }
    case 'source':
      return `source is ${condition.any.join(' or ')}`
    case 'interface':
      return `interface matches ${condition.globs.join(' or ')}`
    case 'peer-type':
      return `session is ${condition.is}`
    case 'community':
      return `has community ${condition.any.join(' or ')}`
    case 'as-path-prefix':
      return `AS_PATH begins ${condition.sequence.join(' ')}`
    case 'local-pref':
    case 'metric':
      return `${condition.kind} ${condition.operator} ${condition.value}`
    case 'learned-from':
      return `learned from ${condition.is}`
  }
}

export function describeAction(action: Action): string {
  switch (action.kind) {
    case 'prepend-as-path':
      return `prepend ${action.sequence.join(' ')}`
    case 'calico-priority':
      return `metric and LOCAL_PREF mirrored, normal priority ${action.normalPriority}`
    case 'set-med':
      return action.value === undefined ? 'remove MED' : `set MED ${action.value}`
    default:
      return `${action.kind.replaceAll('-', ' ')} ${action.value}`
  }
}
