/**
 * The lists of the API: what tells two rows apart, which words find one, what they can be ordered by. The names are those
 * of the JSON, so that whoever reads an answer can ask for the next one.
 */
import type { PeerView, RouteView } from '@starling/engine'
import type { BlockView, DaemonPorts, KernelRouteShape, KernelRouteView, NodeView } from '../ports.js'
import { byAddress, natural, type Shape } from './search.js'

type Count = 'received' | 'accepted' | 'sent' | 'stale'
const sum = ({ families }: PeerView, field: Count): number => families.reduce((all, family) => all + family[field], 0)

/** A peer as the API lists it: with the name of the node it is on, where the datastore knows one. */
export interface ListedPeer extends PeerView {
  readonly node?: string
}

export function listedPeer(peer: PeerView, ports: Pick<DaemonPorts, 'nodeAt'>): ListedPeer {
  const node = ports.nodeAt?.(peer.remoteAddress)
  return node === undefined ? peer : { ...peer, node }
}

export const peerShape: Shape<ListedPeer> = {
  id: (peer) => peer.key,
  text: (peer) =>
    `${peer.name} ${peer.node ?? ''} ${peer.description} ${peer.remoteAddress} AS${peer.remoteAs ?? ''} ${peer.kind} ${
      peer.enabled ? peer.state : 'shut down'
    } ${peer.reason} ${peer.remoteRouterId ?? ''}`,
  fields: {
    name: (peer) => natural(peer.name),
    node: (peer) => natural(peer.node ?? '~'),
    state: (peer) => peer.state,
    age: (peer) => -peer.since,
    remoteAs: (peer) => peer.remoteAs ?? -1,
    remoteAddress: (peer) => byAddress(peer.remoteAddress),
    kind: (peer) => peer.kind,
    received: (peer) => sum(peer, 'received'),
    accepted: (peer) => sum(peer, 'accepted'),
    sent: (peer) => sum(peer, 'sent'),
    stale: (peer) => sum(peer, 'stale'),
    flaps: (peer) => peer.flaps,
    reason: (peer) => peer.reason,
  },
}

export const nodeShape: Shape<NodeView> = {
  id: (node) => node.name,
  text: (node) =>
    `${node.name} ${node.ipv4Address ?? ''} ${node.ipv6Address ?? ''} AS${node.asNumber} ${
      node.routeReflectorClusterId ?? ''
    } ${Object.entries(node.labels)
      .map(([name, value]) => `${name}=${value}`)
      .join(' ')}`,
  fields: {
    name: (node) => natural(node.name),
    rack: (node) => natural(rackLabel(node)),
    ipv4Address: (node) => (node.ipv4Address === undefined ? '~' : byAddress(node.ipv4Address)),
    ipv6Address: (node) => (node.ipv6Address === undefined ? '~' : byAddress(node.ipv6Address)),
    asNumber: (node) => node.asNumber,
    blocks: (node) => node.blocks,
    peers: (node) => node.peers.length,
    routeReflectorClusterId: (node) => node.routeReflectorClusterId ?? '~',
  },
}

/** The labels that name a rack, as the looking glass reads them. */
const RACKS = ['rack', 'topology.kubernetes.io/rack', 'topology.kubernetes.io/zone'] as const
export const rackLabel = ({ labels }: Pick<NodeView, 'labels'>): string =>
  RACKS.map((name) => labels[name]).find((value) => value !== undefined && value !== '') ?? ''

export const blockShape: Shape<BlockView> = {
  id: (block) => block.cidr,
  text: (block) => `${block.cidr} ${block.node ?? ''} ${block.state} ${block.pool ?? ''}`,
  fields: {
    cidr: (block) => byAddress(block.cidr),
    node: (block) => natural(block.node ?? '~'),
    state: (block) => block.state,
    pool: (block) => block.pool ?? '~',
    allocated: (block) => block.allocated,
    borrowed: (block) => block.borrowed,
  },
}

const stateOf = (route: RouteView): string =>
  `${route.best ? 'best' : route.multipath ? 'multipath' : route.eligible ? 'not best' : 'not eligible'}${
    route.stale ? ' stale' : ''
  }`

export const routeShape: Shape<RouteView> = {
  id: (route) => `${route.prefix} ${route.peer ?? route.from} ${route.pathId ?? ''}`,
  text: (route) =>
    `${route.prefix} ${route.from} ${route.nextHop ?? ''} ${route.asPath} ${route.communities.join(' ')} ${stateOf(
      route,
    )} ${route.source} ${route.reason} ${route.originatorId ?? ''}`,
  fields: {
    prefix: (route) => byAddress(route.prefix),
    state: stateOf,
    from: (route) => natural(route.from),
    nextHop: (route) => (route.nextHop === undefined ? '~' : byAddress(route.nextHop)),
    asPath: (route) => natural(route.asPath),
    localPref: (route) => route.localPref ?? -1,
    med: (route) => route.med ?? -1,
    communities: (route) => natural(route.communities.join(' ')),
    age: (route) => -route.since,
  },
}

const hops = (shape: KernelRouteShape | undefined): string =>
  shape === undefined
    ? ''
    : `${shape.kind} ${shape.nextHops.map((hop) => `via ${hop.gateway ?? ''} dev ${hop.interface ?? ''}`).join(' ')}`

export const kernelShape: Shape<KernelRouteView> = {
  id: (route) => `${route.prefix} ${route.desired?.table ?? route.actual?.table ?? ''} ${route.desired?.metric ?? ''}`,
  text: (route) =>
    `${route.prefix} ${route.state} ${route.why} ${hops(route.desired)} ${hops(route.actual)} ${
      route.lastError?.text ?? ''
    }`,
  fields: {
    prefix: (route) => byAddress(route.prefix),
    state: (route) => route.state,
    why: (route) => natural(route.why),
    desired: (route) => natural(hops(route.desired)),
    actual: (route) => natural(hops(route.actual)),
    repairs: (route) => route.repairs,
  },
}
