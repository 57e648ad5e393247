/** How fast are we? Small multiples over one time axis, from /metrics since the page was opened. */
import type { JSX } from 'preact'
import { useMemo } from 'preact/hooks'
import { useApi, useSignal } from '../data/hooks.js'
import { samples } from '../data/live.js'
import { rates, type Sample } from '../data/samples.js'
import type { Group } from '../data/types.js'
import { Plot } from '../draw/plot.js'
import { amend, place } from '../route.js'
import { Drawer } from '../ui/drawer.js'
import { Answered, Empty, Panel } from '../ui/parts.js'
import { Table } from '../ui/table.js'
import { bytes, count, milliseconds } from '../words.js'
import { rangeOf } from './events.js'

type Reader = (sample: Sample) => number

interface PlotOf {
  readonly title: string
  readonly format: (value: number) => string
  readonly lines: readonly (readonly [name: string, read: Reader, kind?: 'rate'])[]
}

const whole = (value: number): string =>
  value >= 10_000
    ? `${count(Math.round(value / 1000))} k`
    : value >= 10 || Number.isInteger(value)
      ? count(Math.round(value))
      : value.toFixed(1)

const PLOTS: readonly PlotOf[] = [
  {
    title: 'UPDATEs per second',
    format: whole,
    lines: [
      ['in', (sample) => sample.updatesIn, 'rate'],
      ['out', (sample) => sample.updatesOut, 'rate'],
    ],
  },
  {
    title: 'Sessions',
    format: whole,
    lines: [
      ['Established', (sample) => sample.established],
      ['not', (sample) => sample.notEstablished],
    ],
  },
  {
    title: 'Prefixes',
    format: whole,
    lines: [
      ['received', (sample) => sample.received],
      ['known', (sample) => sample.ribPrefixes],
      ['sent', (sample) => sample.sent],
    ],
  },
  {
    title: 'Kernel routes',
    format: whole,
    lines: [
      ['installed', (sample) => sample.kernelInstalled],
      ['pending', (sample) => sample.kernelPending],
      ['drifted', (sample) => sample.kernelDrifted],
    ],
  },
  {
    title: 'Trouble per second',
    format: whole,
    lines: [
      ['flaps', (sample) => sample.flaps, 'rate'],
      ['bad UPDATEs', (sample) => sample.badUpdates, 'rate'],
      ['kernel errors', (sample) => sample.kernelErrors, 'rate'],
    ],
  },
  {
    title: 'Event-loop delay',
    format: milliseconds,
    lines: [
      ['median', (sample) => sample.delayMedian],
      ['worst', (sample) => sample.delayMax],
    ],
  },
  { title: 'Memory', format: bytes, lines: [['resident', (sample) => sample.memory]] },
  {
    title: 'Waiting for sockets',
    format: bytes,
    lines: [
      ['queues', (sample) => sample.queued],
      ['group logs', (sample) => sample.logBytes],
    ],
  },
]

export function Rates(): JSX.Element {
  const history = useSignal(samples)
  const { query } = useSignal(place)
  const range = rangeOf(query)
  const times = useMemo(() => history.map(({ at }) => at / 1000), [history])
  if (history.length < 2) {
    return (
      <Panel title="Rates">
        <Empty>The first figures come in a few seconds; plots begin when this page is opened.</Empty>
      </Panel>
    )
  }
  return (
    <>
      <Panel
        title="Rates"
        note={
          range === undefined ? (
            'since this page was opened'
          ) : (
            <button type="button" class="small" onClick={() => amend({ from: undefined, to: undefined })}>
              Whole time
            </button>
          )
        }
      >
        <div class="plots">
          {PLOTS.map(({ format, lines, title }) => (
            <Plot
              key={title}
              title={title}
              times={times}
              format={format}
              lines={lines.map(([name, read, kind], index) => ({
                name,
                colour: `--line-${index + 1}`,
                values: kind === 'rate' ? rates(history, read) : history.map(read),
              }))}
              {...(range === undefined ? {} : { range: [range.from / 1000, range.to / 1000] as const })}
            />
          ))}
        </div>
      </Panel>
      <Convergence history={history} />
      <Groups />
      <Drawer command="starling top" api="metrics" />
    </>
  )
}

/** From an UPDATE's arrival to the kernel's acknowledgement, all since the daemon started. */
function Convergence({ history }: { readonly history: readonly Sample[] }): JSX.Element {
  const latency = history.at(-1)?.latency ?? []
  const total = latency.at(-1)?.[1] ?? 0
  const slices = latency.map(([bound, cumulative], index) => ({
    bound,
    number: cumulative - (latency[index - 1]?.[1] ?? 0),
  }))
  const most = Math.max(1, ...slices.map(({ number }) => number))
  return (
    <Panel
      title="From UPDATE to kernel"
      note={total === 0 ? undefined : `${count(total)} routes since the daemon started`}
    >
      {total === 0 ? (
        <Empty>No route has gone from an UPDATE to the kernel yet.</Empty>
      ) : (
        <table class="bars small">
          <thead>
            <tr>
              <th scope="col" class="number">
                within
              </th>
              <th scope="col" class="number">
                routes
              </th>
              <th scope="col">
                <span class="hidden">share</span>
              </th>
            </tr>
          </thead>
          <tbody>
            {slices.map(({ bound, number }) => (
              <tr key={bound}>
                <td class="number">{Number.isFinite(bound) ? milliseconds(bound * 1000) : 'longer'}</td>
                <td class="number">{count(number)}</td>
                <td>
                  <svg viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true">
                    <rect width={(100 * number) / most} height="8" />
                  </svg>
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </Panel>
  )
}

function Groups(): JSX.Element {
  const answer = useApi<{ readonly groups: readonly Group[] }>('v1/groups', { every: 10_000 })
  return (
    <Panel title="Update groups" note="peers that share their bytes">
      <Answered answer={answer}>
        {({ groups }) => (
          <Table<Group>
            label="groups"
            rows={groups}
            id={(group) => `group ${group.id}`}
            empty="No session is up, so there is no group."
            columns={[
              { title: 'Group', cell: (group) => group.id, value: (group) => group.id, number: true },
              {
                title: 'Members',
                cell: (group) => count(group.members.length),
                value: (group) => group.members.length,
                number: true,
              },
              {
                title: 'Prefixes',
                cell: (group) => count(group.prefixes),
                value: (group) => group.prefixes,
                number: true,
              },
              { title: 'Log', cell: (group) => bytes(group.logBytes), value: (group) => group.logBytes, number: true },
              {
                title: 'Lagging',
                cell: (group) => group.lagging.join(', ') || 'none',
                value: (group) => group.lagging.length,
              },
              {
                title: 'Who',
                cell: (group) => `${group.members.slice(0, 4).join(', ')}${group.members.length > 4 ? ', …' : ''}`,
                wide: true,
              },
            ]}
          />
        )}
      </Answered>
    </Panel>
  )
}
