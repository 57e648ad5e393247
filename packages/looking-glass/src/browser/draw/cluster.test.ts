import { expect, test } from 'vitest'
import type { Node, Peer, Survey } from '../data/types.js'
import { commonName, withSurvey, witnessWords } from './cluster.js'
import { topologyOf } from './layout.js'

const node = (name: string, more: Partial<Node> = {}): Node => ({
  name,
  asNumber: 64512,
  asNumberInherited: true,
  labels: {},
  blocks: 1,
  local: false,
  peers: [],
  ...more,
})
const tor = {
  key: '10.0.1.1',
  name: 'Node_10_0_1_1',
  state: 'Established',
  enabled: true,
  remoteAddress: '10.0.1.1',
  description: 'BGPPeer tor1-r1',
  remoteAs: 64601,
} as Peer

type Speaker = Survey['speakers'][number]
const speaker = (name: string, source: Speaker['source'], sessions: Speaker['sessions']): Speaker => ({
  name,
  source,
  at: '2026-08-04T08:00:00Z',
  up: 0,
  down: 0,
  sessions,
  complete: true,
})
const toTor = (address: string, rack: string) => ({
  remoteAddress: address,
  state: 'Established',
  remoteAs: 64601,
  remoteRouterId: '10.0.0.1',
  description: `BGPPeer tor1-${rack}`,
})
const toNode = (name: string, state = 'Established') => ({ remoteAddress: `of ${name}`, state, node: name })

const topology = () => topologyOf([node('a', { local: true }), node('b'), node('c'), node('d')], [], [tor])
const survey = (speakers: readonly Speaker[], asks = true): Survey => ({ asks, speakers, complete: true })

test('every session that somebody tells of is one line, and the worse word of its two ends counts', () => {
  const { links = [], racks } = withSurvey(
    topology(),
    survey([
      speaker('a', 'here', [toNode('b')]),
      speaker('b', 'api', [toNode('a'), toNode('c')]),
      speaker('c', 'node-status', [toNode('b', 'Active')]),
      speaker('d', 'none', []),
    ]),
  )
  expect(links).toEqual([
    { a: 'node/a', b: 'node/b', health: 'ok' },
    { a: 'node/b', b: 'node/c', health: 'bad' },
  ])
  const health = Object.fromEntries(racks[0]!.dots.map((dot) => [dot.name, dot.health]))
  // b has another session that is up; c has none.
  expect(health).toMatchObject({ b: 'ok', c: 'bad', d: 'none' })
})

test('who is silent and missed is the one to look at, not those who miss him', () => {
  const { racks } = withSurvey(
    topology(),
    survey([
      speaker('a', 'here', [toNode('d', 'Active'), toNode('b')]),
      speaker('b', 'api', [toNode('d', 'Active'), toNode('a')]),
      speaker('c', 'api', [toNode('d', 'Active'), toNode('a')]),
      speaker('d', 'none', []),
    ]),
  )
  expect(Object.fromEntries(racks[0]!.dots.map((dot) => [dot.name, dot.health]))).toMatchObject({
    b: 'ok',
    c: 'ok',
    d: 'bad',
  })
})

test('an outside router that nodes know by several addresses is one box', () => {
  const { above, links = [] } = withSurvey(
    topology(),
    survey([
      speaker('a', 'here', [toTor('10.0.1.1', 'r1')]),
      speaker('b', 'api', [toTor('10.0.2.1', 'r2')]),
      // Down, so without a router id: the others know whose address that is.
      speaker('c', 'api', [{ remoteAddress: '10.0.2.1', state: 'Active', remoteAs: 64601 }]),
      speaker('d', 'api', [{ remoteAddress: '192.0.2.9', state: 'Active' }]),
    ]),
  )
  expect(above.map(({ label, detail, health, name, onNode }) => ({ label, detail, health, name, onNode }))).toEqual([
    { label: '192.0.2.9', detail: '192.0.2.9', health: 'bad', name: '', onNode: 'd' },
    { label: 'tor1', detail: 'AS 64601, 2 addresses', health: 'ok', name: 'Node_10_0_1_1', onNode: undefined },
  ])
  expect(links.map(({ health }) => health)).toEqual(['ok', 'ok', 'bad', 'bad'])
})

test('without a word from others the drawing stays ours', () => {
  const before = topology()
  expect(withSurvey(before, undefined)).toBe(before)
  expect(withSurvey(before, survey([speaker('a', 'here', []), speaker('b', 'none', [])]))).toBe(before)
})

test('the same answers in another order draw the same', () => {
  const speakers = ['a', 'b', 'c', 'd'].map((name) => speaker(name, 'api', [toNode('a'), toTor('10.0.1.1', 'r1')]))
  expect(withSurvey(topology(), survey([...speakers].reverse()))).toEqual(withSurvey(topology(), survey(speakers)))
})

test('a mesh of hundreds shows what is wrong and what is ours', () => {
  const names = Array.from({ length: 100 }, (_none, index) => `n${index}`)
  const nodes = names.map((name, index) => node(name, { local: index === 0 }))
  const speakers = names.map((name, index) =>
    speaker(
      name,
      'api',
      names.flatMap((other) => (other === name ? [] : [toNode(other, index === 7 ? 'Idle' : 'Established')])),
    ),
  )
  const { links = [] } = withSurvey(topologyOf(nodes, [], []), survey(speakers))
  expect(links.filter(({ health }) => health === 'bad')).toHaveLength(99)
  expect(links).toHaveLength(99 + 98)
})

test.each([
  [['BGPPeer tor1-r1', 'BGPPeer tor1-r2'], 'tor1'],
  [['BGPPeer tor1'], 'tor1'],
  [['leaf-a', 'spine-b'], ''],
  [[], ''],
] as const)('the name for %j is %j', (names, name) => expect(commonName(names)).toBe(name))

test('whose word it is stands below', () => {
  const here = speaker('a', 'here', [])
  expect(witnessWords(survey([here]))).toBe('')
  expect(witnessWords(survey([here, speaker('b', 'none', [])], false))).toMatch(/this speaker alone/)
  const silent = { ...speaker('c', 'none', []), problem: 'connection refused' }
  expect(witnessWords(survey([here, speaker('b', 'api', []), silent]))).toBe(
    '1 of 2 other nodes answer for themselves; not c (connection refused).',
  )
})
