/**
 * What the codec knows about one path attribute: a row of the table in `table.ts`.
 *
 * `check` judges the octets of a value for a session (RFC 7606 and the attribute's own RFC) without making anything;
 * `decode` is called only on octets that `check` accepted, so it has no error outcome. `encode` writes the value without
 * header. `print` and `parse` are the one canonical text; `toJson` the documented JSON.
 */

import { UpdateError } from '../message/notification.js'
import type { UpdateContext } from '../update/context.js'
import { Verdict } from '../verdict.js'
import type { ByteWriter } from '../writer.js'

export type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json }

/** Why a value is malformed. `offset` points into the buffer when a place inside the value is to blame. */
export interface Problem {
  readonly verdict: Verdict
  readonly subcode: number
  readonly rule: string
  readonly reason: string
  readonly offset?: number
}

export interface AttributeDescriptor<T = unknown> {
  readonly code: number
  /** RFC name. */
  readonly name: string
  /** Field name in values and JSON. */
  readonly key: string
  /** The Optional and Transitive bits its RFC asks for. */
  readonly flags: number
  /** What wrong flags do; treat-as-withdraw unless the attribute's RFC says otherwise (RFC 7606 section 3(c)). */
  readonly wrongFlags?: Verdict
  check(buffer: Uint8Array, start: number, end: number, context: UpdateContext): Problem | undefined
  decode(buffer: Uint8Array, start: number, end: number, context: UpdateContext): T
  encode(writer: ByteWriter, value: T, context: UpdateContext): void
  print(value: T): string
  parse(text: string): T | undefined
  toJson(value: T): Json
}

export function problem(verdict: Verdict, subcode: number, rule: string, reason: string, offset?: number): Problem {
  return offset === undefined ? { verdict, subcode, rule, reason } : { verdict, subcode, rule, reason, offset }
}

/** Attribute Length Error with treat-as-withdraw: the commonest answer of RFC 7606 section 7. */
export function badLength(rule: string, length: number, verdict: Verdict = Verdict.treatAsWithdraw): Problem {
  return problem(verdict, UpdateError.attributeLengthError, rule, `length ${length}`)
}

/** An attribute that only internal peers may send (RFC 7606 sections 7.5, 7.9, 7.10). */
export function internalOnly(rule: string): Problem {
  return problem(Verdict.attributeDiscard, UpdateError.optionalAttributeError, rule, 'sent by an external peer')
}

/** A decimal number of at most `max`, without sign or blanks, or undefined. */
export function parseDecimal(text: string, max = 0xffffffff): number | undefined {
  if (text.length === 0 || text.length > 10) return undefined
  let value = 0
  for (let i = 0; i < text.length; i++) {
    const digit = text.charCodeAt(i) - 48
    if (digit < 0 || digit > 9) return undefined
    value = value * 10 + digit
  }
  return value <= max ? value : undefined
}

/** Splits a list printed with blanks; an empty text is an empty list. */
export function words(text: string): string[] {
  return text.split(' ').filter((word) => word !== '')
}

/** Parses every word of a list, or none. */
export function parseList<T>(text: string, parse: (word: string) => T | undefined): T[] | undefined {
  const list: T[] = []
  for (const word of words(text)) {
    const value = parse(word)
    if (value === undefined) return undefined
    list.push(value)
  }
  return list
}
