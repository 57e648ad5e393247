/** Asked of the kernel against what is there; drift first. */
import type { JSX } from 'preact'
import { useList, useSignal } from '../data/hooks.js'
import { pathOf } from '../data/request.js'
import type { KernelPage, KernelRoute } from '../data/types.js'
import { refusalWords } from '../draw/road.js'
import { amend, href, place } from '../route.js'
import { Drawer, searchWords } from '../ui/drawer.js'
import { Answered, Cause, Facts, Moment, Panel, type Sign, Status } from '../ui/parts.js'
import { type Column, searchOf, Table } from '../ui/table.js'
import { count } from '../words.js'
import { Choice } from './peers.js'

const STATES = ['drift', 'installed', 'pending', 'removing', 'waiting', 'failed', 'drifted', 'foreign', 'adopted']

const tone = ({ state }: KernelRoute): Sign =>
  state === 'installed' || state === 'adopted'
    ? 'ok'
    : state === 'failed' || state === 'drifted' || state === 'foreign'
      ? 'bad'
      : 'wait'

export function shapeText(shape: KernelRoute['desired']): string {
  if (shape === undefined) return 'nothing'
  const hops = shape.nextHops.map(({ gateway, interface: device, onlink, weight }) =>
    [
      gateway === undefined ? '' : `via ${gateway}`,
      device === undefined ? '' : `dev ${device}`,
      onlink ? 'onlink' : '',
      weight > 1 ? `weight ${weight}` : '',
    ]
      .filter((word) => word !== '')
      .join(' '),
  )
  return `${shape.kind === 'unicast' ? '' : `${shape.kind} `}${hops.join(', ')}`.trim()
}

const COLUMNS: readonly Column<KernelRoute>[] = [
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
        <Status tone={tone(route)}>{route.state}</Status>
        <Cause>{route.state === 'installed' ? '' : (route.lastError?.text ?? '')}</Cause>
      </>
    ),
    value: (route) => route.state,
  },
  {
    title: 'Asked',
    sort: 'desired',
    cell: (route) => shapeText(route.desired),
    value: (route) => shapeText(route.desired),
  },
  {
    title: 'There',
    sort: 'actual',
    cell: (route) => (route.state === 'installed' ? <span class="quiet">the same</span> : shapeText(route.actual)),
    value: (route) => shapeText(route.actual),
  },
  { title: 'Why', sort: 'why', cell: (route) => route.why, value: (route) => route.why, wide: true },
  {
    title: 'Repairs',
    sort: 'repairs',
    cell: (route) => count(route.repairs),
    value: (route) => route.repairs,
    number: true,
    wide: true,
  },
]

export function KernelView(): JSX.Element {
  const { query } = useSignal(place)
  const { cursor, family, state } = query
  const search = searchOf(COLUMNS, query)
  const path = pathOf('v1/kernel', { state, family, ...search, limit: 200, cursor })
  const answer = useList<KernelPage>(path, { every: 5000, on: ['kernel-error', 'kernel-repair', 'kernel-resync'] })
  const command = [
    'starling show kernel',
    state && `--state ${state}`,
    family && `--family ${family}`,
    ...searchWords(search),
  ]
  if (answer.failure?.code === 'API_NO_KERNEL') {
    return (
      <>
        <Panel title="Kernel">
          <p class="lead">This speaker is a route reflector: it writes no kernel routes.</p>
        </Panel>
        <Drawer command="starling show kernel" api={path} />
      </>
    )
  }
  return (
    <>
      <Answered answer={answer}>
        {({ kernel, next, routes, total, partial }) => (
          <>
            <Panel title="Kernel">
              <Facts
                of={[
                  ['Driver', kernel.driver],
                  [
                    'In step',
                    <Status key="sync" tone={kernel.synchronized ? 'ok' : 'wait'}>
                      {kernel.synchronized ? 'events without a gap since ' : 'being read again; last read '}
                      <Moment at={kernel.lastSync} />
                    </Status>,
                  ],
                  ['Installed', `${count(kernel.installed)} of ${count(kernel.desired)}`],
                  ['Pending', count(kernel.pending)],
                  [
                    'Drifted',
                    <Status key="drift" tone={kernel.drifted > 0 ? 'bad' : 'ok'}>
                      {count(kernel.drifted)}
                    </Status>,
                  ],
                  [
                    'Refused',
                    <Status key="failed" tone={kernel.failed > 0 ? 'bad' : 'ok'}>
                      {count(kernel.failed)}
                    </Status>,
                  ],
                  [
                    'Repairs, errors, resyncs',
                    `${count(kernel.repairs)}, ${count(kernel.errors)}, ${count(kernel.resyncs)}`,
                  ],
                ]}
              />
            </Panel>
            <Panel title={state === 'drift' ? 'Drift: all that is not installed' : 'Routes'}>
              <Table
                tools={
                  <>
                    <Choice
                      label="State"
                      value={state}
                      options={STATES}
                      onChange={(value) => amend({ state: value, cursor: undefined })}
                    />
                    <Choice
                      label="Family"
                      value={family}
                      options={['ipv4', 'ipv6']}
                      onChange={(value) => amend({ family: value, cursor: undefined })}
                    />
                  </>
                }
                label="kernel routes"
                columns={COLUMNS}
                rows={routes}
                served
                waiting={answer.waiting}
                partial={partial === true}
                {...(total === undefined ? {} : { total })}
                id={(route) => route.prefix}
                empty={state === 'drift' ? 'No drift: what was asked for is there.' : 'No kernel route is asked for.'}
                next={next}
                bad={(route) => tone(route) === 'bad'}
                command={(route) => `starling show kernel ${route.prefix}`}
                open={(route) =>
                  route.lastError === undefined ? undefined : (
                    <p class="lead">
                      <Status tone={tone(route)}>{refusalWords(route.lastError)}</Status>
                    </p>
                  )
                }
              />
            </Panel>
          </>
        )}
      </Answered>
      <Drawer command={command.filter(Boolean).join(' ')} api={path} />
    </>
  )
}
