/**
 * Selector text to tree: one pass, recursive descent, errors with the position they were found at.
 *
 * Binding, tightest first: `!`, `&&`, `||`. Chains of one operator become one node, so `a && b && c` prints flat. Depth
 * is bounded: a hostile selector must not exhaust the stack.
 */
import type { Selector } from './ast.js'

export class SelectorError extends Error {
  /** Offset into the text, from 0. */
  readonly position: number
  constructor(message: string, position: number) {
    super(`${message} at position ${position + 1}`)
    this.name = 'SelectorError'
    this.position = position
  }
}

type TokenKind = 'word' | 'string' | 'symbol' | 'end'
interface Token {
  readonly kind: TokenKind
  readonly text: string
  readonly at: number
}

const MAXIMUM_DEPTH = 200
const TOKEN = /\s*(?:([a-zA-Z0-9_./-]+)|"([^"]*)"|'([^']*)'|(==|!=|&&|\|\||[!(){},]))/y

function tokenize(text: string): readonly Token[] {
  const tokens: Token[] = []
  let at = 0
  for (;;) {
    TOKEN.lastIndex = at
    const found = TOKEN.exec(text)
    if (found === null) break
    const [whole, word, double, single, symbol] = found
    const quoted = double ?? single
    const kind = word !== undefined ? 'word' : quoted !== undefined ? 'string' : 'symbol'
    const content = word ?? quoted ?? symbol ?? ''
    tokens.push({ kind, text: content, at: at + whole.search(/\S/) })
    at += whole.length
  }
  const rest = text.slice(at)
  const next = rest.search(/\S/)
  if (next >= 0) {
    const c = rest.charAt(next)
    throw new SelectorError(c === '"' || c === "'" ? 'unterminated string' : `unexpected character '${c}'`, at + next)
  }
  tokens.push({ kind: 'end', text: 'end of selector', at: text.length })
  return tokens
}

/** Empty text selects everything. Throws {@link SelectorError}. */
export function parseSelector(text: string): Selector {
  const tokens = tokenize(text)
  if (tokens.length === 1) return { op: 'all' }
  const parser = new Parser(tokens)
  const tree = parser.or(0)
  parser.expectEnd()
  return tree
}

class Parser {
  #next = 0
  readonly #tokens: readonly Token[]
  constructor(tokens: readonly Token[]) {
    this.#tokens = tokens
  }

  or(depth: number): Selector {
    return this.#chain('||', () => this.#chain('&&', () => this.#unary(depth)))
  }

  expectEnd(): void {
    const token = this.#peek()
    if (token.kind !== 'end') throw unexpected(token, "'&&' or '||'")
  }

  #chain(op: '&&' | '||', operand: () => Selector): Selector {
    const operands = [operand()]
    while (this.#accept(op)) operands.push(operand())
    return operands.length === 1 ? (operands[0] as Selector) : { op, operands }
  }

  #unary(depth: number): Selector {
    const token = this.#peek()
    if (depth > MAXIMUM_DEPTH) throw new SelectorError('too deeply nested', token.at)
    if (this.#accept('!')) return { op: '!', operand: this.#unary(depth + 1) }
    if (this.#accept('(')) {
      const inner = this.or(depth + 1)
      this.#expect(')')
      return inner
    }
    if (token.kind !== 'word') throw unexpected(token, 'a label, a function or a parenthesis')
    this.#next++
    return this.#peek().text === '(' && this.#peek().kind === 'symbol'
      ? this.#call(token)
      : this.#comparison(token.text)
  }

  #call(name: Token): Selector {
    this.#expect('(')
    switch (name.text) {
      case 'all':
      case 'global':
        this.#expect(')')
        return { op: name.text }
      case 'has': {
        const label = this.#peek()
        if (label.kind !== 'word') throw unexpected(label, 'a label')
        this.#next++
        this.#expect(')')
        return { op: 'has', label: label.text }
      }
      default:
        throw new SelectorError(`unknown function '${name.text}'`, name.at)
    }
  }

  #comparison(label: string): Selector {
    if (this.#accept('==')) return { op: '==', label, value: this.#string() }
    if (this.#accept('!=')) return { op: '!=', label, value: this.#string() }
    if (this.#accept('contains')) return { op: 'contains', label, value: this.#string() }
    if (this.#accept('starts')) return { op: 'starts with', label, value: this.#with() }
    if (this.#accept('ends')) return { op: 'ends with', label, value: this.#with() }
    if (this.#accept('in')) return { op: 'in', label, values: this.#set() }
    if (this.#accept('not')) {
      this.#expect('in')
      return { op: 'not in', label, values: this.#set() }
    }
    throw unexpected(this.#peek(), 'an operator')
  }

  #with(): string {
    this.#expect('with')
    return this.#string()
  }

  #set(): readonly string[] {
    this.#expect('{')
    const values: string[] = []
    // A comma before the brace ends nothing, as in the reference's parser.
    while (!this.#accept('}')) {
      values.push(this.#string())
      if (this.#accept(',')) continue
      this.#expect('}')
      break
    }
    return values
  }

  #string(): string {
    const token = this.#peek()
    if (token.kind !== 'string') throw unexpected(token, 'a quoted string')
    this.#next++
    return token.text
  }

  #peek(): Token {
    return this.#tokens[this.#next] as Token
  }

  #accept(text: string): boolean {
    const token = this.#peek()
    if (token.kind === 'string' || token.kind === 'end' || token.text !== text) return false
    this.#next++
    return true
  }

  #expect(text: string): void {
    if (!this.#accept(text)) throw unexpected(this.#peek(), `'${text}'`)
  }
}

function unexpected(token: Token, wanted: string): SelectorError {
  const found = token.kind === 'end' ? token.text : `'${token.text}'`
  return new SelectorError(`expected ${wanted}, found ${found}`, token.at)
}
