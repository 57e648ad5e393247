/** Is anything wrong? One sentence, then the topology, then the numbers that matter with their last minutes. */
import type { JSX } from 'preact'
import { useMemo } from 'preact/hooks'
import { useApi, useNow, useSignal } from '../data/hooks.js'
import { samples } from '../data/live.js'
import type { Sample } from '../data/samples.js'
import { rates } from '../data/samples.js'
import type { Node, Peer, PeersPage, Summary, Survey } from '../data/types.js'
import { allNodes, outsidePeers } from '../data/whole.js'
import { withSurvey, witnessWords } from '../draw/cluster.js'
import { modeFor, type Topology, topologyOf } from '../draw/layout.js'
import { TopologyView } from '../draw/topology.js'
import { href } from '../route.js'
import { Drawer } from '../ui/drawer.js'
import { Answered, Empty, Panel, Shape, Status, toneOfPeer } from '../ui/parts.js'
import { Sparkline } from '../ui/sparkline.js'
import { bytes, count, lasting, milliseconds, sentence, sessionTotals, type Trouble } from '../words.js'

export const SESSION_NEWS = ['session-state', 'peer-added', 'peer-removed', 'config-applied', 'graceful-restart']
const DOWN = 'v1/peers?state=down&limit=1000'

export function useTopology(): { topology: Topology | undefined; nodes: readonly Node[]; down: readonly Peer[] } {
  const nodes = useApi<readonly Node[]>(
    'all nodes',
    { every: 60_000, on: ['config-applied', 'peer-added', 'peer-removed'] },
    allNodes,
  )
  const down = useApi<PeersPage>(DOWN, { every: 10_000, on: SESSION_NEWS })
  const outside = useApi<readonly Peer[]>('outside peers', { every: 30_000, on: SESSION_NEWS }, outsidePeers)
  const topology = useMemo(
    () => (nodes.data === undefined ? undefined : topologyOf(nodes.data, down.data?.peers ?? [], outside.data ?? [])),
    [nodes.data, down.data, outside.data],
  )
  return { topology, nodes: nodes.data ?? [], down: down.data?.peers ?? [] }
}

/** The same with every speaker's own word, where they can be asked and are few enough to be drawn. */
function useCluster(topology: Topology | undefined): { drawn: Topology | undefined; survey: Survey | undefined } {
  const few = topology !== undefined && modeFor(topology.nodes) === 'drawing'
  const survey = useApi<Survey>(few ? 'v1/cluster' : undefined, { every: 6_000, on: SESSION_NEWS }).data
  const drawn = useMemo(() => (topology === undefined ? undefined : withSurvey(topology, survey)), [topology, survey])
  return { drawn, survey }
}

export function Overview(): JSX.Element {
  const summary = useApi<Summary>('v1/summary', {
    every: 5000,
    on: [...SESSION_NEWS, 'datastore-status', 'kernel-error', 'kernel-repair'],
  })
  const { topology, nodes, down } = useTopology()
  const { drawn, survey } = useCluster(topology)
  const now = useNow()
  const troubles = useMemo(() => troublesOf(down, nodes), [down, nodes])
  return (
    <>
      <Answered answer={summary}>
        {(data) => {
          const { tone, text } = sentence(data, troubles, now)
          return (
            <h1 class={`sentence ${tone}`}>
              <Shape tone={tone} />
              <span>{text}</span>
            </h1>
          )
        }}
      </Answered>
      <Panel title="Topology" note={<Legend />}>
        {drawn === undefined ? (
          <Answered answer={{ at: 0, loading: true }}>{() => null}</Answered>
        ) : drawn.nodes + drawn.above.length === 0 ? (
          <Empty>No node is known yet and no peer is configured.</Empty>
        ) : (
          <>
            <TopologyView topology={drawn} />
            <p class="witness quiet">{witnessWords(survey)}</p>
          </>
        )}
      </Panel>
      {summary.data !== undefined && <Figures summary={summary.data} />}
      {down.length > 0 && <DownList down={down} />}
      <Drawer command="starling show peers --state down" api="v1/summary" />
    </>
  )
}

function troublesOf(down: readonly Peer[], nodes: readonly Node[]): Trouble[] {
  const onNode = new Map(nodes.flatMap((node) => node.peers.map((key) => [key, node.name] as const)))
  return down.map((peer) => {
    const node = onNode.get(peer.key)
    const { staleUntil } = peer.gracefulRestart
    return {
      peer: peer.name,
      ...(node === undefined ? {} : { node }),
      ...(staleUntil === undefined ? {} : { staleUntil }),
    }
  })
}

function Legend(): JSX.Element {
  return (
    <span class="legend">
      <Status tone="bad">down</Status> <Status tone="wait">waiting</Status> <Status tone="off">shut down</Status>
    </span>
  )
}

function DownList({ down }: { readonly down: readonly Peer[] }): JSX.Element {
  return (
    <Panel title="Sessions that are not up" note={<a href={href('peers', '', { state: 'down' })}>All of them</a>}>
      <ul class="plain">
        {down.slice(0, 8).map((peer) => (
          <li key={peer.key}>
            <Status tone={toneOfPeer(peer)}>
              <a href={href('peers', peer.name)}>{peer.name}</a>
            </Status>{' '}
            {peer.state} for {lasting(peer.age)}
            {peer.reason === '' ? '' : `: ${peer.reason}`}
          </li>
        ))}
      </ul>
    </Panel>
  )
}

interface Figure {
  readonly title: string
  readonly value: string
  readonly note: string
  readonly link: string
  readonly series: readonly number[]
}

function Figures({ summary }: { readonly summary: Summary }): JSX.Element {
  const history = useSignal(samples)
  const line = (read: (sample: Sample) => number): number[] => history.map(read)
  const { datastore, kernel, loopDelay, memory, tables } = summary
  const sessions = sessionTotals(summary.sessions)
  const updates = rates(history, (sample) => sample.updatesIn + sample.updatesOut).filter((rate) => rate !== null)
  const figures: Figure[] = [
    {
      title: 'Sessions up',
      value: `${count(sessions.up)} of ${count(sessions.all)}`,
      note: Object.keys(summary.sessions).join(', '),
      link: href('peers'),
      series: line((sample) => sample.established),
    },
    {
      title: 'Prefixes',
      value: count(tables.reduce((sum, table) => sum + table.prefixes, 0)),
      note: tables.map((table) => `${table.family} ${count(table.prefixes)}, ${count(table.paths)} paths`).join('; '),
      link: href('prefixes'),
      series: line((sample) => sample.ribPrefixes),
    },
    {
      title: 'UPDATEs per second',
      value: updates.length === 0 ? '–' : count(Math.round(updates.at(-1) ?? 0)),
      note: 'in and out, all peers',
      link: href('rates'),
      series: updates,
    },
    kernel === null
      ? { title: 'Kernel', value: 'not used', note: 'a reflector writes no routes', link: href('peers'), series: [] }
      : {
          title: 'Kernel routes',
          value: `${count(kernel.installed)} of ${count(kernel.desired)}`,
          note: `${count(kernel.drifted)} drifted, ${count(kernel.failed)} failed, ${count(kernel.repairs)} repaired`,
          link: href('kernel', '', { state: 'drift' }),
          series: line((sample) => sample.kernelInstalled),
        },
    {
      title: 'Datastore',
      value: datastore.status,
      note: `${datastore.description}, revision ${datastore.revision}`,
      link: href('events', '', { type: 'datastore-status' }),
      series: [],
    },
    {
      title: 'Event-loop delay',
      value: milliseconds(loopDelay.p99),
      note: `99th percentile; worst ${milliseconds(loopDelay.max)}; memory ${bytes(memory.process.rss)}`,
      link: href('rates'),
      series: line((sample) => sample.delayMax),
    },
  ]
  return (
    <section class="figures" aria-label="Figures">
      {figures.map(({ title, value, note, link, series }) => (
        <a key={title} class="figure" href={link}>
          <span class="title">{title}</span>
          <span class="value">{value}</span>
          <Sparkline values={series} />
          <span class="quiet">{note}</span>
        </a>
      ))}
    </section>
  )
}
