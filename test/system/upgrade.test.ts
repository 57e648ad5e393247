/**
 * Upgrades without a lost packet, measured: the whole agent, and either half where privileges are separated. Twenty
 * rounds and more: `npm run bench -- upgrade --rounds 20`.
 */

import { expect, test } from 'vitest'
import { needs } from '../support/needs.js'
import { upgrades } from '../support/upgrades.js'

needs('root', 'netns', 'ip', 'ping', 'procps')

test.each([
  ['the agent', false, 5],
  ['either half of a separated agent', true, 4],
] as const)(
  '%s is killed and stopped in turn under a ping flood: nothing is lost',
  async (_what, separated, rounds) => {
    const { sent, lost } = await upgrades(rounds, separated)
    expect(sent).toBeGreaterThan(rounds * 100)
    expect(lost).toBe(0)
  },
)
