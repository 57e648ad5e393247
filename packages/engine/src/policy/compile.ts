/**
 * Policy terms to closures over a `RouteEdit`.
 *
 * Everything that can be decided once is decided here: texts become numbers, prefix ranges become words and masks. The
 * result says whether any term looks at the prefix; if none does, a verdict holds for every route with the same
 * attribute set and is remembered (`memo.ts`).
 *
 * A prefix condition speaks of its ranges' family only: ranges of the other family alone match no route, negated or not.
 * So the IPv4 and IPv6 rules of one BGPFilter can stand in one list.
 */
import { type LargeCommunity, parseCommunity, parseLargeCommunity } from '@starling/bgp-packet'
import { Prefix } from '@starling/inet'
import type { RouteEdit } from './edit.js'
import type { Action, Condition, PolicyTerm } from './types.js'

/** Largest signed 32-bit number: kernel priorities and LOCAL_PREF mirror each other in it (calico.md 2.8 step 1). */
const PRIORITY_MIRROR = 2147483647

type Test = (route: RouteEdit) => boolean
type Effect = (route: RouteEdit) => void

interface CompiledTerm {
  readonly tests: readonly Test[]
  readonly effects: readonly Effect[]
  readonly verdict: 'accept' | 'reject' | undefined
  readonly term: PolicyTerm
}

export interface CompiledPolicy {
  readonly terms: readonly CompiledTerm[]
  /** At more than the attribute set: its verdicts are not remembered. */
  readonly looksAtPrefix: boolean
  /** At the interface behind the next hop, which may change under a route. */
  readonly looksAtInterface: boolean
  /** Never changes or refuses a route. */
  readonly trivial: boolean
  readonly fallback: 'accept' | 'reject'
}

export function compilePolicy(terms: readonly PolicyTerm[], fallback: 'accept' | 'reject'): CompiledPolicy {
  const asks = (kind: Condition['kind']): boolean =>
    terms.some((term) => term.conditions.some((each) => each.kind === kind))
  const looksAtInterface = asks('interface')
  return {
    terms: terms.map((term) => ({
      tests: term.conditions.map(compileCondition),
      effects: term.actions.map(compileAction),
      verdict: term.verdict,
      term,
    })),
    looksAtPrefix: asks('prefix') || looksAtInterface,
    looksAtInterface,
    trivial: fallback === 'accept' && terms.every((term) => term.actions.length === 0 && term.verdict !== 'reject'),
    fallback,
  }
}

/** Runs the terms; the deciding one is in `decidedBy` (undefined: the fallback decided). */
export function runPolicy(policy: CompiledPolicy, route: RouteEdit): 'accept' | 'reject' {
  lastTerm = undefined
  for (const term of policy.terms) {
    if (!holds(term, route)) continue
    for (const effect of term.effects) effect(route)
    if (term.verdict === undefined) continue
    lastTerm = term.term
    return term.verdict
  }
  return policy.fallback
}

let lastTerm: PolicyTerm | undefined
/** The term that ended the last {@link runPolicy}: read at once, for `explain`. */
export function decidedBy(): PolicyTerm | undefined {
  return lastTerm
}

function holds(term: CompiledTerm, route: RouteEdit): boolean {
  for (const test of term.tests) if (!test(route)) return false
  return true
}

function compileCondition(condition: Condition): Test {
  switch (condition.kind) {
    case 'prefix':
      return compilePrefix(condition)
    case 'source': {
      const { any } = condition
      return (route) => any.includes(route.source)
    }
    case 'interface': {
      const globs = condition.globs.map(globToRegExp)
      return (route) => {
        const name = route.interface
        return name !== undefined && globs.some((glob) => glob.test(name))
      }
    }
    case 'peer-type': {
      const external = condition.is === 'ebgp'
      return (route) => route.external === external
    }
    case 'community': {
      const tests = condition.any.map(compileCommunity)
      return (route) => tests.some((test) => test(route))
    }
    case 'as-path-prefix': {
      const { sequence } = condition
      return (route) => {
        // What earlier terms prepended already stands in front.
        const path = route.asPath.flatMap((segment) => (segment.type === 'sequence' ? segment.asns : [0]))
        const asns = route.prepend.length === 0 ? path : [...route.prepend, ...path]
        return sequence.length <= asns.length && sequence.every((asn, i) => asns[i] === asn)
      }
    }
    case 'local-pref':
      return (route) => compareTo(route.localPref ?? route.defaultLocalPref, condition.operator, condition.value)
    case 'metric':
      return (route) => route.metric !== undefined && compareTo(route.metric, condition.operator, condition.value)
    case 'learned-from':
      return (route) => route.learnedFrom === condition.is
  }
}

function compareTo(value: number, operator: '=' | '<' | '>', other: number): boolean {
  return operator === '=' ? value === other : operator === '<' ? value < other : value > other
}

function compilePrefix(condition: Extract<Condition, { kind: 'prefix' }>): Test {
  const { negate } = condition
  if (condition.ranges.length === 0) return () => negate
  const families = [
    condition.ranges.filter((range) => range.family === 'ipv4').map(compileRange),
    condition.ranges.filter((range) => range.family === 'ipv6').map(compileRange),
  ]
  return (route) => {
    const ranges = families[route.family]
    if (ranges.length === 0) return false
    for (const range of ranges) if (inRange(range, route)) return !negate
    return negate
  }
}

interface CompiledRange {
  readonly words: Uint32Array
  readonly masks: Uint32Array
  readonly minimum: number
  readonly maximum: number
}

function compileRange(range: { network: string; minimum: number; maximum: number }): CompiledRange {
  const prefix = Prefix.parseOrHost(range.network)
  if (prefix === undefined) throw new Error(`policy: ${range.network} is no prefix`)
  const words = new Uint32Array(4)
  const masks = new Uint32Array(4)
  for (let i = 0; i < prefix.bytes.length; i++) words[i >>> 2] |= prefix.bytes[i] << (24 - (i & 3) * 8)
  for (let i = 0; i < 4; i++) {
    const bits = Math.max(0, Math.min(32, prefix.length - i * 32))
    masks[i] = bits === 0 ? 0 : -1 << (32 - bits)
  }
  return { words, masks, minimum: Math.max(range.minimum, prefix.length), maximum: range.maximum }
}

function inRange(range: CompiledRange, route: RouteEdit): boolean {
  if (route.length < range.minimum || route.length > range.maximum) return false
  for (let i = 0; i < 4; i++) if (((route.words[i] ^ range.words[i]) & range.masks[i]) !== 0) return false
  return true
}

export function globToRegExp(glob: string): RegExp {
  const pattern = glob
    .replace(/[.+^${}()|[\]\\]/g, '\\$&')
    .replace(/\*/g, '.*')
    .replace(/\?/g, '.')
  return new RegExp(`^${pattern}$`)
}

type AnyCommunity = { readonly small: number } | { readonly large: LargeCommunity }

function readCommunity(text: string): AnyCommunity {
  const small = parseCommunity(text)
  if (small !== undefined) return { small }
  const large = parseLargeCommunity(text)
  if (large !== undefined) return { large }
  throw new Error(`policy: ${text} is no community`)
}

function compileCommunity(text: string): Test {
  const value = readCommunity(text)
  if ('small' in value) return (route) => route.communities.includes(value.small)
  const { large } = value
  return (route) =>
    route.largeCommunities.some(
      (c) => c.global === large.global && c.local1 === large.local1 && c.local2 === large.local2,
    )
}

/** Both scales are unsigned: what lies beyond the mirror is the best there is on the other side, never a wrapped number. */
const mirrored = (value: number): number => Math.max(0, PRIORITY_MIRROR - value)

function compileAction(action: Action): Effect {
  switch (action.kind) {
    case 'add-community': {
      const value = readCommunity(action.value)
      return 'small' in value ? (route) => route.addCommunity(value.small) : (route) => route.addLarge(value.large)
    }
    case 'remove-community': {
      const value = readCommunity(action.value)
      return 'small' in value
        ? (route) => route.removeCommunity(value.small)
        : (route) => route.removeLarge(value.large)
    }
    case 'prepend-as-path':
      return (route) => {
        route.prepend.unshift(...action.sequence)
      }
    case 'set-local-pref':
      return (route) => route.setLocalPref(action.value)
    case 'set-med':
      return (route) => route.setMed(action.value)
    case 'set-preference':
      return (route) => route.setPreference(action.value)
    case 'set-next-hop':
      return (route) => {
        route.nextHopAction = action.value
      }
    case 'calico-priority':
      return (route) => {
        if (route.source === 'bgp') {
          route.metric = mirrored(route.localPref ?? route.defaultLocalPref)
        } else {
          route.metric ??= action.normalPriority
          route.setLocalPref(mirrored(route.metric))
        }
      }
  }
}
