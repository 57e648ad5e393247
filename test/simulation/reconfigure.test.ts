/**
 * Configuration of a running speaker: the smallest sufficient effect, and who was reset for which field.
 */
import type { EngineEvent, PeerConfig } from '@starling/engine'
import { testConfig, testFamily, testPeer, testTimers } from '@starling/testkit'
import { describe, expect, it } from 'vitest'
import { A, B, Pair } from './pair.js'

const why = { resource: 'BGPFilter/x', rule: 'test' }

function configure(pair: Pair, peer: Partial<PeerConfig>, others: readonly PeerConfig[] = []) {
  return pair.nodeA.input((engine, now) => engine.configure(testConfig(A, [testPeer(B, peer), ...others]), now))
}

function resets(events: readonly EngineEvent[]): string[] {
  return events.flatMap((event) => (event.type === 'session-reset' ? [event.field] : []))
}

describe('a change of configuration', () => {
  it('moves a peering from mesh to reflector client to another resource without a reset', () => {
    const pair = new Pair({ a: { kind: 'mesh', name: 'Mesh_10_0_0_2' } })
    pair.untilUp()
    configure(pair, { kind: 'global', name: 'Global_10_0_0_2', why, description: 'rack 4' })
    configure(pair, { kind: 'node', name: 'Node_10_0_0_2', routeReflectorClient: true })
    pair.clock.run(10_000)
    expect(pair.a).toMatchObject({ state: 'Established', flaps: 0, name: 'Node_10_0_0_2' })
    expect(pair.tablesA[0]?.calls.filter((call) => call.startsWith('reconfigured'))).toEqual([
      'reconfigured 0 import export',
    ])
  })

  it('runs import or export again for a changed policy, and nothing for timers', () => {
    const pair = new Pair()
    pair.untilUp()
    configure(pair, { importPolicy: [{ why, conditions: [], actions: [], verdict: 'reject' }] })
    configure(pair, { exportPolicy: [{ why, conditions: [], actions: [], verdict: 'reject' }] })
    configure(pair, { timers: testTimers({ connectRetryTime: 7_000 }) })
    const calls = pair.tablesA[0]?.calls.filter((call) => call.startsWith('reconfigured'))
    expect(calls).toEqual(['reconfigured 0 import', 'reconfigured 0 import export', 'reconfigured 0 export'])
    expect(pair.a.flaps).toBe(0)
  })

  it('resets for capabilities, names the field, and comes back at once', () => {
    const pair = new Pair()
    pair.untilUp()
    const result = configure(pair, {
      families: [testFamily('ipv4', { addPath: { receive: true, send: 0 } }), testFamily('ipv6')],
    })
    expect(result.reset).toEqual([{ peer: B, field: 'families', impact: 'renegotiate' }])
    expect(resets(pair.nodeA.events)).toEqual(['families'])
    pair.clock.run(50)
    expect(pair.b.lastError).toMatchObject({ code: 6, subcode: 6 })
    expect(pair.untilUp()).toBeLessThan(3_000)
  })

  it('resets everybody for a new router id, once', () => {
    const pair = new Pair()
    pair.untilUp()
    const config = testConfig(A, [testPeer(B)], { routerId: 0x0a0000ff })
    const result = pair.nodeA.input((engine, now) => engine.configure(config, now))
    expect(result.reset).toEqual([{ peer: B, field: 'routerId', impact: 'renegotiate' }])
    pair.untilUp()
    expect(pair.b.remoteRouterId).toBe('10.0.0.255')
    expect(pair.nodeA.input((engine, now) => engine.configure(config, now)).reset).toEqual([])
  })

  it('adds before it removes, and says goodbye to the removed', () => {
    const pair = new Pair()
    pair.untilUp()
    const config = testConfig(A, [testPeer('10.0.0.3', { passive: true })])
    pair.nodeA.events.length = 0
    const result = pair.nodeA.input((engine, now) => engine.configure(config, now))
    expect(result).toMatchObject({ added: ['10.0.0.3'], removed: [B], reset: [] })
    const order = pair.nodeA.events.map(({ type }) => type).filter((type) => type.startsWith('peer-'))
    expect(order).toEqual(['peer-added', 'peer-removed'])
    pair.clock.run(100)
    // Peer De-configured, as a Hard Reset because both agreed on RFC 8538.
    expect(pair.b.lastError).toMatchObject({ code: 6, subcode: 9 })
  })

  it('says the same twice without any effect', () => {
    const pair = new Pair()
    pair.untilUp()
    const before = pair.nodeA.events.length
    expect(configure(pair, {})).toEqual({ added: [], changed: [], removed: [], reset: [] })
    expect(pair.nodeA.events.length).toBe(before)
  })

  it('shuts a peer down by configuration with its text, and starts it again', () => {
    const pair = new Pair()
    pair.untilUp()
    configure(pair, { enabled: false, shutdownMessage: 'maintenance of rack 4' })
    pair.clock.run(60_000)
    expect(pair.a.reason).toBe('administratively down: maintenance of rack 4')
    expect(pair.b.lastError?.text).toBe('maintenance of rack 4')
    configure(pair, {})
    expect(pair.untilUp()).toBeLessThan(35_000)
  })

  it('turns a dynamic neighbour into a configured one without touching its session', () => {
    const { key: _k, name: _n, kind: _d, remoteAddress: _a, remotePort: _p, passive: _s, ...template } = testPeer(B)
    const pair = new Pair({ b: { passive: false }, a: { enabled: false } })
    const range = { range: '10.0.0.0/24', maximum: 10, template }
    pair.nodeA.input((engine, now) => engine.configure(testConfig(A, [], { dynamicNeighbors: [range] }), now))
    pair.untilUp(120_000)
    expect(pair.a.kind).toBe('dynamic')
    configure(pair, { kind: 'node' })
    pair.clock.run(1_000)
    expect(pair.a).toMatchObject({ kind: 'node', state: 'Established', flaps: 0 })
  })
})
