/**
 * YAML or JSON text to documents with positions. Everything `calicoctl get -o yaml` and `kubectl get -o yaml` print is
 * taken: several documents in a file, and lists (`kind: NodeList` or `List` with `items`), which stand for their items.
 *
 * Which key a document has is the mapper's business (`@starling/resources`), given by the caller; this file knows no
 * kinds. Every complaint carries file, line and column: the place in the text is known here alone. Integers beyond 2^53
 * arrive as bigint, all others as numbers. JSON is read as the subset of YAML it is.
 */
import { type Document, isNode, LineCounter, type ParsedNode, parseAllDocuments, visit } from 'yaml'

/** What a document is: an entry, somebody else's (undefined), or a mistake, with the path of the bad field. */
export type Mapped =
  | { readonly key: string; readonly value: string }
  | { readonly problem: string; readonly path?: readonly (string | number)[] }
  | undefined

export type DocumentMapper = (document: unknown) => Mapped

export interface FileProblem {
  readonly file: string
  /** Counted from 1; 0 when the file as a whole is meant. */
  readonly line: number
  readonly column: number
  readonly reason: string
}

export interface MappedDocument {
  readonly key: string
  readonly value: string
  readonly line: number
}

export interface ParsedFile {
  readonly documents: readonly MappedDocument[]
  readonly problems: readonly FileProblem[]
}

/** A document nested more deeply in aliases than this is an attack, not a configuration. */
const ALIAS_LIMIT = 100

export function parseDocuments(file: string, text: string, mapper: DocumentMapper): ParsedFile {
  const lines = new LineCounter()
  const documents: MappedDocument[] = []
  const problems: FileProblem[] = []
  const known = new Map<string, number>()
  const report = (offset: number, reason: string) => {
    const { line, col } = lines.linePos(offset)
    problems.push({ file, line, column: col, reason })
  }
  const parsed = parseAllDocuments(text, { lineCounter: lines, intAsBigInt: true, prettyErrors: false })
  for (const document of Array.isArray(parsed) ? parsed : []) {
    if (document.errors.length > 0) {
      for (const error of document.errors) report(error.pos[0], firstLine(error.message))
      continue
    }
    for (const { value, path } of resourcesIn(document, report)) {
      const mapped = mapper(value)
      const offset = offsetOf(document, path)
      if (mapped === undefined) continue
      if ('problem' in mapped) {
        report(offsetOf(document, [...path, ...(mapped.path ?? [])]), mapped.problem)
        continue
      }
      const before = known.get(mapped.key)
      const { line } = lines.linePos(offset)
      if (before !== undefined) report(offset, `the same resource as on line ${before}`)
      known.set(mapped.key, line)
      documents.push({ ...mapped, line })
    }
  }
  return { documents, problems }
}

interface Located {
  readonly value: unknown
  readonly path: readonly (string | number)[]
}

function resourcesIn(document: Document.Parsed, report: (offset: number, reason: string) => void): Located[] {
  let value: unknown
  try {
    value = withNumbers(document.toJS({ maxAliasCount: ALIAS_LIMIT }))
  } catch (error) {
    report(document.range[0], (error as Error).message)
    return []
  }
  if (value === null || value === undefined) return []
  if (typeof value !== 'object' || Array.isArray(value)) {
    report(document.contents?.range[0] ?? 0, 'a document must be a mapping with apiVersion, kind and metadata')
    return []
  }
  const { kind, items, apiVersion } = value as { kind?: unknown; items?: unknown; apiVersion?: unknown }
  if (typeof kind !== 'string' || !kind.endsWith('List') || !Array.isArray(items)) return [{ value, path: [] }]
  // The items of a typed list may leave out what the list already says.
  const inherited = kind === 'List' ? {} : { apiVersion, kind: kind.slice(0, -'List'.length) }
  return items.map((item, i) => ({
    value: typeof item === 'object' && item !== null ? { ...inherited, ...item } : item,
    path: ['items', i],
  }))
}

/** The place of a path, or of the nearest ancestor that is written down: a missing field has no place of its own. */
function offsetOf(document: Document.Parsed, path: readonly (string | number)[]): number {
  for (let length = path.length; length > 0; length--) {
    const node = document.getIn(path.slice(0, length), true)
    if (isNode(node) && node.range) return node.range[0]
  }
  let first = document.contents?.range[0] ?? 0
  visit(document.contents as ParsedNode, (_, node) => {
    if (!isNode(node) || !node.range) return undefined
    first = node.range[0]
    return visit.BREAK
  })
  return first
}

/** Integers come as bigint so that none is rounded; those a number holds exactly become numbers. */
function withNumbers(value: unknown): unknown {
  if (typeof value === 'bigint') return Number.isSafeInteger(Number(value)) ? Number(value) : value
  if (Array.isArray(value)) return value.map(withNumbers)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([member, content]) => [member, withNumbers(content)]))
}

function firstLine(text: string): string {
  return text.split('\n', 1)[0]!
}
