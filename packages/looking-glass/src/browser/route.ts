/**
 * The address is the state: `#/peers/Mesh_10_0_0_12`, `#/events?type=session-state`. Hash routes, because the paths of
 * the listener belong to the API and its compatible readers, and because they survive any proxy in between.
 */
import { signal } from './data/hooks.js'

export interface Place {
  readonly view: string
  /** What follows the view: a node, a peer, a prefix. */
  readonly name: string
  readonly query: Readonly<Record<string, string>>
}

export function parsePlace(hash: string): Place {
  const [path = '', search = ''] = hash.replace(/^#\/?/, '').split('?', 2)
  const slash = path.indexOf('/')
  const view = slash < 0 ? path : path.slice(0, slash)
  return {
    view: view === '' ? 'overview' : view,
    name: slash < 0 ? '' : decode(path.slice(slash + 1)),
    query: Object.fromEntries(new URLSearchParams(search)),
  }
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

export function href(view: string, name = '', query: Readonly<Record<string, string | undefined>> = {}): string {
  const search = new URLSearchParams()
  for (const [key, value] of Object.entries(query)) if (value !== undefined && value !== '') search.set(key, value)
  const path = name === '' ? view : `${view}/${encodeURIComponent(name).replaceAll('%2F', '/').replaceAll('%3A', ':')}`
  return search.size === 0 ? `#/${path}` : `#/${path}?${search}`
}

export const place = signal<Place>(parsePlace(globalThis.location?.hash ?? ''))

export function go(target: string): void {
  location.hash = target.replace(/^#/, '')
}

/** Changes parameters of the present view without a new entry in the history. */
export function amend(changes: Readonly<Record<string, string | undefined>>): void {
  const { view, name, query } = place.value
  history.replaceState(null, '', href(view === 'overview' ? '' : view, name, { ...query, ...changes }))
  place.set(parsePlace(location.hash))
}

export function followAddress(): void {
  addEventListener('hashchange', () => place.set(parsePlace(location.hash)))
}
