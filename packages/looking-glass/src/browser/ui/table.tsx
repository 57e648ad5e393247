/**
 * One table for all lists: dense, sortable, filterable, rows that open in place.
 *
 * Lists of the API are searched and ordered by the daemon over all their rows ({@link searchOf}); the table shows one page
 * of them (200 rows), so it needs no virtual scrolling. Small lists that came whole are searched here.
 */
import { type ComponentChildren, Fragment, type JSX } from 'preact'
import { useEffect, useRef, useState } from 'preact/hooks'
import { useSignal } from '../data/hooks.js'
import { amend, place } from '../route.js'
import { count } from '../words.js'
import { Copy, Empty, Json } from './parts.js'

export interface Column<T> {
  readonly title: string
  readonly cell: (row: T) => ComponentChildren
  /** What to sort and filter by; columns without one do neither. */
  readonly value?: (row: T) => string | number
  /** The field of the API that orders by this column; without one a served list cannot be ordered by it. */
  readonly sort?: string
  readonly number?: boolean
  /** Left out on narrow screens; `very`: already on those of middle width. */
  readonly wide?: boolean | 'very'
}

interface TableProps<T> {
  readonly label: string
  readonly columns: readonly Column<T>[]
  readonly rows: readonly T[]
  readonly id: (row: T) => string
  readonly empty: ComponentChildren
  /** What an opened row shows besides its JSON. */
  readonly open?: (row: T) => ComponentChildren
  /** The `starling` command that shows this row. */
  readonly command?: (row: T) => string
  readonly next?: string | undefined
  readonly total?: number
  readonly bad?: (row: T) => boolean
  /** Controls that stand beside the filter. */
  readonly tools?: ComponentChildren
  /** The daemon searched and ordered: `rows` are shown as they came. */
  readonly served?: boolean
  /** The answer is older than the question. */
  readonly waiting?: boolean
  readonly partial?: boolean
}

/** What the address asks of a served list, in the words of the API. */
export function searchOf<T>(
  columns: readonly Column<T>[],
  { filter, sort = '' }: Readonly<Record<string, string>>,
): { readonly match: string | undefined; readonly sort: string | undefined } {
  const field = columns.find(({ title }) => title === sort.replace(/^-/, ''))?.sort
  return {
    match: filter?.trim() || undefined,
    sort: field === undefined ? undefined : `${sort.startsWith('-') ? '-' : ''}${field}`,
  }
}

/** Tables this short need no filter. */
const FEW = 6

const compare = (a: string | number, b: string | number): number =>
  typeof a === 'number' && typeof b === 'number' ? a - b : String(a).localeCompare(String(b), 'en', { numeric: true })

/** Filtered and ordered here. */
function arranged<T>({ columns, rows }: TableProps<T>, filter: string, sort: string): readonly T[] {
  const by = columns.find(({ title }) => title === sort.replace(/^-/, ''))?.value
  const sign = sort.startsWith('-') ? -1 : 1
  const words = filter
    .toLowerCase()
    .split(/\s+/)
    .filter((word) => word !== '')
  const shown = rows.filter((row) => {
    const text = columns
      .map(({ value }) => value?.(row) ?? '')
      .join(' ')
      .toLowerCase()
    return words.every((word) => text.includes(word))
  })
  return by === undefined ? shown : shown.sort((a, b) => sign * compare(by(a), by(b)))
}

function counted({ length }: readonly unknown[], { partial, rows, served, total }: TableProps<never>): string {
  const all = served === true ? total : rows.length
  const shown =
    all === undefined || all <= length ? `${count(length)} shown` : `${count(length)} of ${count(all)} shown`
  return partial === true ? `${shown}; the table is too long to look through at once` : shown
}

export function Table<T>(props: TableProps<T>): JSX.Element {
  const { columns, rows, id, label, served = false } = props
  const { sort = '', filter = '' } = place.value.query
  const [opened, setOpened] = useState<string>()
  const shown = served ? rows : arranged(props, filter, sort)
  const small = rows.length <= FEW && filter === ''
  const paged = props.next !== undefined || place.value.query['cursor'] !== undefined
  return (
    <>
      {(!small || props.tools !== undefined) && (
        <div class={props.waiting === true ? 'tools waiting' : 'tools'}>
          {props.tools}
          <FilterField label={`Filter ${label}`} />
          <span class="quiet" role="status">
            {counted(shown, props as unknown as TableProps<never>)}
          </span>
        </div>
      )}
      {shown.length === 0 ? (
        <Empty>{rows.length === 0 && filter === '' ? props.empty : 'No row matches the filter.'}</Empty>
      ) : (
        <Scroll label={label}>
          <table>
            <thead>
              <tr>
                <th class="opener">
                  <span class="hidden">Details</span>
                </th>
                {columns.map((column) => (
                  <Heading key={column.title} column={column} sort={sort} served={served} />
                ))}
              </tr>
            </thead>
            <tbody>
              {shown.map((row) => {
                const key = id(row)
                const isOpen = opened === key
                return (
                  <Fragment key={key}>
                    <tr class={props.bad?.(row) === true ? 'bad' : ''}>
                      <td class="opener">
                        <button
                          type="button"
                          aria-expanded={isOpen}
                          aria-label={`Details of ${key}`}
                          onClick={() => setOpened(isOpen ? undefined : key)}
                        >
                          <span class={isOpen ? 'arrow down' : 'arrow'} />
                        </button>
                      </td>
                      {columns.map((column) => (
                        <td key={column.title} class={classOf(column)}>
                          {column.cell(row)}
                        </td>
                      ))}
                    </tr>
                    {isOpen && (
                      <tr class="opened">
                        <td colSpan={columns.length + 1}>
                          {props.open?.(row)}
                          <p class="buttons">
                            <Copy text={JSON.stringify(row, null, 2)}>Copy as JSON</Copy>
                            {props.command !== undefined && (
                              <Copy text={props.command(row)}>
                                Copy <code>{props.command(row)}</code>
                              </Copy>
                            )}
                          </p>
                          <Json value={row} />
                        </td>
                      </tr>
                    )}
                  </Fragment>
                )
              })}
            </tbody>
          </table>
        </Scroll>
      )}
      {paged && <Pages next={props.next} />}
    </>
  )
}

const classOf = <T,>({ number, wide }: Column<T>): string =>
  `${number === true ? 'number ' : ''}${wide === undefined || wide === false ? '' : wide === 'very' ? 'wide very' : 'wide'}`

/** How long nobody types before the question is asked. */
const TYPING = 200

/** The address follows the words once the typing rests; it changes from elsewhere too (a link, a search). */
export function FilterField({ label }: { readonly label: string }): JSX.Element {
  const { filter = '' } = useSignal(place).query
  const [typed, type] = useState(filter)
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined)
  useEffect(() => {
    if (timer.current === undefined) type(filter)
  }, [filter])
  useEffect(() => () => clearTimeout(timer.current), [])
  const onInput = (text: string): void => {
    type(text)
    clearTimeout(timer.current)
    timer.current = setTimeout(() => {
      timer.current = undefined
      amend({ filter: text, cursor: undefined })
    }, TYPING)
  }
  return (
    <input
      type="search"
      value={typed}
      aria-label={label}
      placeholder="Filter"
      maxLength={200}
      onInput={(event) => onInput(event.currentTarget.value)}
    />
  )
}

interface HeadingProps<T> {
  readonly column: Column<T>
  readonly sort: string
  readonly served: boolean
}

function Heading<T>({ column, sort, served }: HeadingProps<T>): JSX.Element {
  const { title } = column
  const sortable = served ? column.sort !== undefined : column.value !== undefined
  const direction = sort === title ? 'ascending' : sort === `-${title}` ? 'descending' : 'none'
  const next = direction === 'none' ? title : direction === 'ascending' ? `-${title}` : undefined
  return (
    <th class={classOf(column)} aria-sort={sortable ? direction : undefined} scope="col">
      {!sortable ? (
        title
      ) : (
        <button type="button" onClick={() => amend({ sort: next, cursor: undefined })}>
          {title}
          <span class={`sort ${direction}`} aria-hidden="true" />
        </button>
      )}
    </th>
  )
}

/**
 * Wide content scrolls inside itself, never the page; the region can be reached by keyboard. Its name is not the one of
 * the panel around it: landmarks are told apart by their names.
 */
export function Scroll({
  label,
  children,
  kind = 'scroll',
}: {
  readonly label: string
  readonly children: ComponentChildren
  readonly kind?: string
}): JSX.Element {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolling region has to be reachable by keyboard
    <section class={kind} aria-label={`${label}, scrolls sideways`} tabIndex={0}>
      {children}
    </section>
  )
}

/** Forward by the server's cursor; back by the browser's own history. */
function Pages({ next }: { readonly next: string | undefined }): JSX.Element {
  const { cursor } = place.value.query
  return (
    <nav class="pages" aria-label="Pages">
      <button type="button" disabled={cursor === undefined} onClick={() => amend({ cursor: undefined })}>
        First page
      </button>
      <button type="button" disabled={next === undefined} onClick={() => amend({ cursor: next })}>
        Next page
      </button>
    </nav>
  )
}
