/**
 * A chosen candidate to the session's full configuration: name, addresses, AS, who dials, who is whose client
 * (calico.md 2.3 to 2.5), on top of the template its kind of session shares.
 */
import { type PeerConfig, peerKey } from '@starling/engine'
import { sameMakings } from '../reuse.js'
import type { PlannedPeer, PlanProblem } from '../types.js'
import type { Candidate } from './candidate.js'
import type { Chosen } from './candidates.js'
import type { TemplateBuilder } from './template.js'

const PREFIX = {
  mesh: 'Mesh_',
  global: 'Global_',
  node: 'Node_',
  'local-workload': 'Local_Workload_',
  dynamic: 'Dynamic_',
  static: 'Static_',
} as const

/** BIRD's protocol name (calico.md 2.3, 2.4). */
export function protocolName({ kind, address, port }: Pick<Candidate, 'kind' | 'address' | 'port'>): string {
  const suffix = port > 0 && kind !== 'mesh' ? `_port_${port}` : ''
  return PREFIX[kind] + address.replace(/[.:%]/g, '_') + suffix
}

/** The old session where the makings are the same; undefined (and a problem) where no session can be made. */
export function buildSession(
  { candidate, shadowed }: Chosen,
  templates: TemplateBuilder,
  previous: (address: string, port: number) => PlannedPeer | undefined,
  problems: PlanProblem[],
): PlannedPeer | undefined {
  const { peer, family, zone, kind, address, explicit, why, remoteClusterId } = candidate
  const localWorkload = kind === 'local-workload'
  const basis = templates.of({ peer, family, explicit, localWorkload, linkLocal: zone !== undefined })
  const { template, given, filters, sourceAddress, wantsPassword, reachableBy, bfd, bfdKey, optionsFrom } = basis
  const remoteAs = given.remoteAs ?? candidate.remoteAs
  if (remoteAs === 0) {
    const message = `no AS number for ${address}, which is no node of the cluster: no session`
    problems.push({ severity: 'error', resource: why.resource, field: 'spec.asNumber', message })
    return undefined
  }
  const remotePort = given.remotePort ?? (candidate.port === 0 ? 179 : candidate.port)
  const makings = { basis, candidate, shadowed }
  const old = previous(address, remotePort)
  if (old !== undefined && sameMakings(old.makings, makings)) return old
  const internal = remoteAs === 'internal' || remoteAs === template.localAs
  const ownCluster = template.clusterId
  const routeReflectorClient =
    given.routeReflectorClient ?? (kind !== 'mesh' && internal && ownCluster !== 0 && remoteClusterId !== ownCluster)
  // Member by member: spreading the template makes a slow object, 15 us each, and a mesh has thousands.
  const config: PeerConfig = {
    key: peerKey(address, remotePort),
    name: protocolName(candidate),
    kind,
    description: given.description ?? describe(candidate),
    why,
    remoteAddress: address,
    remotePort,
    localAddress: template.localAddress,
    interface: template.interface ?? zone,
    remoteAs,
    localAs: template.localAs,
    passive: given.passive ?? candidate.passive,
    enabled: template.enabled,
    shutdownMessage: template.shutdownMessage,
    heldDown: template.heldDown,
    password: template.password,
    ttlSecurity: template.ttlSecurity,
    transport: template.transport,
    families: template.families,
    timers: template.timers,
    gracefulRestart: template.gracefulRestart,
    routeRefresh: template.routeRefresh,
    extendedMessages: template.extendedMessages,
    fourOctetAs: template.fourOctetAs,
    role: template.role,
    routeReflectorClient,
    clusterId: template.clusterId,
    nextHop: template.nextHop,
    allowOwnAs: template.allowOwnAs,
    enforceFirstAs: template.enforceFirstAs,
    asOverride: template.asOverride,
    removePrivateAs: template.removePrivateAs,
    importPolicy: template.importPolicy,
    exportPolicy: template.exportPolicy,
    importDefault: template.importDefault,
    exportDefault: template.exportDefault,
    discardAttributes: template.discardAttributes,
    withdrawOnAttributes: template.withdrawOnAttributes,
    bfdStrict: template.bfdStrict,
  }
  return {
    config,
    filters,
    sourceAddress,
    wantsPassword,
    optionsFrom,
    shadowed,
    remoteClusterId,
    reachableBy,
    bfd,
    bfdKey,
    makings,
  }
}

function describe({ kind, remoteNode, peer }: Candidate): string {
  if (kind === 'mesh') return `node ${remoteNode}`
  return remoteNode === undefined
    ? `BGPPeer ${peer?.metadata.name}`
    : `BGPPeer ${peer?.metadata.name}, node ${remoteNode}`
}
