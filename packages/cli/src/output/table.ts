/**
 * Tables for people: columns two blanks apart, headings in capitals, numbers to the right, no lines drawn; easy on the
 * eye and on `awk`.
 */
import { type Colour, harmless, type Painter, plain, visibleWidth } from './text.js'

export interface Column<T> {
  readonly heading: string
  readonly value: (item: T) => string | number | undefined
  /** Only with `-o wide`. */
  readonly wide?: boolean
  readonly colour?: (item: T) => Colour | undefined
}

export interface TableOptions {
  readonly wide?: boolean
  readonly headings?: boolean
  readonly paint?: Painter
}

interface Cell {
  readonly text: string
  readonly right: boolean
  readonly colour: Colour | undefined
}

function cell<T>(column: Column<T>, item: T): Cell {
  const value = column.value(item)
  const text = value === undefined || value === '' ? '-' : harmless(String(value))
  return { text, right: typeof value === 'number', colour: column.colour?.(item) }
}

export function table<T>(items: readonly T[], columns: readonly Column<T>[], options: TableOptions = {}): string {
  const { wide = false, headings = true, paint = plain } = options
  const shown = columns.filter((column) => wide || column.wide !== true)
  const rows = items.map((item) => shown.map((column) => cell(column, item)))
  const numeric = shown.map((_, i) => rows.some((row) => row[i]?.right === true))
  const head: Cell[] = shown.map((column, i) => ({
    text: column.heading,
    right: numeric[i] === true,
    colour: undefined,
  }))
  const all = headings ? [head, ...rows] : rows
  const widths = shown.map((_, i) => all.reduce((most, row) => Math.max(most, visibleWidth(row[i]?.text ?? '')), 0))
  return all
    .map((row) => {
      const cells = row.map(({ text, right, colour }, i) => {
        const pad = ' '.repeat(Math.max(0, (widths[i] ?? 0) - visibleWidth(text)))
        const painted = colour === undefined ? text : paint(text, colour)
        // Nothing behind the last column needs filling.
        return right ? pad + painted : i === row.length - 1 ? painted : painted + pad
      })
      return `${cells.join('  ').trimEnd()}\n`
    })
    .join('')
}

/** `Name:  value` pairs, the values in one column. */
export function details(pairs: readonly (readonly [name: string, value: string | number | undefined])[]): string {
  const known = pairs.filter(([, value]) => value !== undefined && value !== '')
  const width = known.reduce((most, [name]) => Math.max(most, name.length), 0)
  return known.map(([name, value]) => `${`${name}:`.padEnd(width + 2)}${harmless(String(value))}\n`).join('')
}
