/** One session in full: why it exists, how it stands, what was negotiated, what was said last. */
import type { JSX } from 'preact'
import { useApi, useSignal } from '../data/hooks.js'
import { events } from '../data/live.js'
import type { Peer } from '../data/types.js'
import { href } from '../route.js'
import { Drawer, quote } from '../ui/drawer.js'
import { Answered, Empty, Facts, Moment, Panel, Since, Status, toneOfPeer } from '../ui/parts.js'
import { Scroll, Table } from '../ui/table.js'
import { bytes, count } from '../words.js'
import { EventLine } from './event-line.js'
import { SESSION_NEWS } from './overview.js'
import { Timeline } from './timeline.js'

export function PeerPage({ name }: { readonly name: string }): JSX.Element {
  const path = `v1/peers/${encodeURIComponent(name)}`
  const answer = useApi<Peer>(path, { every: 5000, on: SESSION_NEWS })
  return (
    <>
      <Answered answer={answer}>
        {(peer) => (
          <>
            <Panel title={`Peer ${peer.name}`} note={peer.description === '' ? undefined : <q>{peer.description}</q>}>
              <p class="lead">
                <Status tone={toneOfPeer(peer)}>{peer.enabled ? peer.state : 'shut down'}</Status> for{' '}
                <Since seconds={peer.age} at={peer.since} asked={answer.at} />
                {[peer.reason, ...(peer.notes ?? [])].filter((text) => text !== '').map((text) => `: ${text}`)}
              </p>
              <Timeline peer={peer} />
              <PeerFacts peer={peer} />
            </Panel>
            <Families peer={peer} />
            <Capabilities peer={peer} />
            <Messages peer={peer} />
            <Lately peer={peer} />
          </>
        )}
      </Answered>
      <Drawer command={`starling show peer ${quote(name)}`} api={path} />
    </>
  )
}

export function PeerFacts({ peer }: { readonly peer: Peer }): JSX.Element {
  const { badUpdates, gracefulRestart: grace, lastError, why } = peer
  const offered = peer.holdTime === peer.configuredHoldTime ? '' : `, ${peer.configuredHoldTime} s configured`
  const bad = badUpdates.discarded + badUpdates.withdrawn + badUpdates.reset
  return (
    <Facts
      of={[
        ['Why it exists', `${why.rule} (${why.resource}${why.field === undefined ? '' : `, ${why.field}`})`],
        [
          'Peer',
          `${peer.remoteAddress} port ${peer.remotePort}, AS ${peer.remoteAs ?? 'any'}, router id ${peer.remoteRouterId ?? 'unknown'}`,
        ],
        ['Us', `${peer.localAddress ?? 'any address'}, AS ${peer.localAs}`],
        [
          'Sort',
          [peer.type, peer.kind, peer.passive ? 'passive' : '', peer.routeReflectorClient ? 'our client' : '']
            .filter(Boolean)
            .join(', '),
        ],
        ['Timers', `hold ${peer.holdTime} s${offered}, keepalive ${peer.keepaliveTime} s`],
        ['Next try', peer.nextRetry === undefined ? undefined : <Moment key="retry" at={peer.nextRetry} />],
        [
          'Graceful restart',
          grace.staleUntil === undefined ? (
            `${grace.peerCapable ? 'the peer can' : 'the peer cannot'}${grace.waitingForEndOfRib ? ', waiting for End-of-RIB' : ''}`
          ) : (
            <Status key="grace" tone="wait">
              stale routes kept until <Moment at={grace.staleUntil} />
            </Status>
          ),
        ],
        ['Flaps', `${count(peer.flaps)} of ${count(peer.established)} times Established`],
        [
          'Last error',
          lastError === undefined ? undefined : (
            <span key="error">
              {lastError.direction} {lastError.name}
              {lastError.text === undefined || lastError.text === '' ? '' : ' saying '}
              {lastError.text !== undefined && lastError.text !== '' && <q>{lastError.text}</q>},{' '}
              <Moment at={lastError.at} />
            </span>
          ),
        ],
        [
          'Bad UPDATEs',
          bad === 0 ? undefined : (
            <a key="bad" href={href('bad-updates', '', { peer: peer.name })}>
              {count(badUpdates.discarded)} attribute discard, {count(badUpdates.withdrawn)} treat as withdraw,{' '}
              {count(badUpdates.reset)} session reset
            </a>
          ),
        ],
        [
          'Update group',
          peer.group === undefined ? undefined : (
            <Status key="group" tone={peer.lagging ? 'wait' : 'ok'}>
              {`group ${peer.group}${peer.lagging ? ', lags behind' : ''}, ${bytes(peer.outputQueueBytes)} waiting`}
            </Status>
          ),
        ],
      ]}
    />
  )
}

type FamilyRow = Peer['families'][number]

function Families({ peer }: { readonly peer: Peer }): JSX.Element {
  const link = (row: FamilyRow, view: 'received' | 'filtered' | 'exported', text: string) => (
    <a href={href('prefixes', '', { peer: peer.name, family: row.family, view })}>{text}</a>
  )
  return (
    <Panel title="Routes">
      <Table<FamilyRow>
        label="families"
        rows={peer.families}
        id={(row) => row.family}
        empty="No family was negotiated."
        columns={[
          { title: 'Family', cell: (row) => row.family, value: (row) => row.family },
          {
            title: 'Received',
            cell: (row) => link(row, 'received', count(row.received)),
            value: (row) => row.received,
            number: true,
          },
          { title: 'Accepted', cell: (row) => count(row.accepted), value: (row) => row.accepted, number: true },
          {
            title: 'Filtered',
            cell: (row) => link(row, 'filtered', count(row.received - row.accepted)),
            value: (row) => row.received - row.accepted,
            number: true,
          },
          { title: 'Best', cell: (row) => count(row.preferred), value: (row) => row.preferred, number: true },
          {
            title: 'Sent',
            cell: (row) => link(row, 'exported', count(row.sent)),
            value: (row) => row.sent,
            number: true,
          },
          { title: 'Stale', cell: (row) => count(row.stale), value: (row) => row.stale, number: true, wide: true },
          {
            title: 'End-of-RIB',
            cell: (row) =>
              `${row.endOfRibReceived ? 'received' : 'awaited'}, ${row.endOfRibSent ? 'sent' : 'not sent'}`,
            wide: true,
          },
          {
            title: 'ADD-PATH',
            cell: (row) =>
              [row.addPathReceive && 'receives', row.addPathSend && 'sends'].filter(Boolean).join(', ') || 'no',
            wide: true,
          },
        ]}
      />
    </Panel>
  )
}

function Capabilities({ peer }: { readonly peer: Peer }): JSX.Element | null {
  const { advertised, received } = peer.capabilities
  const all = [...new Set([...advertised, ...received])].sort()
  if (all.length === 0) return null
  return (
    <Panel title="Capabilities">
      <ul class="capabilities">
        {all.map((name) => {
          const ours = advertised.includes(name)
          const theirs = received.includes(name)
          return (
            <li key={name} class={ours && theirs ? '' : 'one-sided'}>
              <code>{name}</code>{' '}
              <span class="quiet">{ours && theirs ? 'both' : ours ? 'only we' : 'only the peer'}</span>
            </li>
          )
        })}
      </ul>
    </Panel>
  )
}

function Messages({ peer }: { readonly peer: Peer }): JSX.Element {
  const names = ['open', 'update', 'keepalive', 'notification', 'routeRefresh', 'total'] as const
  return (
    <Panel title="Messages">
      <Scroll label="Messages">
        <table class="small">
          <thead>
            <tr>
              <td />
              {names.map((name) => (
                <th key={name} class="number" scope="col">
                  {name === 'routeRefresh' ? 'refresh' : name}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {(
              [
                ['received', peer.messagesReceived],
                ['sent', peer.messagesSent],
              ] as const
            ).map(([title, counts]) => (
              <tr key={title}>
                <th scope="row">{title}</th>
                {names.map((name) => (
                  <td key={name} class="number">
                    {count(counts[name])}
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </Scroll>
    </Panel>
  )
}

const LATELY = 30

function Lately({ peer }: { readonly peer: Peer }): JSX.Element {
  const log = useSignal(events).filter(({ event }) => 'peer' in event && event.peer === peer.key)
  return (
    <Panel title="What happened" note={<a href={href('events', '', { filter: peer.name })}>All events of it</a>}>
      {log.length === 0 ? (
        <Empty>Nothing in the events kept.</Empty>
      ) : (
        <ol class="events">
          {log
            .slice(-LATELY)
            .reverse()
            .map((event) => (
              <EventLine key={event.id} event={event} />
            ))}
        </ol>
      )}
    </Panel>
  )
}
