/**
 * A daemon made of plain values, for the tests of everything that stands on {@link DaemonPorts}: API, control socket,
 * command line, web page. Time stands still unless a test moves it.
 */
import type { Explanation, GroupView, MessageCounts, PeerView, RouteQuery, RouteView } from '@starling/engine'
import { EventLog } from '../events/log.js'
import type {
  AdminAction,
  AdminResult,
  BlockView,
  DaemonPorts,
  DatastoreStatus,
  HealthFacts,
  Identity,
  KernelQuery,
  KernelRouteView,
  KernelView,
  NodeView,
} from '../ports.js'

/** 2026-08-04T08:00:00Z. */
export const EPOCH = 1785830400000

const NO_MESSAGES: MessageCounts = { open: 0, update: 0, notification: 0, keepalive: 0, routeRefresh: 0, total: 0 }

export function peerView(name: string, remoteAddress: string, more: Partial<PeerView> = {}): PeerView {
  return {
    key: remoteAddress,
    name,
    kind: name.startsWith('Mesh_') ? 'mesh' : name.startsWith('Global_') ? 'global' : 'node',
    description: '',
    why: { resource: 'BGPConfiguration/default', field: 'spec.nodeToNodeMeshEnabled', rule: 'mesh' },
    remoteAddress,
    remotePort: 179,
    localAddress: remoteAddress.includes(':') ? 'fd00:a::11' : '10.0.0.11',
    remoteAs: 64512,
    localAs: 64512,
    type: 'internal',
    remoteRouterId: '10.0.0.12',
    state: 'Established',
    notes: [],
    reason: '',
    since: 1000,
    passive: false,
    enabled: true,
    routeReflectorClient: false,
    families: [
      {
        family: remoteAddress.includes(':') ? 'ipv6' : 'ipv4',
        received: 3,
        accepted: 2,
        preferred: 2,
        sent: 1,
        stale: 0,
        addPathReceive: false,
        addPathSend: false,
        endOfRibReceived: true,
        endOfRibSent: true,
      },
    ],
    holdTime: 180,
    keepaliveTime: 60,
    configuredHoldTime: 180,
    capabilities: { advertised: ['route-refresh', '4-octet-as'], received: ['route-refresh', '4-octet-as'] },
    messagesReceived: { ...NO_MESSAGES, open: 1, update: 5, keepalive: 9, total: 15 },
    messagesSent: { ...NO_MESSAGES, open: 1, update: 2, keepalive: 9, total: 12 },
    established: 1,
    flaps: 0,
    badUpdates: { discarded: 0, withdrawn: 0, reset: 0 },
    gracefulRestart: { peerCapable: true, waitingForEndOfRib: false },
    group: 1,
    lagging: false,
    outputQueueBytes: 0,
    ...more,
  }
}

export function routeView(prefix: string, more: Partial<RouteView> = {}): RouteView {
  return {
    prefix,
    family: prefix.includes(':') ? 'ipv6' : 'ipv4',
    source: 'bgp',
    from: 'Mesh_10_0_0_12',
    peer: '10.0.0.12',
    best: true,
    multipath: false,
    stale: false,
    eligible: true,
    reason: '',
    nextHop: '10.0.0.12',
    origin: 'IGP',
    asPath: '',
    localPref: 100,
    communities: [],
    clusterList: [],
    metric: 0,
    preference: 100,
    since: 1000,
    ...more,
  }
}

export interface FakeDaemon extends DaemonPorts {
  time: number
  peerList: PeerView[]
  routeList: RouteView[]
  kernelList: KernelRouteView[]
  kernelState: KernelView | undefined
  identityValue: Identity
  healthValue: HealthFacts
  datastoreValue: DatastoreStatus
  groupList: GroupView[]
  blockList: BlockView[]
  nodeList: NodeView[]
  explanation: Explanation | undefined
  loopDelayMax: number
  readonly events: EventLog
  readonly actions: AdminAction[]
  adminResult: AdminResult
  /** The last route query, as the API handed it over. */
  asked: RouteQuery | undefined
}

/** Pages by position in the whole list: a walk over all pages looks at each item once. */
function slice<T>(
  items: readonly T[],
  wanted: (item: T) => boolean,
  limit: number,
  cursor: string | undefined,
): { part: T[]; next?: string } {
  const part: T[] = []
  for (let at = cursor === undefined ? 0 : Number(cursor); at < items.length; at++) {
    const item = items[at] as T
    if (!wanted(item)) continue
    if (part.length === limit) return { part, next: String(at) }
    part.push(item)
  }
  return { part }
}

function matches(prefix: string, match: RouteQuery['match']): boolean {
  if (match === undefined) return true
  // `in` and `for` are the engine's business; a daemon of values compares text.
  const network = match.prefix.split('/')[0] ?? ''
  if (match.kind === 'exact') return prefix === match.prefix
  return prefix.startsWith(
    network
      .split(/[.:]/)
      .slice(0, 2)
      .join(network.includes(':') ? ':' : '.'),
  )
}

export function fakeDaemon(): FakeDaemon {
  const events = new EventLog()
  const daemon: FakeDaemon = {
    time: 61_000,
    peerList: [
      peerView('Mesh_10_0_0_12', '10.0.0.12'),
      peerView('Mesh_10_0_0_13', '10.0.0.13', { state: 'Connect', reason: 'connection refused', since: 31_000 }),
      peerView('Global_192_0_2_1', '192.0.2.1', { remoteAs: 64601, type: 'external' }),
      peerView('Mesh_fd00_a__12', 'fd00:a::12'),
    ],
    routeList: [
      routeView('10.244.1.0/26', { source: 'static', from: 'own block', preference: 200 }),
      routeView('10.244.2.0/26'),
      routeView('10.244.2.0/26', { best: false, from: 'Global_192_0_2_1', peer: '192.0.2.1', asPath: '64601' }),
    ].map((route) => (route.source === 'static' ? withoutNextHop(route) : route)),
    kernelList: [kernelRoute('10.244.2.0/26')],
    kernelState: {
      driver: 'memory',
      synchronized: true,
      desired: 2,
      installed: 2,
      pending: 0,
      failed: 0,
      drifted: 0,
      repairs: 1,
      errors: 0,
      resyncs: 1,
      lastSync: 2000,
    },
    identityValue: {
      role: 'node',
      name: 'worker-1',
      version: '0.1.0',
      asNumber: 64512,
      routerId: '10.0.0.11',
      ipv4Address: '10.0.0.11',
      listen: ['0.0.0.0:179'],
      startedAt: 500,
      configuredAt: 900,
      configGeneration: 3,
    },
    healthValue: {
      graceful: { recovering: false, waitingFor: [] },
      started: true,
      requiredPeers: [],
      excusedPeers: [],
    },
    datastoreValue: {
      description: 'memory',
      status: 'in-sync',
      detail: 'revision 42',
      since: 800,
      revision: 42,
      keys: 7,
      problems: [],
    },
    groupList: [{ id: 1, members: ['Mesh_10_0_0_12'], prefixes: 1, logBytes: 512, lagging: [] }],
    blockList: [
      {
        cidr: '10.244.1.0/26',
        family: 'ipv4',
        node: 'worker-1',
        state: 'confirmed',
        pool: 'default-ipv4-ippool',
        size: 64,
        allocated: 2,
        borrowed: 0,
        originated: true,
      },
    ],
    nodeList: [
      {
        name: 'worker-1',
        ipv4Address: '10.0.0.11',
        asNumber: 64512,
        asNumberInherited: true,
        labels: { rack: 'r1' },
        blocks: 1,
        local: true,
        peers: [],
      },
    ],
    explanation: undefined,
    loopDelayMax: 4,
    actions: [],
    adminResult: { ok: true, changed: true, detail: 'done' },
    asked: undefined,
    events,
    now: () => daemon.time,
    toEpoch: (at) => EPOCH + at,
    identity: () => daemon.identityValue,
    health: () => daemon.healthValue,
    datastoreStatus: () => daemon.datastoreValue,
    peers: () => daemon.peerList,
    tables: () => [{ family: 'ipv4', prefixes: 2, paths: daemon.routeList.length }],
    routes(query) {
      daemon.asked = query
      const wanted = (route: RouteView): boolean =>
        (query.family === undefined || route.family === query.family) &&
        (query.view !== 'best' || route.best) &&
        (query.peer === undefined || route.peer === query.peer) &&
        matches(route.prefix, query.match)
      const { part, next } = slice(daemon.routeList, wanted, query.limit, query.cursor)
      return next === undefined ? { routes: part } : { routes: part, next }
    },
    explain: () => daemon.explanation,
    kernel: () => daemon.kernelState,
    kernelRoutes(query: KernelQuery) {
      const wanted = (route: (typeof daemon.kernelList)[number]): boolean =>
        matches(route.prefix, query.match) &&
        (query.state === undefined ||
          (query.state === 'drift' ? route.state !== 'installed' : route.state === query.state))
      const { part, next } = slice(daemon.kernelList, wanted, query.limit, query.cursor)
      return next === undefined ? { routes: part } : { routes: part, next }
    },
    groups: () => daemon.groupList,
    blocks: () => daemon.blockList,
    nodes: () => daemon.nodeList,
    nodeAt: (address) =>
      daemon.nodeList.find((node) => node.ipv4Address === address || node.ipv6Address === address)?.name,
    memory: () => ({ structures: [{ name: 'paths', entries: 3, bytes: 4096 }] }),
    loopDelay: () => ({ mean: 1, p50: 1, p99: 3, max: daemon.loopDelayMax }),
    async admin(action) {
      daemon.actions.push(action)
      return daemon.adminResult
    },
  }
  return daemon
}

function withoutNextHop(route: RouteView): RouteView {
  const { nextHop: _nextHop, peer: _peer, ...rest } = route
  return rest
}

export function kernelRoute(prefix: string, more: Partial<KernelRouteView> = {}): KernelRouteView {
  const shape = {
    kind: 'unicast' as const,
    metric: 0,
    table: 254,
    nextHops: [{ gateway: '10.0.0.12', interface: 'eth0', onlink: false, weight: 1 }],
  }
  return {
    prefix,
    family: prefix.includes(':') ? 'ipv6' : 'ipv4',
    state: 'installed',
    why: 'Mesh_10_0_0_12',
    desired: shape,
    actual: { ...shape, protocol: 12 },
    repairs: 0,
    ...more,
  }
}
