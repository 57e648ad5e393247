/**
 * Two speakers with tables that hold no routes: the bench for everything sessions do by themselves.
 */
import type { EngineConfig, PeerConfig } from '@starling/engine'
import {
  FakeTables,
  Network,
  type NodeOptions,
  Random,
  SimClock,
  SimNode,
  testConfig,
  testPeer,
} from '@starling/testkit'

export const A = '10.0.0.1'
export const B = '10.0.0.2'

export interface PairOptions {
  /** What A says about B, and the other way round. */
  readonly a?: Partial<PeerConfig>
  readonly b?: Partial<PeerConfig>
  readonly configA?: Partial<EngineConfig>
  readonly configB?: Partial<EngineConfig>
  readonly seed?: number
  readonly restartingA?: boolean
}

export interface Side {
  readonly node: SimNode
  readonly tables: FakeTables
  readonly other: string
}

export class Pair {
  readonly clock = new SimClock()
  readonly network: Network
  readonly nodeA: SimNode
  readonly nodeB: SimNode
  /** The tables of each life, the newest last. */
  readonly tablesA: FakeTables[] = []
  readonly tablesB: FakeTables[] = []

  constructor(options: PairOptions = {}) {
    const random = new Random(options.seed ?? 1)
    this.network = new Network(this.clock, random)
    const factory =
      (list: FakeTables[]): NodeOptions['tables'] =>
      (config, host) => {
        const fake = new FakeTables(config, host)
        list.push(fake)
        return fake
      }
    const configA = testConfig(A, [testPeer(B, { passive: false, ...options.a })], options.configA)
    const configB = testConfig(B, [testPeer(A, { passive: true, ...options.b })], options.configB)
    const restarting = options.restartingA ?? false
    this.nodeA = new SimNode(A, configA, this.network, random, { tables: factory(this.tablesA), restarting })
    this.nodeB = new SimNode(B, configB, this.network, random, { tables: factory(this.tablesB) })
  }

  get a() {
    const view = this.nodeA.engine.peer(B)
    if (view === undefined) throw new Error('A does not know B')
    return view
  }

  get b() {
    const view = this.nodeB.engine.peer(A)
    if (view === undefined) throw new Error('B does not know A')
    return view
  }

  get up(): boolean {
    return this.nodeA.engine.peer(B)?.state === 'Established' && this.nodeB.engine.peer(A)?.state === 'Established'
  }

  /** Milliseconds until both are Established. */
  untilUp(limit = 60_000): number {
    const start = this.clock.now
    if (!this.clock.runWhile(() => !this.up, limit)) {
      throw new Error(`not up: A ${this.a.state} (${this.a.reason}), B ${this.b.state} (${this.b.reason})`)
    }
    return this.clock.now - start
  }

  audit(): readonly string[] {
    return [...this.nodeA.engine.audit(), ...this.nodeB.engine.audit()]
  }
}
