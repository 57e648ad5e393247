/**
 * ROUTE-REFRESH between the wire and the tables (RFC 2918, begin and end of RFC 7313).
 */
import { decodeRouteRefresh, encodeRouteRefresh, Safi } from '@starling/bgp-packet'
import type { FamilyIndex } from '../rib/contract.js'
import { type Cause, sent } from './cause.js'
import { AFI_OF, familyIndexOf } from './families.js'

export interface RefreshRequest {
  /** Undefined: not a family of ours, or a subtype to ignore. */
  readonly family: FamilyIndex | undefined
  readonly subtype: 0 | 1 | 2
}

const IGNORED: RefreshRequest = { family: undefined, subtype: 0 }

/** A request, or the cause that ends the session: only a wrong length under enhanced refresh does (RFC 7313 section 5). */
export function decodeRefresh(
  buffer: Uint8Array,
  start: number,
  end: number,
  enhanced: boolean,
): RefreshRequest | Cause {
  const message = decodeRouteRefresh(buffer, start, end)
  if ('verdict' in message) {
    if (!enhanced) return IGNORED
    return sent(`malformed ROUTE-REFRESH: ${message.reason}`, message.code, message.subcode, message.data)
  }
  const { subtype } = message
  if (subtype !== 0 && (!enhanced || (subtype !== 1 && subtype !== 2))) return IGNORED
  return { family: familyIndexOf(message.afi, message.safi), subtype }
}

export function encodeRefresh(family: FamilyIndex): Uint8Array {
  return encodeRouteRefresh({ afi: AFI_OF[family], safi: Safi.unicast, subtype: 0, orf: new Uint8Array(0) })
}
