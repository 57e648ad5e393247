/**
 * JSON as Calico's Go writers store it: nothing lost on the way in, Go's escaping on the way out (calico.md 1.2).
 *
 * A block's sequence number starts at nanoseconds since 1970 (about 1.8e18) and grows by one per write; a JavaScript
 * number cannot hold it, and two writers that both round it would both believe they were first. So an integer beyond
 * 2^53 arrives as a bigint, and a number whose text a JavaScript number would change arrives as a LosslessNumber.
 * Documents without such numbers (all but IPAM blocks) go through the engine's own parser, which is ten times faster.
 */
import { isLosslessNumber, LosslessNumber, parse as parseLossless } from 'lossless-json'

export type JsonValue = null | boolean | number | bigint | string | LosslessNumber | JsonValue[] | JsonObject
export interface JsonObject {
  [member: string]: JsonValue
}

/** 16 digits, a fraction or an exponent: the only numbers the native parser could change. Text in strings may match too. */
const RISKY_NUMBER = /[:[,]\s*-?(?:\d{16,}|\d+\.\d+(?:[eE][+-]?\d+)?|\d+[eE][+-]?\d+)\s*[,}\]]/

export function parseJson(text: string): JsonValue {
  if (!RISKY_NUMBER.test(text)) return JSON.parse(text) as JsonValue
  return parseLossless(text, undefined, exactNumber) as JsonValue
}

function exactNumber(text: string): JsonValue {
  const value = Number(text)
  if (/^-?\d+$/.test(text)) return Number.isSafeInteger(value) ? value : BigInt(text)
  return String(value) === text ? value : new LosslessNumber(text)
}

export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !isLosslessNumber(value)
}

/** Compact JSON with `<`, `>`, `&`, U+2028 and U+2029 escaped as encoding/json does; undefined members are left out. */
export function stringifyJson(value: unknown): string {
  return write(value) ?? 'null'
}

function write(value: unknown): string | undefined {
  switch (typeof value) {
    case 'string':
      return quote(value)
    case 'number':
      return Number.isFinite(value) ? String(value) : 'null'
    case 'bigint':
      return value.toString()
    case 'boolean':
      return value ? 'true' : 'false'
    case 'object':
      break
    default:
      return undefined
  }
  if (value === null) return 'null'
  if (isLosslessNumber(value)) return value.value
  if (Array.isArray(value)) return `[${value.map((item) => write(item) ?? 'null').join(',')}]`
  let out = ''
  for (const [member, content] of Object.entries(value as object)) {
    const text = write(content)
    if (text !== undefined) out += `${out === '' ? '' : ','}${quote(member)}:${text}`
  }
  return `{${out}}`
}

const GO_ESCAPES = /[<>&\u2028\u2029]/g

function quote(text: string): string {
  return JSON.stringify(text).replace(GO_ESCAPES, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`)
}

/** Members that are null become absent, in place: Go reads null as the zero value of anything. Array items stay. */
export function dropNullMembers(value: JsonValue): void {
  if (typeof value !== 'object' || value === null || isLosslessNumber(value)) return
  if (Array.isArray(value)) {
    for (const item of value) if (typeof item === 'object') dropNullMembers(item)
    return
  }
  for (const member in value) {
    const content = value[member] as JsonValue
    if (content === null) delete value[member]
    else if (typeof content === 'object') dropNullMembers(content)
  }
}
