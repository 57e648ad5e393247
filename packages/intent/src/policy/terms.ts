/** Small constructors for policy terms, so that the policies below read like the reference's lists. */
import type { Action, Condition, FamilyName, PolicyTerm, PrefixRange, Why } from '@starling/engine'

export function term(
  why: Why,
  conditions: readonly Condition[],
  verdict?: 'accept' | 'reject',
  actions: readonly Action[] = [],
): PolicyTerm {
  return verdict === undefined ? { why, conditions, actions } : { why, conditions, actions, verdict }
}

export const bitsOf = (family: FamilyName): number => (family === 'ipv4' ? 32 : 128)

function lengthOf(cidr: string): number {
  return Number(cidr.slice(cidr.indexOf('/') + 1))
}

/** The prefix itself and everything below it. */
export function within(family: FamilyName, network: string): PrefixRange {
  return { family, network, minimum: lengthOf(network), maximum: bitsOf(family) }
}

export function exactly(family: FamilyName, network: string): PrefixRange {
  return { family, network, minimum: lengthOf(network), maximum: lengthOf(network) }
}

export const prefixIn = (ranges: readonly PrefixRange[], negate = false): Condition => ({
  kind: 'prefix',
  ranges,
  negate,
})

/** The priority scale of calico.md 2.8 step 1: LOCAL_PREF and kernel metric are mirror images. */
export const PRIORITY_CEILING = 2147483647
