/**
 * What of a document with mistakes can be judged all the same: the document without the fields that are wrong.
 *
 * For `starling check` alone, so that one slip does not hide the others behind it. No plan is ever made from the result.
 */
import { decodeEntry, fieldPath, fieldSteps, type Problem, type Resource } from './decode.js'
import { mapDocument } from './document.js'
import { isJsonObject, type JsonObject, type JsonValue } from './json.js'

export interface Salvaged {
  readonly key: string
  readonly resource: Resource
  /** Paths of what was left out. */
  readonly removed: readonly string[]
}

/** Each round removes at least one field; a document with more mistakes than this is past judging. */
const ROUNDS = 20

export function salvage(document: unknown): Salvaged | undefined {
  if (!isJsonObject(document)) return undefined
  let rest: JsonObject = document
  const removed: string[] = []
  for (let round = 0; round < ROUNDS; round++) {
    const mapped = mapDocument(rest)
    if (mapped.ok) {
      const decoded = decodeEntry(mapped.key, mapped.value)
      if (decoded?.ok !== true || !('metadata' in decoded.value)) return undefined
      return { key: mapped.key, resource: decoded.value, removed }
    }
    for (const { field } of mapped.problems) {
      const shorter = field?.startsWith('spec') === true ? without(rest, fieldSteps(field)) : undefined
      if (shorter === undefined) return undefined
      rest = shorter.value
      removed.push(fieldPath(shorter.path))
    }
  }
  return undefined
}

interface Shorter {
  readonly value: JsonObject
  readonly path: readonly (string | number)[]
}

/** Without the member at the path, or its nearest ancestor in an object: a list keeps its numbering or goes as a whole. */
function without(document: JsonObject, path: readonly (string | number)[]): Shorter | undefined {
  for (let length = path.length; length > 1; length--) {
    const steps = path.slice(0, length)
    if (typeof steps.at(-1) === 'number' || at(document, steps) === undefined) continue
    return { value: removeAt(document, steps) as JsonObject, path: steps }
  }
  // A mistake that an earlier removal took with it.
  return path.length > 1 ? { value: document, path } : undefined
}

function at(value: JsonValue, [step, ...rest]: readonly (string | number)[]): JsonValue | undefined {
  if (step === undefined) return value
  const member = Array.isArray(value)
    ? value[Number(step)]
    : isJsonObject(value) && Object.hasOwn(value, step)
      ? value[step]
      : undefined
  return member === undefined ? undefined : at(member, rest)
}

function removeAt(value: JsonValue, [step, ...rest]: readonly (string | number)[]): JsonValue {
  if (Array.isArray(value)) return value.map((item, i) => (i === step ? removeAt(item, rest) : item))
  const { [String(step)]: member, ...others } = value as JsonObject
  return rest.length === 0 || member === undefined ? others : { ...others, [String(step)]: removeAt(member, rest) }
}

/** Whether a rule may have been broken only because a field it looks at has been left out. */
export function concerns({ removed }: Salvaged, { field = '', message }: Pick<Problem, 'field' | 'message'>): boolean {
  return removed.some((path) => {
    if (field === path || field.startsWith(`${path}.`) || field.startsWith(`${path}[`)) return true
    if (message.includes(path)) return true
    const [parent, name] = parted(path)
    const beside = field === parent || parted(field)[0] === parent
    return beside && `${field} ${message}`.split(/\W+/).includes(name)
  })
}

function parted(path: string): [parent: string, name: string] {
  const dot = path.lastIndexOf('.')
  return [path.slice(0, Math.max(0, dot)), path.slice(dot + 1)]
}
