/**
 * One table for all lists: dense, sortable and filterable within the page the server gave, rows that open in place.
 *
 * It never holds more than one page of the server (200 rows), so it needs no virtual scrolling; `more` walks the pages.
 */
import { type ComponentChildren, Fragment, type JSX } from 'preact'
import { useState } from 'preact/hooks'
import { amend, place } from '../route.js'
import { Copy, Empty, Json } from './parts.js'

export interface Column<T> {
  readonly title: string
  readonly cell: (row: T) => ComponentChildren
  /** What to sort and filter by; columns without one do neither. */
  readonly value?: (row: T) => string | number
  readonly number?: boolean
  /** Left out on narrow screens. */
  readonly wide?: boolean
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
}

/** Tables this short need no filter. */
const FEW = 6

const compare = (a: string | number, b: string | number): number =>
  typeof a === 'number' && typeof b === 'number' ? a - b : String(a).localeCompare(String(b), 'en', { numeric: true })

export function Table<T>(props: TableProps<T>): JSX.Element {
  const { columns, rows, id, label } = props
  const { sort = '', filter = '' } = place.value.query
  const [opened, setOpened] = useState<string>()
  const descending = sort.startsWith('-')
  const by = columns.find(({ title }) => title === sort.replace(/^-/, ''))?.value
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
  if (by !== undefined) shown.sort((a, b) => (descending ? compare(by(b), by(a)) : compare(by(a), by(b))))
  const small = rows.length <= FEW && filter === ''
  const paged = props.next !== undefined || place.value.query['cursor'] !== undefined
  return (
    <>
      {(!small || props.tools !== undefined) && (
        <div class="tools">
          {props.tools}
          <input
            type="search"
            value={filter}
            aria-label={`Filter ${label}`}
            placeholder={paged ? 'Filter this page' : 'Filter'}
            onInput={(event) => amend({ filter: event.currentTarget.value })}
          />
          <span class="quiet" role="status">
            {shown.length === rows.length ? `${rows.length} shown` : `${shown.length} of ${rows.length} shown`}
            {props.total !== undefined && props.total > rows.length ? `, ${props.total} in all` : ''}
          </span>
        </div>
      )}
      {shown.length === 0 ? (
        <Empty>{rows.length === 0 ? props.empty : 'No row matches the filter.'}</Empty>
      ) : (
        <Scroll label={label}>
          <table>
            <thead>
              <tr>
                <th class="opener">
                  <span class="hidden">Details</span>
                </th>
                {columns.map((column) => (
                  <Heading key={column.title} column={column} sort={sort} />
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
  `${number === true ? 'number ' : ''}${wide === true ? 'wide' : ''}`

function Heading<T>({ column, sort }: { readonly column: Column<T>; readonly sort: string }): JSX.Element {
  const { title, value } = column
  const direction = sort === title ? 'ascending' : sort === `-${title}` ? 'descending' : 'none'
  const next = direction === 'none' ? title : direction === 'ascending' ? `-${title}` : undefined
  return (
    <th class={classOf(column)} aria-sort={value === undefined ? undefined : direction} scope="col">
      {value === undefined ? (
        title
      ) : (
        <button type="button" onClick={() => amend({ sort: next })}>
          {title}
          <span class={`sort ${direction}`} aria-hidden="true" />
        </button>
      )}
    </th>
  )
}

/** Wide content scrolls inside itself, never the page; the region can be reached by keyboard. */
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
    <section class={kind} aria-label={label} tabIndex={0}>
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
