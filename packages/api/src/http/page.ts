/**
 * Pages of lists that the ports give whole (peers, blocks, nodes): a cursor is the key of the last entry shown, so a
 * list that changes between two pages neither repeats nor skips what stayed.
 */
import { ApiError } from '../errors.js'

export interface Page<T> {
  readonly items: readonly T[]
  readonly next?: string
}

const encode = (key: string): string => Buffer.from(key).toString('base64url')

function decode(cursor: string): string {
  if (!/^[A-Za-z0-9_-]+$/.test(cursor)) throw new ApiError('API_BAD_CURSOR')
  return Buffer.from(cursor, 'base64url').toString()
}

export function pageOf<T>(items: Iterable<T>, key: (item: T) => string, limit: number, cursor?: string): Page<T> {
  const after = cursor === undefined ? undefined : decode(cursor)
  const sorted = [...items].sort((a, b) => compare(key(a), key(b)))
  const rest = after === undefined ? sorted : sorted.filter((item) => compare(key(item), after) > 0)
  const shown = rest.slice(0, limit)
  const last = shown.at(-1)
  return rest.length > shown.length && last !== undefined ? { items: shown, next: encode(key(last)) } : { items: shown }
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
