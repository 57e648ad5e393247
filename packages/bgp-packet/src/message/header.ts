/**
 * The 19 octets every message begins with (RFC 4271 section 4.1), for the writers.
 */

import { HEADER_LENGTH, MARKER_LENGTH, MessageType } from '../constants.js'

/** Writes marker, length and type at `at`; the caller has made room. */
export function writeHeader(buffer: Uint8Array, at: number, length: number, type: number): void {
  buffer.fill(255, at, at + MARKER_LENGTH)
  buffer[at + 16] = length >>> 8
  buffer[at + 17] = length
  buffer[at + 18] = type
}

/** A fresh message of `bodyLength` octets after the header. */
export function newMessage(type: number, bodyLength: number): Uint8Array {
  const message = new Uint8Array(HEADER_LENGTH + bodyLength)
  writeHeader(message, 0, message.length, type)
  return message
}

/** A KEEPALIVE: 19 octets, always the same. Do not write to it. */
export const KEEPALIVE: Uint8Array = newMessage(MessageType.keepalive, 0)
