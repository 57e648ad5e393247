/**
 * Character classes of RE2 (see `re2.ts`): `[...]`, `[[:alpha:]]`, `\d`, `\pL`, and single characters by escape, as ranges of
 * code points. Unicode properties stay names, which JavaScript knows as well.
 */
import { PatternError } from './re2-error.js'

export type Ranges = readonly (readonly [low: number, high: number])[]

interface Part {
  readonly ranges: Ranges
  /** `\p{L}` as JavaScript writes it. */
  readonly names: readonly string[]
  /** Of the pattern's text. */
  readonly length: number
}

const LAST = 0x10ffff
const point = (char: string): number => char.codePointAt(0) as number
const span = (text: string): Ranges => {
  const pairs: [number, number][] = []
  for (let i = 0; i < text.length; i += 2) pairs.push([text.charCodeAt(i), text.charCodeAt(i + 1)])
  return pairs
}

const PERL: Readonly<Record<string, Ranges>> = { d: span('09'), s: span('\t\n\f\r  '), w: span('09AZaz__') }
const POSIX: Readonly<Record<string, Ranges>> = {
  alnum: span('09AZaz'),
  alpha: span('AZaz'),
  ascii: span('\0\x7f'),
  blank: span('\t\t  '),
  cntrl: span('\0\x1f\x7f\x7f'),
  digit: span('09'),
  graph: span('!~'),
  lower: span('az'),
  print: span(' ~'),
  punct: span('!/:@[`{~'),
  space: span('\t\r  '),
  upper: span('AZ'),
  word: span('09AZaz__'),
  xdigit: span('09AFaf'),
}
const CONTROLS: Readonly<Record<string, number>> = { a: 7, f: 12, t: 9, n: 10, r: 13, v: 11 }

function complement(ranges: Ranges): Ranges {
  const result: [number, number][] = []
  let next = 0
  for (const [low, high] of [...ranges].sort((a, b) => a[0] - b[0])) {
    if (low > next) result.push([next, low - 1])
    next = Math.max(next, high + 1)
  }
  if (next <= LAST) result.push([next, LAST])
  return result
}

/** Beyond this many characters a range has its other letters in it, or has none. */
const FOLDED = 1024

/** With the same letters in the other case. */
export function folded(ranges: Ranges): Ranges {
  const result: (readonly [number, number])[] = [...ranges]
  for (const [low, high] of ranges)
    for (let at = low; at <= Math.min(high, low + FOLDED); at++) {
      const char = String.fromCodePoint(at)
      for (const other of [char.toLowerCase(), char.toUpperCase()])
        if (other !== char && [...other].length === 1) result.push([point(other), point(other)])
    }
  return result
}

/** From `[` to its `]`. */
export function readClass(text: string): Part & { readonly negated: boolean } {
  const negated = text[1] === '^'
  const ranges: (readonly [number, number])[] = []
  const names: string[] = []
  const start = negated ? 2 : 1
  let at = start
  const missing = () => new PatternError(`missing closing ]: ${text}`)
  for (;;) {
    if (at >= text.length) throw missing()
    if (text[at] === ']' && at > start) return { ranges, names, negated, length: at + 1 }
    const named = /^\[:(\^?)(\w*):\]/.exec(text.slice(at))
    if (named !== null) {
      const [whole, not, name = ''] = named
      const known = Object.hasOwn(POSIX, name) ? POSIX[name] : undefined
      if (known === undefined) throw new PatternError(`invalid character class range: ${whole}`)
      ranges.push(...(not === '^' ? complement(known) : known))
      at += whole.length
      continue
    }
    const first = readOne(text.slice(at))
    at += first.length
    const low = first.ranges[0]?.[0] ?? 0
    if (!isSingle(first) || text[at] !== '-' || text[at + 1] === ']') {
      ranges.push(...first.ranges)
      names.push(...first.names)
      continue
    }
    if (at + 1 >= text.length) throw missing()
    const last = readOne(text.slice(at + 1))
    const high = last.ranges[0]?.[0] ?? 0
    if (!isSingle(last) || high < low)
      throw new PatternError(`invalid character class range: ${text.slice(at - first.length, at + 1 + last.length)}`)
    ranges.push([low, high])
    at += 1 + last.length
  }
}

const isSingle = ({ ranges, names }: Part): boolean =>
  names.length === 0 && ranges.length === 1 && ranges[0]?.[0] === ranges[0]?.[1]

function readOne(text: string): Part {
  if (text[0] === '\\') return readEscapedClass(text)
  const at = point(text)
  return { ranges: [[at, at]], names: [], length: String.fromCodePoint(at).length }
}

/** What a backslash begins, inside or outside of brackets: a class, or one character. */
export function readEscapedClass(text: string): Part {
  const found = perl(text) ?? property(text) ?? numbered(text)
  if (found !== undefined) return found
  const char = text[1]
  if (char === undefined) throw new PatternError('trailing backslash at end of expression: ')
  const control = Object.hasOwn(CONTROLS, char) ? CONTROLS[char] : undefined
  const single = control ?? (point(char) < 0x80 && !/[0-9A-Za-z]/.test(char) ? point(char) : undefined)
  if (single === undefined) throw new PatternError(`invalid escape sequence: \\${char}`)
  return { ranges: [[single, single]], names: [], length: 2 }
}

function perl(text: string): Part | undefined {
  const [, letter] = /^\\([dDsSwW])/.exec(text) ?? []
  if (letter === undefined) return undefined
  const ranges = PERL[letter.toLowerCase()] as Ranges
  return { ranges: /[a-z]/.test(letter) ? ranges : complement(ranges), names: [], length: 2 }
}

/** `\pL`, `\p{Greek}`, `\P{Lu}`, `\p{^Lu}`. */
function property(text: string): Part | undefined {
  const found = /^\\([pP])(?:\{(\^?)(\w+)\}|(\w))/.exec(text)
  if (found === null) {
    if (/^\\[pP]/.test(text)) throw new PatternError(`invalid character class range: ${text}`)
    return undefined
  }
  const [whole, letter, not = '', long, short] = found
  const negative = (letter === 'P') !== (not === '^')
  for (const name of [long ?? short, `Script=${long}`])
    try {
      // A category or a script, and no property of JavaScript's own such as Emoji.
      if (name === long && (long?.length ?? 0) > 2) continue
      const written = `\\${negative ? 'P' : 'p'}{${name}}`
      new RegExp(written, 'u')
      return { ranges: [], names: [written], length: whole.length }
    } catch {
      // Told below.
    }
  throw new PatternError(`invalid character class range: ${whole}`)
}

/** `\x7f`, `\x{10ffff}`, `\123`; `\1` would be a back reference, which RE2 does not have. */
function numbered(text: string): Part | undefined {
  const hex = /^\\x(?:\{([\da-fA-F]+)\}|([\da-fA-F]{2}))/.exec(text)
  const octal = /^\\(0[0-7]{0,2}|[1-7][0-7]{1,2})/.exec(text)
  const value =
    hex !== null
      ? Number.parseInt(hex[1] ?? hex[2] ?? '', 16)
      : octal !== null
        ? Number.parseInt(octal[1] ?? '', 8)
        : undefined
  if (value === undefined) return undefined
  const [whole] = (hex ?? octal) as RegExpExecArray
  if (value > LAST) throw new PatternError(`invalid escape sequence: ${whole}`)
  return { ranges: [[value, value]], names: [], length: whole.length }
}
