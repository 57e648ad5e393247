import { AttributeCode, Flag } from '@starling/bgp-packet'
import { expect, test } from 'vitest'
import { settle, TestHost } from './harness.js'
import { weightsOf } from './link-bandwidth.js'
import { BODY, syntheticConfig, syntheticSession, type UpdateFields, updateMessages } from './synthetic.js'
import { RibTables } from './tables.js'

const G = 125_000_000

test.each([
  ['equal links', [10 * G, 10 * G], [1, 1]],
  ['a quarter', [10 * G, 40 * G], [1, 4]],
  ['a ratio that needs a denominator', [10 * G, 25 * G], [2, 5]],
  ['three of them', [10 * G, 25 * G, 100 * G], [2, 5, 20]],
  ['what a single cannot write exactly', [Math.fround(9.9e9), Math.fround(3.3e9)], [3, 1]],
  ['no small ratio: the largest gets all the kernel has', [1, 255.5], [1, 256]],
  ['the smallest never falls to nothing', [1, 1_000_000], [1, 256]],
  ['one of them unknown: all alike', [10 * G, 0], [1, 1]],
  ['a single path has no weight', [10 * G], [1]],
])('weights: %s', (_what, bandwidths, weights) => {
  expect(weightsOf(bandwidths)).toEqual(weights)
})

/** Type, subtype 4, AS 65000, the value as IEEE single. */
function community(type: number, value: number): UpdateFields['raw'] {
  const bytes = new Uint8Array(16)
  // A route target before it: the walk must find the second one.
  bytes.set([0x00, 0x02, 0xfd, 0xe8, 0, 0, 0, 1, type, 0x04, 0xfd, 0xe8])
  new DataView(bytes.buffer).setFloat32(12, value)
  return [{ code: AttributeCode.extendedCommunities, flags: Flag.optional | Flag.transitive, value: bytes }]
}

function twoToRs(first: UpdateFields['raw'], second: UpdateFields['raw']) {
  const host = new TestHost()
  const tables = new RibTables(
    syntheticConfig({
      decision: { alwaysCompareMed: false, deterministicMed: true, maximumPaths: 8, multipathRelax: true },
    }),
    host,
    { hashSeed: 11 },
  )
  const weights: string[] = []
  host.sink.installRoute = ({ nextHops }) => weights.push(nextHops.map(({ weight }) => weight).join(':'))
  for (const slot of [0, 1]) host.up(tables, syntheticSession(slot), slot)
  const say = (slot: number, raw: UpdateFields['raw']) => {
    for (const bytes of updateMessages({
      announce: ['192.0.2.0/24'],
      nextHop: `10.9.9.${slot + 1}`,
      localPref: 100,
      ...(raw === undefined ? {} : { raw }),
    }))
      expect(tables.update(slot, bytes, BODY, bytes.length, 0)).toBeUndefined()
    settle(tables)
  }
  say(0, first)
  say(1, second)
  return { weights, say }
}

test.each([
  ['non-transitive', 0x40],
  ['transitive', 0x00],
])('the %s community weighs two paths', (_kind, type) => {
  expect(twoToRs(community(type, 10 * G), community(type, 40 * G)).weights.at(-1)).toBe('1:4')
})

test('a path without bandwidth makes all equal, and one that gets it weighs them again', () => {
  const { weights, say } = twoToRs(community(0x40, 10 * G), undefined)
  expect(weights.at(-1)).toBe('1:1')
  say(1, community(0x00, 20 * G))
  expect(weights.at(-1)).toBe('1:2')
  // Only a value changes, of the path that is not the best.
  say(1, community(0x00, 30 * G))
  expect(weights.at(-1)).toBe('1:3')
})

test.each([
  ['zero', 0],
  ['not a number', Number.NaN],
  ['infinite', Number.POSITIVE_INFINITY],
  ['negative', -G],
])('a bandwidth that is %s counts as none', (_what, value) => {
  expect(twoToRs(community(0x40, value), community(0x40, 10 * G)).weights.at(-1)).toBe('1:1')
})
