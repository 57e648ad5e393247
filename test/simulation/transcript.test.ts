/**
 * One engine is a function of its inputs: what a simulated node said, a fresh engine says again from the transcript.
 */
import { Network, Random, replay, SimClock, SimNode, Transcript, testConfig, testPeer } from '@starling/testkit'
import { describe, expect, it } from 'vitest'

const A = '10.0.0.1'
const B = '10.0.0.2'
const C = '10.0.0.3'

function story(seed: number) {
  const clock = new SimClock()
  const random = new Random(seed)
  const network = new Network(clock, random)
  const transcript = new Transcript()
  const client = { routeReflectorClient: true }
  const config = testConfig(A, [testPeer(B, client), testPeer(C, client)], { clusterId: 1 })
  const a = new SimNode(A, config, network, random, { transcript })
  const b = new SimNode(B, testConfig(B, [testPeer(A)]), network, random)
  const c = new SimNode(C, testConfig(C, [testPeer(A)]), network, random)
  for (let i = 0; i < 40; i++) {
    const prefix = `10.9.${i}.0/24`
    b.input((engine, now) =>
      engine.setLocalRoute({ prefix, source: 'static', target: { kind: 'blackhole' }, label: 'own block' }, now),
    )
    clock.run(random.integer(0, 200))
    if (i === 20) network.reset(A, C)
    if (i === 30) b.kill()
  }
  clock.run(200_000)
  expect(c.installed.size).toBe(0)
  return { config, transcript, a }
}

describe('a transcript', () => {
  for (const seed of [1, 2, 3]) {
    it(`replays to the same octets, seed ${seed}`, () => {
      const { config, transcript } = story(seed)
      const lines = Transcript.parse(transcript.toText())
      const sent = lines.filter((line) => 'output' in line)
      expect(sent.length).toBeGreaterThan(40)
      expect(replay(config, lines)).toEqual(sent)
    })
  }
})
