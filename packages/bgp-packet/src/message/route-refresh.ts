/**
 * ROUTE-REFRESH: RFC 2918, begin and end of refresh (RFC 7313), and the ORF entries of RFC 5291 carried opaque.
 */

import { HEADER_LENGTH, MessageType } from '../constants.js'
import { u16 } from '../read.js'
import { type Fault, Verdict } from '../verdict.js'
import { newMessage } from './header.js'
import { NotificationCode, RouteRefreshError } from './notification.js'

export const RefreshSubtype = { request: 0, begin: 1, end: 2 } as const
export const REFRESH_SUBTYPE_NAMES: readonly (string | undefined)[] = ['request', 'begin', 'end']

export interface RouteRefresh {
  readonly type: 'ROUTE-REFRESH'
  readonly afi: number
  readonly safi: number
  /** 0 request, 1 begin, 2 end; others are to be ignored (RFC 7313 section 5). */
  readonly subtype: number
  /** RFC 5291 entries after the fixed part. */
  readonly orf: Uint8Array
}

/** RFC 7313 section 5: begin and end of any length but four are answered with 7/1 and the whole message. */
export function decodeRouteRefresh(buffer: Uint8Array, start: number, end: number): RouteRefresh | Fault {
  const at = start + HEADER_LENGTH
  const subtype = at + 4 <= end ? buffer[at + 2] : -1
  if (at + 4 > end || ((subtype === RefreshSubtype.begin || subtype === RefreshSubtype.end) && at + 4 !== end)) {
    return {
      verdict: Verdict.sessionReset,
      code: NotificationCode.routeRefresh,
      subcode: RouteRefreshError.invalidMessageLength,
      attribute: undefined,
      offset: start + 16,
      rule: 'RFC 7313 5',
      reason: `ROUTE-REFRESH of ${end - start} octets`,
      data: buffer.slice(start, end),
    }
  }
  const orf = buffer.slice(at + 4, end)
  return { type: 'ROUTE-REFRESH', afi: u16(buffer, at), safi: buffer[at + 3], subtype, orf }
}

export function encodeRouteRefresh(refresh: Omit<RouteRefresh, 'type'>): Uint8Array {
  const message = newMessage(MessageType.routeRefresh, 4 + refresh.orf.length)
  message[HEADER_LENGTH] = refresh.afi >>> 8
  message[HEADER_LENGTH + 1] = refresh.afi
  message[HEADER_LENGTH + 2] = refresh.subtype
  message[HEADER_LENGTH + 3] = refresh.safi
  message.set(refresh.orf, HEADER_LENGTH + 4)
  return message
}
