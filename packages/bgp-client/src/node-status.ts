/**
 * CalicoNodeStatus: what this node's sessions and routes look like, written into the objects that ask for it (calico.md
 * 1.12, 6.5). For clusters in which Calico's own reporter does not run; two reporters would take turns writing.
 *
 * The datastore sees a write only when the status differs, so `lastUpdated` is the last change. Writes are
 * compare-and-swap and keep every field we do not know; a conflict is settled at the next turn.
 */
import type { DaemonPorts } from '@starling/api'
import type { Datastore, Snapshot } from '@starling/datastore'
import type { FamilyName, PeerView, RouteView } from '@starling/engine'
import {
  type CalicoNodeStatusResource,
  decodeEntry,
  isJsonObject,
  type JsonObject,
  kindPrefix,
  parseJson,
  rfc3339Seconds,
  stringifyJson,
} from '@starling/resources'

const TURN_MS = 1000
/** Objects in etcd stay below 1.5 MB; this many routes of two families do. */
const MOST_ROUTES = 4000
const PAGE = 500
const FAMILIES = ['ipv4', 'ipv6'] as const
const PREFIX = kindPrefix('CalicoNodeStatus')

export type StatusPorts = Pick<
  DaemonPorts,
  'identity' | 'peers' | 'routes' | 'kernel' | 'kernelRoutes' | 'now' | 'toEpoch'
>

export interface NodeStatusOptions {
  readonly datastore: Datastore
  readonly node: string
  readonly version: string
  readonly ports: StatusPorts
  snapshot(): Snapshot
  failed(text: string): void
}

export class NodeStatusReporter {
  readonly #options: NodeStatusOptions
  /** When each object is due, by key. */
  readonly #due = new Map<string, number>()
  #timer: NodeJS.Timeout | undefined
  #stopped = false
  #lastFailure = ''

  constructor(options: NodeStatusOptions) {
    this.#options = options
  }

  start(): void {
    this.#timer = setTimeout(() => {
      this.turn()
        .catch((error: unknown) => this.#fail(error instanceof Error ? error.message : String(error)))
        .finally(() => {
          if (!this.#stopped) this.start()
        })
    }, TURN_MS)
    this.#timer.unref()
  }

  stop(): void {
    this.#stopped = true
    clearTimeout(this.#timer)
  }

  /** Writes whatever is due now. */
  async turn(): Promise<void> {
    const { node, ports } = this.#options
    const seen = new Set<string>()
    for (const { key, value } of this.#options.snapshot().under(PREFIX)) {
      const decoded = decodeEntry(key, value)
      if (decoded?.ok !== true || decoded.value.kind !== 'CalicoNodeStatus' || decoded.value.spec.node !== node)
        continue
      const { spec } = decoded.value
      seen.add(key)
      if (spec.updatePeriodSeconds === 0 || ports.now() < (this.#due.get(key) ?? 0)) continue
      this.#due.set(key, ports.now() + spec.updatePeriodSeconds * 1000)
      await this.#write(key, spec)
    }
    for (const key of this.#due.keys()) if (!seen.has(key)) this.#due.delete(key)
  }

  async #write(key: string, { classes }: CalicoNodeStatusResource['spec']): Promise<void> {
    const { datastore, ports, version } = this.#options
    const current = await datastore.get(key)
    if (current === undefined) return
    const value = parseJson(current.value)
    if (!isJsonObject(value)) return
    const { lastUpdated: _lastUpdated, ...before } = isJsonObject(value['status']) ? value['status'] : {}
    const status = nodeStatus(ports, classes, version)
    if (stringifyJson(before) === stringifyJson(status)) return
    const next = { ...value, status: { lastUpdated: rfc3339Seconds(ports.toEpoch(ports.now())), ...status } }
    await datastore.update(key, stringifyJson(next), current.revision)
    this.#lastFailure = ''
  }

  #fail(text: string): void {
    if (text !== this.#lastFailure && !this.#stopped) this.#options.failed(text)
    this.#lastFailure = text
  }
}

/** Without `lastUpdated`, and only the classes that were asked for. */
export function nodeStatus(ports: StatusPorts, classes: readonly string[], version: string): JsonObject {
  const peers = FAMILIES.map((family) =>
    ports
      .peers()
      .filter((peer) => carries(peer, family))
      .sort((a, b) => (a.name < b.name ? -1 : 1)),
  )
  const status: JsonObject = {}
  if (classes.includes('Agent'))
    status['agent'] = { birdV4: agent(ports, version, 'ipv4'), birdV6: agent(ports, version, 'ipv6') }
  if (classes.includes('BGP')) {
    const [up4, up6] = peers.map((list) => list.filter(({ state }) => state === 'Established').length)
    const [all4, all6] = peers.map(({ length }) => length)
    status['bgp'] = {
      numberEstablishedV4: up4 ?? 0,
      numberNotEstablishedV4: (all4 ?? 0) - (up4 ?? 0),
      numberEstablishedV6: up6 ?? 0,
      numberNotEstablishedV6: (all6 ?? 0) - (up6 ?? 0),
      ...listed('peersV', peers, (peer) => peerRow(peer, ports)),
    }
  }
  if (classes.includes('Routes')) {
    const types = new Map(ports.peers().map((peer) => [peer.key as string, peer]))
    const routes = FAMILIES.map((family) => routesOf(ports, family))
    status['routes'] = listed('routesV', routes, (route) => routeRow(route, ports, types))
  }
  return status
}

/** `peersV4`, `peersV6`; an empty list is absent, as Go's omitempty leaves it. */
function listed<T>(name: string, lists: readonly (readonly T[])[], row: (item: T) => JsonObject): JsonObject {
  const result: JsonObject = {}
  lists.forEach((list, i) => {
    if (list.length > 0) result[`${name}${i === 0 ? 4 : 6}`] = list.map(row)
  })
  return result
}

const carries = (peer: PeerView, family: FamilyName): boolean =>
  peer.families.length === 0
    ? peer.remoteAddress.includes(':') === (family === 'ipv6')
    : peer.families.some((item) => item.family === family)

/** A family is ready when the node has an address of it: the one speaker serves both. */
function agent(ports: StatusPorts, version: string, family: FamilyName): JsonObject {
  const identity = ports.identity()
  const address = family === 'ipv4' ? identity.ipv4Address : identity.ipv6Address
  if (address === undefined) return { state: 'NotReady' }
  return {
    state: 'Ready',
    version,
    routerID: identity.routerId,
    lastBootTime: time(ports.toEpoch(identity.startedAt)),
    lastReconfigurationTime: time(ports.toEpoch(identity.configuredAt)),
  }
}

/** `2026-08-04 07:10:56`, in UTC. */
const time = (epoch: number): string => rfc3339Seconds(epoch).replace('T', ' ').replace('Z', '')

const PEER_TYPES: Readonly<Record<string, string>> = { mesh: 'NodeMesh', global: 'GlobalPeer' }

function peerRow({ remoteAddress, kind, state, since }: PeerView, ports: StatusPorts): JsonObject {
  return {
    peerIP: remoteAddress,
    type: PEER_TYPES[kind] ?? 'NodePeer',
    state,
    since: time(ports.toEpoch(since)).slice(11),
  }
}

function routesOf(ports: StatusPorts, family: FamilyName): readonly RouteView[] {
  const routes: RouteView[] = []
  let cursor: string | undefined
  do {
    const page = ports.routes({ family, view: 'accepted', limit: PAGE, ...(cursor === undefined ? {} : { cursor }) })
    routes.push(...page.routes)
    cursor = page.next
  } while (cursor !== undefined && routes.length < MOST_ROUTES)
  return routes.slice(0, MOST_ROUTES)
}

const SOURCES = { kernel: 'Kernel', static: 'Static', direct: 'Direct' } as const

function routeRow(route: RouteView, ports: StatusPorts, peers: ReadonlyMap<string, PeerView>): JsonObject {
  const peer = route.peer === undefined ? undefined : peers.get(route.peer)
  const learnedFrom: JsonObject =
    route.source === 'bgp'
      ? { sourceType: peer?.kind === 'mesh' ? 'NodeMesh' : 'BGPPeer', peerIP: peer?.remoteAddress ?? '' }
      : { sourceType: SOURCES[route.source] }
  return {
    type: route.best ? 'FIB' : 'RIB',
    destination: route.prefix,
    gateway: route.nextHop ?? 'N/A',
    interface: interfaceOf(route, ports),
    learnedFrom,
  }
}

function interfaceOf({ prefix, source, from, nextHop }: RouteView, ports: StatusPorts): string {
  if (source === 'static' && nextHop === undefined) return 'blackhole'
  // The label of a host's own route ends with its device: `connected eth0`.
  if (source === 'kernel' || source === 'direct') return from.slice(from.lastIndexOf(' ') + 1)
  if (ports.kernel() === undefined) return 'N/A'
  const [written] = ports.kernelRoutes({ match: { kind: 'exact', prefix }, limit: 1 }).routes
  const shape = written?.actual ?? written?.desired
  return shape?.nextHops.find((hop) => hop.interface !== undefined)?.interface ?? 'N/A'
}
