/**
 * The datastore contents of a topology: Calico's resources, as an operator would write them (calico.md 1.3 to 1.7). The
 * cluster's store knows nodes, reflectors and the ToRs' addresses; each Starling ToR has a store of its own, because a
 * ToR is not part of the cluster.
 */
import { mapDocument } from '@starling/resources'
import { familyOf } from './addresses.js'
import { planLab, torLinks } from './plan.js'
import type { ClusterNode, Leg, Reflector, Topology, Tor } from './types.js'

export interface StoreEntry {
  readonly key: string
  readonly value: string
}

const API = 'projectcalico.org/v3'
const OWN_API = 'starling.io/v1'
const RR_LABEL = 'route-reflector'

export interface StoreOptions {
  /** Other than 179 where 179 may not be bound. */
  readonly listenPort?: number
  /** All on one host: everyone listens on and speaks from its own address only. */
  readonly loopback?: boolean
}

/** The cluster's store. */
export function clusterStore(topology: Topology, options: StoreOptions = {}): StoreEntry[] {
  const { asNumber, mesh, nodes, reflectors, tors } = topology
  return [
    configuration(asNumber, mesh, options),
    ...pools(topology),
    ...nodes.map((node) => nodeEntry(topology, node)),
    ...reflectors.map((reflector) => reflectorEntry(reflector)),
    ...(reflectors.length === 0
      ? []
      : [entry('BGPPeer', 'route-reflectors', { nodeSelector: 'all()', peerSelector: `${RR_LABEL} == 'true'` })]),
    // Only what a node originates goes up: without this every node would offer every block to its ToR (calico.md 2.8).
    ...(tors.length === 0 ? [] : [entry('BGPFilter', 'own-routes-only', { exportV4: OWN_ONLY, exportV6: OWN_ONLY })]),
    ...uplinkCounts(topology).map((count) =>
      unnumbered(
        `uplinks-${count}`,
        { nodeSelector: `uplinks == '${count}'` },
        Array.from({ length: count }, (_, at) => ({ interface: `eth${at}`, filters: ['own-routes-only'] })),
      ),
    ),
    ...tors.flatMap((tor) =>
      tor.legs
        .filter(({ segment }) => nodes.some((node) => node.leg.segment === segment))
        .flatMap((leg) =>
          addressesOf(leg).map((address) =>
            entry('BGPPeer', `${tor.name}-${leg.segment}${suffix(address)}`, {
              nodeSelector: `rack == '${leg.segment}'`,
              peerIP: peerIp(address, options),
              asNumber: tor.asNumber,
              filters: ['own-routes-only'],
            }),
          ),
        ),
    ),
  ]
}

/** The store of one ToR: itself, the pools it lets through, and every neighbour by address. */
export function torStore(topology: Topology, tor: Tor, options: StoreOptions = {}): StoreEntry[] {
  const neighbours = [
    ...tor.legs.flatMap(({ segment }) => topology.nodes.filter((node) => node.leg.segment === segment)),
  ].map(({ name, leg, asNumber }) => ({ name, leg, asNumber }))
  for (const { tors, legs } of torLinks(topology.tors)) {
    const at = tors.indexOf(tor)
    if (at < 0) continue
    const other = 1 - at
    neighbours.push({
      name: tors[other]!.name,
      leg: legs[other] as Leg,
      asNumber: tors[other]!.asNumber,
    })
  }
  const cables = planLab(topology).devices.find(({ name }) => name === tor.name)?.cables ?? []
  return [
    configuration(tor.asNumber, false, options),
    ...pools(topology),
    entry('Node', tor.name, { bgp: { ...nodeAddresses(tor.legs[0]!), asNumber: tor.asNumber } }),
    ...neighbours.flatMap(({ name, leg, asNumber }) =>
      addressesOf(leg).map((address) =>
        entry('BGPPeer', `${name}${suffix(address)}`, {
          node: tor.name,
          peerIP: peerIp(address, options),
          asNumber,
          // Its node address is on one leg only; the kernel picks the right source for the others.
          ...(options.loopback === true ? {} : { sourceAddress: 'None' }),
        }),
      ),
    ),
    ...(cables.length === 0 ? [] : [unnumbered('cables', {}, cables)]),
  ]
}

/** The Node resource of one node, also for a node that joins later. */
export function nodeEntry(topology: Topology, node: ClusterNode): StoreEntry {
  const { name, leg, labels, asNumber } = node
  const own = asNumber === topology.asNumber ? {} : { asNumber }
  return entry('Node', name, { bgp: { ...own, ...nodeAddresses(leg) } }, labels)
}

function reflectorEntry({ name, leg, clusterId }: Reflector): StoreEntry {
  return entry(
    'Node',
    name,
    { bgp: { ...nodeAddresses(leg), routeReflectorClusterID: clusterId } },
    { [RR_LABEL]: 'true' },
  )
}

/** Sessions with whoever is behind these interfaces, found by router advertisements (docs/tor.md). */
function unnumbered(
  name: string,
  where: { readonly nodeSelector?: string },
  links: readonly { readonly interface: string; readonly filters?: readonly string[] }[],
): StoreEntry {
  const sessions = links.map(({ interface: device, filters = [] }) => ({
    interface: device,
    remoteAs: 'external',
    filters,
  }))
  return entry('StarlingPeerOptions', name, { ...where, unnumbered: sessions }, undefined, OWN_API)
}

const uplinkCounts = ({ nodes }: Topology): number[] =>
  [...new Set(nodes.map(({ uplinks }) => uplinks.length))].filter((count) => count > 0)

const OWN_ONLY = [{ source: 'RemotePeers', action: 'Reject' }]

const addressesOf = ({ address, six }: Leg): string[] => (six === undefined ? [address] : [address, six.address])

const suffix = (address: string): string => (familyOf(address) === 6 ? '-v6' : '')

function nodeAddresses({ address, length, six }: Leg) {
  return {
    ipv4Address: `${address}/${length}`,
    ...(six === undefined ? {} : { ipv6Address: `${six.address}/${six.length}` }),
  }
}

function configuration(asNumber: number, mesh: boolean, { listenPort, loopback }: StoreOptions): StoreEntry {
  return entry('BGPConfiguration', 'default', {
    asNumber,
    nodeToNodeMeshEnabled: mesh,
    ...(listenPort === undefined ? {} : { listenPort }),
    ...(loopback === true ? { bindMode: 'NodeIP' } : {}),
  })
}

function pools(topology: Topology): StoreEntry[] {
  return topology.pools.map(({ cidr, blockSize }, at) =>
    entry('IPPool', `pool-${at + 1}`, { cidr, blockSize, ipipMode: 'Never', vxlanMode: 'Never', natOutgoing: false }),
  )
}

function peerIp(address: string, { listenPort }: StoreOptions): string {
  if (listenPort === undefined) return address
  return familyOf(address) === 6 ? `[${address}]:${listenPort}` : `${address}:${listenPort}`
}

function entry(
  kind: string,
  name: string,
  spec: object,
  labels?: Readonly<Record<string, string>>,
  apiVersion = API,
): StoreEntry {
  const metadata = labels === undefined ? { name } : { name, labels }
  const mapped = mapDocument({ kind, apiVersion, metadata, spec })
  if (!mapped.ok) throw new Error(`${kind}/${name}: ${mapped.problems.map(({ message }) => message).join('; ')}`)
  return mapped
}
