/**
 * The YAML that tools print and most people write: block mappings and sequences, a scalar on one line, comments on lines of
 * their own. Twenty times as fast as the library's parser, which matters where a folder holds thousands of nodes or a filter
 * tens of thousands of rules (a node that reads them has KEEPALIVEs to send).
 *
 * It never decides: whatever is not plainly of this kind (anchors, tags, flow collections, scalars over several lines, a key
 * written twice, any doubt) is given up at once, and the library reads the whole text. What it does accept means the same
 * there, to the letter; a property test holds the two against each other (YAML 1.2.2, core schema, chapter 10.3).
 */

export interface PlainDocument {
  readonly value: unknown
  /** Where a mapping begins, counted from 1. */
  lineOf(mapping: object): number | undefined
}

/** A line with content: where it begins, and what it says. */
interface Line {
  readonly number: number
  readonly indent: number
  readonly text: string
}

/** Other places' ends of lines, marks and invisible characters. Tabs are a chapter of their own. */
const STRANGE = /[\u0000-\u0009\u000b\u000c\u000e-\u001f\u007f-\u009f\u2028\u2029\ufeff]|\r(?!\n)/
const KEY = /^([A-Za-z_][\w./-]*):(?: +(.*)|)$/
/** Words that are no text where they stand unquoted. */
const WORDS: ReadonlyMap<string, boolean | null> = new Map<string, boolean | null>([
  ...['null', 'Null', 'NULL', '~'].map((word): [string, null] => [word, null]),
  ...['true', 'True', 'TRUE'].map((word): [string, boolean] => [word, true]),
  ...['false', 'False', 'FALSE'].map((word): [string, boolean] => [word, false]),
])
const INTEGER = /^(?:0|-?[1-9]\d{0,14})$/
/** Everything that might be a number of some kind; addresses, CIDRs and versions are none. */
const NUMERIC = /^[-+]?(?:0[xo][\da-fA-F]+|\.(?:inf|Inf|INF)|(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)$|^\.(?:nan|NaN|NAN)$/

/** Deeper than any resource; the parser calls itself. */
const INDENT_LIMIT = 500

/** Thrown inside, caught at the door: this text is for the library. */
const GIVE_UP = new Error('not plain')

/** One document, with or without its `---`; undefined where the library must read it. */
export function parsePlain(text: string): PlainDocument | undefined {
  if (STRANGE.test(text)) return undefined
  try {
    const parser = new Parser(linesOf(text))
    const value = parser.document()
    return typeof value === 'object' && value !== null
      ? { value, lineOf: (mapping) => parser.begins.get(mapping) }
      : undefined
  } catch (error) {
    if (error === GIVE_UP) return undefined
    throw error
  }
}

function linesOf(text: string): readonly Line[] {
  const lines: Line[] = []
  let number = 0
  for (let start = 0; start <= text.length; ) {
    const newline = text.indexOf('\n', start)
    const end = newline < 0 ? text.length : newline
    number++
    let first = start
    while (first < end && text[first] === ' ') first++
    let last = end
    while (last > first && (text[last - 1] === ' ' || text[last - 1] === '\r')) last--
    const content = text.slice(first, last)
    if (first - start > INDENT_LIMIT) throw GIVE_UP
    if (content !== '' && content[0] !== '#') {
      // Marks of documents and directives stand at the margin; the text was cut before each `---`.
      const isMark = first === start && (/^(?:---|\.\.\.)(?: |$)/.test(content) || content[0] === '%')
      if (!isMark) lines.push({ number, indent: first - start, text: content })
      else if (content !== '---' || lines.length > 0) throw GIVE_UP
    }
    start = end + 1
  }
  return lines
}

class Parser {
  readonly begins = new Map<object, number>()
  readonly #lines: readonly Line[]
  #at = 0

  constructor(lines: readonly Line[]) {
    this.#lines = lines
  }

  document(): unknown {
    const [first] = this.#lines
    if (first === undefined) return null
    const value = this.#block(first)
    if (this.#at < this.#lines.length) throw GIVE_UP
    return value
  }

  #peek(): Line | undefined {
    return this.#lines[this.#at]
  }

  #block(line: Line): unknown {
    return isItem(line) ? this.#sequence(line.indent) : this.#mapping(line)
  }

  /** From a line of its own, or from behind the dash of an item: then `first` is that rest of its line. */
  #mapping(first: Line): unknown {
    const { indent } = first
    const mapping: Record<string, unknown> = {}
    this.begins.set(mapping, first.number)
    for (let line: Line | undefined = first; line !== undefined && line.indent >= indent; line = this.#peek()) {
      const [, key, rest = ''] = KEY.exec(line.text) ?? []
      if (
        line.indent > indent ||
        key === undefined ||
        WORDS.has(key) ||
        key === '__proto__' ||
        Object.hasOwn(mapping, key)
      )
        throw GIVE_UP
      this.#at++
      mapping[key] = rest === '' ? this.#below(indent) : this.#scalar(rest, indent)
    }
    return mapping
  }

  /** What a key without a value on its line stands for; a sequence may begin below the very key. */
  #below(indent: number): unknown {
    const next = this.#peek()
    if (next === undefined || next.indent < indent || (next.indent === indent && !isItem(next))) return null
    return this.#block(next)
  }

  #sequence(indent: number): unknown {
    const items: unknown[] = []
    for (let line = this.#peek(); line !== undefined && line.indent >= indent; line = this.#peek()) {
      // A key at the same margin ends a sequence that began below a key.
      if (line.indent === indent && !isItem(line)) break
      if (line.indent > indent) throw GIVE_UP
      items.push(this.#item(line))
    }
    return items
  }

  #item(line: Line): unknown {
    if (line.text === '-') {
      this.#at++
      const next = this.#peek()
      return next === undefined || next.indent <= line.indent ? null : this.#block(next)
    }
    const rest = line.text.slice(1).trimStart()
    if (KEY.test(rest))
      return this.#mapping({ number: line.number, indent: line.indent + line.text.length - rest.length, text: rest })
    this.#at++
    return this.#scalar(rest, line.indent)
  }

  /** On this line alone: a deeper line after it would be more of it. */
  #scalar(text: string, indent: number): unknown {
    const next = this.#peek()
    if (next !== undefined && next.indent > indent) throw GIVE_UP
    return scalarOf(text)
  }
}

const isItem = ({ text }: Line): boolean => text === '-' || text.startsWith('- ')

function scalarOf(text: string): unknown {
  if (text[0] === '"') return quoted(text)
  if (text[0] === "'") {
    if (!/^'(?:[^']|'')*'$/.test(text)) throw GIVE_UP
    return text.slice(1, -1).replaceAll("''", "'")
  }
  if (text === '{}') return {}
  if (text === '[]') return []
  const word = WORDS.get(text)
  if (word !== undefined) return word
  if (INTEGER.test(text)) return Number(text)
  // Indicators, comments and mappings on one line begin or hold other characters than these.
  if (!/^[A-Za-z0-9/._]/.test(text) || NUMERIC.test(text) || /:(?: |$)| #/.test(text)) throw GIVE_UP
  return text
}

/** JSON's escapes mean the same in YAML, which has more. */
function quoted(text: string): unknown {
  if (!/^"(?:[^"\\]|\\["\\/bfnrtu])*"$/.test(text)) throw GIVE_UP
  try {
    return JSON.parse(text)
  } catch {
    throw GIVE_UP
  }
}
