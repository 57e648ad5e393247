/**
 * Per-peer series: for peers outside the mesh, or for all when the operator asks (`perPeer: 'all'`).
 *
 * Labels: `peer` is the protocol name (`Global_192_0_2_1`: the value scrapers of BIRD already know), `address` its
 * address, `kind` how it came about.
 */
import type { PeerView } from '@starling/engine'
import { MESSAGE_TYPES } from './accumulate.js'
import { flag, type Labels, type MetricDefinition, type Sample } from './definition.js'

const IDENTITY = ['peer', 'address', 'kind'] as const

const who = (peer: PeerView): Labels => ({ peer: peer.name, address: peer.remoteAddress, kind: peer.kind })

function perPeer(
  name: string,
  type: MetricDefinition['type'],
  help: string,
  value: (peer: PeerView) => number | undefined,
): MetricDefinition {
  return {
    name,
    type,
    help,
    labels: IDENTITY,
    read: ({ shown }) =>
      shown.flatMap((peer): Sample[] => {
        const read = value(peer)
        return read === undefined ? [] : [[who(peer), read]]
      }),
  }
}

const WHAT = ['received', 'accepted', 'preferred', 'sent', 'stale'] as const

export const PEER_METRICS: readonly MetricDefinition[] = [
  perPeer('starling_peer_up', 'gauge', '1 when Established.', (peer) => flag(peer.state === 'Established')),
  perPeer('starling_peer_enabled', 'gauge', '0 when shut down by an operator.', (peer) => flag(peer.enabled)),
  {
    name: 'starling_peer_state',
    type: 'gauge',
    help: '1 for the present state (RFC 4271 section 8.2.2).',
    labels: [...IDENTITY, 'state'],
    read: ({ shown }) => shown.map((peer): Sample => [{ ...who(peer), state: peer.state }, 1]),
  },
  {
    name: 'starling_peer_info',
    type: 'gauge',
    help: 'Always 1; numbers that identify the peer.',
    labels: [...IDENTITY, 'remote_as', 'local_as', 'type', 'description'],
    read: ({ shown }) =>
      shown.map(
        (peer): Sample => [
          {
            ...who(peer),
            remote_as: peer.remoteAs ?? 0,
            local_as: peer.localAs,
            type: peer.type,
            description: peer.description,
          },
          1,
        ],
      ),
  },
  {
    name: 'starling_peer_state_since_timestamp_seconds',
    type: 'gauge',
    help: 'When the present state began.',
    labels: IDENTITY,
    read: ({ shown, toEpochSeconds }) => shown.map((peer): Sample => [who(peer), toEpochSeconds(peer.since)]),
  },
  perPeer('starling_peer_flaps_total', 'counter', 'Times the Established session was lost.', (peer) => peer.flaps),
  perPeer('starling_peer_hold_time_seconds', 'gauge', 'Negotiated hold time.', (peer) => peer.holdTime),
  perPeer(
    'starling_peer_output_queue_bytes',
    'gauge',
    'Bytes waiting for the socket.',
    (peer) => peer.outputQueueBytes,
  ),
  perPeer('starling_peer_lagging', 'gauge', '1 when it fell behind its group.', (peer) => flag(peer.lagging)),
  {
    name: 'starling_peer_prefixes',
    type: 'gauge',
    help: 'Prefixes by family and table: received, accepted, preferred, sent, stale.',
    labels: [...IDENTITY, 'family', 'table'],
    read: ({ shown }) =>
      shown.flatMap((peer) =>
        peer.families.flatMap((family) =>
          WHAT.map((table): Sample => [{ ...who(peer), family: family.family, table }, family[table]]),
        ),
      ),
  },
  {
    name: 'starling_peer_messages_total',
    type: 'counter',
    help: 'BGP messages by direction and type.',
    labels: [...IDENTITY, 'direction', 'type'],
    read: ({ shown }) =>
      shown.flatMap((peer) =>
        MESSAGE_TYPES.flatMap((field): Sample[] => {
          const type = field === 'routeRefresh' ? 'route-refresh' : field
          return [
            [{ ...who(peer), direction: 'received', type }, peer.messagesReceived[field]],
            [{ ...who(peer), direction: 'sent', type }, peer.messagesSent[field]],
          ]
        }),
      ),
  },
  {
    name: 'starling_peer_last_error',
    type: 'gauge',
    help: 'When the last NOTIFICATION passed, in seconds since 1970; the labels say which.',
    labels: [...IDENTITY, 'direction', 'error'],
    read: ({ shown, toEpochSeconds }) =>
      shown.flatMap((peer): Sample[] => {
        const error = peer.lastError
        if (error === undefined) return []
        return [[{ ...who(peer), direction: error.direction, error: error.name }, toEpochSeconds(error.at)]]
      }),
  },
]
