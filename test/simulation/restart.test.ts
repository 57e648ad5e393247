/**
 * Graceful restart on both sides (RFC 4724, 8538, 9494), in simulated time: what is kept, for how long, and who waits.
 */
import { Cluster, testConfig, testFamily, testPeer, testTimers } from '@starling/testkit'
import { describe, expect, it } from 'vitest'
import { A, B, Pair } from './pair.js'

const longLived = { enabled: true, restartTime: 10, notification: true, longLivedStaleTime: 60 }
const plain = { enabled: true, restartTime: 10, notification: false, longLivedStaleTime: 0 }

function callsOfA(pair: Pair): string[] {
  return (pair.tablesA[0]?.calls ?? []).filter((call) => /^(up |down|sweep|long)/.test(call))
}

describe('the helper', () => {
  it('keeps routes for the restart time the peer asked for, then drops them', () => {
    const pair = new Pair({ a: { gracefulRestart: plain }, b: { gracefulRestart: plain } })
    pair.untilUp()
    pair.nodeB.kill()
    pair.clock.run(9_000)
    expect(callsOfA(pair)).toEqual(['up 0', 'down 0 true true'])
    expect(pair.a.gracefulRestart.staleUntil).toBeGreaterThan(pair.clock.now)
    pair.clock.run(2_000)
    expect(callsOfA(pair).slice(2)).toEqual(['sweep 0 0', 'sweep 0 1'])
    expect(pair.a.gracefulRestart.staleUntil).toBeUndefined()
  })

  it('keeps them longer as long-lived stale when both agreed (RFC 9494), for the shorter of the two times', () => {
    const pair = new Pair({
      a: { gracefulRestart: { ...longLived, longLivedStaleTime: 30 } },
      b: { gracefulRestart: longLived },
    })
    pair.untilUp()
    pair.nodeB.kill()
    pair.clock.run(11_000)
    expect(callsOfA(pair).slice(2)).toEqual(['long-lived 0 0', 'long-lived 0 1'])
    pair.clock.run(28_000)
    expect(callsOfA(pair).length).toBe(4)
    pair.clock.run(3_000)
    expect(callsOfA(pair).slice(4)).toEqual(['sweep 0 0', 'sweep 0 1'])
  })

  it('gives each family its own long-lived time, and asks for it in the OPEN', () => {
    const families = (ipv4: number, ipv6: number) => [
      testFamily('ipv4', { longLivedStaleTime: ipv4 }),
      testFamily('ipv6', { longLivedStaleTime: ipv6 }),
    ]
    const pair = new Pair({
      a: { gracefulRestart: plain, families: families(20, 40) },
      b: { gracefulRestart: plain, families: families(600, 600) },
    })
    pair.untilUp()
    expect(pair.a.capabilities.received.join()).toMatch(/long-lived.*600/i)
    pair.nodeB.kill()
    pair.clock.run(11_000)
    expect(callsOfA(pair).slice(2)).toEqual(['long-lived 0 0', 'long-lived 0 1'])
    pair.clock.run(20_000)
    expect(callsOfA(pair).slice(4)).toEqual(['sweep 0 0'])
    pair.clock.run(20_000)
    expect(callsOfA(pair).slice(5)).toEqual(['sweep 0 1'])
  })

  it('says that it understands long-lived stale routes even when it asks for none', () => {
    const pair = new Pair({ a: { gracefulRestart: plain } })
    pair.untilUp()
    expect(pair.b.capabilities.received.join()).toMatch(/long-lived/i)
    const none = new Pair({ a: { gracefulRestart: { ...plain, enabled: false } } })
    none.untilUp()
    expect(none.b.capabilities.received.join()).not.toMatch(/long-lived/i)
  })

  it('drops what is still stale when the peer is lost again before End-of-RIB (RFC 4724 section 4.2)', () => {
    const again = (gracefulRestart: typeof plain) => {
      const pair = new Pair({ a: { gracefulRestart }, b: { gracefulRestart } })
      pair.untilUp()
      pair.clock.run(1_000)
      pair.nodeB.kill()
      pair.clock.run(1_000)
      pair.network.setReadRate(A, B, Number.POSITIVE_INFINITY)
      pair.nodeB.revive(true)
      pair.clock.runWhile(() => pair.nodeA.engine.peer(B)?.state !== 'Established', 20_000)
      pair.nodeB.kill()
      pair.clock.run(50)
      return callsOfA(pair).slice(3)
    }
    expect(again(plain)).toEqual(['sweep 0 0', 'sweep 0 1', 'down 0 true true'])
    // With long-lived retention agreed it may stay, within the time of the first loss.
    expect(again(longLived)).toEqual(['down 0 true true'])
  })

  it('keeps nothing longer than the first loss allowed, however often the peer comes and goes', () => {
    const gracefulRestart = { ...longLived, longLivedStaleTime: 30 }
    const pair = new Pair({ a: { gracefulRestart }, b: { gracefulRestart } })
    pair.untilUp()
    const lost = pair.clock.now
    for (let round = 0; round < 2; round++) {
      pair.nodeB.kill()
      pair.clock.run(3_000)
      pair.nodeB.revive(true)
      pair.clock.runWhile(() => pair.nodeA.engine.peer(B)?.state !== 'Established', 60_000)
    }
    pair.nodeB.kill()
    pair.clock.run(50)
    expect(pair.clock.now - lost).toBeGreaterThan(6_000)
    pair.clock.run(lost + 39_500 - pair.clock.now)
    expect(callsOfA(pair).filter((call) => call.startsWith('sweep'))).toEqual([])
    pair.clock.run(1_500)
    expect(callsOfA(pair).slice(-2)).toEqual(['sweep 0 0', 'sweep 0 1'])
  })

  it('comes back to a peer that restarts again and again sooner than that peer stops waiting', () => {
    const long = { ...plain, restartTime: 120 }
    const pair = new Pair({ a: { gracefulRestart: long }, b: { gracefulRestart: long, passive: true } })
    pair.untilUp()
    for (let round = 0; round < 8; round++) {
      pair.nodeB.kill()
      pair.clock.run(1_000)
      pair.network.setReadRate(A, B, Number.POSITIVE_INFINITY)
      pair.nodeB.revive(true)
      const revived = pair.clock.now
      pair.untilUp()
      expect(pair.clock.now - revived, `restart ${round + 1}`).toBeLessThan(3_000)
    }
  })

  it('reports End-of-RIB of each family, received', () => {
    const pair = new Pair()
    pair.untilUp()
    pair.clock.run(100)
    const received = pair.nodeA.events.filter((event) => event.type === 'end-of-rib')
    expect(received).toMatchObject([
      { peer: B, direction: 'received', family: 'ipv4' },
      { peer: B, direction: 'received', family: 'ipv6' },
    ])
  })

  it('sweeps what was not announced again when End-of-RIB comes', () => {
    const pair = new Pair()
    pair.untilUp()
    pair.clock.run(1_000)
    pair.nodeB.kill()
    pair.clock.run(3_000)
    pair.nodeB.revive(true)
    pair.untilUp()
    pair.clock.run(1_000)
    expect(callsOfA(pair)).toEqual(['up 0', 'down 0 true true', 'up 0', 'sweep 0 0', 'sweep 0 1'])
    const phases = pair.nodeA.events.flatMap((event) => (event.type === 'graceful-restart' ? [event.phase] : []))
    expect(phases).toEqual(['stale-kept', 'recovered'])
  })

  it('drops at once what the peer did not preserve (cold start: no F bit)', () => {
    const pair = new Pair()
    pair.untilUp()
    pair.nodeB.kill()
    pair.clock.run(1_000)
    pair.nodeB.revive(false)
    pair.untilUp()
    expect(callsOfA(pair)).toEqual(['up 0', 'down 0 true true', 'up 0', 'sweep 0 0', 'sweep 0 1'])
  })

  it('keeps routes over a hold timer only when both do RFC 8538, and never over a Hard Reset', () => {
    const silent = (notification: boolean) => {
      const gracefulRestart = { ...longLived, notification, longLivedStaleTime: 0, restartTime: 100 }
      const timers = testTimers({ holdTime: 9 })
      const pair = new Pair({ a: { gracefulRestart, timers }, b: { gracefulRestart } })
      pair.untilUp()
      pair.network.cut(A, B)
      pair.clock.run(12_000)
      return callsOfA(pair)[1]
    }
    expect(silent(true)).toBe('down 0 true true')
    expect(silent(false)).toBe('down 0 false false')
    const pair = new Pair()
    pair.untilUp()
    pair.nodeB.input((engine, now) => engine.admin(A, 'disable', {}, now))
    pair.clock.run(100)
    expect(callsOfA(pair)[1]).toBe('down 0 false false')
  })

  it('keeps nothing of a peer that is removed', () => {
    const pair = new Pair()
    pair.untilUp()
    pair.nodeB.kill()
    pair.clock.run(1_000)
    pair.nodeA.input((engine, now) => engine.configure(testConfig(A, []), now))
    expect(callsOfA(pair).slice(2)).toEqual(['sweep 0 0', 'sweep 0 1'])
    expect(pair.nodeA.engine.peers()).toEqual([])
  })
})

describe('the restarting side', () => {
  it('defers until End-of-RIB of those that answer, and no longer', () => {
    const pair = new Pair({ restartingA: true })
    expect(pair.tablesA[0]?.deferred).toBe(true)
    pair.untilUp()
    expect(pair.a.gracefulRestart.waitingForEndOfRib).toBe(true)
    pair.clock.run(500)
    expect(pair.tablesA[0]?.deferred).toBe(false)
    expect(pair.a.gracefulRestart.waitingForEndOfRib).toBe(false)
  })

  it('does not wait for a peer that refuses, and ten seconds for one that is silent', () => {
    const dead = new Pair({ restartingA: true })
    dead.nodeB.kill()
    dead.clock.run(1_000)
    expect(dead.tablesA[0]?.deferred).toBe(false)

    const silent = new Pair({ restartingA: true })
    silent.network.cut(A, B)
    silent.clock.run(9_000)
    expect(silent.tablesA[0]?.deferred).toBe(true)
    silent.clock.run(2_000)
    expect(silent.tablesA[0]?.deferred).toBe(false)
  })

  it('waits for a peer that answered but never ends its RIB only for the configured time', () => {
    const pair = new Pair({ restartingA: true, configA: { gracefulRestartDeferral: 30_000 }, configB: {} })
    pair.clock.runWhile(() => pair.nodeA.engine.peer(B)?.state !== 'Established', 10_000)
    pair.network.setReadRate(A, B, 0)
    pair.clock.run(20_000)
    expect(pair.tablesA[0]?.deferred).toBe(true)
    pair.clock.run(11_000)
    expect(pair.tablesA[0]?.deferred).toBe(false)
  })

  it('never waits on a cold start', () => {
    expect(new Pair().tablesA[0]?.calls).toEqual([])
  })

  it('keeps every route in every kernel while both reflectors restart one after the other', () => {
    const cluster = new Cluster({ seed: 5, shape: 'reflected', nodes: 12 })
    for (const [index, address] of cluster.clients().entries()) cluster.announce(address, `10.100.0.${index * 4}/30`)
    expect(cluster.settle(30_000)).toBe(true)
    cluster.clock.run(5_000)
    for (const reflector of cluster.reflectors()) {
      cluster.node(reflector).kill()
      for (let i = 0; i < 30; i++) {
        cluster.clock.run(100)
        expect(cluster.allDifferences()).toEqual([])
      }
      cluster.revive(reflector, true)
      for (let i = 0; i < 200; i++) {
        cluster.clock.run(100)
        expect(cluster.allDifferences()).toEqual([])
      }
    }
    expect(cluster.violations()).toEqual([])
  })

  it('keeps every route in every kernel while the only reflector restarts', () => {
    const cluster = new Cluster({ seed: 6, shape: 'reflected', nodes: 8, reflectors: 1 })
    for (const [index, address] of cluster.clients().entries()) cluster.announce(address, `10.100.0.${index * 4}/30`)
    expect(cluster.settle(30_000)).toBe(true)
    cluster.clock.run(5_000)
    cluster.node('10.200.0.1').kill()
    cluster.clock.run(2_000)
    expect(cluster.allDifferences()).toEqual([])
    cluster.revive('10.200.0.1', true)
    for (let i = 0; i < 300; i++) {
      cluster.clock.run(100)
      expect(cluster.allDifferences(), `${i * 100} ms after the return`).toEqual([])
    }
    cluster.clock.run(400_000)
    expect(cluster.violations()).toEqual([])
  })
})

describe('peers that come from nowhere', () => {
  it('of two ranges that hold an address the longer one takes it, whatever their order', () => {
    const { key: _k, name: _n, kind: _d, remoteAddress: _a, remotePort: _p, passive: _s, ...rest } = testPeer('0.0.0.0')
    const range = (text: string, description: string) => ({
      range: text,
      maximum: 9,
      template: { ...rest, description },
    })
    const wide = range('10.7.0.0/16', 'wide')
    const narrow = range('10.7.1.0/24', 'narrow')
    for (const dynamicNeighbors of [
      [wide, narrow],
      [narrow, wide],
    ]) {
      const pair = new Pair()
      pair.nodeA.input((engine, now) => engine.configure(testConfig(A, [], { dynamicNeighbors }), now))
      for (const [i, remoteAddress] of ['10.7.1.1', '10.7.2.1'].entries())
        pair.nodeA.input((engine, now) =>
          engine.incoming(101 + 2 * i, { remoteAddress, remotePort: 1, localAddress: A, localPort: 179 }, now),
        )
      expect(pair.nodeA.engine.peers().map(({ description }) => description)).toEqual(['narrow', 'wide'])
    }
  })

  it('a range takes clients up to its limit, forgets strangers at once and known ones after a while', () => {
    const template = testPeer('0.0.0.0', { routeReflectorClient: true })
    const { key: _k, name: _n, kind: _d, remoteAddress: _a, remotePort: _p, passive: _s, ...rest } = template
    const pair = new Pair({ a: {} })
    pair.nodeA.input((engine, now) =>
      engine.configure(
        testConfig(A, [], { dynamicNeighbors: [{ range: '10.7.0.0/16', maximum: 2, template: rest }] }),
        now,
      ),
    )
    const knock = (address: string, id: number) =>
      pair.nodeA.input((engine, now) =>
        engine.incoming(id, { remoteAddress: address, remotePort: 1, localAddress: A, localPort: 179 }, now),
      )
    expect(knock('10.7.0.1', 101).accepted).toBe(true)
    expect(knock('10.7.0.2', 103).accepted).toBe(true)
    expect(knock('10.7.0.3', 105)).toMatchObject({ accepted: false, reason: expect.stringMatching(/limit of 2/) })
    expect(knock('10.8.0.1', 107).accepted).toBe(false)
    pair.nodeA.input((engine, now) => engine.closed(101, 'ECONNRESET', now))
    pair.clock.run(2_000)
    expect(pair.nodeA.engine.peers().map((peer) => peer.key)).toEqual(['10.7.0.2'])
    expect(knock('10.7.0.3', 109).accepted).toBe(true)
  })
})
