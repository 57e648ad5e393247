/**
 * YAML or JSON text to documents with positions. Everything `calicoctl get -o yaml` and `kubectl get -o yaml` print is
 * taken: several documents in a file, and lists (`kind: NodeList` or `List` with `items`), which stand for their items.
 *
 * Which key a document has is the mapper's business (`@starling/resources`), given by the caller; this file knows no
 * kinds. Every complaint carries file, line and column: the place in the text is known here alone. Integers beyond 2^53
 * arrive as bigint, all others as numbers. Good JSON takes the engine's own
 * parser, 60 times as fast; JSON with a mistake in it takes YAML's, which knows the place.
 *
 * YAML costs about 0.25 ms a document, a long time for 5,000 of them in a program that has KEEPALIVEs to send. So each
 * document is parsed by itself and remembered by its text: after an edit only what was edited is parsed again.
 */
import { type Document, isNode, LineCounter, type ParsedNode, parseAllDocuments, visit } from 'yaml'

/** What a document is: an entry, somebody else's (undefined), or mistakes, each with the path of the bad field. */
export type Mapped =
  | { readonly key: string; readonly value: string }
  | Mistake
  | { readonly problems: readonly Mistake[] }
  | undefined

export interface Mistake {
  readonly problem: string
  readonly path?: readonly (string | number)[]
  readonly about?: Subject
}

/** The same mistake in the mapper's own words, for those who would rather not read it out of a text. */
export interface Subject {
  readonly resource: string
  readonly field?: string
  readonly message: string
}

export type DocumentMapper = (document: unknown) => Mapped

export interface FileProblem {
  readonly file: string
  /** Counted from 1; 0 when the file as a whole is meant. */
  readonly line: number
  readonly column: number
  readonly reason: string
  /** Absent where the text itself is at fault. */
  readonly about?: Subject
}

export interface MappedDocument {
  readonly key: string
  readonly value: string
  readonly line: number
}

export interface ParsedFile {
  readonly documents: readonly MappedDocument[]
  readonly problems: readonly FileProblem[]
  /** What the next reading of this file may reuse. */
  readonly remembered: Remembered
}

/** The outcome of a piece of text, with lines counted from its beginning. */
interface Piece {
  readonly documents: readonly MappedDocument[]
  readonly problems: readonly Omit<FileProblem, 'file'>[]
}

export type Remembered = ReadonlyMap<string, Piece>

/** Aliases resolved in one document, those inside aliases multiplied; more is an attack, not a list of peers. */
const ALIAS_LIMIT = 1000
/** Brackets in brackets: the parser would run out of stack, and resources need a dozen. */
const DEPTH_LIMIT = 1000
/** Of one document that is no YAML at all. */
const ERRORS_TOLD = 10

export function parseDocuments(
  file: string,
  text: string,
  mapper: DocumentMapper,
  before: Remembered = new Map(),
): ParsedFile {
  const documents: MappedDocument[] = []
  const problems: FileProblem[] = []
  const remembered = new Map<string, Piece>()
  const known = new Map<string, number>()
  let passed = 0
  for (const source of piecesOf(text)) {
    const piece = remembered.get(source) ?? before.get(source) ?? parsePiece(source, mapper)
    remembered.set(source, piece)
    for (const problem of piece.problems) problems.push({ file, ...problem, line: problem.line + passed })
    for (const document of piece.documents) {
      const line = document.line + passed
      const first = known.get(document.key)
      if (first !== undefined) problems.push({ file, line, column: 1, reason: `the same resource as on line ${first}` })
      known.set(document.key, line)
      documents.push({ ...document, line })
    }
    passed += source.split('\n').length - 1
  }
  return { documents, problems, remembered }
}

/** Cuts before each `---`, which YAML allows at the beginning of a line only there. Directives reach over the cut. */
function piecesOf(text: string): readonly string[] {
  return /^%/m.test(text) ? [text] : text.split(/^(?=---(?:\s|$))/m)
}

function parsePiece(text: string, mapper: DocumentMapper): Piece {
  if (deepest(text) > DEPTH_LIMIT)
    return { documents: [], problems: [{ line: 1, column: 1, reason: `is nested more than ${DEPTH_LIMIT} deep` }] }
  return goodJson(text, mapper) ?? parseYaml(text, mapper)
}

/** An integer of 16 digits or more may be one that JSON.parse would round. */
const LARGE_INTEGER = /\d{16}/

/** The quick way for JSON in which nothing is wrong. It knows no places, so a complaint takes the other way. */
function goodJson(text: string, mapper: DocumentMapper): Piece | undefined {
  if (!/^\s*[{[]/.test(text) || LARGE_INTEGER.test(text)) return undefined
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return undefined
  }
  if (membersWritten(text) !== membersKept(value)) return undefined
  const documents = new Map<string, MappedDocument>()
  for (const resource of expanded(value, [])) {
    const mapped = mapper(resource.value)
    if (mapped === undefined) continue
    if (!('key' in mapped) || documents.has(mapped.key)) return undefined
    documents.set(mapped.key, { ...mapped, line: 1 })
  }
  return { documents: [...documents.values()], problems: [] }
}

/**
 * JSON.parse lets the last of two members with one name win without a word; then fewer are kept than written. A member's name
 * is a quoted text before a colon. By hand: a regular expression runs out of stack on a text of megabytes.
 */
function membersWritten(text: string): number {
  let count = 0
  for (let quote = text.indexOf('"'); quote >= 0; quote = text.indexOf('"', quote)) {
    let end = text.indexOf('"', quote + 1)
    while (isEscaped(text, end)) end = text.indexOf('"', end + 1)
    quote = end + 1
    while (' \t\r\n'.includes(text[quote] ?? 'end')) quote++
    if (text[quote] === ':') count++
  }
  return count
}

function isEscaped(text: string, at: number): boolean {
  let start = at
  while (text[start - 1] === '\\') start--
  return (at - start) % 2 === 1
}

function membersKept(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0
  const inside = Object.values(value).reduce((sum: number, member) => sum + membersKept(member), 0)
  return Array.isArray(value) ? inside : inside + Object.keys(value).length
}

function parseYaml(text: string, mapper: DocumentMapper): Piece {
  const lines = new LineCounter()
  const documents: MappedDocument[] = []
  const problems: Omit<FileProblem, 'file'>[] = []
  const report = (offset: number, reason: string, about?: Subject) => {
    const { line, col } = lines.linePos(offset)
    problems.push({ line, column: col, reason, ...(about === undefined ? {} : { about }) })
  }
  // `<<: *common` is of YAML 1.1; kubectl and Calico's tools know it, and as a field of that name it would be lost silently.
  const parsed = parseAllDocuments(text, { lineCounter: lines, intAsBigInt: true, prettyErrors: false, merge: true })
  for (const document of Array.isArray(parsed) ? parsed : []) {
    if (document.errors.length > 0) {
      // One slip can make thousands of complaints; the first few say where to look.
      for (const error of document.errors.slice(0, ERRORS_TOLD)) report(error.pos[0], firstLine(error.message))
      if (document.errors.length > ERRORS_TOLD)
        report(
          document.errors[0]?.pos[0] ?? 0,
          `and ${document.errors.length - ERRORS_TOLD} more errors in this document`,
        )
      continue
    }
    for (const { value, path } of resourcesIn(document, report)) {
      const mapped = mapper(value)
      if (mapped === undefined) continue
      if ('key' in mapped) documents.push({ ...mapped, line: lines.linePos(offsetOf(document, path)).line })
      else
        for (const mistake of 'problems' in mapped ? mapped.problems : [mapped])
          report(offsetOf(document, [...path, ...(mistake.path ?? [])]), mistake.problem, mistake.about)
    }
  }
  return { documents, problems }
}

/** Brackets in quoted text count too: no resource comes near the limit with them. */
function deepest(text: string): number {
  let depth = 0
  let most = 0
  for (const [bracket] of text.matchAll(/[[{\]}]/g)) {
    if (bracket === '[' || bracket === '{') most = Math.max(most, ++depth)
    else depth = Math.max(0, depth - 1)
  }
  return most
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
  if (typeof value !== 'object') {
    report(document.contents?.range[0] ?? 0, 'a document must be a mapping with apiVersion, kind and metadata')
    return []
  }
  return expanded(value, [])
}

/** A list stands for its items, and so does a bare sequence: `calicoctl get -f` prints one of lists. What is null is nothing. */
function expanded(value: unknown, path: Located['path']): Located[] {
  if (value === null || value === undefined) return []
  if (Array.isArray(value)) return value.flatMap((item, i) => expanded(item, [...path, i]))
  const { kind, items, apiVersion } = value as { kind?: unknown; items?: unknown; apiVersion?: unknown }
  // Go writes an empty list as null.
  if (typeof kind !== 'string' || !kind.endsWith('List') || !(Array.isArray(items) || items === null))
    return [{ value, path }]
  // The items of a typed list may leave out what the list already says.
  const inherited = kind === 'List' ? {} : { apiVersion, kind: kind.slice(0, -'List'.length) }
  return (items ?? []).flatMap((item: unknown, i: number) =>
    expanded(isObject(item) ? { ...inherited, ...item } : item, [...path, 'items', i]),
  )
}

const isObject = (value: unknown): value is object =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

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
