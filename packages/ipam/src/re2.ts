/**
 * Go's regular expressions (RE2) in JavaScript's, for `interface=` and `skip-interface=` (calico.md 5.2).
 *
 * The two agree on most of what people write, and differ where it hurts: JavaScript takes `(?=`, back references and `\A`
 * (as a plain A) without a word, and refuses `(?i)`, `(?P<n>` and `[[:alpha:]]`. So a pattern is read by RE2's own syntax and written
 * anew; what RE2 refuses is refused here, in its words. Groups capture nothing: only whether a name matches is asked for.
 */
import { folded, type Ranges, readClass, readEscapedClass } from './re2-class.js'
import { PatternError } from './re2-error.js'

interface Flags {
  readonly i: boolean
  readonly m: boolean
  readonly s: boolean
  readonly U: boolean
}

/** Unanchored, as Go's MatchString. */
export function goPattern(text: string): RegExp | { readonly error: string } {
  try {
    return new RegExp(new Translator(text).translate(), 'u')
  } catch (error) {
    if (error instanceof PatternError) return { error: error.message }
    // What RE2 takes and this page forgot: never a pattern that means something else.
    return { error: `not supported here: ${error instanceof Error ? error.message : String(error)}` }
  }
}

/** RE2 counts no further. */
const MOST_REPEATS = 1000
const QUANTIFIER = /^(?:[*+?]|\{(\d+)(?:(,)(\d*))?\})/

class Translator {
  readonly #text: string
  #at = 0
  #flags: Flags = { i: false, m: false, s: false, U: false }
  /** Flags to go back to at each closing parenthesis. */
  readonly #open: Flags[] = []
  #out = ''

  constructor(text: string) {
    this.#text = text
  }

  translate(): string {
    let repeatable = false
    while (this.#at < this.#text.length) {
      const quantifier = QUANTIFIER.exec(this.#rest)
      if (quantifier !== null) {
        if (!repeatable) throw new PatternError(`missing argument to repetition operator: ${quantifier[0]}`)
        this.#quantify(quantifier)
        repeatable = false
        continue
      }
      repeatable = this.#step() ?? repeatable
    }
    if (this.#open.length > 0) throw new PatternError(`missing closing ): ${this.#text}`)
    return this.#out
  }

  get #rest(): string {
    return this.#text.slice(this.#at)
  }

  #quantify([whole, least, comma, most]: RegExpExecArray): void {
    this.#at += whole.length
    const [low, high] = [Number(least ?? 0), most === undefined || most === '' ? 0 : Number(most)]
    if (
      low > MOST_REPEATS ||
      high > MOST_REPEATS ||
      (high > 0 && high < low) ||
      (comma !== undefined && most === '0' && low > 0)
    )
      throw new PatternError(`invalid repeat count: ${whole}`)
    const lazy = this.#rest.startsWith('?')
    if (lazy) this.#at++
    const next = QUANTIFIER.exec(this.#rest)
    if (next !== null)
      throw new PatternError(`invalid nested repetition operator: ${whole}${lazy ? '?' : ''}${next[0]}`)
    this.#out += whole + (lazy === this.#flags.U ? '' : '?')
  }

  /** One piece of the pattern; true when it can be repeated, undefined when it is nothing itself. */
  #step(): boolean | undefined {
    const char = String.fromCodePoint(this.#text.codePointAt(this.#at) as number)
    const { m, s } = this.#flags
    switch (char) {
      case '(':
        return this.#group()
      case ')': {
        const before = this.#open.pop()
        if (before === undefined) throw new PatternError(`unexpected ): ${this.#text}`)
        this.#flags = before
        return this.#put(1, ')')
      }
      case '|':
        this.#put(1, '|')
        return false
      // JavaScript repeats no assertion that stands by itself.
      case '^':
        return this.#put(1, m ? '(?:(?<![^\\n]))' : '(?:^)')
      case '$':
        return this.#put(1, m ? '(?:(?![^\\n]))' : '(?:$)')
      case '.':
        return this.#put(1, s ? '[\\s\\S]' : '[^\\n]')
      case '[': {
        const { ranges, names, negated, length } = readClass(this.#rest)
        return this.#putClass(length, ranges, names, negated)
      }
      case '\\':
        return this.#escape()
      default:
        return this.#put(char.length, this.#literal(char))
    }
  }

  #put(length: number, out: string): true {
    this.#at += length
    this.#out += out
    return true
  }

  #putClass(length: number, given: Ranges, names: readonly string[], negated: boolean): true {
    const ranges = this.#flags.i ? folded(given) : given
    const text = ranges.map(([low, high]) => (low === high ? code(low) : `${code(low)}-${code(high)}`)).join('')
    return this.#put(length, `[${negated ? '^' : ''}${text}${names.join('')}]`)
  }

  #literal(char: string): string {
    const point = char.codePointAt(0) as number
    const both = this.#flags.i ? folded([[point, point]]) : []
    return both.length > 1 ? `[${both.map(([low]) => code(low)).join('')}]` : code(point)
  }

  /** `(`, `(?:`, `(?P<name>`, `(?i)`, `(?i-s:`. */
  #group(): false | undefined {
    const before = this.#flags
    const named = /^\(\?P?<(\w+)>/.exec(this.#rest)
    const flagged = /^\(\?([imsU]*)(-[imsU]+)?([:)])/.exec(this.#rest)
    if (named === null && this.#rest.startsWith('(?')) {
      if (flagged === null || flagged[0] === '(?)')
        throw new PatternError(
          `invalid or unsupported Perl syntax: ${this.#rest.slice(0, this.#rest[2] === '<' ? 4 : 3)}`,
        )
      const [whole, on, off = '', end] = flagged as unknown as [string, string, string | undefined, string]
      const flag = (name: keyof Flags): boolean => (on.includes(name) || before[name]) && !off.includes(name)
      this.#flags = { i: flag('i'), m: flag('m'), s: flag('s'), U: flag('U') }
      if (end === ')') {
        this.#at += whole.length
        return undefined
      }
      this.#put(whole.length, '(?:')
    } else this.#put(named?.[0].length ?? 1, '(?:')
    this.#open.push(before)
    return false
  }

  #escape(): true | undefined {
    const quoted = /^\\Q([\s\S]*?)(?:\\E|$)/.exec(this.#rest)
    if (quoted !== null) {
      const [whole, text = ''] = quoted
      this.#put(whole.length, [...text].map((char) => this.#literal(char)).join(''))
      return text === '' ? undefined : true
    }
    const [two] = /^\\[\s\S]?/u.exec(this.#rest) as RegExpExecArray
    if (two === '\\A') return this.#put(2, '(?:^)')
    if (two === '\\z') return this.#put(2, '(?:$)')
    if (two === '\\b' || two === '\\B') return this.#put(2, `(?:${two})`)
    const { ranges, names, length } = readEscapedClass(this.#rest)
    const [only] = ranges
    if (names.length === 0 && ranges.length === 1 && only !== undefined && only[0] === only[1])
      return this.#put(length, this.#literal(String.fromCodePoint(only[0])))
    return this.#putClass(length, ranges, names, false)
  }
}

const code = (point: number): string => `\\u{${point.toString(16)}}`
