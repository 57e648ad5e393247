import { peerView } from '@starling/api/testing'
import { describe, expect, test } from 'vitest'
import { ClusterSurvey, MOST_NODES, type StoredStatus, type SurveyOptions } from './survey.js'

const NODES = [
  { name: 'a', local: true, address: '10.0.0.1' },
  { name: 'b', local: false, address: '10.0.0.2' },
  { name: 'c', local: false, address: '10.0.0.3' },
  { name: 'd', local: false, address: undefined },
]

function survey(more: Partial<SurveyOptions> = {}) {
  let time = 0
  const asked: string[] = []
  const subject = new ClusterSurvey({
    nodes: () => NODES,
    here: () => [peerView('Mesh_10_0_0_2', '10.0.0.2'), peerView('Mesh_10_0_0_3', '10.0.0.3', { state: 'Active' })],
    nodeAt: (address) => NODES.find((node) => node.address === address)?.name,
    statusOf: () => undefined,
    now: () => time,
    ask: async (address, path) => {
      asked.push(`${address} ${path}`)
      if (address !== '10.0.0.2') throw new Error('connection refused')
      return { total: 1, peers: [{ remoteAddress: '10.0.0.1', state: 'Established', remoteAs: 64512, secret: 'x' }] }
    },
    ...more,
  })
  return { subject, asked, pass: (ms: number) => (time += ms) }
}

const byName = async (subject: ClusterSurvey) =>
  new Map((await subject.read()).speakers.map((speaker) => [speaker.name, speaker]))

describe('a survey of the cluster', () => {
  test('is our own sessions, what the others answer, and why the rest does not', async () => {
    const speakers = await byName(survey().subject)
    expect(speakers.get('a')).toMatchObject({ source: 'here', up: 1, down: 1, complete: true })
    expect(speakers.get('b')).toEqual({
      name: 'b',
      source: 'api',
      at: 0,
      up: 1,
      down: 0,
      complete: true,
      sessions: [{ remoteAddress: '10.0.0.1', state: 'Established', remoteAs: 64512, node: 'a' }],
    })
    expect(speakers.get('c')).toMatchObject({ source: 'none', problem: 'connection refused', sessions: [] })
    expect(speakers.get('d')).toMatchObject({ source: 'none', problem: 'the node has no address' })
  })

  test('asks again only when the answers are old, and then shows the old ones meanwhile', async () => {
    const { subject, asked, pass } = survey()
    await subject.read()
    const once = asked.length
    await subject.read()
    expect(asked).toHaveLength(once)
    pass(6_000)
    expect((await byName(subject)).get('b')?.at).toBe(0)
    await new Promise(setImmediate)
    expect(asked).toHaveLength(2 * once)
    expect((await byName(subject)).get('b')?.at).toBe(6_000)
  })

  test('takes the status a node wrote where its API does not answer', async () => {
    const status: StoredStatus = { at: -60_000, sessions: [{ remoteAddress: '10.0.0.1', state: 'Established' }] }
    const speakers = await byName(survey({ statusOf: (name) => (name === 'd' ? undefined : status) }).subject)
    expect(speakers.get('b')?.source).toBe('api')
    expect(speakers.get('c')).toMatchObject({
      source: 'node-status',
      at: -60_000,
      up: 1,
      problem: 'connection refused',
    })
    expect(speakers.get('c')?.sessions).toEqual([{ remoteAddress: '10.0.0.1', state: 'Established', node: 'a' }])
  })

  test('tells large meshes in counts, with two questions', async () => {
    const peers = Array.from({ length: 64 }, (_, i) => ({ remoteAddress: `10.1.0.${i}`, state: 'Established' }))
    const { subject } = survey({
      ask: async (_address, path) => (path.includes('down') ? { total: 7, peers: [] } : { total: 900, peers }),
    })
    expect((await byName(subject)).get('b')).toMatchObject({ up: 893, down: 7, complete: false })
  })

  test.each([undefined, null, 7, '', [], {}, { peers: 7 }])('survives %j from a node', async (answer) => {
    expect((await byName(survey({ ask: async () => answer }).subject)).get('b')).toMatchObject({ source: 'none' })
  })

  test('survives nonsense among the peers, and cuts what is long', async () => {
    const peers = [null, 7, {}, { remoteAddress: 5 }, { remoteAddress: 'x'.repeat(5000), state: 'Idle' }]
    const speaker = (await byName(survey({ ask: async () => ({ peers, total: -1 }) }).subject)).get('b')
    expect(speaker).toMatchObject({ source: 'api', up: 0, down: 1 })
    expect(speaker?.sessions[0]?.remoteAddress).toHaveLength(200)
  })

  test('asks nobody unless told where, and never more than so many', async () => {
    const silent = await new ClusterSurvey({
      nodes: () => NODES,
      here: () => [],
      nodeAt: () => undefined,
      statusOf: () => undefined,
      now: () => 0,
    }).read()
    expect(silent).toMatchObject({ asks: false, complete: true })
    expect(silent.speakers.map(({ source }) => source)).toEqual(['here', 'none', 'none', 'none'])
    const many = Array.from({ length: 2000 }, (_, i) => ({ name: `n${i}`, local: false, address: '10.0.0.9' }))
    const { subject, asked } = survey({ nodes: () => many })
    expect((await subject.read()).complete).toBe(false)
    expect(asked).toHaveLength(MOST_NODES)
  })
})
