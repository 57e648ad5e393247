/**
 * A random story of a cluster: some steps of trouble, then peace, then every invariant. One seed tells it all again.
 */

import type { PeerConfig } from '@starling/engine'
import { Cluster, type ClusterOptions } from './cluster.js'
import { mixedPeer } from './mix.js'
import type { SimNode } from './node.js'

type Act = (story: Story) => string

/** What may happen, and how often. */
const ACTS: readonly (readonly [weight: number, act: Act])[] = [
  [8, (story) => story.announce()],
  [4, (story) => story.withdraw()],
  [3, (story) => story.resetLink()],
  [2, (story) => story.cutLink()],
  [2, (story) => story.kill(false)],
  [2, (story) => story.kill(true)],
  [2, (story) => story.slowReader()],
  [2, (story) => story.rename()],
  [1, (story) => story.refresh()],
  [1, (story) => story.bounce()],
  [1, (story) => story.allReflectorsRestart()],
  [2, (story) => story.severalRestart()],
  [2, (story) => story.slowLink()],
  [2, (story) => story.changePolicy()],
  [1, (story) => story.changeSession()],
  [1, (story) => story.removeAndAdd()],
]

export interface StoryResult {
  readonly seed: number
  /** What happened, with times, for a failing seed. */
  readonly script: readonly string[]
  readonly violations: readonly string[]
}

export class Story {
  readonly cluster: Cluster
  readonly script: string[] = []
  readonly #cut: [a: string, b: string][] = []
  /** Sessions that something was done to: only these may have flapped. */
  readonly #touched = new Set<string>()

  constructor(options: ClusterOptions) {
    this.cluster = new Cluster(options)
    for (const [index, address] of this.cluster.clients().entries()) this.cluster.announce(address, blockOf(index, 0))
  }

  run(steps: number): StoryResult {
    const { cluster } = this
    cluster.clock.run(cluster.random.integer(0, 3_000))
    for (let step = 0; step < steps; step++) {
      this.script.push(`${Math.round(cluster.clock.now)} ms: ${this.#act()}`)
      cluster.clock.run(cluster.random.chance(0.3) ? cluster.random.integer(0, 20_000) : cluster.random.integer(0, 50))
    }
    this.#peace()
    const settled = cluster.settle(900_000, 500)
    cluster.clock.run(400_000)
    const violations = cluster.violations()
    if (!settled) violations.unshift('did not converge within 15 minutes of peace')
    violations.push(...this.#needlessResets(), ...this.#leaks())
    return { seed: cluster.options.seed, script: this.script, violations }
  }

  #act(): string {
    const total = ACTS.reduce((sum, [weight]) => sum + weight, 0)
    let at = this.cluster.random.next() * total
    for (const [weight, act] of ACTS) {
      at -= weight
      if (at < 0) return act(this)
    }
    return 'nothing'
  }

  #peace(): void {
    const { cluster } = this
    for (const [a, b] of this.#cut.splice(0)) cluster.network.mend(a, b)
    for (const [address, node] of cluster.nodes) {
      if (!node.alive) cluster.revive(address, cluster.random.chance(0.5))
      for (const other of cluster.nodes.keys()) cluster.network.setReadRate(address, other, Number.POSITIVE_INFINITY)
    }
    this.script.push(`${Math.round(cluster.clock.now)} ms: peace`)
  }

  #any(): string {
    return this.cluster.random.pick([...this.cluster.nodes.keys()])
  }

  #alive(): SimNode {
    return this.cluster.random.pick([...this.cluster.nodes.values()].filter((node) => node.alive))
  }

  /** Two members with a session between them. */
  #link(): [string, string] {
    const { cluster } = this
    const a = this.#any()
    const peers = [...cluster.config(a).peers.keys()]
    return [a, cluster.random.pick(peers)]
  }

  announce(): string {
    const { cluster } = this
    const address = cluster.random.pick(cluster.clients())
    const prefix = blockOf(cluster.random.integer(0, cluster.options.nodes - 1), cluster.random.integer(0, 7))
    cluster.announce(address, prefix)
    return `${address} announces ${prefix}`
  }

  withdraw(): string {
    const { cluster } = this
    const address = cluster.random.pick(cluster.clients())
    const prefixes = [...(cluster.origins.get(address) ?? [])]
    if (prefixes.length === 0) return 'nothing to withdraw'
    const prefix = cluster.random.pick(prefixes)
    cluster.withdraw(address, prefix)
    return `${address} withdraws ${prefix}`
  }

  resetLink(): string {
    const [a, b] = this.#link()
    this.#touch(a, b)
    const count = this.cluster.network.reset(a, b)
    return `${count} ends between ${a} and ${b} are reset`
  }

  cutLink(): string {
    const [a, b] = this.#link()
    this.#touch(a, b)
    this.#cut.push([a, b])
    this.cluster.network.cut(a, b)
    return `the link between ${a} and ${b} is cut`
  }

  kill(again: boolean): string {
    if ([...this.cluster.nodes.values()].filter((each) => each.alive).length <= 2)
      return 'too few are alive to kill one'
    const node = this.#alive()
    this.#touchAll(node.address)
    node.kill()
    if (!again) return `${node.address} dies`
    const restarting = this.cluster.random.chance(0.5)
    this.cluster.clock.run(this.cluster.random.integer(1, 3_000))
    this.cluster.revive(node.address, restarting)
    return `${node.address} dies and comes back${restarting ? ' with its forwarding state' : ''}`
  }

  slowReader(): string {
    const [a, b] = this.#link()
    this.#touch(a, b)
    this.cluster.network.setReadRate(a, b, 0)
    return `${a} stops reading from ${b}`
  }

  rename(): string {
    const node = this.#alive()
    const name = `peer${this.cluster.random.integer(0, 9)}`
    node.input((engine, now) => engine.configure(this.cluster.config(node.address, { rename: name }), now))
    return `${node.address} renames its peerings to ${name}`
  }

  refresh(): string {
    const node = this.#alive()
    const key = this.cluster.random.pick([...node.engine.config.peers.keys()])
    const action = this.cluster.random.chance(0.5) ? 'refresh-in' : 'refresh-out'
    node.input((engine, now) => engine.admin(key, action, {}, now))
    return `${node.address} ${action} ${key}`
  }

  bounce(): string {
    const node = this.#alive()
    const key = this.cluster.random.pick([...node.engine.config.peers.keys()])
    this.#touch(node.address, key)
    node.input((engine, now) => engine.admin(key, 'disable', { reason: 'story' }, now))
    this.cluster.clock.run(this.cluster.random.integer(0, 2_000))
    if (node.alive) node.input((engine, now) => engine.admin(key, 'enable', {}, now))
    return `${node.address} disables and enables ${key}`
  }

  allReflectorsRestart(): string {
    const { cluster } = this
    const reflectors = cluster.reflectors().filter((address) => cluster.node(address).alive)
    for (const address of reflectors) {
      this.#touchAll(address)
      cluster.node(address).kill()
    }
    cluster.clock.run(cluster.random.integer(1, 2_000))
    const restarting = cluster.random.chance(0.5)
    for (const address of reflectors) cluster.revive(address, restarting)
    return reflectors.length === 0 ? 'nothing' : `all reflectors restart${restarting ? ' gracefully' : ''}`
  }

  /** Some members at the very same moment, each with or without its forwarding state. */
  severalRestart(): string {
    const { cluster } = this
    const alive = [...cluster.nodes.values()].filter((node) => node.alive)
    const chosen = alive.filter(() => cluster.random.chance(0.4))
    for (const node of chosen) {
      this.#touchAll(node.address)
      node.kill()
    }
    cluster.clock.run(cluster.random.integer(1, 500))
    for (const node of chosen) cluster.revive(node.address, cluster.random.chance(0.5))
    return `${chosen.map(({ address }) => address).join(', ') || 'nobody'} restart at once`
  }

  /** It reads, but slowly: TCP's window is what holds the writer back. */
  slowLink(): string {
    const [a, b] = this.#link()
    this.#touch(a, b)
    this.cluster.network.setReadRate(a, b, 0)
    this.cluster.clock.run(this.cluster.random.integer(0, 2_000))
    this.cluster.network.setReadRate(a, b, Number.POSITIVE_INFINITY)
    return `${a} reads from ${b} only now and then`
  }

  /** What is imported or exported anew; the session must not notice. */
  changePolicy(): string {
    const { cluster } = this
    const [a, b] = this.#link()
    const value = `65000:${cluster.random.integer(1, 3)}`
    const why = { resource: 'story', rule: value }
    const terms = [{ why, conditions: [], actions: [{ kind: 'add-community' as const, value }] }]
    const field = cluster.random.pick(['importPolicy', 'exportPolicy'] as const)
    this.#want(a, b, { [field]: cluster.random.chance(0.3) ? [] : terms })
    return `${a} has a new ${field} for ${b}`
  }

  /** What the OPEN said, or only timers: reset exactly when it must be. */
  changeSession(): string {
    const { cluster } = this
    const [a, b] = this.#link()
    const { families, timers } = mixedPeer(cluster.random)
    const offered = cluster.random.chance(0.5)
    if (offered) this.#touch(a, b)
    this.#want(a, b, offered ? { families } : { timers })
    return `${a} wants ${offered ? 'other families or paths' : 'other timers'} of ${b}`
  }

  removeAndAdd(): string {
    const { cluster } = this
    const [a, b] = this.#link()
    this.#touch(a, b)
    const node = cluster.node(a)
    const config = cluster.config(a)
    const without = { ...config, peers: new Map([...config.peers].filter(([key]) => key !== b)) }
    if (node.alive) node.input((engine, now) => engine.configure(without, now))
    cluster.clock.run(cluster.random.integer(0, 3_000))
    cluster.configure(a)
    return `${a} loses ${b} from its configuration and gets it back`
  }

  #want(a: string, b: string, wish: Partial<PeerConfig>): void {
    const { links } = this.cluster
    links.set(`${a} ${b}`, { ...links.get(`${a} ${b}`), ...wish })
    this.cluster.configure(a)
  }

  /** When nobody announces anything any more, nothing may be left anywhere: no prefix, path or attribute set. */
  #leaks(): string[] {
    const { cluster } = this
    for (const [address, prefixes] of cluster.origins)
      for (const prefix of [...prefixes]) cluster.withdraw(address, prefix)
    cluster.clock.run(30_000)
    return [...cluster.nodes].flatMap(([address, { engine, installed }]) => {
      const { prefixes, paths, attributeSets } = engine.memory()
      const left = prefixes + paths + attributeSets + installed.size
      if (left === 0) return []
      return [`${address}: left over: ${prefixes} prefixes, ${paths} paths, ${attributeSets} attribute sets`]
    })
  }

  #touch(a: string, b: string): void {
    this.#touched.add(a < b ? `${a} ${b}` : `${b} ${a}`)
  }

  #touchAll(address: string): void {
    for (const other of this.cluster.nodes.keys()) this.#touch(address, other)
  }

  /** A session nobody touched must never have gone down after it was up. */
  #needlessResets(): string[] {
    const found: string[] = []
    for (const [address, node] of this.cluster.nodes) {
      for (const event of node.events) {
        if (event.type === 'session-reset' && event.field !== 'families') {
          found.push(`${address}: session to ${event.peer} reset for ${event.field}`)
        }
        if (event.type !== 'session-state' || event.from !== 'Established') continue
        const key = address < event.peer ? `${address} ${event.peer}` : `${event.peer} ${address}`
        if (!this.#touched.has(key)) found.push(`${address}: session to ${event.peer} fell: ${event.reason}`)
      }
    }
    return found
  }
}

function blockOf(node: number, index: number): string {
  return `10.100.${node}.${index * 32}/27`
}
