/**
 * Why a connection ended: data for the back-off, for graceful restart (which causes keep routes, RFC 4724 and 8538),
 * and in words for `PeerView.reason`.
 */
import {
  CeaseError,
  hardResetData,
  NotificationCode,
  notificationCodeName,
  notificationOf,
  notificationSubcodeName,
  shutdownData,
} from '@starling/bgp-packet'
import type { NotificationInfo } from '../events.js'

export interface Cause {
  /**
   * `transport`: the TCP connection went; `sent` and `received`: a NOTIFICATION did it; `silent`: we let go without a
   * word (a dial given up, a restart that must look like a crash).
   */
  readonly kind: 'transport' | 'sent' | 'received' | 'silent'
  readonly reason: string
  readonly notification?: NotificationInfo
  /** Not a failure: no back-off, no flap (collision, administrator, configuration). */
  readonly orderly?: boolean
  /** The peering itself ended: nothing of it is kept, whatever graceful restart says. */
  readonly final?: boolean
}

const NO_DATA = new Uint8Array(0)

/** A NOTIFICATION as views and events show it. */
export function notificationInfo(code: number, subcode: number, data: Uint8Array = NO_DATA): NotificationInfo {
  const parsed = notificationOf(code, subcode, data)
  const detail = notificationSubcodeName(code, subcode)
  const name = detail === '' ? notificationCodeName(code) : `${notificationCodeName(code)}/${detail}`
  const text = parsed.shutdownText ?? parsed.hardReset?.shutdownText
  return { code, subcode, name, data, ...(text !== undefined && { text }) }
}

export function sent(reason: string, code: number, subcode: number, data?: Uint8Array): Cause {
  return { kind: 'sent', reason, notification: notificationInfo(code, subcode, data) }
}

export function cease(reason: string, subcode: number, options: { text?: string; final?: boolean } = {}): Cause {
  const data = options.text === undefined || options.text === '' ? NO_DATA : shutdownData(options.text)
  return {
    kind: 'sent',
    reason,
    notification: notificationInfo(NotificationCode.cease, subcode, data),
    orderly: true,
    ...(options.final === true && { final: true }),
  }
}

/** RFC 8538 section 3: where a NOTIFICATION alone would keep routes, a final one travels as a Hard Reset. */
export function hardened(cause: Cause, negotiated: boolean): Cause {
  const info = cause.notification
  if (cause.final !== true || info === undefined || !negotiated) return cause
  const data = hardResetData(info.code, info.subcode, info.data)
  return { ...cause, notification: notificationInfo(NotificationCode.cease, CeaseError.hardReset, data) }
}

export function transport(reason: string): Cause {
  return { kind: 'transport', reason }
}

export const COLLISION: Cause = cease(
  'another connection to the same peer was kept (RFC 4271 section 6.8)',
  CeaseError.connectionCollision,
)
