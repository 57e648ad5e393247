/**
 * `starling decode`, one line at a time: JSON or hexadecimal text in, the documented JSON out.
 *
 *   {"hex": "ffff...", "as4": true, "addpath": ["1/1"], "ibgp": false, "extendedMessage": false}
 *
 * All fields but `hex` are optional and default to the values shown (without `addpath`). A line that is no message, for
 * example one with an odd digit, answers `{"error": "..."}`: it says nothing about BGP.
 */

import type { Json } from '../attributes/descriptor.js'
import { type Decoded, type DecodeOptions, decodeMessage, messageToJson, messageTypeName } from '../message/message.js'
import { hexOf, parseHex } from '../text.js'
import { type Fault, VERDICT_NAMES } from '../verdict.js'

export interface DecodeRequest {
  readonly octets: Uint8Array
  readonly options: DecodeOptions
}

/** Names one session parameter that a line may set. */
const BOOLEANS = ['as4', 'ibgp', 'confederation', 'extendedMessage'] as const

/** Reads one line; a text is what is wrong with it. `defaults` are used for fields that the line does not set. */
export function parseLine(text: string, defaults: DecodeOptions = {}): DecodeRequest | string {
  const line = text.trim()
  if (!line.startsWith('{')) {
    const octets = parseHex(line)
    return octets === undefined || octets.length === 0
      ? 'the line is no hexadecimal text'
      : { octets, options: defaults }
  }
  let value: unknown
  try {
    value = JSON.parse(line)
  } catch {
    return 'the line is no JSON'
  }
  const fields = new Map<string, unknown>(Object.entries(value as object))
  const hex = fields.get('hex')
  const octets = typeof hex === 'string' ? parseHex(hex) : undefined
  if (octets === undefined) return '"hex" is no hexadecimal text'
  const options: Record<string, boolean> = { ...(defaults as Record<string, boolean>) }
  for (const name of BOOLEANS) {
    const setting = fields.get(name)
    if (setting === undefined) continue
    if (typeof setting !== 'boolean') return `"${name}" is not true or false`
    options[name] = setting
  }
  const addPath = fields.get('addpath')
  if (addPath !== undefined) {
    if (!Array.isArray(addPath) || !addPath.every((entry) => typeof entry === 'string')) {
      return '"addpath" is no list of "AFI/SAFI" texts'
    }
    options['addPathIPv4'] = addPath.includes('1/1')
    options['addPathIPv6'] = addPath.includes('2/1')
  }
  return { octets, options }
}

function faultToJson(fault: Fault): { [key: string]: Json } {
  return {
    code: fault.code,
    subcode: fault.subcode,
    reason: fault.reason,
    rule: fault.rule,
    offset: fault.offset,
    ...(fault.attribute === undefined ? {} : { attribute: fault.attribute }),
    data: hexOf(fault.data),
  }
}

/** The documented JSON of a decoded message. `code` and `subcode` are 0 and `reason` is empty for accept. */
export function decodedToJson(decoded: Decoded): { [key: string]: Json } {
  const { fault, faults, message, messageType, verdict } = decoded
  return {
    verdict: VERDICT_NAMES[verdict],
    ...(fault === undefined ? { code: 0, subcode: 0, reason: '' } : faultToJson(fault)),
    ...(faults.length > 1
      ? { faults: faults.map((each) => ({ verdict: VERDICT_NAMES[each.verdict], ...faultToJson(each) })) }
      : {}),
    message: message === undefined ? { type: messageTypeName(messageType) } : messageToJson(message),
  }
}

/** One line of input to one JSON value of output. */
export function decodeLine(text: string, defaults: DecodeOptions = {}): { [key: string]: Json } {
  const request = parseLine(text, defaults)
  return typeof request === 'string'
    ? { error: request }
    : decodedToJson(decodeMessage(request.octets, request.options))
}
