/**
 * Words for a term that decided: the operator's own resource and field first, because that is what he can change.
 */
import type { PolicyTerm } from './types.js'

export function describeTerm(term: PolicyTerm | undefined): string {
  if (term === undefined) return 'no term decided, default'
  const { resource, field, rule } = term.why
  return field === undefined ? `${resource} (${rule})` : `${resource} ${field} (${rule})`
}
