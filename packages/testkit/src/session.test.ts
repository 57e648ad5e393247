import type { PeerConfig } from '@starling/engine'
import { describe, expect, it } from 'vitest'
import { FakeTables, Network, Random, SimClock, SimNode, testConfig, testPeer } from './index.js'

const A = '10.0.0.1'
const B = '10.0.0.2'

function pair(options: { a?: Partial<PeerConfig>; b?: Partial<PeerConfig>; seed?: number } = {}) {
  const clock = new SimClock()
  const random = new Random(options.seed ?? 1)
  const network = new Network(clock, random)
  const fakes: FakeTables[] = []
  const tables = (...parameters: ConstructorParameters<typeof FakeTables>) => {
    const fake = new FakeTables(...parameters)
    fakes.push(fake)
    return fake
  }
  const a = new SimNode(A, testConfig(A, [testPeer(B, options.a)]), network, random, { tables })
  const b = new SimNode(B, testConfig(B, [testPeer(A, options.b)]), network, random, { tables })
  const state = () => [a.engine.peer(B)?.state, b.engine.peer(A)?.state].join(' ')
  const up = () => state() === 'Established Established'
  return { clock, network, a, b, fakes, state, up }
}

describe('two engines on a simulated network', () => {
  it('establish one session although both dial', () => {
    let flaps = 0
    for (let seed = 1; seed <= 300; seed++) {
      const { clock, up, a, b } = pair({ seed })
      expect(
        clock.runWhile(() => !up(), 60_000),
        `seed ${seed}`,
      ).toBe(true)
      clock.run(1_000)
      expect(up(), `seed ${seed}`).toBe(true)
      flaps += (a.engine.peer(B)?.flaps ?? 0) + (b.engine.peer(A)?.flaps ?? 0)
      expect([...a.engine.audit(), ...b.engine.audit()]).toEqual([])
    }
    // RFC 4271 section 6.8 has a race of its own: a KEEPALIVE and the other connection's OPEN may overtake each other.
    expect(flaps).toBeLessThan(6)
  })
})
