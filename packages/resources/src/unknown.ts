/**
 * Fields that a document has and its schema does not: typing errors more often than news from a newer release.
 *
 * Readers let them pass and writers keep them; only `starling check` tells, as a warning. Lists, alternatives and defaults
 * are looked through; records (labels, annotations) have no fields of their own.
 */
import type { z } from 'zod'
import { isJsonObject, type JsonObject, type JsonValue, stringifyJson } from './json.js'

/** What zod keeps of a schema, as far as finding objects in it goes. */
interface Definition {
  readonly shape?: Readonly<Record<string, Schema>>
  readonly innerType?: Schema
  readonly element?: Schema
  readonly in?: Schema
  readonly options?: readonly Schema[]
}
interface Schema {
  readonly _zod: { readonly def: unknown }
}

/** What people write who know it from elsewhere, and what it is called here. */
const CALLED: readonly (readonly [pattern: RegExp, hint: string])[] = [
  [/\bvrf$/i, 'a VRF is named by `interface`'],
  [/(^|[./])(peerip|neighbor|address)$/i, "the address is the BGPPeer's `peerIP`"],
  [/(^|[./])(peeras|asnumber|remoteasn?)$/i, 'the AS of the peer is `remoteAs`'],
  [/(^|[./])(password|authpassword|md5)$/i, "the password is the BGPPeer's `password`, or of a range or interface"],
  [/(^|[./])(ttl-?security|gtsm|ebgp-?multihop)$/i, "TTL security is the BGPPeer's `ttlSecurity`, or of a range"],
  [/(^|[./])(hold|hold-?timer|keepalive|keepalive-?timer)$/i, 'timers are `holdTime` and `keepaliveTime`'],
]

/** ` (a VRF is named by ...)`, or nothing. */
export function unknownHint(path: string): string {
  const hint = CALLED.find(([pattern]) => pattern.test(path))?.[1]
  return hint === undefined ? '' : `: ${hint}`
}

export interface UnknownField {
  readonly field: string
  /** The field whose name looks much like it. */
  readonly meant?: string
}

/** Unknown fields below `path`. */
export function unknownFields(schema: z.ZodType, value: unknown, path: string): readonly UnknownField[] {
  return walk(schema, value as JsonValue, path)
}

/** Of an object without a schema: its members by name. */
export function unknownMembers(known: readonly string[], value: unknown, path: string): readonly UnknownField[] {
  if (!isJsonObject(value)) return []
  return Object.keys(value).flatMap((name) => (known.includes(name) ? [] : [unknown(name, known, path)]))
}

function unknown(name: string, known: readonly string[], path: string): UnknownField {
  const field = `${path === '' ? '' : `${path}.`}${name}`
  const close =
    known.find((other) => other.toLowerCase() === name.toLowerCase()) ?? known.find((other) => similar(name, other))
  return close === undefined ? { field } : { field, meant: close }
}

/** One letter wrong, missing, too many, or two that changed places. */
function similar(a: string, b: string): boolean {
  if (Math.abs(a.length - b.length) > 1 || Math.max(a.length, b.length) < 4) return false
  let start = 0
  while (start < a.length && a[start] === b[start]) start++
  const rest = (text: string, skipped: number): string => text.slice(start + skipped)
  const [x, y] = [a[start], b[start]]
  const swapped = x === b[start + 1] && y === a[start + 1] && rest(a, 2) === rest(b, 2)
  return swapped || rest(a, 1) === rest(b, 1) || rest(a, 1) === rest(b, 0) || rest(a, 0) === rest(b, 1)
}

function walk(schema: Schema, value: JsonValue, path: string): UnknownField[] {
  const { shape, innerType, element, in: given, options } = schema._zod.def as Definition
  if (element !== undefined)
    return Array.isArray(value) ? value.flatMap((item, i) => walk(element, item, `${path}[${i}]`)) : []
  if (shape !== undefined) {
    if (!isJsonObject(value)) return []
    return Object.entries(value).flatMap(([name, member]) => {
      const known = Object.hasOwn(shape, name) ? shape[name] : undefined
      const full = `${path}.${name}`
      return known === undefined ? [unknown(name, Object.keys(shape), path)] : walk(known, member as JsonValue, full)
    })
  }
  const inner = innerType ?? given
  if (inner !== undefined) return walk(inner, value, path)
  // An alternative that knows every field is the one that was meant.
  const found = (options ?? []).filter(looksInside).map((option) => walk(option, value, path))
  return found.find((list) => list.length === 0) ?? found[0] ?? []
}

function looksInside(schema: Schema): boolean {
  const { shape, innerType, in: given } = schema._zod.def as Definition
  const inner = innerType ?? given
  return shape !== undefined || (inner !== undefined && looksInside(inner))
}

/**
 * A document that replaces a stored value, with the fields that only the store has and this release does not know: whoever
 * wrote the document could not know them either (calico.md 1.2). Fields that are known and not named are gone, as with
 * Calico's own tool. In a list a stored item counts where the item in its place says the same otherwise.
 */
export function keepUnknownFields(
  schema: z.ZodType,
  stored: JsonObject,
  next: JsonObject,
): { readonly value: JsonObject; readonly kept: readonly string[] } {
  const kept: string[] = []
  return { value: keep(schema, stored, next, '', kept) as JsonObject, kept }
}

function keep(schema: Schema | undefined, stored: JsonValue, next: JsonValue, path: string, kept: string[]): JsonValue {
  if (schema === undefined) return next
  const { shape, innerType, element, in: given, options } = schema._zod.def as Definition
  if (element !== undefined) {
    if (!Array.isArray(stored) || !Array.isArray(next)) return next
    return next.map((item, i) => {
      const before = stored[i]
      if (before === undefined || !isJsonObject(item) || !sameOtherwise(element, before, item)) return item
      return keep(element, before, item, `${path}[${i}]`, kept)
    })
  }
  if (shape === undefined) return keep(innerType ?? given ?? options?.find(looksInside), stored, next, path, kept)
  if (!isJsonObject(stored) || !isJsonObject(next)) return next
  const result: JsonObject = { ...next }
  for (const [name, value] of Object.entries(stored)) {
    const full = path === '' ? name : `${path}.${name}`
    const known = Object.hasOwn(shape, name) ? shape[name] : undefined
    if (known !== undefined) {
      const wanted = next[name]
      if (wanted !== undefined) result[name] = keep(known, value, wanted, full, kept)
    } else if (!Object.hasOwn(next, name)) {
      result[name] = value
      kept.push(full)
    }
  }
  return result
}

/** The same list item, if what is not known were not there. */
function sameOtherwise(schema: Schema, stored: JsonValue, next: JsonObject): boolean {
  if (!isJsonObject(stored)) return false
  const merged = keep(schema, stored, next, '', []) as JsonObject
  const members = (value: JsonObject): string =>
    stringifyJson(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)))
  return members(merged) === members(stored)
}
