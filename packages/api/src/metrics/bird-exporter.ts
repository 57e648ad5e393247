/**
 * The names of bird_exporter (ux.md 3), for dashboards and alerts that exist: `metricsCompat: 'bird_exporter'`.
 *
 * Filter labels are BIRD's way to tell channels apart; ours are policies without names, so they read `ACCEPT`.
 */
import type { PeerView } from '@starling/engine'
import { routeChanges } from '../birdctl/protocols.js'
import { flag, type Labels, type MetricDefinition, type Sample } from './definition.js'

const LABELS = ['name', 'proto', 'ip_version', 'import_filter', 'export_filter'] as const

const labelsOf = (peer: PeerView, family: string): Labels => ({
  name: peer.name,
  proto: 'BGP',
  ip_version: family === 'ipv6' ? '6' : '4',
  import_filter: 'ACCEPT',
  export_filter: 'ACCEPT',
})

type Family = PeerView['families'][number]

function perFamily(name: string, help: string, value: (family: Family, peer: PeerView) => number): MetricDefinition {
  return {
    name,
    type: 'gauge',
    help,
    labels: LABELS,
    read: ({ shown }) =>
      shown.flatMap((peer) =>
        peer.families.map((family): Sample => [labelsOf(peer, family.family), value(family, peer)]),
      ),
  }
}

const CHANGES = ['receive', 'reject', 'filter', 'ignore', 'accept'] as const
const ROWS = [
  ['update_import', 'Import updates'],
  ['withdraw_import', 'Import withdraws'],
  ['update_export', 'Export updates'],
  ['withdraw_export', 'Export withdraws'],
] as const

/** The grid of `show protocols all`; where BIRD prints `---` the exporter says 0. */
const CHANGE_METRICS = ROWS.flatMap(([name, row]) =>
  CHANGES.map((what, column) =>
    perFamily(`bird_protocol_changes_${name}_${what}_count`, `${row}: ${what}.`, (family) => {
      const cell = routeChanges(family)[row][column]
      return typeof cell === 'number' ? cell : 0
    }),
  ),
)

export const BIRD_EXPORTER_METRICS: readonly MetricDefinition[] = [
  {
    name: 'bird_protocol_up',
    type: 'gauge',
    help: 'Protocol is up.',
    labels: [...LABELS, 'state'],
    read: ({ shown }) =>
      shown.flatMap((peer) =>
        peer.families.map((family): Sample => {
          const up = peer.state === 'Established'
          return [{ ...labelsOf(peer, family.family), state: peer.state }, flag(up)]
        }),
      ),
  },
  {
    name: 'bird_protocol_uptime',
    type: 'gauge',
    help: 'Seconds since the protocol changed state.',
    labels: LABELS,
    read: ({ shown, now }) =>
      shown.flatMap((peer) =>
        peer.families.map((family): Sample => {
          const uptime = peer.state === 'Established' ? Math.max(0, Math.floor((now - peer.since) / 1000)) : 0
          return [labelsOf(peer, family.family), uptime]
        }),
      ),
  },
  perFamily('bird_protocol_prefix_import_count', 'Imported prefixes.', (family) => family.accepted),
  perFamily('bird_protocol_prefix_export_count', 'Exported prefixes.', (family) => family.sent),
  perFamily('bird_protocol_prefix_filter_count', 'Filtered prefixes.', (family) =>
    Math.max(0, family.received - family.accepted),
  ),
  perFamily('bird_protocol_prefix_preferred_count', 'Preferred prefixes.', (family) => family.preferred),
  ...CHANGE_METRICS,
  {
    name: 'bird_bgp_state',
    type: 'gauge',
    help: 'BGP state: 1 for the present one.',
    labels: ['name', 'proto', 'state'],
    read: ({ shown }) => shown.map((peer): Sample => [{ name: peer.name, proto: 'BGP', state: peer.state }, 1]),
  },
  { name: 'bird_daemon_up', type: 'gauge', help: 'Daemon is up.', labels: [], read: () => [[{}, 1]] },
  {
    name: 'bird_daemon_info',
    type: 'gauge',
    help: 'Always 1.',
    labels: ['router_id', 'version'],
    read: ({ identity }) => [[{ router_id: identity.routerId, version: identity.version }, 1]],
  },
  {
    name: 'bird_last_reboot_timestamp_seconds',
    type: 'gauge',
    help: 'Last start.',
    labels: [],
    read: ({ identity, toEpochSeconds }) => [[{}, toEpochSeconds(identity.startedAt)]],
  },
  {
    name: 'bird_last_reconfig_timestamp_seconds',
    type: 'gauge',
    help: 'Last applied configuration.',
    labels: [],
    read: ({ identity, toEpochSeconds }) => [[{}, toEpochSeconds(identity.configuredAt)]],
  },
  {
    name: 'bird_server_time_timestamp_seconds',
    type: 'gauge',
    help: 'Clock of the daemon.',
    labels: [],
    read: ({ now, toEpochSeconds }) => [[{}, toEpochSeconds(now)]],
  },
  { name: 'bird_socket_query_success', type: 'gauge', help: 'Always 1.', labels: [], read: () => [[{}, 1]] },
]
