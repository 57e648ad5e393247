/**
 * Policy as data: an ordered list of terms, each with conditions, actions and a verdict.
 *
 * One small form serves Calico's BGPFilters, its built-in import and export order (calico.md 1.6, 2.7, 2.8), communities,
 * aggregation of own blocks and operator options. `compile.ts` turns it into closures over columns; a policy none of
 * whose terms looks at the prefix (or at the path's own interface) is memoised per attribute set.
 *
 * A term applies when all its conditions hold. Its actions run in order, then its verdict, if any, ends the walk.
 */
import type { FamilyName, Why } from '../config/words.js'

export type RouteSource = 'bgp' | 'static' | 'kernel' | 'direct'

/** A set of prefixes: `network` and those below it whose length is within [minimum, maximum]. */
export interface PrefixRange {
  readonly family: FamilyName
  /** Canonical prefix text, `10.244.0.0/16`. */
  readonly network: string
  readonly minimum: number
  readonly maximum: number
}

export type Condition =
  /** The prefix is in any of the ranges; `negate` turns it round. An empty list matches nothing. */
  | { readonly kind: 'prefix'; readonly ranges: readonly PrefixRange[]; readonly negate: boolean }
  | { readonly kind: 'source'; readonly any: readonly RouteSource[] }
  /** Globs (`*`, `?`) over the route's outgoing interface; a route without one does not match. */
  | { readonly kind: 'interface'; readonly globs: readonly string[] }
  /** Of the session the policy runs on. */
  | { readonly kind: 'peer-type'; readonly is: 'ebgp' | 'ibgp' }
  /** Any of the values is present: `aa:nn` or `aa:nn:mm`. */
  | { readonly kind: 'community'; readonly any: readonly string[] }
  | { readonly kind: 'as-path-prefix'; readonly sequence: readonly number[] }
  | { readonly kind: 'local-pref'; readonly operator: '=' | '<' | '>'; readonly value: number }
  /** The route's metric (kernel priority scale: 2147483647 - LOCAL_PREF once mapped); absent metrics never match. */
  | { readonly kind: 'metric'; readonly operator: '=' | '<' | '>'; readonly value: number }
  /** Learned from an eBGP / iBGP peer (not the session the policy runs on). */
  | { readonly kind: 'learned-from'; readonly is: 'ebgp' | 'ibgp' | 'local' }

export type Action =
  | { readonly kind: 'add-community'; readonly value: string }
  | { readonly kind: 'remove-community'; readonly value: string }
  /** The listed order is the resulting path's beginning. */
  | { readonly kind: 'prepend-as-path'; readonly sequence: readonly number[] }
  | { readonly kind: 'set-local-pref'; readonly value: number }
  | { readonly kind: 'set-med'; readonly value: number | undefined }
  /** calico.md 2.8 step 1: metric from LOCAL_PREF for BGP routes, LOCAL_PREF from metric for the others. */
  | { readonly kind: 'calico-priority'; readonly normalPriority: number }
  /** BIRD's route preference: 200 makes an elevated route win over everything learned (calico.md 2.7). */
  | { readonly kind: 'set-preference'; readonly value: number }
  | { readonly kind: 'set-next-hop'; readonly value: 'self' | 'keep' | string }

export interface PolicyTerm {
  readonly why: Why
  readonly conditions: readonly Condition[]
  readonly actions: readonly Action[]
  /** Absent: go on with the next term. */
  readonly verdict?: 'accept' | 'reject'
}
