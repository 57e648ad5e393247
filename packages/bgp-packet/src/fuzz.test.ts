/** The short form of `npm run fuzz`: 100,000 inputs from a fixed seed, all four verdicts reached, no finding. */
import { expect, it } from 'vitest'
import { runFuzz, TARGETS } from './fuzz/fuzz.js'

it('no input escapes a verdict', { timeout: 60_000 }, () => {
  const { findings, verdicts } = runFuzz(100_000, 7)
  expect(findings).toEqual([])
  for (const reached of verdicts) expect(reached).toBeGreaterThan(1000)
})

it('every boundary that takes foreign octets has a target', () => {
  expect(TARGETS.map(({ name }) => name)).toEqual(['engine road', 'message road', 'line road', 'MRT road'])
})
