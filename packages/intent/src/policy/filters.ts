/**
 * BGPFilter rules as policy terms (calico.md 1.6): criteria are ANDed, the first match ends filtering, no match falls
 * through to the next filter and then to the built-in policy.
 */
import type { Action, Condition, FamilyName, PolicyTerm, Why } from '@starling/engine'
import type { BgpFilterResource, FilterRule } from '@starling/resources'
import { bitsOf, exactly, PRIORITY_CEILING, prefixIn, term, within } from './terms.js'

export type Direction = 'import' | 'export'

const LIST = {
  import: { ipv4: 'importV4', ipv6: 'importV6' },
  export: { ipv4: 'exportV4', ipv6: 'exportV6' },
} as const

export function filterTerms(filter: BgpFilterResource, direction: Direction, family: FamilyName): PolicyTerm[] {
  const list = LIST[direction][family]
  return filter.spec[list].map((rule, i) => {
    const resource = `BGPFilter/${filter.metadata.name}`
    const why: Why = { resource, field: `spec.${list}[${i}]`, rule: describeRule(rule) }
    return term(why, conditionsOf(rule, family), rule.action === 'Accept' ? 'accept' : 'reject', actionsOf(rule))
  })
}

function conditionsOf(rule: FilterRule, family: FamilyName): Condition[] {
  const conditions: Condition[] = []
  if (rule.cidr !== undefined) conditions.push(prefixCondition(rule, rule.cidr.network, rule.cidr.length, family))
  if (rule.source === 'RemotePeers') conditions.push({ kind: 'source', any: ['bgp'] })
  if (rule.interface !== undefined) conditions.push({ kind: 'interface', globs: [rule.interface] })
  if (rule.peerType !== undefined)
    conditions.push({ kind: 'peer-type', is: rule.peerType === 'eBGP' ? 'ebgp' : 'ibgp' })
  if (rule.communities !== undefined) conditions.push({ kind: 'community', any: rule.communities.values })
  if (rule.asPathPrefix.length > 0) conditions.push({ kind: 'as-path-prefix', sequence: rule.asPathPrefix })
  if (rule.priority !== undefined)
    conditions.push({ kind: 'local-pref', operator: '=', value: PRIORITY_CEILING - rule.priority })
  return conditions
}

/** With a prefix length the operand is a set of lengths whatever the operator; a CIDR alone is read as `In`. */
function prefixCondition(rule: FilterRule, network: string, length: number, family: FamilyName): Condition {
  const { matchOperator: operator, prefixLength } = rule
  const negate = operator === 'NotEqual' || operator === 'NotIn'
  if (prefixLength !== undefined) {
    const minimum = Math.max(length, prefixLength.min ?? length)
    const maximum = Math.min(bitsOf(family), prefixLength.max ?? bitsOf(family))
    return prefixIn([{ family, network, minimum, maximum }], negate)
  }
  const exact = operator === 'Equal' || operator === 'NotEqual'
  return prefixIn([exact ? exactly(family, network) : within(family, network)], negate)
}

/** Operations count on Accept only. */
function actionsOf(rule: FilterRule): Action[] {
  if (rule.action !== 'Accept') return []
  return rule.operations.map((operation): Action => {
    if (operation.addCommunity !== undefined) return { kind: 'add-community', value: operation.addCommunity.value }
    if (operation.prependASPath !== undefined)
      return { kind: 'prepend-as-path', sequence: operation.prependASPath.prefix }
    return { kind: 'set-local-pref', value: PRIORITY_CEILING - (operation.setPriority?.value ?? 0) }
  })
}

function describeRule(rule: FilterRule): string {
  const parts: string[] = []
  if (rule.cidr !== undefined) {
    const { min, max } = rule.prefixLength ?? {}
    const lengths = rule.prefixLength === undefined ? '' : ` length ${min ?? rule.cidr.length}..${max ?? 'max'}`
    parts.push(`prefix ${rule.matchOperator ?? 'In'} ${rule.cidr.network}${lengths}`)
  }
  if (rule.source !== undefined) parts.push('learned from a peer')
  if (rule.interface !== undefined) parts.push(`interface ${rule.interface}`)
  if (rule.peerType !== undefined) parts.push(`${rule.peerType} session`)
  if (rule.communities !== undefined) parts.push(`community ${rule.communities.values.join(' or ')}`)
  if (rule.asPathPrefix.length > 0) parts.push(`AS_PATH begins ${rule.asPathPrefix.join(' ')}`)
  if (rule.priority !== undefined) parts.push(`priority ${rule.priority}`)
  return `${rule.action.toLowerCase()} ${parts.length === 0 ? 'everything' : parts.join(', ')}`
}
