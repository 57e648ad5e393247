/** Every session: a table that opens in place, and one page for each. */
import type { JSX } from 'preact'
import { useApi, useList, useSignal } from '../data/hooks.js'
import { pathOf } from '../data/request.js'
import type { Peer, PeersPage, Summary } from '../data/types.js'
import { amend, href, place } from '../route.js'
import { Drawer, quote, searchWords } from '../ui/drawer.js'
import { Answered, Cause, Panel, Status, toneOfPeer } from '../ui/parts.js'
import { type Column, searchOf, Table } from '../ui/table.js'
import { age, count } from '../words.js'
import { SESSION_NEWS } from './overview.js'
import { PeerFacts } from './peer.js'
import { Timeline } from './timeline.js'

const sum = (peer: Peer, field: 'received' | 'accepted' | 'sent' | 'stale'): number =>
  peer.families.reduce((total, family) => total + family[field], 0)

export const PEER_COLUMNS: readonly Column<Peer>[] = [
  {
    title: 'Peer',
    sort: 'name',
    cell: (peer) => <a href={href('peers', peer.name)}>{peer.name}</a>,
    value: (peer) => peer.name,
  },
  {
    title: 'Node',
    sort: 'node',
    cell: ({ node }) => (node === undefined ? '' : <a href={href('nodes', node)}>{node}</a>),
    value: ({ node = '' }) => node,
  },
  {
    title: 'State',
    sort: 'state',
    cell: (peer) => (
      <>
        <Status tone={toneOfPeer(peer)}>{peer.enabled ? peer.state : 'shut down'}</Status>
        <Cause narrow>{peer.reason}</Cause>
      </>
    ),
    value: (peer) => (peer.enabled ? peer.state : 'shut down'),
  },
  {
    title: 'For',
    sort: 'age',
    cell: (peer) => <span title={peer.since}>{age(peer.age)}</span>,
    value: (peer) => peer.age,
    number: true,
  },
  {
    title: 'AS',
    sort: 'remoteAs',
    cell: (peer) => peer.remoteAs ?? '',
    value: (peer) => `AS${peer.remoteAs ?? ''}`,
    number: true,
  },
  {
    title: 'Address',
    sort: 'remoteAddress',
    cell: (peer) => peer.remoteAddress,
    value: (peer) => peer.remoteAddress,
    wide: true,
  },
  { title: 'Kind', sort: 'kind', cell: (peer) => peer.kind, value: (peer) => peer.kind, wide: true },
  {
    title: 'Received',
    sort: 'received',
    cell: (peer) => count(sum(peer, 'received')),
    value: (peer) => sum(peer, 'received'),
    number: true,
  },
  {
    title: 'Accepted',
    sort: 'accepted',
    cell: (peer) => count(sum(peer, 'accepted')),
    value: (peer) => sum(peer, 'accepted'),
    number: true,
    wide: true,
  },
  {
    title: 'Sent',
    sort: 'sent',
    cell: (peer) => count(sum(peer, 'sent')),
    value: (peer) => sum(peer, 'sent'),
    number: true,
  },
  {
    title: 'Stale',
    sort: 'stale',
    cell: (peer) => (sum(peer, 'stale') === 0 ? '' : count(sum(peer, 'stale'))),
    value: (peer) => sum(peer, 'stale'),
    number: true,
    wide: true,
  },
  {
    title: 'Flaps',
    sort: 'flaps',
    cell: (peer) => count(peer.flaps),
    value: (peer) => peer.flaps,
    number: true,
    wide: true,
  },
  {
    title: 'Why not up',
    sort: 'reason',
    cell: (peer) => <span class="reason">{peer.reason}</span>,
    value: (peer) => peer.reason,
    wide: 'very',
  },
]

const STATES = ['down', 'Idle', 'Connect', 'Active', 'OpenSent', 'OpenConfirm', 'Established']

export function Peers(): JSX.Element {
  const { query } = useSignal(place)
  const { cursor, kind, state } = query
  const search = searchOf(PEER_COLUMNS, query)
  const path = pathOf('v1/peers', { state, kind, ...search, limit: 200, cursor })
  const answer = useList<PeersPage>(path, { every: 10_000, on: SESSION_NEWS })
  const summary = useApi<Summary>('v1/summary', { every: 15_000 })
  const kinds = Object.keys(summary.data?.sessions ?? {})
  const command = ['starling show peers', state && `--state ${state}`, kind && `--kind ${kind}`, ...searchWords(search)]
  return (
    <>
      <Panel title="Peers">
        <Answered answer={answer}>
          {(data) => (
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
                    label="Kind"
                    value={kind}
                    options={kinds}
                    onChange={(value) => amend({ kind: value, cursor: undefined })}
                  />
                </>
              }
              label="peers"
              columns={PEER_COLUMNS}
              rows={data.peers}
              served
              waiting={answer.waiting}
              id={(peer) => peer.key}
              empty={state === 'down' ? 'No session is down.' : 'No peer is configured, or none of that sort.'}
              next={data.next}
              total={data.total}
              bad={(peer) => toneOfPeer(peer) === 'bad'}
              command={(peer) => `starling show peer ${quote(peer.name)}`}
              open={(peer) => (
                <>
                  <Timeline peer={peer} />
                  <PeerFacts peer={peer} />
                </>
              )}
            />
          )}
        </Answered>
      </Panel>
      <Drawer command={command.filter(Boolean).join(' ')} api={path} />
    </>
  )
}

interface ChoiceProps {
  readonly label: string
  readonly value: string | undefined
  readonly options: readonly string[]
  readonly all?: string
  readonly onChange: (value: string | undefined) => void
}

export function Choice({ label, value = '', options, all = 'any', onChange }: ChoiceProps): JSX.Element {
  return (
    <label class="choice">
      {label}
      <select value={value} onChange={(event) => onChange(event.currentTarget.value || undefined)}>
        <option value="">{all}</option>
        {options.map((option) => (
          <option key={option} value={option}>
            {option}
          </option>
        ))}
      </select>
    </label>
  )
}
