import { setFlagsFromString } from 'node:v8'
import { runInThisContext } from 'node:vm'
import { Engine } from '@starling/engine'
import { testConfig, testPeer } from '@starling/testkit'
import { describe, expect, it } from 'vitest'
import { sinkOf } from './sink.js'
import { warmUp } from './warm-up.js'

setFlagsFromString('--allow-natives-syntax')
const sameShape: (one: object, other: object) => boolean = runInThisContext('(a, b) => %HaveSameMap(a, b)')

function engine(): Engine {
  const nothing = (): undefined => undefined
  const transport = { connect: nothing, close: nothing, send: () => true, event: nothing }
  const host = { installRoute: nothing, removeRoute: nothing, trackNextHop: nothing, untrackNextHop: nothing }
  return new Engine(testConfig('10.0.0.1', []), sinkOf(transport, host), {
    now: 0.5,
    random: () => 0.5,
    restarting: false,
  })
}

describe('warm-up', () => {
  it('runs without an error and leaves nothing behind, whatever the configuration', () => {
    for (const config of [
      testConfig('10.0.0.1', []),
      testConfig('10.0.0.1', [testPeer('10.0.0.2')], { clusterId: 7 }),
    ]) {
      expect(warmUp(config, { patience: 1e9 })).toEqual({ internalErrors: 0, rounds: 3, problems: [] })
    }
  })

  it('meets engines of the shape that a ticking one keeps: what it compiled stays', () => {
    const [still, ticking] = [engine(), engine()]
    expect(sameShape(still, ticking)).toBe(true)
    ticking.tick(1.5)
    ticking.tick(2)
    expect(sameShape(still, ticking)).toBe(true)
    expect(sameShape(engine(), ticking)).toBe(true)
  })
})
