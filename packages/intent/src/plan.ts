/**
 * `plan(state, node, options)`: everything one node does, from everything the cluster says (design section 6).
 *
 * Pure and whole: the same state gives the same plan whatever came before, so that a change is found by comparing plans
 * and never by following events. The order of the sections below is the order in which one needs the other.
 */
import { type EngineConfig, type PeerConfig, type PeerKey, peerKey, type Why } from '@starling/engine'
import { identify } from './identity.js'
import { DEFAULT_LOCAL_PREF, kernelRules } from './kernel.js'
import type { NodeView } from './nodes.js'
import { blockRoutes, ownBlocks, serviceRoutes } from './originate.js'
import { chooseSessions } from './peers/candidates.js'
import { type MeshMemo, planMesh } from './peers/mesh.js'
import { OptionsIndex } from './peers/options.js'
import { listenRanges, passwordClashes, unnumberedPeers } from './peers/ranges.js'
import { buildSession } from './peers/session.js'
import { TemplateBuilder } from './peers/template.js'
import { PolicyBuilder } from './policy/builder.js'
import { Interner, type SharedParts } from './reuse.js'
import { type PlannedLogLevel, type Settings, settingsFor } from './settings.js'
import type { ClusterState } from './state.js'
import type {
  Circumstances,
  Identity,
  KernelRules,
  ListenPlan,
  PlannedCommunities,
  PlannedPeer,
  PlannedRange,
  PlannedRoute,
  PlanProblem,
} from './types.js'

/** Peers drop our stale routes after this long (RFC 4724); waiting longer for them to speak would only add to the hole. */
const RESTART_DEFERRAL = 120_000
/** BIRD's `merge paths on` (calico.md 3.4). */
const MAXIMUM_PATHS = 16

/** A plan is a value: `bgp-client` applies it, `starling plan` prints it, two of them can be compared. */
export interface Plan {
  readonly node: string
  readonly identity: Identity
  readonly engine: EngineConfig
  readonly peers: ReadonlyMap<PeerKey, PlannedPeer>
  readonly ranges: readonly PlannedRange[]
  readonly localRoutes: readonly PlannedRoute[]
  readonly kernel: KernelRules
  readonly listen: ListenPlan
  /** Globs: their connected prefixes are not taken as direct routes. */
  readonly ignoredInterfaces: readonly string[]
  readonly communities: readonly PlannedCommunities[]
  readonly logLevel: PlannedLogLevel
  readonly problems: readonly PlanProblem[]
  /** What sessions share, by its text: for the next plan (`PlanOptions.previous`). */
  readonly shared: SharedParts
  /** The sessions of the mesh, node by node: likewise for the next plan. */
  readonly mesh: MeshMemo | undefined
}

export interface PlanOptions extends Circumstances {
  /** The plan before: equal parts keep their identity, which makes comparing cheap. No value depends on it. */
  readonly previous?: Plan
}

export function plan(state: ClusterState, nodeName: string, options: PlanOptions = {}): Plan {
  const problems: PlanProblem[] = []
  const node = state.nodes.get(nodeName)
  const settings = settingsFor(state, nodeName, problems)
  const identity = identify(nodeName, state.nodes, settings, options, problems)
  const blocks = ownBlocks(state, nodeName)
  const services = serviceRoutes(state, settings, nodeName, options, problems)
  const interner = new Interner(options.previous?.shared)
  const policies = new PolicyBuilder({ state, settings, identity, blocks, services, interner })
  const sessions =
    node === undefined
      ? undefined
      : planSessions({ state, settings, identity, node, policies, interner, options, problems })
  const peers = sessions?.peers ?? new Map<PeerKey, PlannedPeer>()
  const engine: EngineConfig = {
    asNumber: identity.asNumber,
    routerId: identity.routerId,
    clusterId: identity.clusterId,
    clientToClient: true,
    peers: sessions?.configs ?? new Map<PeerKey, PeerConfig>(),
    dynamicNeighbors: sessions?.ranges.map(({ neighbors }) => neighbors) ?? [],
    nextHopResolution: options.role === 'reflector' ? 'assumed' : 'tracked',
    decision: { alwaysCompareMed: false, deterministicMed: true, maximumPaths: MAXIMUM_PATHS, multipathRelax: true },
    defaultLocalPref: DEFAULT_LOCAL_PREF,
    gracefulRestartDeferral: RESTART_DEFERRAL,
  }
  return {
    node: nodeName,
    identity,
    engine,
    peers,
    ranges: sessions?.ranges ?? [],
    localRoutes: [...blockRoutes(blocks), ...services.routes, ...reachableByRoutes(peers)].sort(byPrefix),
    kernel: kernelRules(state, settings, identity, services),
    listen: listenPlan(settings, identity),
    ignoredInterfaces: settings.ignoredInterfaces,
    communities: settings.communities,
    logLevel: settings.logLevel,
    problems: [...state.problems.map(({ key: _key, ...problem }) => problem), ...(options.problems ?? []), ...problems],
    shared: interner.parts,
    mesh: sessions?.mesh,
  }
}

interface SessionsInput {
  readonly state: ClusterState
  readonly settings: Settings
  readonly identity: Identity
  readonly node: NodeView
  readonly policies: PolicyBuilder
  readonly interner: Interner
  readonly options: PlanOptions
  readonly problems: PlanProblem[]
}

function planSessions(input: SessionsInput) {
  const { state, settings, identity, node, options, problems } = input
  const workloads = options.workloads ?? []
  const index = new OptionsIndex(state, node, problems)
  for (const { metadata, spec } of index.resources) {
    const warn = (field: string, message: string) =>
      problems.push({ severity: 'warning', resource: `StarlingPeerOptions/${metadata.name}`, field, message })
    spec.peers.forEach((name, i) => {
      if (state.named('BGPPeer', name) === undefined) warn(`spec.peers[${i}]`, `no BGPPeer '${name}'`)
    })
  }
  const templates = new TemplateBuilder({ ...input, options: index, plan: options })
  const previous = (address: string, port: number) => options.previous?.peers.get(peerKey(address, port))
  const peers = new Map<PeerKey, PlannedPeer>()
  const configs = new Map<PeerKey, PeerConfig>()
  const add = (peer: PlannedPeer): void => {
    const { config } = peer
    // An option may move a session to a port where another one is already.
    if (peers.has(config.key)) return
    peers.set(config.key, peer)
    configs.set(config.key, config)
    if (peer.bfd?.echo === true) warnOfEcho(config.why.resource, problems)
  }
  const candidates = { state, settings, identity, node, workloads, problems }
  const explicit = chooseSessions(candidates, index)
  // First, because explicit sessions say whom they shadow.
  const mesh = planMesh({ ...candidates, templates, explicit, previous: options.previous?.mesh, before: previous })
  for (const chosen of explicit.values()) {
    const peer = buildSession(chosen, templates, previous, problems)
    if (peer !== undefined) add(peer)
  }
  for (const { peers: sessions } of mesh?.sessions.values() ?? []) for (const peer of sessions) add(peer)
  const own = { index, templates, state, options, problems }
  for (const peer of unnumberedPeers(own)) add(peer)
  const ranges = listenRanges(own)
  for (const { neighbors, bfd } of ranges) {
    if (bfd?.echo === true) warnOfEcho(neighbors.template.why.resource, problems)
  }
  passwordClashes(ranges, configs, problems)
  return { peers, configs, mesh, ranges }
}

/** We advertise a Required Min Echo RX Interval of 0, which forbids a peer to send any (RFC 5880 section 6.8.9). */
function warnOfEcho(resource: string, problems: PlanProblem[]): void {
  const message = 'BFD without its echo function: we send and return no echo packets'
  problems.push({ severity: 'warning', resource, field: 'bfd.echo', message })
}

/** 2.6: the peer behind a gateway; lives in our table and goes to the kernel like other statics. */
function reachableByRoutes(peers: ReadonlyMap<PeerKey, PlannedPeer>): PlannedRoute[] {
  const routes = new Map<string, PlannedRoute>()
  for (const { config, reachableBy } of peers.values()) {
    if (reachableBy === undefined || config.remoteAddress.includes('%')) continue
    const family = config.remoteAddress.includes(':') ? 'ipv6' : 'ipv4'
    const prefix = `${config.remoteAddress}/${family === 'ipv4' ? 32 : 128}`
    const why: Why = { resource: config.why.resource, field: 'spec.reachableBy', rule: 'host route to the peer' }
    const target = { kind: 'via', gateway: reachableBy } as const
    if (!routes.has(prefix))
      routes.set(prefix, { prefix, family, source: 'static', target, label: `reachableBy of ${config.name}`, why })
  }
  return [...routes.values()]
}

/** 2.2. A family is listened on when the node has an address of it. */
function listenPlan(
  { global, node, nodeConfiguration, listenPort, bindMode }: Settings,
  identity: Identity,
): ListenPlan {
  const nodeIp = bindMode === 'NodeIP'
  const port = listenPort ?? 179
  const resource = node?.listenPort !== undefined ? nodeConfiguration : 'BGPConfiguration/default'
  return {
    port,
    ...(identity.ipv4 === undefined ? {} : { ipv4: nodeIp ? identity.ipv4.address : '0.0.0.0' }),
    ...(identity.ipv6 === undefined ? {} : { ipv6: nodeIp ? identity.ipv6.address : '::' }),
    why:
      listenPort === undefined && global?.bindMode === undefined
        ? { resource: 'built-in', rule: 'port 179 on every address' }
        : { resource, field: 'spec.listenPort, spec.bindMode', rule: `port ${port}, bind mode ${bindMode}` },
  }
}

const byPrefix = (a: PlannedRoute, b: PlannedRoute): number => (a.prefix < b.prefix ? -1 : a.prefix > b.prefix ? 1 : 0)
