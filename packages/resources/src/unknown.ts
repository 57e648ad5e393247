/**
 * Fields that a document has and its schema does not: typing errors more often than news from a newer release.
 *
 * Readers let them pass and writers keep them; only `starling check` tells, as a warning. Lists, alternatives and defaults
 * are looked through; records (labels, annotations) have no fields of their own.
 */
import type { z } from 'zod'
import { isJsonObject, type JsonValue } from './json.js'

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

/** Paths of unknown fields, below `path`. */
export function unknownFields(schema: z.ZodType, value: unknown, path: string): string[] {
  return walk(schema, value as JsonValue, path)
}

function walk(schema: Schema, value: JsonValue, path: string): string[] {
  const { shape, innerType, element, in: given, options } = schema._zod.def as Definition
  if (element !== undefined)
    return Array.isArray(value) ? value.flatMap((item, i) => walk(element, item, `${path}[${i}]`)) : []
  if (shape !== undefined) {
    if (!isJsonObject(value)) return []
    return Object.entries(value).flatMap(([name, member]) => {
      const known = Object.hasOwn(shape, name) ? shape[name] : undefined
      const full = `${path}.${name}`
      return known === undefined ? [full] : walk(known, member as JsonValue, full)
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
