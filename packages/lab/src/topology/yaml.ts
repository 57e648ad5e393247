/**
 * YAML to checked values with positions: each reader takes a node and either returns a value or throws a TopologyError
 * that begins with `file:line:column:`. Unknown fields are errors: a misspelt option must not silently do nothing.
 */
import { isAlias, isMap, isScalar, isSeq, LineCounter, type Node, parseDocument } from 'yaml'

export class TopologyError extends Error {
  override readonly name = 'TopologyError'
}

/** Where a value stands, for messages about it after reading. */
export interface Place {
  fail(message: string): never
}

export type Read<T> = (node: Node | null, place: Place) => T

/** Reads a whole file. */
export function readYaml<T>(file: string, source: string, read: Read<T>): T {
  const lines = new LineCounter()
  const document = parseDocument(source, { lineCounter: lines, prettyErrors: false })
  const placeAt = (offset: number): Place => ({
    fail: (message) => {
      const { line, col } = lines.linePos(offset)
      throw new TopologyError(`${file}:${line}:${col}: ${message}`)
    },
  })
  const [problem] = document.errors
  if (problem !== undefined) placeAt(problem.pos[0]).fail(problem.message)
  places.push((node) => placeAt(node?.range?.[0] ?? 0))
  try {
    return read(document.contents, placeAt(0))
  } finally {
    places.pop()
  }
}

/** The file being read; a stack so that reading is re-entrant. */
const places: ((node: Node | null) => Place)[] = []

function placeOf(node: Node | null, outer: Place): Place {
  return node === null ? outer : (places.at(-1)?.(node) ?? outer)
}

/** A field with a default may be absent. */
export interface Field<T> {
  read: Read<T>
  absent?: T
  optional?: boolean
}

type Fields = Record<string, Field<unknown>>
type Values<F extends Fields> = { [K in keyof F]: F[K] extends Field<infer T> ? T : never } & { place: Place }

export function required<T>(read: Read<T>): Field<T> {
  return { read }
}

export function optional<T>(read: Read<T>, absent: T): Field<T> {
  return { read, absent, optional: true }
}

/** A mapping with exactly these fields; its place comes with the values, for checks between them. */
export function map<F extends Fields>(fields: F): Read<Values<F>> {
  return (node, outer) => {
    const place = placeOf(node, outer)
    if (!isMap(node)) return place.fail('a mapping (field: value) belongs here')
    const values: Record<string, unknown> = { place }
    for (const { key, value } of node.items) {
      const name = isScalar(key) ? String(key.value) : ''
      const field = fields[name]
      const at = placeOf(isScalar(key) ? key : null, place)
      if (field === undefined) return at.fail(`unknown field "${name}"; known here: ${Object.keys(fields).join(', ')}`)
      values[name] = field.read(value as Node | null, at)
    }
    for (const [name, field] of Object.entries(fields)) {
      if (name in values) continue
      if (field.optional !== true) return place.fail(`field "${name}" is missing`)
      values[name] = field.absent
    }
    return values as Values<F>
  }
}

export function list<T>(read: Read<T>): Read<T[]> {
  return (node, outer) => {
    const place = placeOf(node, outer)
    if (!isSeq(node)) return place.fail('a list belongs here')
    return node.items.map((item) => read(item as Node, placeOf(item as Node, place)))
  }
}

function scalar(node: Node | null, outer: Place, what: string): unknown {
  const place = placeOf(node, outer)
  if (isAlias(node) || !isScalar(node)) return place.fail(`${what} belongs here`)
  return node.value
}

export const boolean: Read<boolean> = (node, place) => {
  const value = scalar(node, place, 'true or false')
  return typeof value === 'boolean' ? value : placeOf(node, place).fail('true or false belongs here')
}

export function integer(least: number, most: number): Read<number> {
  return (node, place) => {
    const what = `a whole number from ${least} to ${most}`
    const value = scalar(node, place, what)
    if (typeof value === 'number' && Number.isInteger(value) && value >= least && value <= most) return value
    return placeOf(node, place).fail(`${what} belongs here, not ${JSON.stringify(value)}`)
  }
}

/** Text that `accept` takes; `what` says what was expected. */
export function text(what: string, accept: (value: string) => boolean = () => true): Read<string> {
  return (node, place) => {
    const value = scalar(node, place, what)
    if (typeof value === 'string' && accept(value)) return value
    return placeOf(node, place).fail(`${what} belongs here, not ${JSON.stringify(value)}`)
  }
}

export function oneOf<T extends string>(...allowed: T[]): Read<T> {
  const read = text(`one of ${allowed.join(', ')}`, (value) => allowed.includes(value as T))
  return (node, place) => read(node, place) as T
}

/** A mapping of free names to text: labels. */
export const labels: Read<Record<string, string>> = (node, outer) => {
  const place = placeOf(node, outer)
  if (!isMap(node)) return place.fail('a mapping (label: value) belongs here')
  return Object.fromEntries(
    node.items.map(({ key, value }) => [
      String(scalar(key as Node, place, 'a label')),
      String(scalar(value as Node, place, 'a value')),
    ]),
  )
}
