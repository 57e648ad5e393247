/** What is this node doing? Identity, sessions, blocks; for the node we run on also kernel, datastore and load. */
import type { JSX } from 'preact'
import { useApi } from '../data/hooks.js'
import { getJson, pathOf } from '../data/request.js'
import type { Block, BlocksPage, Node as ClusterNode, NodesPage, Peer, PeersPage, Summary } from '../data/types.js'
import { rackOf } from '../draw/layout.js'
import { href } from '../route.js'
import { Drawer, quote } from '../ui/drawer.js'
import { Answered, Empty, Facts, Moment, Panel, Since, Status } from '../ui/parts.js'
import { Table } from '../ui/table.js'
import { bytes, count, milliseconds } from '../words.js'
import { SESSION_NEWS } from './overview.js'
import { PEER_COLUMNS } from './peers.js'
import { Timeline } from './timeline.js'

/** Peers of one node; a mesh has two at most, a reflector's view of itself may have more. */
const SHOWN = 50

export function NodePage({ name }: { readonly name: string }): JSX.Element {
  const path = pathOf('v1/nodes', { node: name })
  const answer = useApi<NodesPage>(path, { every: 30_000, on: ['config-applied'] })
  return (
    <>
      <Answered answer={answer}>
        {({ nodes: [node] }) =>
          node === undefined ? (
            <Empty>
              No node is called <strong>{name}</strong>. <a href={href('nodes')}>All nodes</a>
            </Empty>
          ) : (
            <Details node={node} />
          )
        }
      </Answered>
      <Drawer command={`starling show node ${quote(name)}`} api={path} />
    </>
  )
}

function Details({ node }: { readonly node: ClusterNode }): JSX.Element {
  const labels = Object.entries(node.labels)
  return (
    <>
      <Panel title={`Node ${node.name}`} note={node.local ? 'the speaker you are looking at' : rackOf(node)}>
        <Facts
          of={[
            ['IPv4', node.ipv4Address],
            ['IPv6', node.ipv6Address],
            ['AS', `${node.asNumber} (${node.asNumberInherited ? 'cluster default' : 'its own'})`],
            ['Route reflector cluster', node.routeReflectorClusterId],
            [
              'Labels',
              labels.length === 0 ? undefined : (
                <span class="chips">
                  {labels.map(([key, value]) => (
                    <code key={key}>{value === '' ? key : `${key}=${value}`}</code>
                  ))}
                </span>
              ),
            ],
          ]}
        />
      </Panel>
      {node.local && <Local />}
      {node.local ? <OwnSessions /> : <OurSessions node={node} />}
      <Blocks name={node.name} />
    </>
  )
}

function OurSessions({ node }: { readonly node: ClusterNode }): JSX.Element {
  const keys = node.peers.slice(0, SHOWN)
  const answer = useApi<readonly Peer[]>(
    keys.length === 0 ? undefined : `peers of ${node.name} ${keys.join()}`,
    { every: 10_000, on: SESSION_NEWS },
    () => Promise.all(keys.map((key) => getJson<Peer>(`v1/peers/${encodeURIComponent(key)}`))),
  )
  if (keys.length === 0) {
    return (
      <Panel title="Our sessions with it">
        <Empty>We have no session with it.</Empty>
      </Panel>
    )
  }
  return (
    <Panel title="Our sessions with it" note={node.peers.length > SHOWN ? `the first ${SHOWN}` : undefined}>
      <Answered answer={answer}>
        {(peers) => (
          <>
            <Table label="sessions" columns={PEER_COLUMNS} rows={peers} id={(peer) => peer.key} empty="No session." />
            {peers.slice(0, 4).map((peer) => (
              <Timeline key={peer.key} peer={peer} />
            ))}
          </>
        )}
      </Answered>
    </Panel>
  )
}

/** The node we run on has all the sessions there are; the first of them, those that are down above. */
function OwnSessions(): JSX.Element {
  const down = useApi<PeersPage>(pathOf('v1/peers', { state: 'down', limit: SHOWN }), {
    every: 10_000,
    on: SESSION_NEWS,
  })
  const up = useApi<PeersPage>(pathOf('v1/peers', { state: 'Established', limit: SHOWN }), {
    every: 10_000,
    on: SESSION_NEWS,
  })
  const rows = [...(down.data?.peers ?? []), ...(up.data?.peers ?? [])].slice(0, SHOWN)
  return (
    <Panel title="Its sessions" note={<a href={href('peers')}>All peers</a>}>
      <Answered answer={up}>
        {() => (
          <Table
            label="sessions"
            columns={PEER_COLUMNS}
            rows={rows}
            id={(peer) => peer.key}
            empty="No peer is configured."
          />
        )}
      </Answered>
    </Panel>
  )
}

function Blocks({ name }: { readonly name: string }): JSX.Element {
  const answer = useApi<BlocksPage>(pathOf('v1/blocks', { node: name, limit: 200 }), {
    every: 30_000,
    on: ['block-claimed', 'block-released'],
  })
  return (
    <Panel title="Blocks">
      <Answered answer={answer}>
        {(data) => (
          <Table<Block>
            label="blocks"
            rows={data.blocks}
            id={(block) => block.cidr}
            empty="No block has affinity to this node."
            next={data.next}
            total={data.total}
            columns={[
              {
                title: 'Block',
                cell: (block) => <a href={href('prefix', block.cidr)}>{block.cidr}</a>,
                value: (block) => block.cidr,
              },
              {
                title: 'Affinity',
                cell: (block) => <Status tone={block.state === 'confirmed' ? 'ok' : 'wait'}>{block.state}</Status>,
                value: (block) => block.state,
              },
              {
                title: 'Used',
                cell: (block) => `${count(block.allocated)} of ${count(block.size)}`,
                value: (block) => block.allocated / block.size,
                number: true,
              },
              {
                title: 'Borrowed',
                cell: (block) => count(block.borrowed),
                value: (block) => block.borrowed,
                number: true,
              },
              { title: 'Pool', cell: (block) => block.pool ?? '', value: (block) => block.pool ?? '', wide: true },
              { title: 'Announced by us', cell: (block) => (block.originated ? 'yes' : 'no'), wide: true },
            ]}
          />
        )}
      </Answered>
    </Panel>
  )
}

function Local(): JSX.Element {
  const answer = useApi<Summary>('v1/summary', { every: 5000 })
  return (
    <Panel title="This speaker">
      <Answered answer={answer}>{(summary) => <LocalFacts summary={summary} asked={answer.at} />}</Answered>
    </Panel>
  )
}

export function LocalFacts({ summary, asked }: { readonly summary: Summary; readonly asked: number }): JSX.Element {
  const { datastore, identity, kernel, loopDelay, memory, ready } = summary
  return (
    <Facts
      of={[
        [
          'Ready',
          <Status key="ready" tone={ready.ok ? 'ok' : 'bad'}>
            {ready.ok ? `yes, by the policy "${ready.policy}"` : ready.reasons.map(({ message }) => message).join('; ')}
          </Status>,
        ],
        ['Version', identity.version],
        ['Role', identity.role],
        ['Router id', identity.routerId],
        ['Cluster id', identity.clusterId],
        ['Listens on', identity.listen.join(', ')],
        ['Started', <Moment key="started" at={identity.startedAt} />],
        [
          'Configuration',
          <span key="configured">
            generation {identity.configGeneration}, <Moment at={identity.configuredAt} />
          </span>,
        ],
        [
          'Datastore',
          <Status key="datastore" tone={datastore.status === 'in-sync' ? 'ok' : 'wait'}>
            {datastore.description}: {datastore.status} for{' '}
            <Since seconds={datastore.age} at={datastore.since} asked={asked} />, {count(datastore.keys)} keys, revision{' '}
            {datastore.revision}
          </Status>,
        ],
        [
          'Refused resources',
          datastore.problems.length === 0 ? undefined : (
            <ul class="plain">
              {datastore.problems.map(({ key, problem }) => (
                <li key={key}>
                  <code>{key}</code> {problem}
                </li>
              ))}
            </ul>
          ),
        ],
        [
          'Kernel',
          kernel === null ? (
            'not used'
          ) : (
            <a key="kernel" href={href('kernel')}>
              {count(kernel.installed)} of {count(kernel.desired)} routes installed, {count(kernel.drifted)} drifted (
              {kernel.driver})
            </a>
          ),
        ],
        [
          'Load',
          `event loop ${milliseconds(loopDelay.p99)} at the 99th percentile, worst ${milliseconds(loopDelay.max)}; memory ${bytes(memory.process.rss)}`,
        ],
        [
          'Structures',
          <span key="structures" class="chips">
            {memory.structures.map(({ name, entries, bytes: size }) => (
              <code key={name}>
                {name} {count(entries)} ({bytes(size)})
              </code>
            ))}
          </span>,
        ],
      ]}
    />
  )
}
