/**
 * Whole clusters in a simulation: a full mesh, or clients with a pair of reflectors, built from one seed; what they
 * should converge to, computed without any of the engine's code; and the invariants that hold after every run.
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
  readonly network?: NetworkOptions
  readonly node?: NodeOptions
  readonly peer?: Partial<PeerConfig>
}

const REFLECTOR_NET = '10.200.0.'

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
  readonly #restartNode: NodeOptions

  constructor(options: ClusterOptions) {
    this.options = options
    this.random = new Random(options.seed)
    this.network = new Network(this.clock, this.random, options.network ?? DEFAULT_NETWORK)
    this.#restartNode = options.node ?? {}
    for (const address of this.addresses()) this.#add(address)
  }

  addresses(): string[] {
    return [...this.clients(), ...this.reflectors()]
  }

  clients(): string[] {
    return Array.from({ length: this.options.nodes }, (_, index) => nodeAddress(index + 1))
  }

  reflectors(): string[] {
    const count = this.options.shape === 'reflected' ? (this.options.reflectors ?? 2) : 0
    return Array.from({ length: count }, (_, index) => `${REFLECTOR_NET}${index + 1}`)
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
        ...change.peer,
      })
    const all = this.options.shape === 'mesh' || this.isReflector(address) ? this.addresses() : []
    const others = all.filter((other) => other !== address)
    if (this.options.shape === 'mesh') {
      return testConfig(
        address,
        others.map((other) => peer(other, { passive: addressValue(other) < addressValue(address) })),
      )
    }
    if (!this.isReflector(address)) {
      return testConfig(
        address,
        this.reflectors().map((reflector) => peer(reflector, { passive: false })),
      )
    }
    const peers = others.map((other) =>
      this.isReflector(other)
        ? peer(other, { passive: addressValue(other) < addressValue(address) })
        : peer(other, { passive: true, routeReflectorClient: true }),
    )
    // One cluster per reflector: either may be lost without the other forgetting paths (RFC 4456 section 7).
    return testConfig(address, peers, { clusterId: addressValue(address) })
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
        if (own) found.push(`${address}: its own ${route.prefix} came back from ${route.from}`)
        if (route.stale) found.push(`${address}: ${route.prefix} from ${route.from} is still stale`)
      }
    }
    return found
  }
}

function localRoute(prefix: string) {
  return { prefix, source: 'static', target: { kind: 'blackhole' }, label: 'own block' } as const
}
