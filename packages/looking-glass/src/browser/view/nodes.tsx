/** All nodes, a page at a time, with the state of our sessions to each. */
import type { JSX } from 'preact'
import { useApi, useList, useSignal } from '../data/hooks.js'
import { pathOf } from '../data/request.js'
import type { Node, NodesPage, Peer, PeersPage } from '../data/types.js'
import { healthOf, rackOf } from '../draw/layout.js'
import { href, place } from '../route.js'
import { Drawer, quote, searchWords } from '../ui/drawer.js'
import { Answered, Panel, type Sign, Status } from '../ui/parts.js'
import { type Column, searchOf, Table } from '../ui/table.js'
import { SESSION_NEWS } from './overview.js'

const WORDS: Record<Sign, string> = { ok: 'up', wait: 'waiting', bad: 'down', off: 'shut down' }
const WORST: readonly Sign[] = ['bad', 'wait', 'off', 'ok']

export function Sessions({ node, down }: { node: Node; down: ReadonlyMap<string, Peer> }): JSX.Element {
  if (node.local) return <span class="quiet">this speaker</span>
  if (node.peers.length === 0) return <span class="quiet">none</span>
  const signs = node.peers.map((key): Sign => {
    const peer = down.get(key)
    const health = peer === undefined ? 'ok' : healthOf(peer)
    return health === 'none' ? 'off' : health
  })
  const worst = WORST.find((sign) => signs.includes(sign)) ?? 'ok'
  const up = signs.filter((sign) => sign === 'ok').length
  return <Status tone={worst}>{signs.length === 1 ? WORDS[worst] : `${up} of ${signs.length} up`}</Status>
}

function columnsFor(down: ReadonlyMap<string, Peer>): Column<Node>[] {
  return [
    {
      title: 'Node',
      sort: 'name',
      cell: (node) => <a href={href('nodes', node.name)}>{node.name}</a>,
      value: (node) => node.name,
    },
    { title: 'Rack', sort: 'rack', cell: rackOf, value: rackOf },
    {
      title: 'Sessions',
      sort: 'peers',
      cell: (node) => <Sessions node={node} down={down} />,
      value: (node) => (node.peers.some((key) => down.has(key)) ? 'down' : node.peers.length === 0 ? 'none' : 'up'),
    },
    {
      title: 'IPv4',
      sort: 'ipv4Address',
      cell: (node) => node.ipv4Address ?? '',
      value: (node) => node.ipv4Address ?? '',
    },
    {
      title: 'IPv6',
      sort: 'ipv6Address',
      cell: (node) => node.ipv6Address ?? '',
      value: (node) => node.ipv6Address ?? '',
      wide: true,
    },
    {
      title: 'AS',
      sort: 'asNumber',
      cell: (node) => (
        <span title={node.asNumberInherited ? 'the cluster default' : 'its own'}>
          {node.asNumber}
          {node.asNumberInherited ? '' : ' (own)'}
        </span>
      ),
      value: (node) => node.asNumber,
      number: true,
    },
    { title: 'Blocks', sort: 'blocks', cell: (node) => node.blocks, value: (node) => node.blocks, number: true },
    {
      title: 'Reflects as',
      sort: 'routeReflectorClusterId',
      cell: (node) => node.routeReflectorClusterId ?? '',
      value: (node) => node.routeReflectorClusterId ?? '',
      wide: true,
    },
  ]
}

export function Nodes(): JSX.Element {
  const { query } = useSignal(place)
  const { cursor, rack } = query
  const search = searchOf(columnsFor(new Map()), query)
  const path = pathOf('v1/nodes', { rack, ...search, limit: 200, cursor })
  const answer = useList<NodesPage>(path, { every: 30_000, on: ['config-applied'] })
  const troubled = useApi<PeersPage>('v1/peers?state=down&limit=1000', { every: 15_000, on: SESSION_NEWS })
  const down = new Map(troubled.data?.peers.map((peer) => [peer.key, peer]))
  return (
    <>
      <Panel
        title="Nodes"
        note={rack === undefined ? undefined : <a href={href('nodes')}>only rack {rack}; show all</a>}
      >
        <Answered answer={answer}>
          {(data) => (
            <Table
              label="nodes"
              columns={columnsFor(down)}
              rows={data.nodes}
              served
              waiting={answer.waiting}
              id={(node) => node.name}
              empty="The datastore holds no node yet."
              next={data.next}
              total={data.total}
              command={(node) => `starling show node ${quote(node.name)} -o json`}
            />
          )}
        </Answered>
      </Panel>
      <Drawer command={['starling show nodes', ...searchWords(search)].join(' ')} api={path} />
    </>
  )
}
