/**
 * BFD series (RFC 5880): the worker's own punctuality, and each session that has series of its own.
 */
import type { BfdView, PeerView } from '@starling/engine'
import { flag, type MetricDefinition, type Sample, single } from './definition.js'

const IDENTITY = ['peer', 'address'] as const

function perSession(
  name: string,
  type: MetricDefinition['type'],
  help: string,
  value: (bfd: BfdView) => number,
): MetricDefinition {
  const sample = ({ name: peer, remoteAddress: address, bfd }: PeerView): Sample[] =>
    bfd === undefined ? [] : [[{ peer, address }, value(bfd)]]
  return { name, type, help, labels: IDENTITY, read: ({ shown }) => shown.flatMap(sample) }
}

export const BFD_METRICS: readonly MetricDefinition[] = [
  {
    name: 'starling_bfd_sessions',
    type: 'gauge',
    help: 'BFD sessions by state, those of the mesh included.',
    labels: ['state'],
    read: ({ peers, bfd }) =>
      bfd === undefined
        ? []
        : (['AdminDown', 'Down', 'Init', 'Up'] as const).map((state): Sample => {
            const count = peers.filter((peer) => peer.bfd?.state === state).length
            return [{ state }, count]
          }),
  },
  {
    name: 'starling_bfd_timer_lateness_seconds',
    type: 'gauge',
    help: 'How late the timers of the BFD worker fired lately: its own jitter, beside that of RFC 5880.',
    labels: ['statistic'],
    read: ({ bfd }) =>
      bfd === undefined || bfd.sessions === 0
        ? []
        : (['p50', 'p99', 'maximum'] as const).map(
            (statistic): Sample => [{ statistic }, bfd.lateness[statistic] / 1000],
          ),
  },
  {
    name: 'starling_bfd_stranger_packets_total',
    type: 'counter',
    help: 'BFD packets that belong to no session.',
    labels: [],
    read: single(({ bfd }) => bfd?.strangers),
  },
  perSession('starling_bfd_up', 'gauge', '1 when the BFD session is Up.', ({ state }) => flag(state === 'Up')),
  perSession('starling_bfd_downs_total', 'counter', 'Times the BFD session left Up.', ({ downs }) => downs),
  perSession(
    'starling_bfd_detection_time_seconds',
    'gauge',
    'After so long without a packet it is down.',
    ({ detectionTime }) => detectionTime / 1000,
  ),
  perSession(
    'starling_bfd_transmit_interval_seconds',
    'gauge',
    'Agreed interval between our packets, before jitter.',
    ({ transmitInterval }) => transmitInterval / 1000,
  ),
  perSession(
    'starling_bfd_packets_received_total',
    'counter',
    'BFD packets taken.',
    ({ packetsReceived }) => packetsReceived,
  ),
  perSession('starling_bfd_packets_sent_total', 'counter', 'BFD packets sent.', ({ packetsSent }) => packetsSent),
  perSession(
    'starling_bfd_packets_discarded_total',
    'counter',
    'BFD packets refused: malformed, or not authenticated.',
    ({ packetsDiscarded }) => packetsDiscarded,
  ),
]
