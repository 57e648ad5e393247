/** A migration carried out on a cluster in memory, interrupted, blinded and disturbed at every place. */
import type { Datastore } from '@starling/datastore'
import { describe, expect, test } from 'vitest'
import { readEntries } from '../commands/datastore-reader.js'
import { planBack } from './back.js'
import { type Cluster, CONFIGURATION, clusterOf, type Member, nodeKey } from './cluster.js'
import { planForward } from './forward.js'
import { judge, type Sight } from './judge.js'
import { sightOf } from './look.js'
import { type RunOptions, runMigration } from './run.js'
import { entriesOf, type NodeSpec, sightsOf, storeOf } from './testing.js'

const NODES: readonly NodeSpec[] = [{ name: 'a' }, { name: 'b' }, { name: 'c' }, { name: 'd', blocks: 0 }]
const forward =
  (...reflectors: string[]) =>
  (cluster: Cluster) =>
    planForward(cluster, { reflectors, label: { key: 'route-reflector', value: 'true' } })

interface Rig extends Partial<RunOptions> {
  readonly silent?: Set<string>
  readonly bird?: Set<string>
  readonly dead?: Set<string>
}

async function run(datastore: Datastore, { silent, bird, dead, ...more }: Rig): Promise<string> {
  let said = ''
  const blind = { ...(silent && { silent }), ...(bird && { bird }), ...(dead && { dead }) }
  const eyes = {
    look: (members: readonly Member[]) => sightsOf(datastore, members, blind),
    renew: () => Promise.resolve(),
  }
  const options = { datastore, eyes, plan: forward('a', 'd'), assumed: new Set<string>(), acceptGap: false }
  const time = { patience: 3, settle: 2, pause: 1, signal: new AbortController().signal }
  const say = (line: string) => {
    said += `${line}\n`
  }
  await runMigration({ ...options, ...time, say, ...more })
  return said
}

const clusterIn = async (datastore: Datastore) => clusterOf((await readEntries(datastore)).entries)

test('forward, again, back, again', async () => {
  const datastore = await storeOf(entriesOf(NODES))
  expect(await run(datastore, {})).toMatch(
    /\[1\/4\] BGPPeers.*\[2\/4\] d becomes.*\[3\/4\] a becomes.*\[4\/4\] the mesh goes off.*done:/s,
  )
  expect((await clusterIn(datastore)).mesh).toBe(false)
  expect(await run(datastore, { plan: forward() })).toMatch(/^nothing is left to do.*done/s)
  expect(await run(datastore, { plan: planBack })).toMatch(
    /mesh comes on.*a is no.*d is no.*BGPPeers.*go.*mesh is back/s,
  )
  expect(await run(datastore, { plan: planBack })).toMatch(/^nothing is left to do/)
})

test('interrupted after any write it goes on, and every step is taken once', async () => {
  const whole = await storeOf(entriesOf(NODES))
  await run(whole, {})
  for (let writes = 1; writes <= 5; writes++) {
    const datastore = await storeOf(entriesOf(NODES))
    const stop = new AbortController()
    let seen = 0
    const counting = (line: string) => {
      if (/^ {6}(Node|BGPPeer|BGPConfiguration)\//.test(line) && ++seen === writes) stop.abort()
    }
    await run(datastore, { signal: stop.signal, say: counting }).catch((error: Error) =>
      expect(error.message).toMatch(/^stopped/),
    )
    await run(datastore, {})
    const values = async (store: Datastore) =>
      (await readEntries(store)).entries.size + Number((await clusterIn(store)).mesh)
    expect(await values(datastore)).toBe(await values(whole))
  }
})

describe('stops, and the mesh stays, when', () => {
  test.each<[string, Rig, RegExp]>([
    ['a client is dead', { dead: new Set(['b']) }, /b: 0 of 1 ipv4 sessions Established \(d Connect\)/],
    ['the second reflector is dead', { dead: new Set(['a']) }, /a: /],
    ['nobody tells anything', { silent: new Set(['a', 'b', 'c', 'd']) }, /b, c.*--assume NODE/s],
  ])('%s', async (_what, rig, reason) => {
    const datastore = await storeOf(entriesOf(NODES))
    await expect(run(datastore, rig)).rejects.toThrow(reason)
    expect((await clusterIn(datastore)).mesh).toBe(true)
  })

  test('a resource changed between looking and writing', async () => {
    const datastore = await storeOf(entriesOf(NODES))
    const racing: Datastore = {
      description: 'racing',
      list: (prefix) => datastore.list(prefix),
      watch: (prefix, from, sink) => datastore.watch(prefix, from, sink),
      get: (key) => datastore.get(key),
      create: (key, value) => datastore.create(key, value),
      delete: (key, revision) => datastore.delete(key, revision),
      close: () => datastore.close(),
      update: async (key, value, revision) => {
        const now = await datastore.get(key)
        if (key === nodeKey('a') && now !== undefined) await datastore.update(key, `${now.value} `, now.revision)
        return datastore.update(key, value, revision)
      },
    }
    await expect(run(racing, {})).rejects.toThrow(/Node\/a was changed by somebody else/)
  })
})

test('silent clients are known through their reflectors, and who is assumed needs nobody', async () => {
  const datastore = await storeOf(entriesOf(NODES))
  await run(datastore, { silent: new Set(['b', 'c']) })
  expect((await clusterIn(datastore)).mesh).toBe(false)
  const other = await storeOf(entriesOf(NODES))
  await run(other, { dead: new Set(['b']), assumed: new Set(['b']) })
  expect((await clusterIn(other)).mesh).toBe(false)
})

test('a reflector with blocks is refused while somebody runs BIRD, unless the gap is accepted', async () => {
  const bird = { plan: forward('a', 'b'), bird: new Set(['c']) }
  const datastore = await storeOf(entriesOf(NODES))
  await expect(run(datastore, bird)).rejects.toThrow(/a owns blocks.* c is not known to run Starling.*--accept-gap/)
  await run(datastore, { ...bird, acceptGap: true })
  await run(await storeOf(entriesOf(NODES)), { plan: forward('a', 'b') })
})

test('the mesh goes only after all was well for the whole time of settling', async () => {
  const datastore = await storeOf(entriesOf(NODES))
  let looks = 0
  // Every third answer is bad: never three good ones in a row.
  const eyes = {
    look: (members: readonly Member[]) =>
      sightsOf(datastore, members, ++looks % 3 === 0 ? { dead: new Set(['c']) } : {}),
    renew: () => Promise.resolve(),
  }
  await expect(run(datastore, { eyes, settle: 6, patience: 30 })).rejects.toThrow(/not so after/)
  expect((await datastore.get(CONFIGURATION))?.value).toBeUndefined()
})

describe('judge', () => {
  const member = (name: string, at: number, ...more: string[]): Member => ({
    name,
    addresses: [`10.0.0.${at}`, ...more],
    reflector: false,
    ownsBlocks: true,
  })
  const [r1, r2, c] = [member('r1', 1), member('r2', 2), member('c', 3)]
  const sight = (sessions: Record<string, string>): Sight => ({
    sessions: new Map(Object.entries(sessions)),
    starling: true,
  })
  const up = 'Established'
  test.each<[string, Record<string, Sight>, 'met' | 'lacking' | 'unknown']>([
    [
      'both ends of everything',
      {
        r1: sight({ '10.0.0.2': up, '10.0.0.3': up }),
        r2: sight({ '10.0.0.1': up, '10.0.0.3': up }),
        c: sight({ '10.0.0.1': up, '10.0.0.2': up }),
      },
      'met',
    ],
    [
      'one end is enough',
      { r1: sight({ '10.0.0.2': up, '10.0.0.3': up }), r2: sight({ '10.0.0.1': up, '10.0.0.3': up }) },
      'met',
    ],
    [
      'an end that disagrees is a doubt',
      {
        r1: sight({ '10.0.0.2': up, '10.0.0.3': up }),
        r2: sight({ '10.0.0.1': up, '10.0.0.3': up }),
        c: sight({ '10.0.0.1': up, '10.0.0.2': 'Active' }),
      },
      'lacking',
    ],
    [
      'a session nobody configured',
      { r1: sight({ '10.0.0.2': up }), r2: sight({ '10.0.0.1': up, '10.0.0.3': up }) },
      'lacking',
    ],
    ['silence is not an answer', { r1: sight({ '10.0.0.2': up, '10.0.0.3': up }) }, 'unknown'],
  ])('%s', (_what, sights, expected) => {
    const verdict = judge({ with: [r1, r2], least: 2, clients: [c] }, new Map(Object.entries(sights)), new Set())
    const found = verdict.met ? 'met' : verdict.lacking.length > 0 ? 'lacking' : 'unknown'
    expect(found).toBe(expected)
  })

  test('each family counts by itself', () => {
    const dual = [member('r1', 1, 'fd00::1'), member('r2', 2, 'fd00::2')]
    const client = member('c', 3, 'fd00::3')
    const own = sight({ '10.0.0.1': up, '10.0.0.2': up, 'fd00::1': up, 'fd00::2': 'Connect' })
    const { lacking } = judge({ with: dual, least: 2, clients: [client] }, new Map([['c', own]]), new Set(['r1', 'r2']))
    // Reflectors that are taken to be well do not make a client's own words wrong.
    expect(lacking).toEqual([])
    const strict = judge({ with: dual, least: 2, clients: [client] }, new Map([['c', own]]), new Set())
    expect(strict.lacking).toEqual(['c: 1 of 2 ipv6 sessions Established (r2 Connect)'])
  })
})

test('a CalicoNodeStatus counts once its reporter wrote it', () => {
  const peers = [{ peerIP: '10.0.0.1.port.1790', type: 'NodePeer', state: 'Established', since: '07:11:02' }]
  expect(sightOf({ lastUpdated: '0001-01-01T00:00:00Z', bgp: {} })).toBeUndefined()
  expect(sightOf({ bgp: { peersV4: peers } })).toBeUndefined()
  const sight = sightOf({ lastUpdated: '2026-08-04T08:00:10Z', bgp: { peersV4: peers } })
  expect([...(sight?.sessions ?? [])]).toEqual([['10.0.0.1', 'Established']])
  expect(sight?.starling).toBe(false)
})
