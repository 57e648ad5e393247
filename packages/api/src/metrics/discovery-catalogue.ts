/**
 * Series of unnumbered peers: whether the router behind the interface is known, and the messages that find it (RFC 4861).
 */
import type { DiscoveryView } from '@starling/engine'
import { flag, type MetricDefinition, type Sample } from './definition.js'

function perLink(
  name: string,
  type: MetricDefinition['type'],
  help: string,
  value: (view: DiscoveryView) => number,
): MetricDefinition {
  return {
    name,
    type,
    help,
    labels: ['peer', 'interface'],
    read: ({ peers }) =>
      peers.flatMap(({ name: peer, discovery }): Sample[] =>
        discovery === undefined ? [] : [[{ peer, interface: discovery.interface }, value(discovery)]],
      ),
  }
}

const COUNTERS: readonly [name: string, help: string, field: keyof DiscoveryView][] = [
  ['advertisements_sent', 'Router advertisements sent.', 'advertisementsSent'],
  ['advertisements_received', 'Router advertisements taken.', 'advertisementsReceived'],
  ['solicitations_sent', 'Router solicitations sent.', 'solicitationsSent'],
  ['solicitations_received', 'Router solicitations taken.', 'solicitationsReceived'],
  ['discarded', 'Malformed router messages, and our own that came back.', 'discarded'],
]

export const DISCOVERY_METRICS: readonly MetricDefinition[] = [
  perLink('starling_unnumbered_neighbor', 'gauge', '1 when the router behind the interface is known.', (view) =>
    flag(view.neighbor !== undefined),
  ),
  perLink(
    'starling_unnumbered_routers',
    'gauge',
    'Routers heard on the link; more than one is refused.',
    (view) => view.routers.length,
  ),
  ...COUNTERS.map(([name, help, field]) =>
    perLink(`starling_unnumbered_${name}_total`, 'counter', help, (view) => Number(view[field])),
  ),
]
