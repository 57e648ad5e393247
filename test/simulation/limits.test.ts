/**
 * Limits and the rarer features of sessions with real tables, in simulated time: prefix limits in and out, a peer that does
 * not read, cluster ids, messages of more than 4,096 octets, the advertisement interval from end to end.
 */
import type { EngineConfig, PeerConfig, PrefixLimit } from '@starling/engine'
import {
  Network,
  type NetworkOptions,
  Random,
  SimClock,
  SimNode,
  testConfig,
  testFamily,
  testPeer,
  testTimers,
} from '@starling/testkit'
import { describe, expect, it } from 'vitest'

const A = '10.0.0.1'
const B = '10.0.0.2'
const C = '10.0.0.3'
const D = '10.0.0.4'

class Bench {
  readonly clock = new SimClock()
  readonly random = new Random(3)
  readonly network: Network

  constructor(options?: NetworkOptions) {
    this.network = new Network(this.clock, this.random, options)
  }

  node(address: string, peers: readonly PeerConfig[], config: Partial<EngineConfig> = {}): SimNode {
    return new SimNode(address, testConfig(address, peers, config), this.network, this.random)
  }
}

function announce(node: SimNode, count: number, second = 1): void {
  for (let i = 0; i < count; i++) {
    const prefix = `10.${100 + second}.${i >> 8}.${i & 255}/32`
    node.input((engine, now) =>
      engine.setLocalRoute({ prefix, source: 'static', target: { kind: 'blackhole' }, label: 'own block' }, now),
    )
  }
}

const passive = { passive: true }
const limit = (action: PrefixLimit['action'], maximum: number, restartAfter = 0): PrefixLimit => ({
  maximum,
  warnAt: 0.5,
  action,
  restartAfter,
})

function view(node: SimNode, peer: string) {
  const found = node.engine.peer(peer)
  if (found === undefined) throw new Error(`no peer ${peer}`)
  return found
}

const limits = (node: SimNode) =>
  node.events.flatMap((event) => (event.type === 'prefix-limit' ? [`${event.action} ${event.count}`] : []))

describe('prefix limits', () => {
  it('in, restart: CEASE/1 with family and limit, down for the time, then back, and again if nothing changed', () => {
    const bench = new Bench()
    const families = [testFamily('ipv4', { importLimit: limit('restart', 5, 60_000) })]
    const a = bench.node(A, [testPeer(B, { families })])
    const b = bench.node(B, [testPeer(A, passive)])
    announce(b, 4)
    bench.clock.run(5_000)
    expect(view(a, B).state).toBe('Established')
    expect(limits(a)).toEqual(['warn 4'])
    announce(b, 8)
    bench.clock.run(1_000)
    expect(limits(a).at(-1)).toBe('restart 8')
    expect(view(a, B).reason).toBe(
      'prefix limit reached: more than 5 ipv4 prefixes from the peer: starts again 60 s after it, or when the limit is changed',
    )
    expect(view(b, A).lastError).toMatchObject({ code: 6 })
    expect(a.installed.size).toBe(0)
    bench.clock.run(50_000)
    expect(view(a, B).state).toBe('Idle')
    bench.clock.run(40_000)
    expect(limits(a).filter((each) => each === 'restart 8').length).toBe(2)
    for (let i = 3; i < 8; i++) b.input((engine, now) => engine.removeLocalRoute('static', `10.101.0.${i}/32`, now))
    bench.clock.run(120_000)
    expect(view(a, B).state).toBe('Established')
    expect(a.installed.size).toBe(3)
    expect(a.engine.audit()).toEqual([])
  })

  it('in, idle: stays down until somebody restarts it', () => {
    const bench = new Bench()
    const families = [testFamily('ipv4', { importLimit: limit('idle', 5) })]
    const a = bench.node(A, [testPeer(B, { families })])
    const b = bench.node(B, [testPeer(A, passive)])
    announce(b, 8)
    bench.clock.run(3_600_000)
    expect(view(a, B)).toMatchObject({ state: 'Idle', reason: expect.stringMatching(/prefix limit/) })
    for (let i = 3; i < 8; i++) b.input((engine, now) => engine.removeLocalRoute('static', `10.101.0.${i}/32`, now))
    a.input((engine, now) => engine.admin(B, 'restart', {}, now))
    bench.clock.run(60_000)
    expect(view(a, B).state).toBe('Established')
  })

  it('in, idle: starts again at once when the limit is raised', () => {
    const bench = new Bench()
    const a = bench.node(A, [testPeer(B, { families: [testFamily('ipv4', { importLimit: limit('idle', 5) })] })])
    const b = bench.node(B, [testPeer(A, passive)])
    announce(b, 8)
    bench.clock.run(60_000)
    expect(view(a, B).state).toBe('Idle')
    const raised = testPeer(B, { families: [testFamily('ipv4', { importLimit: limit('idle', 50) })] })
    a.input((engine, now) => engine.configure(testConfig(A, [raised]), now))
    bench.clock.run(10_000)
    expect(view(a, B).state).toBe('Established')
    expect(a.installed.size).toBe(8)
  })

  it('in, warn: says so once each time it is crossed, and keeps the session', () => {
    const bench = new Bench()
    const families = [testFamily('ipv4', { importLimit: limit('warn', 5) })]
    const a = bench.node(A, [testPeer(B, { families })])
    const b = bench.node(B, [testPeer(A, passive)])
    announce(b, 20)
    bench.clock.run(5_000)
    expect(a.installed.size).toBe(20)
    expect(view(a, B).flaps).toBe(0)
    expect(limits(a).length).toBe(1)
  })

  it('out: the one with the limit closes before its peer is flooded for good', () => {
    const bench = new Bench()
    const families = [testFamily('ipv4', { exportLimit: limit('idle', 10) })]
    const a = bench.node(A, [testPeer(B, { families })])
    const b = bench.node(B, [testPeer(A, passive)])
    bench.clock.run(5_000)
    announce(a, 30)
    bench.clock.run(5_000)
    expect(view(a, B).state).toBe('Idle')
    expect(limits(a).at(-1)).toMatch(/^idle/)
    expect(view(a, B).reason).toMatch(/more than 10 ipv4 prefixes for the peer/)
    expect(view(b, A).lastError).toMatchObject({ code: 6 })
  })
})

describe('a peer that does not read', () => {
  it('is given up when the send hold time is over, hold timer or not (RFC 9687)', () => {
    const bench = new Bench({ latency: [1, 2], chunking: false, window: 2_048 })
    const timers = testTimers({ holdTime: 0, sendHoldTime: 30_000 })
    const a = bench.node(A, [testPeer(B, { timers })])
    bench.node(B, [testPeer(A, { ...passive, timers: testTimers({ holdTime: 0 }) })])
    bench.clock.run(5_000)
    bench.network.setReadRate(B, A, 0)
    announce(a, 2_000)
    bench.clock.run(29_000)
    expect(view(a, B).state).toBe('Established')
    bench.clock.run(2_500)
    expect(view(a, B).lastError).toMatchObject({ code: 8, subcode: 0, direction: 'sent' })
    expect(view(a, B).flaps).toBe(1)
  })
})

describe('reflection', () => {
  const client = { routeReflectorClient: true, passive: true }
  const pair = (first: number, second: number) => {
    const bench = new Bench()
    const left = bench.node(A, [testPeer(B), testPeer(C, client)], { clusterId: first })
    const right = bench.node(B, [testPeer(A, passive), testPeer(D, client)], { clusterId: second })
    const origin = bench.node(C, [testPeer(A)])
    const far = bench.node(D, [testPeer(B)])
    announce(origin, 1)
    bench.clock.run(5_000)
    return { left, right, far }
  }

  it('passes routes between reflectors of two clusters, each client behind one of them', () => {
    const { far, right } = pair(1, 2)
    expect([...far.installed.keys()]).toEqual(['10.101.0.0/32'])
    const [route] = far.engine.routes({ view: 'all', limit: 10 }).routes
    expect(route).toMatchObject({ originatorId: C, clusterList: ['0.0.0.2', '0.0.0.1'], nextHop: C })
    expect(right.engine.audit()).toEqual([])
  })

  it('refuses what the other reflector of the same cluster passes on: clients must speak to both', () => {
    const { far, right } = pair(1, 1)
    expect(far.installed.size).toBe(0)
    const [route] = right.engine.routes({ view: 'filtered', limit: 10 }).routes
    expect(route?.reason).toMatch(/CLUSTER_LIST/)
  })

  it('knows several cluster ids, one for each set of clients, and refuses all of them when they come back', () => {
    const bench = new Bench()
    const one = { ...client, clusterId: 11 }
    const two = { ...client, clusterId: 22 }
    const reflector = bench.node(A, [testPeer(C, one), testPeer(D, two), testPeer(B)], { clusterId: 1 })
    const origin = bench.node(C, [testPeer(A)])
    const far = bench.node(D, [testPeer(A)])
    // Another reflector, whose client list makes it send everything back.
    bench.node(B, [testPeer(A, client)], { clusterId: 11 })
    announce(origin, 1)
    bench.clock.run(5_000)
    expect(far.engine.routes({ view: 'all', limit: 10 }).routes[0]?.clusterList).toEqual(['0.0.0.22'])
    expect(reflector.engine.routes({ view: 'filtered', limit: 10 }).routes).toEqual([])
    expect(reflector.engine.audit()).toEqual([])
  })
})

describe('messages and intervals', () => {
  const updates = (extendedMessages: boolean) => {
    const bench = new Bench()
    const a = bench.node(A, [testPeer(B, { extendedMessages })])
    const b = bench.node(B, [testPeer(A, passive)])
    announce(a, 3_000)
    bench.clock.run(10_000)
    expect(b.installed.size).toBe(3_000)
    return view(b, A).messagesReceived.update
  }

  it('are longer than 4,096 octets where both agreed, and only there (RFC 8654)', () => {
    expect(updates(false)).toBeGreaterThan(3)
    expect(updates(true)).toBeLessThan(updates(false))
  })

  it('a flapping route behind a peer with an advertisement interval costs one message an interval', () => {
    const bench = new Bench()
    const timers = testTimers({ advertisementInterval: 5_000 })
    const a = bench.node(A, [testPeer(B, { timers }), testPeer(C)])
    const b = bench.node(B, [testPeer(A, passive)])
    const c = bench.node(C, [testPeer(A, passive)])
    bench.clock.run(5_000)
    const before = [view(b, A).messagesReceived.update, view(c, A).messagesReceived.update] as const
    for (let i = 0; i < 100; i++) {
      announce(a, 1)
      bench.clock.run(50)
      a.input((engine, now) => engine.removeLocalRoute('static', '10.101.0.0/32', now))
      bench.clock.run(50)
    }
    announce(a, 2)
    bench.clock.run(10_000)
    expect(view(c, A).messagesReceived.update - before[1]).toBeGreaterThan(100)
    expect(view(b, A).messagesReceived.update - before[0]).toBeLessThan(9)
    expect(b.installed.size).toBe(2)
    expect(a.engine.audit()).toEqual([])
  })
})
