/** Routes by the question asked of them; the server does the looking, this page shows one page of it. */
import type { JSX } from 'preact'
import { useList, useSignal } from '../data/hooks.js'
import { pathOf } from '../data/request.js'
import type { Route, RoutesPage } from '../data/types.js'
import { amend, go, href, place } from '../route.js'
import { Drawer, quote, searchWords } from '../ui/drawer.js'
import { Answered, Cause, Facts, Panel, type Sign, Status } from '../ui/parts.js'
import { type Column, searchOf, Table } from '../ui/table.js'
import { age } from '../words.js'
import { Choice } from './peers.js'

export function toneOfRoute(route: Route): Sign {
  if (!route.eligible) return 'bad'
  // A stale route is a ring also where it is the best: it is there on trust.
  if (route.stale) return 'wait'
  return route.best ? 'ok' : 'off'
}

export function stateOfRoute(route: Route): string {
  const words = [
    route.best ? 'best' : route.multipath ? 'multipath' : route.eligible ? 'not best' : 'not eligible',
    route.stale ? 'stale' : '',
  ]
  return words.filter((word) => word !== '').join(', ')
}

export const ROUTE_COLUMNS: readonly Column<Route>[] = [
  {
    title: 'Prefix',
    sort: 'prefix',
    cell: (route) => <a href={href('prefix', route.prefix)}>{route.prefix}</a>,
    value: (route) => route.prefix,
  },
  {
    title: 'State',
    sort: 'state',
    cell: (route) => (
      <>
        <Status tone={toneOfRoute(route)}>{stateOfRoute(route)}</Status>
        <Cause>{route.eligible ? '' : route.reason}</Cause>
      </>
    ),
    value: stateOfRoute,
  },
  {
    title: 'From',
    sort: 'from',
    cell: (route) => (route.peer === undefined ? route.from : <a href={href('peers', route.from)}>{route.from}</a>),
    value: (route) => route.from,
  },
  { title: 'Next hop', sort: 'nextHop', cell: (route) => route.nextHop ?? '', value: (route) => route.nextHop ?? '' },
  { title: 'AS path', sort: 'asPath', cell: (route) => route.asPath, value: (route) => route.asPath, wide: true },
  {
    title: 'Local pref',
    sort: 'localPref',
    cell: (route) => route.localPref ?? '',
    value: (route) => route.localPref ?? -1,
    number: true,
    wide: true,
  },
  {
    title: 'MED',
    sort: 'med',
    cell: (route) => route.med ?? '',
    value: (route) => route.med ?? -1,
    number: true,
    wide: true,
  },
  {
    title: 'Communities',
    sort: 'communities',
    cell: (route) => route.communities.join(' '),
    value: (route) => route.communities.join(' '),
    wide: true,
  },
  {
    title: 'For',
    sort: 'age',
    cell: (route) => <span title={route.since}>{age(route.age)}</span>,
    value: (route) => route.age,
    number: true,
  },
]

export function RouteFacts({ route }: { readonly route: Route }): JSX.Element {
  return (
    <Facts
      of={[
        ['Why so', route.reason],
        ['From', `${route.from} (${route.source})`],
        ['Next hop', route.nextHop === undefined ? undefined : `${route.nextHop}, metric ${route.metric ?? 'unknown'}`],
        ['AS path', route.asPath === '' ? 'empty: from inside' : route.asPath],
        ['Origin', route.origin],
        ['Preference', `${route.preference}, LOCAL_PREF ${route.localPref ?? 'none'}, MED ${route.med ?? 'none'}`],
        ['Communities', route.communities.join(' ')],
        [
          'Reflected',
          route.originatorId === undefined
            ? undefined
            : `originator ${route.originatorId}, through ${route.clusterList.join(' ')}`,
        ],
        ['Path id', route.pathId],
      ]}
    />
  )
}

const VIEWS = ['best', 'all', 'received', 'filtered', 'exported']
const KEYS = ['prefix', 'in', 'for'] as const

/** The words `starling show routes` takes for the same question. */
function commandFor(query: Readonly<Record<string, string>>): string {
  const { family, peer, view } = query
  const match = KEYS.find((key) => query[key] !== undefined)
  const words = ['starling show routes']
  if (match !== undefined) words.push(...(match === 'prefix' ? [] : [match]), quote(query[match] ?? ''))
  if (view !== undefined && view !== 'best') words.push(view)
  if (peer !== undefined) words.push(quote(peer))
  if (family !== undefined) words.push(`--family ${family}`)
  return words.join(' ')
}

export function Prefixes(): JSX.Element {
  const { query } = useSignal(place)
  const { cursor, family, peer, view } = query
  const search = searchOf(ROUTE_COLUMNS, query)
  const path = pathOf('v1/routes', {
    prefix: query['prefix'],
    in: query['in'],
    for: query['for'],
    family,
    peer,
    view,
    ...search,
    limit: 200,
    cursor,
  })
  const answer = useList<RoutesPage>(path, { every: 15_000 })
  const ask = (changes: Readonly<Record<string, string | undefined>>): void => amend({ cursor: undefined, ...changes })
  return (
    <>
      <Panel title="Prefixes">
        <Question query={query} />
        <Answered answer={answer}>
          {(data) => (
            <Table
              tools={
                <>
                  <Choice
                    label="Which"
                    value={view}
                    options={VIEWS.slice(1)}
                    all="best"
                    onChange={(value) => ask({ view: value })}
                  />
                  <Choice
                    label="Family"
                    value={family}
                    options={['ipv4', 'ipv6']}
                    onChange={(value) => ask({ family: value })}
                  />
                  <label class="choice">
                    Peer
                    <input
                      type="text"
                      value={peer ?? ''}
                      placeholder="any"
                      maxLength={200}
                      onChange={(event) => ask({ peer: event.currentTarget.value.trim() || undefined })}
                    />
                  </label>
                </>
              }
              label="routes"
              columns={ROUTE_COLUMNS}
              rows={data.routes}
              served
              waiting={answer.waiting}
              partial={data.partial === true}
              {...(data.total === undefined ? {} : { total: data.total })}
              id={(route) => `${route.prefix} from ${route.peer ?? route.from} ${route.pathId ?? ''}`.trim()}
              empty="No such route. The page of the prefix says where its road stops."
              next={data.next}
              open={(route) => <RouteFacts route={route} />}
              command={(route) => `starling show routes ${route.prefix} all`}
              bad={(route) => !route.eligible}
            />
          )}
        </Answered>
      </Panel>
      <Drawer command={[commandFor(query), ...searchWords(search)].join(' ')} api={path} />
    </>
  )
}

function Question({ query }: { readonly query: Readonly<Record<string, string>> }): JSX.Element {
  const match = KEYS.find((key) => query[key] !== undefined) ?? 'in'
  const submit = (event: SubmitEvent): void => {
    event.preventDefault()
    const form = new FormData(event.currentTarget as HTMLFormElement)
    const text = String(form.get('text') ?? '').trim()
    const how = String(form.get('how') ?? 'in')
    const rest = { view: query['view'], family: query['family'], peer: query['peer'] }
    if (how === 'prefix' && text !== '') go(href('prefix', text))
    else go(href('prefixes', '', text === '' ? rest : { ...rest, [how]: text }))
  }
  return (
    <form class="question" onSubmit={submit}>
      <select name="how" aria-label="How to match" value={match}>
        <option value="in">inside</option>
        <option value="for">that carry address</option>
        <option value="prefix">exactly</option>
      </select>
      <input
        name="text"
        type="text"
        aria-label="Prefix or address"
        placeholder="10.244.0.0/16"
        defaultValue={query[match] ?? ''}
        maxLength={60}
        spellcheck={false}
      />
      <button type="submit">Show</button>
    </form>
  )
}
