/**
 * The words behind `show route`, as BIRD 1.6 and 2 take them, to one question.
 *
 * Words may be shortened (`show route f 10.0.0.1`): birdc expands what it knows and sends the rest as it was typed.
 * What nobody can answer here (`roa`, filters by name) is refused in BIRD's code for an error, 9001.
 */
import type { FamilyName, PeerKey, RouteQuery, RouteView } from '@starling/engine'
import { Prefix } from '@starling/inet'
import { parsePrefix } from '../input.js'
import type { DaemonPorts } from '../ports.js'
import { escapeText } from '../text.js'
import { protocolsOf } from './protocols.js'
import { type Condition, parseCondition } from './where.js'

/** `noexport` and `preexport` compare what is best here with what a peer is told. */
export type Exports = 'exported' | 'considered' | 'withheld'

export interface RouteCommand {
  readonly match?: NonNullable<RouteQuery['match']>
  readonly view: RouteQuery['view']
  readonly peer?: PeerKey
  readonly exports?: Exports
  /** Only routes of this helper protocol (static1, kernel1, direct1). */
  readonly source?: RouteView['source']
  readonly condition?: Condition
  readonly detail: boolean
  readonly primary: boolean
  readonly count: boolean
  /** The rows and then their number. */
  readonly stats: boolean
  /** Asked of the other family's table. */
  readonly nothing?: boolean
}

export type RouteParse = { readonly command: RouteCommand } | { readonly error: string }
type Draft = { -readonly [K in keyof RouteCommand]: RouteCommand[K] }

const HELPERS: Readonly<Record<string, RouteView['source']>> = {
  kernel1: 'kernel',
  direct1: 'direct',
  static1: 'static',
  device1: 'direct',
}
const TABLES = new Set(['master', 'master4', 'master6', 'all'])
/** Of the other family's table there is nothing on this socket. */
const FAMILY_OF: Readonly<Record<string, FamilyName>> = { master4: 'ipv4', master6: 'ipv6' }
/** In the order in which a shortened word is understood. */
const WORDS = ['for', 'all', 'in', 'primary', 'protocol', 'where', 'count', 'stats', 'filtered', 'table'] as const
const EXPORTS: Readonly<Record<string, Exports>> = {
  export: 'exported',
  preexport: 'considered',
  noexport: 'withheld',
}

const expand = (word: string): string =>
  word in EXPORTS || !/^[a-z]+$/.test(word) ? word : (WORDS.find((known) => known.startsWith(word)) ?? word)

export function parseRouteCommand(words: readonly string[], ports: DaemonPorts, family: FamilyName): RouteParse {
  const draft: Draft = { view: 'accepted', detail: false, primary: false, count: false, stats: false }
  const queue = [...words]
  while (queue.length > 0) {
    const error = option(queue.shift() ?? '', queue, draft, ports, family)
    if (error !== undefined) return { error }
  }
  if (draft.view === 'filtered' && draft.primary) return { error: 'Incompatible show route options' }
  return { command: draft }
}

/** Takes one option and its words; an answer is why not. */
function option(
  word: string,
  queue: string[],
  draft: Draft,
  ports: DaemonPorts,
  family: FamilyName,
): string | undefined {
  const known = expand(word)
  const exports = EXPORTS[known]
  if (queue[0] === 'table' && (known === 'import' || known === 'export')) {
    queue.shift()
    return channelTable(known, queue.shift(), draft, ports, family)
  }
  if (exports !== undefined) return protocol(queue.shift(), draft, ports, family, exports)
  switch (known) {
    case 'all':
      draft.detail = true
      return undefined
    case 'primary':
      draft.primary = true
      return undefined
    case 'count':
      draft.count = true
      return undefined
    case 'stats':
      draft.stats = true
      return undefined
    case 'filtered':
      draft.view = 'filtered'
      return undefined
    case 'table':
      return table(queue.shift(), draft, family)
    case 'for':
    case 'in':
      return prefix(known, queue.shift(), draft, family)
    case 'protocol':
      return protocol(queue.shift(), draft, ports, family)
    case 'where':
      return where(queue, draft, ports, family)
    default:
      return prefix('exact', word, draft, family)
  }
}

const unexpected = (word: string | undefined): string =>
  `syntax error, unexpected ${word === undefined ? 'END' : escapeText(word, 60)}`

function table(name: string | undefined, draft: Draft, family: FamilyName): string | undefined {
  if (name === undefined || !TABLES.has(name)) return unexpected(name)
  if ((FAMILY_OF[name] ?? family) !== family) draft.nothing = true
  return undefined
}

/** BIRD 2: what came from a peer before any policy, and what a peer was told after it. */
function channelTable(
  way: 'import' | 'export',
  channel: string | undefined,
  draft: Draft,
  ports: DaemonPorts,
  family: FamilyName,
): string | undefined {
  const error = protocol(channel, draft, ports, family, way === 'export' ? 'exported' : undefined)
  if (error === undefined && draft.peer === undefined)
    return `No import table in channel ${escapeText(channel ?? '', 60)}`
  if (error === undefined && way === 'import') draft.view = 'received'
  return error
}

function prefix(
  kind: 'exact' | 'in' | 'for',
  text: string | undefined,
  draft: Draft,
  family: FamilyName,
): string | undefined {
  if (text === undefined) return unexpected(text)
  const parsed = parsePrefix(text.replace(/^\[\s*(.*?)\+?\s*\]$/, '$1'))
  if (parsed === undefined) return 'IP address or prefix expected'
  if (parsed.family !== family) return 'Incompatible type of prefix/ip with table'
  if (text.includes('/') && Prefix.parseStrict(text) === undefined) {
    return `Invalid ${family === 'ipv4' ? 'IPv4' : 'IPv6'} prefix ${escapeText(text, 60)}, maybe you wanted ${parsed.text}`
  }
  draft.match = { kind, prefix: parsed.text }
  return undefined
}

function protocol(
  name: string | undefined,
  draft: Draft,
  ports: DaemonPorts,
  family: FamilyName,
  exports?: Exports,
): string | undefined {
  if (name === undefined) return unexpected(name)
  // BIRD 2 names a channel behind the protocol.
  const bare = name.replace(/^"(.*)"$/, '$1').replace(/\.ipv[46]$/, '')
  const source = HELPERS[bare]
  if (source !== undefined && exports === undefined) {
    draft.source = source
    return undefined
  }
  const peer = protocolsOf(ports, family).find((item) => item.name === bare)?.peer
  if (peer === undefined) return `${escapeText(bare, 60)} is not a known protocol`
  draft.peer = peer.key
  if (exports !== undefined) {
    draft.exports = exports
    draft.view = exports === 'exported' ? 'exported' : 'best'
  }
  return undefined
}

function where(queue: string[], draft: Draft, ports: DaemonPorts, family: FamilyName): string | undefined {
  const expression = queue.splice(0).join(' ')
  const parsed = parseCondition(expression)
  if ('error' in parsed) return parsed.error
  draft.condition = parsed.condition
  queue.push(...parsed.rest)
  narrow(expression, draft, ports, family)
  return undefined
}

/** The whole table need not be walked for the two conditions that people ask most. */
function narrow(expression: string, draft: Draft, ports: DaemonPorts, family: FamilyName): void {
  const named = /^proto\s*=\s*"([A-Za-z0-9_]+)"$/.exec(expression)?.[1]
  if (named !== undefined && draft.peer === undefined) protocol(named, draft, ports, family)
  const within = /^net\s*~\s*\[?\s*([0-9a-fA-F.:/]+)\+?\s*\]?$/.exec(expression)?.[1]
  const inside = within === undefined ? undefined : Prefix.parseStrict(within)
  if (inside?.family === family && draft.match === undefined && !/\[[^+]*\]/.test(expression)) {
    draft.match = { kind: 'in', prefix: inside.toString() }
  }
}
