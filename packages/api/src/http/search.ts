/**
 * Lists searched and put in order by the server, at a bounded cost: `match=` (words, all of which must occur) and
 * `sort=[-]field`.
 *
 * A small list (peers, nodes, blocks) is filtered and sorted whole. A table (routes, kernel routes) is walked page by
 * page in slices between which everything else gets its turn, keeps no more than one page of the best rows, and ends at
 * LIMITS.scan rows; few walks run at a time, and one whose client left stops. Nothing is kept between requests: a cursor
 * is the place of the last row shown.
 */
import { Prefix } from '@starling/inet'
import { ApiError } from '../errors.js'
import { LIMITS } from './context.js'
import { compare, decodeCursor, encodeCursor } from './page.js'

export type Key = string | number

/** How rows of one kind are told apart, searched and ordered. */
export interface Shape<T> {
  readonly id: (row: T) => string
  /** Everything that `match` looks at. */
  readonly text: (row: T) => string
  /** What `sort` may name. */
  readonly fields: Readonly<Record<string, (row: T) => Key>>
}

export interface Search {
  readonly match?: string
  readonly sort?: string
  readonly limit: number
  readonly cursor?: string
}

export interface Found<T> {
  readonly items: readonly T[]
  readonly next?: string
  /** Rows that matched, when all were looked at. */
  readonly total?: number
  /** The table is longer than one walk goes: what is shown is of its first LIMITS.scan rows. */
  readonly partial?: true
}

/** `sort` of a query as JSON Schema: every field, and every field backwards. */
export const sortNames = (shape: Pick<Shape<never>, 'fields'>): string[] =>
  Object.keys(shape.fields).flatMap((name) => [name, `-${name}`])

/** Numbers inside a name count as numbers: `node-9` before `node-10`. */
export const natural = (text: string): string => text.replace(/\d+/g, (digits) => digits.padStart(10, '0'))

/** Prefixes and addresses by family, address, length. */
export function byAddress(text: string): string {
  const prefix = Prefix.parseOrHost(text)
  if (prefix === undefined) return `~${text}`
  return `${prefix.family}${Buffer.from(prefix.bytes).toString('hex')}${String(prefix.length).padStart(3, '0')}`
}

type Test<T> = (row: T) => boolean

export function matcher<T>(text: (row: T) => string, match: string | undefined): Test<T> | undefined {
  const words = (match ?? '')
    .toLowerCase()
    .split(/\s+/)
    .filter((word) => word !== '')
  if (words.length === 0) return undefined
  return (row) => {
    const whole = text(row).toLowerCase()
    return words.every((word) => whole.includes(word))
  }
}

interface Order<T> {
  readonly key: (row: T) => Key
  readonly sign: 1 | -1
}

function orderOf<T>({ fields }: Shape<T>, sort: string): Order<T> {
  const descending = sort.startsWith('-')
  const key = fields[descending ? sort.slice(1) : sort]
  if (key === undefined) throw new ApiError('API_BAD_REQUEST', `sort: one of ${Object.keys(fields).join(', ')}`)
  return { key, sign: descending ? -1 : 1 }
}

type Place = readonly [key: Key, id: string]

const compareKeys = (a: Key, b: Key): number => (typeof a === typeof b ? compare(a, b) : typeof a === 'number' ? -1 : 1)

const comparePlaces = (a: Place, b: Place, sign: 1 | -1): number =>
  sign * compareKeys(a[0], b[0]) || compare(a[1], b[1])

function placeOf(cursor: string | undefined): Place | undefined {
  if (cursor === undefined) return undefined
  try {
    const value: unknown = JSON.parse(decodeCursor(cursor))
    const [key, id] = Array.isArray(value) ? value : []
    if ((typeof key === 'string' || typeof key === 'number') && typeof id === 'string') return [key, id]
  } catch {
    // Said below.
  }
  throw new ApiError('API_BAD_CURSOR')
}

interface Ranked<T> {
  readonly place: Place
  readonly row: T
}

/** The first `limit` rows after a place, of as many as are offered; never more than that in memory. */
class Best<T> {
  #matched = 0
  #more = false
  readonly #rows: Ranked<T>[] = []
  readonly #id: (row: T) => string
  readonly #order: Order<T>
  readonly #limit: number
  readonly #after: Place | undefined

  constructor({ id }: Shape<T>, order: Order<T>, { limit, cursor }: Search) {
    this.#id = id
    this.#order = order
    this.#limit = limit
    this.#after = placeOf(cursor)
  }

  offer(row: T): void {
    this.#matched++
    const { sign, key } = this.#order
    const place: Place = [key(row), this.#id(row)]
    if (this.#after !== undefined && comparePlaces(place, this.#after, sign) <= 0) return
    const rows = this.#rows
    const last = rows.at(-1)
    if (rows.length === this.#limit) {
      this.#more = true
      if (last !== undefined && comparePlaces(place, last.place, sign) >= 0) return
      rows.pop()
    }
    let low = 0
    for (let high = rows.length; low < high; ) {
      const middle = (low + high) >>> 1
      if (comparePlaces((rows[middle] as Ranked<T>).place, place, sign) <= 0) low = middle + 1
      else high = middle
    }
    rows.splice(low, 0, { place, row })
  }

  page(): Found<T> {
    const items = this.#rows.map(({ row }) => row)
    const last = this.#rows.at(-1)
    const total = this.#matched
    return this.#more && last !== undefined
      ? { items, total, next: encodeCursor(JSON.stringify(last.place)) }
      : { items, total }
  }
}

/** A list that is there whole. Without `sort` it is in the order of its ids. */
export function searchList<T>(rows: Iterable<T>, shape: Shape<T>, query: Search): Found<T> {
  const order: Order<T> = query.sort === undefined ? { key: shape.id, sign: 1 } : orderOf(shape, query.sort)
  const wanted = matcher(shape.text, query.match)
  const best = new Best(shape, order, query)
  for (const row of rows) if (wanted === undefined || wanted(row)) best.offer(row)
  return best.page()
}

/** One page of a table, by the table's own cursor. */
export type Pages<T> = (
  limit: number,
  cursor: string | undefined,
) => { readonly rows: readonly T[]; readonly next?: string | undefined }

export interface Walk {
  /** Walks that run now, over all listeners. */
  readonly walks: Set<symbol>
  /** The client has gone. */
  readonly gone: () => boolean
}

export const breath = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

/** A table that is walked. */
export async function searchTable<T>(pages: Pages<T>, shape: Shape<T>, query: Search, walk: Walk): Promise<Found<T>> {
  if (walk.walks.size >= LIMITS.walks) throw new ApiError('API_BUSY')
  const self = Symbol()
  walk.walks.add(self)
  try {
    return await (query.sort === undefined ? filtered(pages, shape, query, walk) : sorted(pages, shape, query, walk))
  } finally {
    walk.walks.delete(self)
  }
}

async function sorted<T>(pages: Pages<T>, shape: Shape<T>, query: Search, { gone }: Walk): Promise<Found<T>> {
  const best = new Best(shape, orderOf(shape, query.sort ?? ''), query)
  const wanted = matcher(shape.text, query.match)
  let cursor: string | undefined
  for (let seen = 0; ; ) {
    const { rows, next } = pages(LIMITS.slice, cursor)
    for (const row of rows) if (wanted === undefined || wanted(row)) best.offer(row)
    seen += rows.length
    cursor = next
    if (cursor === undefined || gone()) return best.page()
    if (seen >= LIMITS.scan) return { ...best.page(), partial: true }
    await breath()
  }
}

/** In the table's order: ends as soon as a page is full. The cursor says how far into which slice. */
async function filtered<T>(pages: Pages<T>, shape: Shape<T>, query: Search, { gone }: Walk): Promise<Found<T>> {
  const wanted = matcher(shape.text, query.match) ?? (() => true)
  const [skip, from] = sliceOf(query.cursor)
  const items: T[] = []
  let at = from
  let done = skip
  for (let seen = 0; ; done = 0) {
    const { rows, next } = pages(LIMITS.slice, at)
    for (let i = done; i < rows.length; i++) {
      const row = rows[i] as T
      if (!wanted(row)) continue
      if (items.length === query.limit) return { items, next: encodeCursor(`${i}|${at ?? ''}`) }
      items.push(row)
    }
    seen += rows.length
    if (next === undefined || gone()) return query.cursor === undefined ? { items, total: items.length } : { items }
    if (seen >= LIMITS.scan) return { items, next: encodeCursor(`0|${next}`), partial: true }
    at = next
    await breath()
  }
}

function sliceOf(cursor: string | undefined): [skip: number, at: string | undefined] {
  if (cursor === undefined) return [0, undefined]
  const parts = /^([0-9]{1,6})\|([0-9:]{0,40})$/.exec(decodeCursor(cursor))
  if (parts === null) throw new ApiError('API_BAD_CURSOR')
  return [Number(parts[1]), parts[2] === '' ? undefined : parts[2]]
}
