/**
 * The words of BIRD's filter language, as far as `show route where` needs them, and the sets that are written with them:
 * `[ 10.0.0.0/8{16,24} ]`, `[ (64512,*), (1,2..9) ]`, `[= * 64601 ? =]`.
 *
 * A line has at most 4096 octets (server.ts) and every rule here takes at least one token per step, so that parsing ends.
 */
import { Prefix } from '@starling/inet'
import { escapeText } from '../text.js'
import { starMatches } from './glob.js'

/** What a person gets to read, behind BIRD's 9001. */
export class FilterError extends Error {}

const TOKEN =
  /\s*(?:("[^"]*")|(\[=|=\]|&&|\|\||!=|!~|<=|>=|\.\.|[-=<>!~()[\]{},.*?+;])|([0-9a-fA-F:.]*[0-9a-fA-F:]\/\d+|(?:\d+\.){3}\d+|[0-9a-fA-F]*:[0-9a-fA-F:.]*|\d+|[A-Za-z_][A-Za-z0-9_]*))/y

export class Tokens {
  readonly #all: string[] = []
  #at = 0

  constructor(text: string) {
    TOKEN.lastIndex = 0
    while (TOKEN.lastIndex < text.length) {
      const at = TOKEN.lastIndex
      const found = TOKEN.exec(text)
      if (found === null) {
        if (text.slice(at).trim() === '') break
        throw new FilterError(`syntax error, unexpected ${escapeText(text.slice(at).trim()[0] ?? '', 4)}`)
      }
      this.#all.push(found[1] ?? found[2] ?? found[3] ?? '')
    }
  }

  get next(): string | undefined {
    return this.#all[this.#at]
  }

  take(): string {
    const token = this.#all[this.#at]
    if (token === undefined) throw new FilterError('syntax error, unexpected END')
    this.#at++
    return token
  }

  /** Takes the token when it is the next one. */
  accept(token: string): boolean {
    if (this.#all[this.#at] !== token) return false
    this.#at++
    return true
  }

  expect(token: string): void {
    if (!this.accept(token)) throw this.unexpected()
  }

  /** The words from here to the end, untouched: they belong to `show route` again. */
  rest(): readonly string[] {
    return this.#all.slice(this.#at)
  }

  unexpected(): FilterError {
    return new FilterError(`syntax error, unexpected ${this.next === undefined ? 'END' : escapeText(this.next, 60)}`)
  }
}

export type Range = readonly [low: number, high: number]
export interface PrefixPattern {
  readonly prefix: Prefix
  readonly low: number
  readonly high: number
}
export type Item = { readonly tuple: readonly Range[] } | PrefixPattern
/** `*` is a run of any length. */
export type MaskItem = Range | '*'

const ANY: Range = [0, 0xffff_ffff]
const inRange = (value: number, [low, high]: Range): boolean => value >= low && value <= high

export function numberOf(tokens: Tokens): number {
  const token = tokens.take()
  if (!/^\d{1,10}$/.test(token)) throw new FilterError(`syntax error, unexpected ${escapeText(token, 60)}`)
  return Number(token)
}

/** `5`, `5..9`, `*`. */
function range(tokens: Tokens): Range {
  if (tokens.accept('*')) return ANY
  const low = numberOf(tokens)
  return [low, tokens.accept('..') ? numberOf(tokens) : low]
}

/** `(64512, 7)` and `(1, 2, 3)`, each place a number, a range or `*`; the bracket is taken already. */
export function tuple(tokens: Tokens): readonly Range[] {
  const parts = [range(tokens)]
  while (tokens.accept(',')) parts.push(range(tokens))
  tokens.expect(')')
  if (parts.length > 3) throw new FilterError('syntax error, a community has two or three numbers')
  return parts
}

export function prefixOf(text: string): Prefix | undefined {
  return /[.:]/.test(text) ? Prefix.parseOrHost(text) : undefined
}

/** What stands between `[` and `]`. */
export function set(tokens: Tokens): readonly Item[] {
  const items: Item[] = []
  do {
    const prefix = prefixOf(tokens.next ?? '')
    if (prefix !== undefined) {
      tokens.take()
      items.push(pattern(prefix, tokens))
    } else if (tokens.accept('(')) {
      items.push({ tuple: tuple(tokens) })
    } else {
      items.push({ tuple: [range(tokens)] })
    }
  } while (tokens.accept(','))
  tokens.expect(']')
  return items
}

function pattern(prefix: Prefix, tokens: Tokens): PrefixPattern {
  const { length, bits } = prefix
  if (tokens.accept('+')) return { prefix, low: length, high: bits }
  if (tokens.accept('-')) return { prefix, low: 0, high: length }
  if (!tokens.accept('{')) return { prefix, low: length, high: length }
  const low = numberOf(tokens)
  tokens.expect(',')
  const high = numberOf(tokens)
  tokens.expect('}')
  return { prefix, low, high }
}

/** What stands between `[=` and `=]`. */
export function mask(tokens: Tokens): readonly MaskItem[] {
  const items: MaskItem[] = []
  while (!tokens.accept('=]')) {
    if (tokens.accept('*')) items.push('*')
    else if (tokens.accept('?')) items.push(ANY)
    else items.push(range(tokens))
  }
  return items
}

export function prefixMatches(net: Prefix, { prefix, low, high }: PrefixPattern): boolean {
  if (net.family !== prefix.family || net.length < low || net.length > high) return false
  // `-` and a low bound below its own length ask for what covers it as well.
  return net.length >= prefix.length ? prefix.contains(net) : net.contains(prefix)
}

export const tupleMatches = (value: readonly number[], ranges: readonly Range[]): boolean =>
  value.length === ranges.length && ranges.every((each, i) => inRange(value[i] ?? -1, each))

export const maskMatches = (path: readonly number[], items: readonly MaskItem[]): boolean =>
  starMatches(items, path, (item, asNumber) => item !== '*' && inRange(asNumber, item))
