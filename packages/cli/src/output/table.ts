/**
 * Tables for people: columns two blanks apart, headings in capitals, numbers to the right, no lines drawn; easy on the
 * eye and on `awk`.
 *
 * On a terminal too narrow for all of it a table stays one: words that explain a row go beneath it, and columns that can
 * be spared are left out. Into a pipe, and with `-o wide`, everything is written.
 */
import { type Colour, harmless, type Painter, plain, visibleWidth, wrapped } from './text.js'

export interface Column<T> {
  readonly heading: string
  readonly value: (item: T) => string | number | undefined
  /** Only with `-o wide`. */
  readonly wide?: boolean
  readonly colour?: (item: T) => Colour | undefined
  /** On a narrow terminal the column with the highest number goes first; one without a number stays. */
  readonly spare?: number
  /** Words without a bound; the last column. On a narrow terminal they go beneath the row. */
  readonly words?: true
}

export interface TableOptions {
  /** Of the terminal; absent: nobody minds. */
  readonly width?: number
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

const GAP = 2
const INDENT = '    '

export function table<T>(items: readonly T[], columns: readonly Column<T>[], options: TableOptions = {}): string {
  const { wide = false, headings = true, paint = plain, width } = options
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
  const { kept, beneath } = fitting(shown, widths, wide ? undefined : width)
  return all
    .map((row) => {
      const cells = kept.map((i, position) => {
        const { text, right, colour } = row[i] ?? EMPTY
        const pad = ' '.repeat(Math.max(0, (widths[i] ?? 0) - visibleWidth(text)))
        const painted = colour === undefined ? text : paint(text, colour)
        // Nothing behind the last column needs filling.
        return right ? pad + painted : position === kept.length - 1 ? painted : painted + pad
      })
      const line = `${cells.join(' '.repeat(GAP)).trimEnd()}\n`
      const words = beneath === undefined || row === head ? '-' : (row[beneath]?.text ?? '-')
      return words === '-' ? line : line + wrapped(words, width ?? 0, INDENT)
    })
    .join('')
}

const EMPTY: Cell = { text: '', right: false, colour: undefined }

/** Which columns there is room for, and which one's words go beneath. */
function fitting<T>(
  columns: readonly Column<T>[],
  widths: readonly number[],
  width: number | undefined,
): { readonly kept: readonly number[]; readonly beneath?: number } {
  let kept = columns.map((_, i) => i)
  const needed = () => kept.reduce((sum, i) => sum + (widths[i] ?? 0) + GAP, -GAP)
  if (width === undefined || needed() <= width) return { kept }
  const last = columns.length - 1
  const beneath = columns[last]?.words === true ? last : undefined
  if (beneath !== undefined) kept.pop()
  while (needed() > width) {
    const spare = (i: number) => columns[i]?.spare ?? 0
    const first = kept.reduce((most, i) => (spare(i) > spare(most) ? i : most), kept[0] ?? 0)
    if (spare(first) === 0) break
    kept = kept.filter((i) => i !== first)
  }
  return beneath === undefined ? { kept } : { kept, beneath }
}

/** `Name:  value` pairs, the values in one column. */
export function details(pairs: readonly (readonly [name: string, value: string | number | undefined])[]): string {
  const known = pairs.filter(([, value]) => value !== undefined && value !== '')
  const width = known.reduce((most, [name]) => Math.max(most, name.length), 0)
  return known.map(([name, value]) => `${`${name}:`.padEnd(width + 2)}${harmless(String(value))}\n`).join('')
}
