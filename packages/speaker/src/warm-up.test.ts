import { testConfig, testPeer } from '@starling/testkit'
import { describe, expect, it } from 'vitest'
import { warmUp } from './warm-up.js'

describe('warm-up', () => {
  it('runs without an error and leaves nothing behind, whatever the configuration', () => {
    for (const config of [
      testConfig('10.0.0.1', []),
      testConfig('10.0.0.1', [testPeer('10.0.0.2')], { clusterId: 7 }),
    ]) {
      expect(warmUp(config, { patience: 1e9 })).toEqual({ internalErrors: 0, rounds: 3, problems: [] })
    }
  })
})
