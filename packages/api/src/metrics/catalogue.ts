/**
 * Every metric of a Starling daemon. `docs/metrics.md` is rendered from this table, and a test keeps the page true.
 */
import type { PeerView } from '@starling/engine'
import { BFD_METRICS } from './bfd-catalogue.js'
import { flag, type MetricDefinition, type Sample, type Scrape, single, sum } from './definition.js'
import { DISCOVERY_METRICS } from './discovery-catalogue.js'
import { PEER_METRICS } from './peer-catalogue.js'

const STATES = ['Idle', 'Connect', 'Active', 'OpenSent', 'OpenConfirm', 'Established'] as const

function sessions({ peers }: Scrape): Sample[] {
  const kinds = [...new Set(peers.map((peer) => peer.kind))]
  return kinds.flatMap((kind) =>
    STATES.map((state): Sample => {
      const count = peers.filter((peer) => peer.kind === kind && peer.state === state).length
      return [{ kind, state }, count]
    }),
  )
}

const families = (peers: readonly PeerView[]) =>
  peers.flatMap((peer) => peer.families.map((family) => ({ kind: peer.kind, ...family })))

function prefixes(field: 'received' | 'accepted' | 'preferred' | 'sent' | 'stale'): MetricDefinition['read'] {
  return ({ peers }) =>
    sum(
      families(peers),
      ({ kind, family }) => ({ kind, family }),
      (item) => item[field],
    )
}

function datastoreStates({ datastore }: Scrape): Sample[] {
  return (['waiting', 'resync', 'in-sync'] as const).map((status) => [{ status }, flag(datastore.status === status)])
}

function kernelRoutes({ kernel }: Scrape): Sample[] {
  if (kernel === undefined) return []
  return (['desired', 'installed', 'pending', 'failed', 'drifted'] as const).map((state) => [{ state }, kernel[state]])
}

function loopDelay({ loopDelay: delay }: Scrape): Sample[] {
  return (['mean', 'p50', 'p99', 'max'] as const).map((statistic) => [{ statistic }, delay[statistic] / 1000])
}

const gauge = (
  name: string,
  help: string,
  labels: readonly string[],
  read: MetricDefinition['read'],
): MetricDefinition => ({
  name,
  type: 'gauge',
  help,
  labels,
  read,
})

const counter = (
  name: string,
  help: string,
  labels: readonly string[],
  read: MetricDefinition['read'],
): MetricDefinition => ({
  name,
  type: 'counter',
  help,
  labels,
  read,
})

export const METRICS: readonly MetricDefinition[] = [
  gauge(
    'starling_build_info',
    'Always 1; the labels say what runs.',
    ['version', 'role', 'node_version'],
    ({ identity }) => [[{ version: identity.version, role: identity.role, node_version: process.version }, 1]],
  ),
  gauge(
    'starling_start_timestamp_seconds',
    'When the daemon started.',
    [],
    single((s) => s.toEpochSeconds(s.identity.startedAt)),
  ),
  gauge(
    'starling_ready',
    '1 when /readyz says yes.',
    [],
    single((s) => flag(s.ready.ok)),
  ),
  gauge(
    'starling_live',
    '1 when /livez says yes.',
    [],
    single((s) => flag(s.live.ok)),
  ),
  gauge(
    'starling_config_generation',
    'Plans applied so far.',
    [],
    single((s) => s.identity.configGeneration),
  ),
  gauge(
    'starling_config_applied_timestamp_seconds',
    'When the plan in force was applied.',
    [],
    single((s) => s.toEpochSeconds(s.identity.configuredAt)),
  ),

  gauge('starling_sessions', 'Sessions by kind and state (RFC 4271 section 8.2.2).', ['kind', 'state'], sessions),
  counter('starling_sessions_established_total', 'Times a session reached Established.', ['kind'], (s) =>
    s.accumulated.samples('established'),
  ),
  counter('starling_session_flaps_total', 'Times an Established session was lost.', ['kind'], (s) =>
    s.accumulated.samples('flaps'),
  ),
  counter('starling_messages_total', 'BGP messages by type.', ['kind', 'direction', 'type'], (s) =>
    s.accumulated.samples('messages'),
  ),
  counter('starling_bad_updates_total', 'Malformed UPDATEs by the verdict of RFC 7606.', ['kind', 'verdict'], (s) =>
    s.accumulated.samples('badUpdates'),
  ),
  gauge('starling_prefixes_received', 'Prefixes in Adj-RIB-In.', ['kind', 'family'], prefixes('received')),
  gauge('starling_prefixes_accepted', 'Prefixes accepted by import policy.', ['kind', 'family'], prefixes('accepted')),
  gauge('starling_prefixes_preferred', 'Prefixes chosen as best path.', ['kind', 'family'], prefixes('preferred')),
  gauge('starling_prefixes_sent', 'Prefixes in Adj-RIB-Out.', ['kind', 'family'], prefixes('sent')),
  gauge(
    'starling_prefixes_stale',
    'Prefixes kept by graceful restart (RFC 4724).',
    ['kind', 'family'],
    prefixes('stale'),
  ),
  gauge(
    'starling_graceful_restart_recovering',
    '1 while this speaker recovers from its own restart.',
    [],
    single((s) => flag(s.facts.graceful.recovering)),
  ),
  gauge(
    'starling_graceful_restart_helping',
    'Peers whose stale routes are kept.',
    [],
    single(({ peers }) => peers.filter((peer) => peer.gracefulRestart.staleUntil !== undefined).length),
  ),

  gauge('starling_rib_prefixes', 'Prefixes in Loc-RIB.', ['family'], ({ tables }) =>
    tables.map(({ family, prefixes: count }): Sample => [{ family }, count]),
  ),
  gauge('starling_rib_paths', 'Paths of all peers.', ['family'], ({ tables }) =>
    tables.map(({ family, paths }): Sample => [{ family }, paths]),
  ),
  gauge(
    'starling_groups',
    'Update groups.',
    [],
    single(({ groups }) => groups.length),
  ),
  gauge(
    'starling_group_members_max',
    'Members of the largest update group.',
    [],
    single(({ groups }) => groups.reduce((most, group) => Math.max(most, group.members), 0)),
  ),
  gauge(
    'starling_group_log_bytes',
    'Bytes held in the segment logs of all groups.',
    [],
    single(({ groups }) => groups.reduce((bytes, group) => bytes + group.logBytes, 0)),
  ),
  gauge(
    'starling_peers_lagging',
    'Peers that fell behind their group.',
    [],
    single(({ peers }) => peers.filter((peer) => peer.lagging).length),
  ),
  gauge('starling_output_queue_bytes', 'Bytes waiting for sockets, all peers.', ['kind'], ({ peers }) =>
    sum(
      peers,
      ({ kind }) => ({ kind }),
      (peer) => peer.outputQueueBytes,
    ),
  ),

  gauge('starling_kernel_routes', 'Kernel routes by state.', ['state'], kernelRoutes),
  gauge(
    'starling_kernel_synchronized',
    '1 while kernel events arrive without a gap.',
    [],
    single(({ kernel }) => (kernel === undefined ? undefined : flag(kernel.synchronized))),
  ),
  counter(
    'starling_kernel_repairs_total',
    "Somebody else's changes to our routes, put right.",
    [],
    single(({ kernel }) => kernel?.repairs),
  ),
  counter(
    'starling_kernel_errors_total',
    'Writes that the kernel refused.',
    [],
    single(({ kernel }) => kernel?.errors),
  ),
  counter(
    'starling_kernel_resyncs_total',
    'Whole tables read again after a gap.',
    [],
    single(({ kernel }) => kernel?.resyncs),
  ),

  gauge('starling_datastore_status', '1 for the present status.', ['status'], datastoreStates),
  gauge(
    'starling_datastore_status_seconds',
    'For how long the status has been this.',
    [],
    single(({ now, datastore }) => Math.max(0, now - datastore.since) / 1000),
  ),
  gauge(
    'starling_datastore_lag_seconds',
    'How old the snapshot may be: 0 in sync, else the time since it was or the start.',
    [],
    single(({ now, datastore }) => (datastore.status === 'in-sync' ? 0 : Math.max(0, now - datastore.since) / 1000)),
  ),
  gauge(
    'starling_datastore_revision',
    'Revision of the snapshot in force.',
    [],
    single(({ datastore }) => datastore.revision),
  ),
  gauge(
    'starling_datastore_keys',
    'Keys in the snapshot.',
    [],
    single(({ datastore }) => datastore.keys),
  ),
  gauge(
    'starling_datastore_problems',
    'Keys whose newest value is refused.',
    [],
    single(({ datastore }) => datastore.problems.length),
  ),

  gauge('starling_event_loop_delay_seconds', 'Event-loop delay over the last minute.', ['statistic'], loopDelay),
  gauge(
    'starling_event_streams',
    'Open event streams of the API.',
    [],
    single(({ streams }) => streams),
  ),
  gauge('starling_structure_entries', 'Entries per structure of the engine.', ['structure'], ({ memory }) =>
    memory.structures.map(({ name, entries }): Sample => [{ structure: name }, entries]),
  ),
  gauge('starling_structure_bytes', 'Bytes per structure of the engine.', ['structure'], ({ memory }) =>
    memory.structures.map(({ name, bytes }): Sample => [{ structure: name }, bytes]),
  ),
  ...BFD_METRICS,
  ...DISCOVERY_METRICS,
  ...PEER_METRICS,
]

/** Those fed as things happen rather than read at a scrape. */
export const EVENT_METRICS = {
  notifications: {
    name: 'starling_notifications_total',
    type: 'counter',
    help: 'NOTIFICATIONs by direction and error name (RFC 4271 section 4.5).',
    labels: ['direction', 'error'],
  },
  resets: {
    name: 'starling_session_resets_total',
    type: 'counter',
    help: 'Sessions we reset because a changed field demanded it, by field.',
    labels: ['field'],
  },
  events: {
    name: 'starling_events_total',
    type: 'counter',
    help: 'Events by code (docs/errors.md).',
    labels: ['code'],
  },
  kernelLatency: {
    name: 'starling_update_to_kernel_seconds',
    type: 'histogram',
    help: "From an UPDATE's arrival, or that of the first in its burst, to the kernel's acknowledgement.",
    labels: [],
  },
} as const
