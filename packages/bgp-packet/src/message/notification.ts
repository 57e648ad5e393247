/**
 * The NOTIFICATION tree: codes, subcodes, names, and the text inside Cease.
 *
 * RFC 4271 section 4.5 and 6, RFC 4486 (Cease), RFC 5492 (Unsupported Capability), RFC 6608 (FSM), RFC 7313
 * (ROUTE-REFRESH), RFC 8203 and 9003 (shutdown text), RFC 8538 (Hard Reset), RFC 9003, RFC 9234 (Role Mismatch), RFC 9384
 * (BFD Down), RFC 9687 (Send Hold Timer). A NOTIFICATION is never answered with one, so decoding it has no error
 * outcome: whatever it says, the session is over and we only try to read why.
 */

import { HEADER_LENGTH, MessageType } from '../constants.js'
import { hexOf, utf8Decode, utf8Encode } from '../text.js'
import { NO_DATA } from '../verdict.js'
import { newMessage } from './header.js'

export const NotificationCode = {
  messageHeader: 1,
  openMessage: 2,
  updateMessage: 3,
  holdTimerExpired: 4,
  finiteStateMachine: 5,
  cease: 6,
  routeRefresh: 7,
  sendHoldTimerExpired: 8,
} as const

export const HeaderError = { connectionNotSynchronized: 1, badMessageLength: 2, badMessageType: 3 } as const

export const OpenError = {
  unspecific: 0,
  unsupportedVersionNumber: 1,
  badPeerAs: 2,
  badBgpIdentifier: 3,
  unsupportedOptionalParameter: 4,
  unacceptableHoldTime: 6,
  unsupportedCapability: 7,
  roleMismatch: 11,
} as const

export const UpdateError = {
  malformedAttributeList: 1,
  unrecognizedWellKnownAttribute: 2,
  missingWellKnownAttribute: 3,
  attributeFlagsError: 4,
  attributeLengthError: 5,
  invalidOrigin: 6,
  invalidNextHop: 8,
  optionalAttributeError: 9,
  invalidNetworkField: 10,
  malformedAsPath: 11,
} as const

export const FsmError = { unspecified: 0, inOpenSent: 1, inOpenConfirm: 2, inEstablished: 3 } as const

export const CeaseError = {
  maximumPrefixes: 1,
  administrativeShutdown: 2,
  peerDeconfigured: 3,
  administrativeReset: 4,
  connectionRejected: 5,
  otherConfigurationChange: 6,
  connectionCollision: 7,
  outOfResources: 8,
  hardReset: 9,
  bfdDown: 10,
} as const

export const RouteRefreshError = { invalidMessageLength: 1 } as const

/** What we would send, with the reason we keep for ourselves. */
export interface NotificationError {
  readonly code: number
  readonly subcode: number
  readonly data: Uint8Array
  readonly reason: string
  readonly rule: string
}

const NAMES: readonly [code: number, name: string, subcodes: readonly (string | undefined)[]][] = [
  [1, 'Message Header Error', [undefined, 'Connection Not Synchronized', 'Bad Message Length', 'Bad Message Type']],
  [
    2,
    'OPEN Message Error',
    [
      'Unspecific',
      'Unsupported Version Number',
      'Bad Peer AS',
      'Bad BGP Identifier',
      'Unsupported Optional Parameter',
      'Authentication Failure',
      'Unacceptable Hold Time',
      'Unsupported Capability',
      undefined,
      undefined,
      undefined,
      'Role Mismatch',
    ],
  ],
  [
    3,
    'UPDATE Message Error',
    [
      'Unspecific',
      'Malformed Attribute List',
      'Unrecognized Well-known Attribute',
      'Missing Well-known Attribute',
      'Attribute Flags Error',
      'Attribute Length Error',
      'Invalid ORIGIN Attribute',
      'AS Routing Loop',
      'Invalid NEXT_HOP Attribute',
      'Optional Attribute Error',
      'Invalid Network Field',
      'Malformed AS_PATH',
    ],
  ],
  [4, 'Hold Timer Expired', []],
  [
    5,
    'Finite State Machine Error',
    [
      'Unspecified Error',
      'Receive Unexpected Message in OpenSent State',
      'Receive Unexpected Message in OpenConfirm State',
      'Receive Unexpected Message in Established State',
    ],
  ],
  [
    6,
    'Cease',
    [
      undefined,
      'Maximum Number of Prefixes Reached',
      'Administrative Shutdown',
      'Peer De-configured',
      'Administrative Reset',
      'Connection Rejected',
      'Other Configuration Change',
      'Connection Collision Resolution',
      'Out of Resources',
      'Hard Reset',
      'BFD Down',
    ],
  ],
  [7, 'ROUTE-REFRESH Message Error', [undefined, 'Invalid Message Length']],
  [8, 'Send Hold Timer Expired', []],
]

/** "Cease", or "code 99". */
export function notificationCodeName(code: number): string {
  return NAMES.find((row) => row[0] === code)?.[1] ?? `code ${code}`
}

/** "Administrative Shutdown", "subcode 99", or an empty text for subcode 0 without a name. */
export function notificationSubcodeName(code: number, subcode: number): string {
  return NAMES.find((row) => row[0] === code)?.[2][subcode] ?? (subcode === 0 ? '' : `subcode ${subcode}`)
}

export interface Notification {
  readonly type: 'NOTIFICATION'
  readonly code: number
  readonly subcode: number
  readonly data: Uint8Array
  /** RFC 9003 text of Administrative Shutdown and Reset: UTF-8, at most 255 octets. */
  readonly shutdownText?: string
  /** RFC 8538: the NOTIFICATION wrapped in Cease/Hard Reset. */
  readonly hardReset?: Notification
}

/** True for the two Cease subcodes that carry text (RFC 9003 section 2). */
function carriesText(code: number, subcode: number): boolean {
  return (
    code === NotificationCode.cease &&
    (subcode === CeaseError.administrativeShutdown || subcode === CeaseError.administrativeReset)
  )
}

/** A value from the three fields; a text or an inner NOTIFICATION is read where the data holds one. */
export function notificationOf(code: number, subcode: number, data: Uint8Array = NO_DATA): Notification {
  return unwrap(code, subcode, data, true)
}

function unwrap(code: number, subcode: number, data: Uint8Array, outer: boolean): Notification {
  const base = { type: 'NOTIFICATION' as const, code, subcode, data }
  if (carriesText(code, subcode) && data.length > 0 && data[0] > 0 && data[0] < data.length) {
    const shutdownText = utf8Decode(data.subarray(1, 1 + data[0]))
    return shutdownText === undefined ? base : { ...base, shutdownText }
  }
  // One level only: a Hard Reset inside a Hard Reset is not a road into recursion.
  if (outer && code === NotificationCode.cease && subcode === CeaseError.hardReset && data.length >= 2) {
    return { ...base, hardReset: unwrap(data[0], data[1], data.subarray(2), false) }
  }
  return base
}

/** Reads a framed NOTIFICATION (at least 21 octets). */
export function decodeNotification(buffer: Uint8Array, start: number, end: number): Notification {
  const body = buffer.slice(start + HEADER_LENGTH, end)
  return notificationOf(body[0] ?? 0, body[1] ?? 0, body.subarray(2))
}

/** Data octets for a shutdown text, cut at a character boundary to the 255 octets RFC 9003 allows. */
export function shutdownData(text: string): Uint8Array {
  const octets = utf8Encode(text)
  let size = Math.min(octets.length, 255)
  while (size > 0 && size < octets.length && (octets[size] & 0xc0) === 0x80) size--
  const data = new Uint8Array(1 + size)
  data[0] = size
  data.set(octets.subarray(0, size), 1)
  return data
}

/** Cease/Hard Reset around another code (RFC 8538 section 3.1). */
export function hardResetData(code: number, subcode: number, data: Uint8Array = NO_DATA): Uint8Array {
  const out = new Uint8Array(2 + data.length)
  out[0] = code
  out[1] = subcode
  out.set(data, 2)
  return out
}

/** The message; data beyond what 4096 octets hold is cut, as RFC 4271 allows no longer NOTIFICATION before extension. */
export function encodeNotification(code: number, subcode: number, data: Uint8Array = NO_DATA): Uint8Array {
  const kept = data.subarray(0, 4096 - HEADER_LENGTH - 2)
  const message = newMessage(MessageType.notification, 2 + kept.length)
  message[HEADER_LENGTH] = code
  message[HEADER_LENGTH + 1] = subcode
  message.set(kept, HEADER_LENGTH + 2)
  return message
}

/** "Cease/Administrative Shutdown: maintenance". */
export function printNotification(n: Notification): string {
  const subcode = notificationSubcodeName(n.code, n.subcode)
  const name = subcode === '' ? notificationCodeName(n.code) : `${notificationCodeName(n.code)}/${subcode}`
  if (n.shutdownText !== undefined) return `${name}: ${JSON.stringify(n.shutdownText)}`
  if (n.hardReset !== undefined) return `${name} (${printNotification(n.hardReset)})`
  return n.data.length === 0 ? name : `${name} [${hexOf(n.data)}]`
}
