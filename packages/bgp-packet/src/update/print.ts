/**
 * UPDATE values as JSON with the field names of the README, and attributes as text a person of `birdc` or `bgpdump` can read.
 */

import { type Json, words } from '../attributes/descriptor.js'
import { attributeName, DESCRIPTOR_LIST, DESCRIPTORS } from '../attributes/table.js'
import { familyName } from '../constants.js'
import { hexOf } from '../text.js'
import type { MpReach, MpUnreach, Prefix, Update, UpdateAttributes } from './values.js'

/** "10.0.0.0/8", or an object with the path identifier where there is one. */
export function prefixToJson(prefix: Prefix): Json {
  return prefix.pathId === undefined ? prefix.prefix : { prefix: prefix.prefix, pathId: prefix.pathId }
}

/** "10.0.0.0/8", or "10.0.0.0/8 id 7". */
export function printPrefix(prefix: Prefix): string {
  return prefix.pathId === undefined ? prefix.prefix : `${prefix.prefix} id ${prefix.pathId}`
}

function head(mp: MpReach | MpUnreach): { family: string; afi: number; safi: number } {
  return { family: familyName(mp.afi, mp.safi), afi: mp.afi, safi: mp.safi }
}

export function attributesToJson(attributes: UpdateAttributes): Json {
  const json: Record<string, Json> = {}
  const values = attributes as Record<string, unknown>
  for (const row of DESCRIPTOR_LIST) {
    const value = values[row.key]
    if (value !== undefined) json[row.key] = row.toJson(value)
  }
  const { mpReach, mpUnreach, unknown, partial } = attributes
  if (mpReach !== undefined) {
    json['mpReach'] = {
      ...head(mpReach),
      nextHop: mpReach.nextHop,
      ...(mpReach.linkLocal === undefined ? {} : { linkLocal: mpReach.linkLocal }),
      nlri: mpReach.nlri.map(prefixToJson),
      ...(mpReach.opaque === undefined ? {} : { opaque: hexOf(mpReach.opaque) }),
    }
  }
  if (mpUnreach !== undefined) {
    json['mpUnreach'] = {
      ...head(mpUnreach),
      withdrawn: mpUnreach.withdrawn.map(prefixToJson),
      ...(mpUnreach.opaque === undefined ? {} : { opaque: hexOf(mpUnreach.opaque) }),
    }
  }
  if (unknown !== undefined) {
    json['unknown'] = unknown.map(({ code, flags, value }) => ({ code, flags, value: hexOf(value) }))
  }
  if (partial !== undefined) json['partial'] = [...partial]
  return json
}

export function updateToJson(update: Update): Json {
  return {
    type: 'UPDATE',
    withdrawn: update.withdrawn.map(prefixToJson),
    attributes: attributesToJson(update.attributes),
    nlri: update.nlri.map(prefixToJson),
    ...(update.endOfRib === undefined ? {} : { endOfRib: familyName(update.endOfRib.afi, update.endOfRib.safi) }),
  }
}

/** One "NAME: value" line per attribute, without the MP attributes. */
export function printAttributes(attributes: UpdateAttributes): string[] {
  const values = attributes as Record<string, unknown>
  const lines: string[] = []
  for (const row of DESCRIPTOR_LIST) {
    const value = values[row.key]
    if (value !== undefined) lines.push(`${row.name}: ${row.print(value)}`)
  }
  for (const { code, value } of attributes.unknown ?? []) lines.push(`${attributeName(code)}: ${hexOf(value)}`)
  return lines
}

/** Reads lines of `printAttributes`; undefined if one names no attribute or has no legal value. */
export function parseAttributes(lines: readonly string[]): UpdateAttributes | undefined {
  const values: Record<string, unknown> = {}
  for (const line of lines) {
    const colon = line.indexOf(': ')
    const [name] = words(line.slice(0, Math.max(0, colon)))
    const row = DESCRIPTOR_LIST.find((candidate) => candidate.name === name)
    const value = row?.parse(line.slice(colon + 2))
    if (row === undefined || value === undefined) return undefined
    values[row.key] = value
  }
  return values
}

/** Field names of the JSON, for documentation and its test. */
export const ATTRIBUTE_FIELDS: readonly string[] = [
  ...Object.keys(DESCRIPTORS),
  'mpReach',
  'mpUnreach',
  'unknown',
  'partial',
]
