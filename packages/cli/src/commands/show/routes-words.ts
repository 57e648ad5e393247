/**
 * The words behind `show routes` and `show kernel`: `[PREFIX | for ADDRESS | in PREFIX] [received|filtered|accepted|
 * exported|all] [PEER]`, in any order that makes sense. Pure, so the grammar is tested without a daemon.
 */
import { Prefix } from '@starling/inet'
import { usage } from '../../exit.js'

export const ROUTE_WORDS = ['all', 'received', 'filtered', 'accepted', 'exported'] as const
export type RouteWord = (typeof ROUTE_WORDS)[number]

export interface RouteWords {
  readonly match?: { readonly kind: 'prefix' | 'in' | 'for'; readonly prefix: string }
  readonly view?: RouteWord
  readonly peer?: string
}

const isView = (word: string): word is RouteWord => (ROUTE_WORDS as readonly string[]).includes(word)

function canonical(text: string | undefined, after: string): string {
  const prefix = text === undefined ? undefined : Prefix.parseOrHost(text)
  if (prefix === undefined) throw usage(`${after} needs a prefix or an address, not ${text ?? 'nothing'}`)
  return prefix.toString()
}

/** The word that follows a view may be an address: then it is a peer's, because a route has a length. */
export function parseRouteWords(words: readonly string[]): RouteWords {
  let match: RouteWords['match']
  let view: RouteWord | undefined
  let peer: string | undefined
  const setMatch = (kind: 'prefix' | 'in' | 'for', prefix: string): void => {
    if (match !== undefined) throw usage('only one prefix at a time')
    match = { kind, prefix }
  }
  for (let i = 0; i < words.length; i++) {
    const word = words[i] ?? ''
    if (word === 'for' || word === 'in') setMatch(word, canonical(words[++i], word))
    else if (isView(word)) {
      if (view !== undefined) throw usage(`${view} and ${word} exclude each other`)
      view = word
    } else if (word.includes('/')) setMatch('prefix', canonical(word, 'show routes'))
    else if (peer === undefined) peer = word
    else throw usage(`what is ${word}? Already asked for peer ${peer}`)
  }
  // A bare address without a view is the question for its route, as in `ip route get`.
  if (peer !== undefined && view === undefined && match === undefined && Prefix.parseOrHost(peer) !== undefined) {
    return { match: { kind: 'for', prefix: canonical(peer, 'for') } }
  }
  if (view !== undefined && view !== 'all' && peer === undefined)
    throw usage(`${view} needs a peer: show routes ${view} PEER`)
  return {
    ...(match === undefined ? {} : { match }),
    ...(view === undefined ? {} : { view }),
    ...(peer === undefined ? {} : { peer }),
  }
}
