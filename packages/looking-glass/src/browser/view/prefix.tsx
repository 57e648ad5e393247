/** Why is this prefix not there? Its road from left to right; the station where it stops says why. */
import type { JSX } from 'preact'
import { useMemo } from 'preact/hooks'
import { useApi } from '../data/hooks.js'
import { pathOf } from '../data/request.js'
import type { BlocksPage, Road, RoutesPage, Summary } from '../data/types.js'
import { type Station, stations } from '../draw/road.js'
import { type Highlight, TopologyView } from '../draw/topology.js'
import { href } from '../route.js'
import { Drawer } from '../ui/drawer.js'
import { Answered, Panel, Shape } from '../ui/parts.js'
import { Table } from '../ui/table.js'
import { useTopology } from './overview.js'
import { ROUTE_COLUMNS, RouteFacts } from './prefixes.js'

export function PrefixPage({ name }: { readonly name: string }): JSX.Element {
  const path = pathOf('v1/explain', { prefix: name })
  const answer = useApi<Road>(path, {
    every: 5000,
    on: ['kernel-error', 'kernel-repair', 'session-state', 'config-applied'],
  })
  const summary = useApi<Summary>('v1/summary', { every: 15_000 })
  const absent = answer.failure?.code === 'API_PREFIX_NOT_FOUND'
  const road: Road | undefined = absent
    ? { prefix: name, paths: [], decision: [], exports: [], kernel: null }
    : answer.data
  const unknown = road?.paths.length === 0
  return (
    <>
      {road === undefined || summary.data === undefined ? (
        <Panel title={`Prefix ${name}`}>
          <Answered<unknown> answer={road === undefined ? answer : summary}>{() => null}</Answered>
        </Panel>
      ) : (
        <>
          <Panel title={`Prefix ${road.prefix}`} note={<Owner prefix={road.prefix} />}>
            <RoadView list={stations(road, summary.data.identity.role)} />
          </Panel>
          {unknown ? <Nearby name={name} /> : <Paths road={road} />}
          {!unknown && <Way road={road} />}
        </>
      )}
      <Drawer command={`starling explain ${name}`} api={path} />
    </>
  )
}

function RoadView({ list }: { readonly list: readonly Station[] }): JSX.Element {
  const stop = list.find(({ stops }) => stops !== undefined)
  return (
    <>
      <p class={`verdict ${stop === undefined ? 'ok' : 'bad'}`} aria-live="polite">
        {stop === undefined
          ? 'The road is open from end to end.'
          : `The road stops at ${stop.title.toLowerCase()}: ${stop.stops}`}
      </p>
      <ol class="road">
        {list.map((station) => (
          <li key={station.title} class={`${station.tone} ${station.stops === undefined ? '' : 'stop'}`}>
            <h3 class="station">
              <Shape tone={station.tone} /> {station.title}
            </h3>
            <p class="headline">{station.headline}</p>
            {station.stops !== undefined && <p class="why">{station.stops}</p>}
            <ul class="points">
              {station.lines.map((line) => (
                <li key={line.text} class={line.tone}>
                  {line.peer === undefined ? line.text : <a href={href('peers', line.peer)}>{line.text}</a>}
                </li>
              ))}
            </ul>
          </li>
        ))}
      </ol>
    </>
  )
}

/** The IPAM block, when it is one. */
function Owner({ prefix }: { readonly prefix: string }): JSX.Element | null {
  const answer = useApi<BlocksPage>('v1/blocks?limit=1000', { every: 60_000, on: ['block-claimed', 'block-released'] })
  const block = answer.data?.blocks.find(({ cidr }) => cidr === prefix)
  if (block === undefined) return null
  return block.node === undefined ? (
    <span>IPAM block of nobody</span>
  ) : (
    <span>
      IPAM block of <a href={href('nodes', block.node)}>{block.node}</a>
    </span>
  )
}

function Paths({ road }: { readonly road: Road }): JSX.Element {
  return (
    <Panel title="Paths">
      <Table
        label="paths"
        columns={ROUTE_COLUMNS.slice(1)}
        rows={road.paths}
        id={(route) => `${route.peer ?? route.from} ${route.pathId ?? ''}`.trim()}
        empty="No path."
        open={(route) => <RouteFacts route={route} />}
        command={() => `starling show routes ${road.prefix} all`}
        bad={(route) => !route.eligible}
      />
    </Panel>
  )
}

/** What covers it or lies inside it, when nobody speaks of the prefix itself. */
function Nearby({ name }: { readonly name: string }): JSX.Element {
  const inside = useApi<RoutesPage>(pathOf('v1/routes', { in: name, limit: 20 }))
  const cover = useApi<RoutesPage>(pathOf('v1/routes', { for: name.split('/')[0], limit: 5 }))
  const rows = [...(cover.data?.routes ?? []), ...(inside.data?.routes ?? [])]
  return (
    <Panel title="What is near" note="the route that carries its first address, and what lies inside">
      <Table
        label="near routes"
        columns={ROUTE_COLUMNS}
        rows={rows.filter((route, index) => rows.findIndex(({ prefix }) => prefix === route.prefix) === index)}
        id={(route) => route.prefix}
        empty="Nothing carries its first address and nothing lies inside."
      />
    </Panel>
  )
}

function Way({ road }: { readonly road: Road }): JSX.Element | null {
  const { topology } = useTopology()
  const highlight = useMemo<Highlight>(
    () => ({
      from: new Set(road.paths.flatMap((route) => (route.peer === undefined || !route.eligible ? [] : [route.peer]))),
      to: new Set(road.exports.flatMap(({ peer, sent }) => (sent ? [peer] : []))),
    }),
    [road],
  )
  if (topology === undefined || topology.nodes === 0) return null
  return (
    <Panel title="Its way" note="solid: it came this way; dashed: it goes on this way">
      <TopologyView topology={topology} highlight={highlight} />
    </Panel>
  )
}
