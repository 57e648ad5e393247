/**
 * BGP roles (RFC 9234): their codes in the capability, and who may stand opposite whom.
 */
import type { BgpRole } from '../config/types.js'

export const ROLE_CODE: Readonly<Record<BgpRole, number>> = { provider: 0, rs: 1, 'rs-client': 2, customer: 3, peer: 4 }
export const ROLE_OF_CODE: readonly BgpRole[] = ['provider', 'rs', 'rs-client', 'customer', 'peer']

/** RFC 9234 section 4.2: the only pairs that fit. */
export const ROLE_PARTNER: Readonly<Record<BgpRole, BgpRole>> = {
  provider: 'customer',
  customer: 'provider',
  rs: 'rs-client',
  'rs-client': 'rs',
  peer: 'peer',
}
