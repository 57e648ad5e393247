/**
 * Any message: octets to a value with its verdict, a value to octets, a value to JSON.
 *
 * For tools, tests and the looking glass. The engine frames and scans by itself and does not come here.
 */

import { formatIPv4 } from '../address.js'
import type { Json } from '../attributes/descriptor.js'
import { capabilityToJson } from '../capability/print.js'
import {
  familyName,
  HEADER_LENGTH,
  MAX_EXTENDED_MESSAGE,
  MAX_MESSAGE,
  MESSAGE_TYPE_NAMES,
  MessageType,
} from '../constants.js'
import { judgeHeader, plain } from '../framer.js'
import { hexOf } from '../text.js'
import { type UpdateContext, updateContext } from '../update/context.js'
import { decodeUpdate } from '../update/decode.js'
import { encodeUpdate } from '../update/encode-values.js'
import { updateToJson } from '../update/print.js'
import type { Update } from '../update/values.js'
import { type Fault, isFault, Verdict } from '../verdict.js'
import { KEEPALIVE } from './header.js'
import {
  decodeNotification,
  encodeNotification,
  HeaderError,
  type Notification,
  NotificationCode,
  notificationCodeName,
  notificationSubcodeName,
} from './notification.js'
import { decodeOpen, encodeOpen, type Open, openAsn } from './open.js'
import { decodeRouteRefresh, encodeRouteRefresh, REFRESH_SUBTYPE_NAMES, type RouteRefresh } from './route-refresh.js'

export interface Keepalive {
  readonly type: 'KEEPALIVE'
}

export type Message = Open | Update | Notification | Keepalive | RouteRefresh

export interface Decoded {
  readonly verdict: Verdict
  /** The fault that decides the verdict; undefined for accept. */
  readonly fault: Fault | undefined
  readonly faults: readonly Fault[]
  /** What could be read; undefined when the header or an OPEN or ROUTE-REFRESH could not. */
  readonly message: Message | undefined
  /** The message type octet, 0 when there is no header. */
  readonly messageType: number
}

export interface DecodeOptions extends Partial<UpdateContext> {
  readonly extendedMessage?: boolean
}

function outcome(message: Message | undefined, messageType: number, faults: readonly Fault[], fault?: Fault): Decoded {
  return { verdict: fault?.verdict ?? Verdict.accept, fault, faults, message, messageType }
}

/** Decodes exactly one message, header included. Octets after it, or missing ones, are a Bad Message Length. */
export function decodeMessage(bytes: Uint8Array, options: DecodeOptions = {}): Decoded {
  const octets = plain(bytes)
  const type = octets.length >= HEADER_LENGTH ? octets[18] : 0
  const fault = headerFault(octets, options.extendedMessage === true ? MAX_EXTENDED_MESSAGE : MAX_MESSAGE)
  if (fault !== undefined) return outcome(undefined, type, [fault], fault)
  const end = octets.length
  switch (type) {
    case MessageType.open:
      return valueOrFault(decodeOpen(octets, 0, end), type)
    case MessageType.update: {
      const { update, fault: worst, faults } = decodeUpdate(octets, 0, end, updateContext(options))
      return outcome(update, type, faults, worst)
    }
    case MessageType.notification:
      return outcome(decodeNotification(octets, 0, end), type, [])
    case MessageType.routeRefresh:
      return valueOrFault(decodeRouteRefresh(octets, 0, end), type)
    default:
      return outcome({ type: 'KEEPALIVE' }, type, [])
  }
}

function valueOrFault(value: Open | RouteRefresh | Fault, type: number): Decoded {
  return isFault(value) ? outcome(undefined, type, [value], value) : outcome(value, type, [])
}

function headerFault(octets: Uint8Array, maximum: number): Fault | undefined {
  const base = { verdict: Verdict.sessionReset, code: NotificationCode.messageHeader, attribute: undefined }
  const rule = 'RFC 4271 6.1'
  const badLength = (reason: string): Fault => {
    const data = octets.slice(16, 18)
    return { ...base, subcode: HeaderError.badMessageLength, offset: 16, rule, reason, data }
  }
  if (octets.length < HEADER_LENGTH) return badLength(`${octets.length} octets are no message header`)
  const length = judgeHeader(octets, 0, maximum)
  if (typeof length === 'number') {
    return length === octets.length ? undefined : badLength(`length ${length}, ${octets.length} octets present`)
  }
  const offset =
    length.subcode === HeaderError.badMessageLength ? 16 : length.subcode === HeaderError.badMessageType ? 18 : 0
  return { ...base, ...length, offset }
}

/** Encodes any message. Throws TypeError or RangeError for values that no message can hold. */
export function encodeMessage(message: Message, options: DecodeOptions = {}): Uint8Array {
  const maximum = options.extendedMessage === true ? MAX_EXTENDED_MESSAGE : MAX_MESSAGE
  switch (message.type) {
    case 'OPEN':
      return encodeOpen(message)
    case 'UPDATE':
      return encodeUpdate(message, updateContext(options), maximum)
    case 'NOTIFICATION':
      return encodeNotification(message.code, message.subcode, message.data)
    case 'ROUTE-REFRESH':
      return encodeRouteRefresh(message)
    case 'KEEPALIVE':
      return KEEPALIVE.slice()
  }
}

function notificationToJson(n: Notification): Json {
  return {
    type: n.type,
    code: n.code,
    subcode: n.subcode,
    name: notificationCodeName(n.code),
    subname: notificationSubcodeName(n.code, n.subcode),
    data: hexOf(n.data),
    ...(n.shutdownText === undefined ? {} : { shutdownText: n.shutdownText }),
    ...(n.hardReset === undefined ? {} : { hardReset: notificationToJson(n.hardReset) }),
  }
}

/** The documented JSON of a message. */
export function messageToJson(message: Message): Json {
  switch (message.type) {
    case 'OPEN':
      return {
        type: message.type,
        version: message.version,
        myAs: message.myAs,
        asn: openAsn(message),
        holdTime: message.holdTime,
        bgpId: formatIPv4(message.bgpId),
        capabilities: message.capabilities.map(capabilityToJson),
      }
    case 'UPDATE':
      return updateToJson(message)
    case 'NOTIFICATION':
      return notificationToJson(message)
    case 'ROUTE-REFRESH':
      return {
        type: message.type,
        family: familyName(message.afi, message.safi),
        afi: message.afi,
        safi: message.safi,
        subtype: REFRESH_SUBTYPE_NAMES[message.subtype] ?? message.subtype,
        ...(message.orf.length === 0 ? {} : { orf: hexOf(message.orf) }),
      }
    case 'KEEPALIVE':
      return { type: message.type }
  }
}

/** "UPDATE", or "type 9". */
export function messageTypeName(type: number): string {
  return MESSAGE_TYPE_NAMES[type] ?? `type ${type}`
}
