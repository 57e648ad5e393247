/**
 * Whole clusters in a simulation: a full mesh, or clients with a pair of reflectors, built from one seed; what they
 * should converge to, computed without any of the engine's code; and the invariants that hold after every run.
 *
 * A reflected cluster may have groups (a room, a zone): each has reflectors of its own, which are clients of a pair above
 * them, so that nobody holds more sessions than a group has nodes (docs/scale.md).
 */
import type { EngineConfig, EngineEvent, PeerConfig } from '@starling/engine'
import { SimClock } from './clock.js'
import { testConfig, testPeer, testTimers } from './configs.js'
import { DEFAULT_NETWORK, Network, type NetworkOptions } from './network.js'
import { type NodeOptions, SimNode } from './node.js'
import { Random } from './random.js'

export interface ClusterOptions {
  readonly seed: number
  readonly shape: 'mesh' | 'reflected'
  /** Nodes that originate routes; a reflected cluster has `reflectors` more. */
  readonly nodes: number
  readonly reflectors?: number
  /** More than one: so many groups with `reflectors` each, below a pair of their own. */
  readonly groups?: number
  readonly network?: NetworkOptions
  readonly node?: NodeOptions
  readonly peer?: Partial<PeerConfig>
  /** Fills {@link Cluster.links} before anybody starts. */
  readonly mix?: (cluster: Cluster) => void
}

const REFLECTOR_NET = '10.200.'
const TOP = 2

function nodeAddress(index: number): string {
  return `10.0.${index >> 8}.${index & 255}`
}

function addressValue(address: string): number {
  return address.split('.').reduce((value, part) => value * 256 + Number(part), 0)
}

export class Cluster {
  readonly clock = new SimClock()
  readonly random: Random
  readonly network: Network
  readonly options: ClusterOptions
  readonly nodes = new Map<string, SimNode>()
  /** Who should originate what. */
  readonly origins = new Map<string, Set<string>>()
  /** What one member (`a b`: a about b) wants of one peering beyond everybody's wishes; part of every configuration. */
  readonly links = new Map<string, Partial<PeerConfig>>()
  readonly #restartNode: NodeOptions

  constructor(options: ClusterOptions) {
    this.options = options
    this.random = new Random(options.seed)
    this.network = new Network(this.clock, this.random, options.network ?? DEFAULT_NETWORK)
    this.#restartNode = options.node ?? {}
    options.mix?.(this)
    for (const address of this.addresses()) this.#add(address)
  }

  /** Brings a member's configuration to what {@link links} says now. */
  configure(address: string): void {
    const node = this.node(address)
    if (node.alive) node.input((engine, now) => engine.configure(this.config(address), now))
  }

  addresses(): string[] {
    return [...this.clients(), ...this.reflectors()]
  }

  clients(): string[] {
    return Array.from({ length: this.options.nodes }, (_, index) => nodeAddress(index + 1))
  }

  /** Of the upper level, or of the only one. */
  top(): string[] {
    if (this.options.shape !== 'reflected') return []
    return this.#reflectorsOf(-1, this.groups > 1 ? TOP : (this.options.reflectors ?? 2))
  }

  /** Those a group's nodes speak to. */
  reflectorsOfGroup(group: number): string[] {
    return this.groups > 1 ? this.#reflectorsOf(group, this.options.reflectors ?? 2) : this.top()
  }

  reflectors(): string[] {
    const below = this.groups > 1 ? Array.from({ length: this.groups }, (_, g) => this.reflectorsOfGroup(g)).flat() : []
    return [...this.top(), ...below]
  }

  get groups(): number {
    return this.options.groups ?? 1
  }

  #reflectorsOf(group: number, count: number): string[] {
    return Array.from({ length: count }, (_, index) => `${REFLECTOR_NET}${group + 1}.${index + 1}`)
  }

  /** Nodes of a group, in order of their addresses. */
  clientsOfGroup(group: number): string[] {
    const size = Math.ceil(this.options.nodes / this.groups)
    const end = Math.min(this.options.nodes, (group + 1) * size)
    return Array.from({ length: Math.max(0, end - group * size) }, (_, i) => nodeAddress(group * size + i + 1))
  }

  #groupOf(client: string): number {
    const index = addressValue(client) - addressValue(nodeAddress(0)) - 1
    return Math.floor(index / Math.ceil(this.options.nodes / this.groups))
  }

  isReflector(address: string): boolean {
    return address.startsWith(REFLECTOR_NET)
  }

  /** The configuration of one member; `rename` gives every peering another name without touching what it is. */
  config(
    address: string,
    change: { readonly rename?: string; readonly peer?: Partial<PeerConfig> } = {},
  ): EngineConfig {
    const timers = testTimers({ connectRetryTime: 10_000, idleHoldTime: [500, 8_000] })
    const peer = (remote: string, overrides: Partial<PeerConfig>) =>
      testPeer(remote, {
        timers,
        name: `${change.rename ?? 'peer'}_${remote}`,
        ...this.options.peer,
        ...overrides,
        ...this.links.get(`${address} ${remote}`),
        ...change.peer,
      })
    const others = (list: readonly string[]) => list.filter((other) => other !== address)
    const plain = (other: string) => peer(other, { passive: addressValue(other) < addressValue(address) })
    const client = (other: string) => peer(other, { passive: true, routeReflectorClient: true })
    const upward = (other: string) => peer(other, { passive: false })
    if (this.options.shape === 'mesh') return testConfig(address, others(this.addresses()).map(plain))
    if (!this.isReflector(address)) {
      return testConfig(address, this.reflectorsOfGroup(this.#groupOf(address)).map(upward))
    }
    const group = Number(address.split('.')[2]) - 1
    const clients = group >= 0 ? this.clientsOfGroup(group) : this.#clientsOfTop()
    const beside = others(group >= 0 ? this.reflectorsOfGroup(group) : this.top()).map(plain)
    const above = group >= 0 ? this.top().map(upward) : []
    // One cluster per reflector: either may be lost without the other forgetting paths (RFC 4456 section 7).
    return testConfig(address, [...clients.map(client), ...beside, ...above], { clusterId: addressValue(address) })
  }

  #clientsOfTop(): string[] {
    if (this.groups === 1) return this.clients()
    return Array.from({ length: this.groups }, (_, group) => this.reflectorsOfGroup(group)).flat()
  }

  #add(address: string): void {
    this.nodes.set(address, new SimNode(address, this.config(address), this.network, this.random, this.#restartNode))
    this.origins.set(address, new Set())
  }

  node(address: string): SimNode {
    const node = this.nodes.get(address)
    if (node === undefined) throw new Error(`no node ${address}`)
    return node
  }

  announce(address: string, prefix: string): void {
    this.origins.get(address)?.add(prefix)
    const node = this.node(address)
    if (node.alive) node.input((engine, now) => engine.setLocalRoute(localRoute(prefix), now))
  }

  withdraw(address: string, prefix: string): void {
    this.origins.get(address)?.delete(prefix)
    const node = this.node(address)
    if (node.alive) node.input((engine, now) => engine.removeLocalRoute('static', prefix, now))
  }

  /** A member that died comes back and originates what it should. */
  revive(address: string, restarting: boolean): void {
    const node = this.node(address)
    if (node.alive) return
    node.revive(restarting, this.config(address))
    for (const prefix of this.origins.get(address) ?? []) {
      node.input((engine, now) => engine.setLocalRoute(localRoute(prefix), now))
    }
  }

  /**
   * What everybody should have: each prefix by the next hop of the smallest router id among those who originate it; all
   * paths inside one AS are equal up to the last steps of the decision.
   */
  #everybody(): ReadonlyMap<string, string> {
    const table = new Map<string, string>()
    const origins = [...this.origins].filter(([origin, prefixes]) => prefixes.size > 0 && this.node(origin).alive)
    origins.sort(([a], [b]) => addressValue(a) - addressValue(b))
    for (const [origin, prefixes] of origins) {
      for (const prefix of prefixes) if (!table.has(prefix)) table.set(prefix, origin)
    }
    return table
  }

  /** Differences between what a member has and should have; empty when it has converged. */
  differences(address: string, everybody = this.#everybody()): string[] {
    const { installed } = this.node(address)
    const own = this.origins.get(address)
    const found: string[] = []
    for (const [prefix, origin] of everybody) {
      // Its own routes are as they are, whoever else announces them.
      const nextHop = own?.has(prefix) === true ? 'local' : origin
      const has = installed.get(prefix)?.nextHop
      if (has !== nextHop) found.push(`${address}: ${prefix} via ${has ?? 'nothing'} instead of ${nextHop}`)
    }
    for (const [prefix, { nextHop }] of installed) {
      if (!everybody.has(prefix)) found.push(`${address}: ${prefix} via ${nextHop} should not be there`)
    }
    return found
  }

  get converged(): boolean {
    const everybody = this.#everybody()
    for (const [address, node] of this.nodes) {
      if (node.alive && this.differences(address, everybody).length > 0) return false
    }
    return true
  }

  /** Let time pass in steps until all have converged; false when `limit` milliseconds were not enough. */
  settle(limit: number, step = 50): boolean {
    const end = this.clock.now + limit
    while (!this.converged) {
      if (this.clock.now >= end) return false
      this.clock.run(step)
    }
    return true
  }

  events<T extends EngineEvent['type']>(type: T): Extract<EngineEvent, { type: T }>[] {
    const all = [...this.nodes.values()].flatMap((node) => node.events)
    return all.filter((event): event is Extract<EngineEvent, { type: T }> => event.type === type)
  }

  /** Differences of all members alive. */
  allDifferences(): string[] {
    const everybody = this.#everybody()
    const alive = [...this.nodes].filter(([, node]) => node.alive)
    return alive.flatMap(([address]) => this.differences(address, everybody))
  }

  /** Invariants of every quiet moment, in words; empty when all hold. */
  violations(): string[] {
    const found: string[] = []
    for (const [address, node] of this.nodes) {
      if (!node.alive) continue
      found.push(...this.differences(address))
      found.push(...node.engine.audit().map((problem) => `${address}: ${problem}`))
      if (node.engine.internalErrors > 0) found.push(`${address}: internal error ${node.engine.lastInternalError}`)
      for (const route of node.engine.routes({ view: 'all', limit: 100_000 }).routes) {
        const own = route.source === 'bgp' && (route.nextHop === address || route.originatorId === address)
        // With ADD-PATH a second reflector passes on what it has from the first; ORIGINATOR_ID then refuses it (RFC 4456).
        if (own && (route.eligible || route.pathId === undefined))
          found.push(`${address}: its own ${route.prefix} came back from ${route.from}`)
        if (route.stale) found.push(`${address}: ${route.prefix} from ${route.from} is still stale`)
      }
    }
    return found
  }
}

function localRoute(prefix: string) {
  return { prefix, source: 'static', target: { kind: 'blackhole' }, label: 'own block' } as const
}
