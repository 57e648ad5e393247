/**
 * Changing a stored value without losing what we do not know (calico.md 1.2: typed writers lose unknown fields).
 *
 * A rewrite works on the lossless JSON, member by member; only what the change names is touched, and the order of members
 * stays, so that a value read and written back unchanged is the same bytes.
 */
import { isJsonObject, type JsonObject, type JsonValue, parseJson, stringifyJson } from './json.js'

/** RFC 7396 merge patch: objects merge, null removes, everything else replaces. */
export type Patch = { readonly [member: string]: Patch | JsonValue | undefined }

export function patchValue(text: string, patch: Patch): string {
  const value = text === '' ? {} : parseJson(text)
  return stringifyJson(merge(isJsonObject(value) ? value : {}, patch))
}

function merge(target: JsonObject, patch: Patch): JsonObject {
  const result: JsonObject = { ...target }
  for (const [member, change] of Object.entries(patch)) {
    if (change === undefined) continue
    if (change === null) delete result[member]
    else if (isJsonObject(change)) {
      const before = result[member]
      result[member] = merge(isJsonObject(before) ? before : {}, change)
    } else result[member] = change as JsonValue
  }
  return result
}

export interface NewResource {
  readonly kind: string
  readonly apiVersion?: string
  readonly name: string
  readonly namespace?: string
  /** Random UUIDv4, from whoever has randomness. */
  readonly uid: string
  /** Milliseconds since 1970; stored as RFC 3339 in whole seconds. */
  readonly now: number
  readonly labels?: Readonly<Record<string, string>>
  readonly annotations?: Readonly<Record<string, string>>
  readonly spec: JsonObject
  readonly status?: JsonObject
}

/** A value as Calico's client writes a new resource: members in its order, uid and creation time filled in. */
export function newResourceValue(resource: NewResource): string {
  const { kind, apiVersion, name, namespace, uid, now, labels, annotations, spec, status } = resource
  return stringifyJson({
    kind,
    apiVersion: apiVersion ?? 'projectcalico.org/v3',
    metadata: { name, namespace, uid, creationTimestamp: rfc3339Seconds(now), labels, annotations },
    spec,
    status,
  })
}

/** `2026-08-01T09:12:31Z`, computed from days since 1970 (proleptic Gregorian calendar). */
export function rfc3339Seconds(now: number): string {
  const seconds = Math.floor(now / 1000)
  const days = Math.floor(seconds / 86400)
  const ofDay = seconds - days * 86400
  // Days to civil date: eras of 400 years, years starting in March.
  const shifted = days + 719468
  const era = Math.floor(shifted / 146097)
  const dayOfEra = shifted - era * 146097
  const yearOfEra = Math.floor(
    (dayOfEra - Math.floor(dayOfEra / 1460) + Math.floor(dayOfEra / 36524) - Math.floor(dayOfEra / 146096)) / 365,
  )
  const dayOfYear = dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100))
  const marchMonth = Math.floor((5 * dayOfYear + 2) / 153)
  const day = dayOfYear - Math.floor((153 * marchMonth + 2) / 5) + 1
  const month = marchMonth < 10 ? marchMonth + 3 : marchMonth - 9
  const year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
  const two = (value: number): string => String(value).padStart(2, '0')
  const time = `${two(Math.floor(ofDay / 3600))}:${two(Math.floor(ofDay / 60) % 60)}:${two(ofDay % 60)}`
  return `${String(year).padStart(4, '0')}-${two(month)}-${two(day)}T${time}Z`
}
