/**
 * Messages for tests, built so that lengths are computed and never typed: a typo cannot turn a test into another test that passes.
 */

import { parseHex } from '../index.js'

export function octets(hex: string): Uint8Array {
  const bytes = parseHex(hex)
  if (bytes === undefined) throw new Error(`no hexadecimal text: ${hex}`)
  return bytes
}

function hex(value: number, digits: number): string {
  return value.toString(16).padStart(digits, '0')
}

/** An attribute as hexadecimal text; `length` overrides the true length, flag 0x10 asks for two octets of it. */
export function attribute(flags: number, code: number, value: string, length = value.length / 2): string {
  return hex(flags, 2) + hex(code, 2) + hex(length, flags & 16 ? 4 : 2) + value
}

/** Header and body. */
export function message(type: number, body: string, length = 19 + body.length / 2): string {
  return `${'ff'.repeat(16)}${hex(length, 4)}${hex(type, 2)}${body}`
}

/** An UPDATE from its three fields. */
export function update(attributes: readonly string[], nlri = '', withdrawn = ''): string {
  const list = attributes.join('')
  return message(2, `${hex(withdrawn.length / 2, 4)}${withdrawn}${hex(list.length / 2, 4)}${list}${nlri}`)
}

/** An OPEN with optional parameters as given. */
export function open(parameters: string, fields = '04fbf4005a0a000001', length = parameters.length / 2): string {
  return message(1, `${fields}${hex(length, 2)}${parameters}`)
}

/** A capabilities parameter around one capability. */
export function capability(code: number, value: string, length = value.length / 2): string {
  const body = hex(code, 2) + hex(length, 2) + value
  return `02${hex(body.length / 2, 2)}${body}`
}

/** Good attributes of an eBGP route with 4-octet AS numbers. */
export const ORIGIN = attribute(0x40, 1, '00')
export const AS_PATH = attribute(0x40, 2, '02010000fbf4')
export const NEXT_HOP = attribute(0x40, 3, 'c0000201')
export const GOOD: readonly string[] = [ORIGIN, AS_PATH, NEXT_HOP]
/** 198.51.100.0/24 and 203.0.113.0/24. */
export const PREFIX = '18c63364'
export const OTHER_PREFIX = '18cb0071'
