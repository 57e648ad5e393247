/**
 * `show route where EXPRESSION`: BIRD's filter language as far as questions about routes go.
 *
 * Conditions on `net`, `proto`, `source`, `from`, `gw`, `preference` and the BGP attributes, joined with `&&`, `||`, `!`
 * and brackets; `~` against sets, prefixes, path masks and patterns. An expression becomes one closure per node: nothing
 * is evaluated by name while routes are walked. An attribute that a route lacks makes its comparison false, as a
 * filter's run-time error does in BIRD. Nothing here can change a route.
 */
import type { RouteView } from '@starling/engine'
import { Prefix } from '@starling/inet'
import { type SplitCommunities, splitCommunities } from '../communities.js'
import { escapeText } from '../text.js'
import {
  FilterError,
  type Item,
  type MaskItem,
  mask,
  maskMatches,
  prefixMatches,
  prefixOf,
  set,
  Tokens,
  tuple,
  tupleMatches,
} from './filter-tokens.js'
import { glob } from './glob.js'

/** A route as conditions see it; what costs something is made when the first condition asks. */
export class Subject {
  readonly route: RouteView
  readonly protocol: string
  #net: Prefix | undefined
  #communities: SplitCommunities | undefined
  #path: readonly number[] | undefined

  constructor(route: RouteView, protocol: string) {
    this.route = route
    this.protocol = protocol
  }

  get net(): Prefix | undefined {
    this.#net ??= Prefix.parse(this.route.prefix)
    return this.#net
  }

  get communities(): SplitCommunities {
    this.#communities ??= splitCommunities(this.route.communities)
    return this.#communities
  }

  get path(): readonly number[] {
    this.#path ??= (this.route.asPath.match(/\d+/g) ?? []).map(Number)
    return this.#path
  }
}

type Value =
  | boolean
  | number
  | string
  | Prefix
  | undefined
  | { readonly path: readonly number[] }
  | { readonly list: readonly (readonly number[])[] }
  | { readonly set: readonly Item[] }
  | { readonly mask: readonly MaskItem[] }
  | { readonly one: readonly number[] }
type Read = (subject: Subject) => Value

export type Condition = (subject: Subject) => boolean

const bgp =
  (read: Read): Read =>
  (subject) =>
    subject.route.source === 'bgp' ? read(subject) : undefined
const address = (text: string | undefined): Prefix | undefined =>
  text === undefined ? undefined : Prefix.parseOrHost(text.replace(/[% ].*$/, ''))

const SOURCES = { bgp: 'RTS_BGP', static: 'RTS_STATIC', kernel: 'RTS_INHERIT', direct: 'RTS_DEVICE' } as const
const ORIGINS = { IGP: 'ORIGIN_IGP', EGP: 'ORIGIN_EGP', INCOMPLETE: 'ORIGIN_INCOMPLETE' } as const

const ATTRIBUTES: Readonly<Record<string, Read>> = {
  net: ({ net }) => net,
  proto: ({ protocol }) => protocol,
  source: ({ route }) => SOURCES[route.source],
  from: bgp(({ route }) => address(route.peer)),
  gw: ({ route }) => address(route.nextHop),
  preference: ({ route }) => route.preference,
  bgp_path: bgp(({ path }) => ({ path })),
  bgp_next_hop: bgp(({ route }) => address(route.nextHop)),
  bgp_local_pref: bgp(({ route }) => route.localPref),
  bgp_med: bgp(({ route }) => route.med),
  bgp_origin: bgp(({ route }) => ORIGINS[route.origin]),
  bgp_community: bgp(({ communities }) => ({ list: communities.plain })),
  bgp_large_community: bgp(({ communities }) => ({ list: communities.large })),
  bgp_originator_id: bgp(({ route }) => address(route.originatorId)),
  bgp_cluster_list: bgp(({ route }) => ({ list: route.clusterList.map(() => [0]) })),
}
const CONSTANTS: ReadonlySet<string> = new Set([...Object.values(SOURCES), ...Object.values(ORIGINS)])

export interface ParsedCondition {
  readonly condition: Condition
  /** The words behind the expression. */
  readonly rest: readonly string[]
}

/** The condition, or why there is none. */
export function parseCondition(text: string): ParsedCondition | { readonly error: string } {
  try {
    const tokens = new Tokens(text)
    const read = either(tokens, 0)
    return { condition: (subject) => read(subject) === true, rest: tokens.rest() }
  } catch (error) {
    if (error instanceof FilterError) return { error: error.message }
    throw error
  }
}

/** Brackets and `!` nest this deep and no deeper: the parser calls itself. */
const DEEPEST = 40

function either(tokens: Tokens, depth: number): Read {
  if (depth > DEEPEST) throw new FilterError('the expression nests too deep')
  const parts = [both(tokens, depth)]
  while (tokens.accept('||')) parts.push(both(tokens, depth))
  const [only] = parts
  return parts.length === 1 && only !== undefined ? only : (subject) => parts.some((part) => part(subject) === true)
}

function both(tokens: Tokens, depth: number): Read {
  const parts = [comparison(tokens, depth)]
  while (tokens.accept('&&')) parts.push(comparison(tokens, depth))
  const [only] = parts
  return parts.length === 1 && only !== undefined ? only : (subject) => parts.every((part) => part(subject) === true)
}

type Operator = (a: Exclude<Value, undefined>, b: Exclude<Value, undefined>) => boolean
const order = (a: Value, b: Value): number => (typeof a === 'number' && typeof b === 'number' ? a - b : Number.NaN)
const OPERATORS: Readonly<Record<string, Operator>> = {
  '=': equal,
  '!=': (a, b) => !equal(a, b),
  '<': (a, b) => order(a, b) < 0,
  '>': (a, b) => order(a, b) > 0,
  '<=': (a, b) => order(a, b) <= 0,
  '>=': (a, b) => order(a, b) >= 0,
  '~': matches,
  '!~': (a, b) => !matches(a, b),
}

function comparison(tokens: Tokens, depth: number): Read {
  const left = term(tokens, depth)
  const operator = OPERATORS[tokens.next ?? '']
  if (operator === undefined) return left
  tokens.take()
  const right = term(tokens, depth)
  return (subject) => {
    const a = left(subject)
    const b = right(subject)
    return a !== undefined && b !== undefined && operator(a, b)
  }
}

function equal(a: Value, b: Value): boolean {
  if (a instanceof Prefix && b instanceof Prefix) return a.equals(b)
  if (typeof a === 'object' && typeof b === 'object' && 'path' in a && 'mask' in b) return maskMatches(a.path, b.mask)
  return a === b
}

function matches(a: Value, b: Value): boolean {
  if (typeof a === 'string') return typeof b === 'string' && glob(b, a)
  if (a instanceof Prefix && b instanceof Prefix) return b.contains(a)
  if (typeof b !== 'object' || b instanceof Prefix) return false
  if (typeof a === 'object' && 'path' in a) {
    if ('mask' in b) return maskMatches(a.path, b.mask)
    return 'set' in b && a.path.some((as) => inSet([as], b.set))
  }
  if (typeof a === 'object' && 'one' in a && 'list' in b) return b.list.some((each) => same(each, a.one))
  if (typeof a === 'object' && 'list' in a && 'set' in b) return a.list.some((each) => inSet(each, b.set))
  if (a instanceof Prefix && 'set' in b) return b.set.some((item) => 'prefix' in item && prefixMatches(a, item))
  if (typeof a === 'number' && 'set' in b) return inSet([a], b.set)
  // `64601 ~ bgp_path`
  return typeof a === 'number' && 'path' in b && b.path.includes(a)
}

const same = (a: readonly number[], b: readonly number[]): boolean =>
  a.length === b.length && a.every((value, i) => value === b[i])
const inSet = (value: readonly number[], items: readonly Item[]): boolean =>
  items.some((item) => 'tuple' in item && tupleMatches(value, item.tuple))

function term(tokens: Tokens, depth: number): Read {
  const token = tokens.take()
  const prefix = prefixOf(token)
  if (prefix !== undefined) return () => prefix
  if (token === '!') {
    if (depth > DEEPEST) throw new FilterError('the expression nests too deep')
    const inner = term(tokens, depth + 1)
    return (subject) => inner(subject) === false
  }
  if (token === '[') return constant({ set: set(tokens) })
  if (token === '[=') return constant({ mask: mask(tokens) })
  if (token === '(') return bracket(tokens, depth)
  if (token.startsWith('"')) return constant(token.slice(1, -1))
  if (/^\d+$/.test(token)) return constant(Number(token))
  if (token === 'true' || token === 'false') return constant(token === 'true')
  if (token === 'defined') {
    tokens.expect('(')
    const inner = term(tokens, depth + 1)
    tokens.expect(')')
    return (subject) => inner(subject) !== undefined
  }
  if (CONSTANTS.has(token)) return constant(token)
  const read = Object.hasOwn(ATTRIBUTES, token) ? ATTRIBUTES[token] : undefined
  if (read === undefined) throw new FilterError(`syntax error, unexpected ${escapeText(token, 60)}`)
  return members(read, tokens)
}

const constant =
  (value: Value): Read =>
  () =>
    value

/** `(64512, 7)` is a community, anything else in brackets an expression. */
function bracket(tokens: Tokens, depth: number): Read {
  const [first = '', second = ''] = tokens.rest()
  if (/^\d+$/.test(first) && second === ',') {
    const one = tuple(tokens).map(([low]) => low)
    return constant({ one })
  }
  const inner = either(tokens, depth + 1)
  tokens.expect(')')
  return inner
}

const MEMBERS: Readonly<Record<string, (value: Value) => Value>> = {
  len: (value) => {
    if (value instanceof Prefix) return value.length
    if (typeof value !== 'object') return undefined
    return 'path' in value ? value.path.length : 'list' in value ? value.list.length : undefined
  },
  first: (value) => (typeof value === 'object' && 'path' in value ? value.path[0] : undefined),
  last: (value) => (typeof value === 'object' && 'path' in value ? value.path.at(-1) : undefined),
  ip: (value) => (value instanceof Prefix ? Prefix.host(value.bytes) : undefined),
}

function members(read: Read, tokens: Tokens): Read {
  if (!tokens.accept('.')) return read
  const name = tokens.take()
  const member = Object.hasOwn(MEMBERS, name) ? MEMBERS[name] : undefined
  if (member === undefined) throw new FilterError(`syntax error, unexpected ${escapeText(name, 60)}`)
  return (subject) => member(read(subject))
}
