/** Cursors of lists: the place of the last row shown, so that a list that changes neither repeats nor skips what stayed. */
import { ApiError } from '../errors.js'

export const encodeCursor = (place: string): string => Buffer.from(place).toString('base64url')

export function decodeCursor(cursor: string): string {
  if (!/^[A-Za-z0-9_-]+$/.test(cursor)) throw new ApiError('API_BAD_CURSOR')
  return Buffer.from(cursor, 'base64url').toString()
}

export function compare<T extends string | number>(a: T, b: T): number {
  return a < b ? -1 : a > b ? 1 : 0
}
