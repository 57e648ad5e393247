import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { formatIPv4 } from '@starling/bgp-packet/address'
import { SortedSnapshot } from '@starling/datastore'
import { mapDocument } from '@starling/resources'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { parseAllDocuments } from 'yaml'
import { ClusterState, diffPlans, hashedRouterId, type PlanOptions, plan, planToJson } from './index.js'
import { sha256, utf8 } from './sha256.js'
import { block, configuration, filter, node, options, peer, planOf, pool } from './testing.test.js'

const FIXTURES = join(import.meta.dirname, 'fixtures')

/** A folder per scenario: `cluster.yaml`, optional `options.json`, one golden plan per node. UPDATE=1 writes them. */
describe('golden plans', () => {
  const scenarios = readdirSync(FIXTURES, { withFileTypes: true }).filter((entry) => entry.isDirectory())
  const cases = scenarios.flatMap(({ name }) =>
    readdirSync(join(FIXTURES, name))
      .filter((file) => file.endsWith('.json.golden'))
      .map((file) => [name, file.replace('.json.golden', '')] as const),
  )
  test('there are some', () => {
    expect(cases.length).toBeGreaterThan(5)
  })

  test.each(cases)('%s: %s', (scenario, name) => {
    const folder = join(FIXTURES, scenario)
    const documents = parseAllDocuments(readFileSync(join(folder, 'cluster.yaml'), 'utf8')).map((one) => one.toJS())
    const given = plan(ClusterState.fromDocuments(documents), name, optionsIn(folder))
    // Policies are told apart by their own tests; here the names of their rules are enough.
    const json = JSON.stringify(planToJson(given), shortPolicy, 2)
    const golden = join(folder, `${name}.json.golden`)
    if (process.env['UPDATE'] === '1') writeFileSync(golden, `${json}\n`)
    expect(`${json}\n`).toBe(readFileSync(golden, 'utf8'))
  })
})

function optionsIn(folder: string): PlanOptions {
  if (!readdirSync(folder).includes('options.json')) return {}
  const { secrets, ...rest } = JSON.parse(readFileSync(join(folder, 'options.json'), 'utf8')) as {
    secrets?: Record<string, string>
  } & Omit<PlanOptions, 'secrets'>
  return secrets === undefined ? rest : { ...rest, secrets: new Map(Object.entries(secrets)) }
}

function shortPolicy(member: string, value: unknown): unknown {
  if (member !== 'importPolicy' && member !== 'exportPolicy') return value
  return (value as { verdict?: string; why: { resource: string; rule: string } }[]).map(
    ({ verdict, why }) => `${verdict ?? 'next'}: ${why.resource}: ${why.rule}`,
  )
}

describe('identity (calico.md 2.2)', () => {
  test('SHA-256 of the published vectors', () => {
    const hex = (text: string) => [...sha256(utf8(text))].map((b) => b.toString(16).padStart(2, '0')).join('')
    expect(hex('')).toBe('e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855')
    expect(hex('abc')).toBe('ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad')
    expect(hex('abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq')).toBe(
      '248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1',
    )
  })

  test('the hash stays below 224.0.0.0 and is never 0', () => {
    fc.assert(
      fc.property(fc.string(), (name) => {
        const id = hashedRouterId(name)
        expect(id).toBeGreaterThan(0)
        expect(id >>> 24).toBeLessThan(224)
      }),
    )
  })

  const v4 = node('a', '10.0.0.1/24')
  const v6 = node('a', 'fd00:a::1/64')
  test.each([
    ['the IPv4 address', v4, undefined, 0x0a000001],
    ['hash when asked', v4, 'hash', hashedRouterId('a')],
    ['a literal', v4, '192.0.2.77', 0xc000024d],
    ['IPv6 only: a stable hash', v6, undefined, hashedRouterId('a')],
    ['nonsense falls back', v4, 'soon', 0x0a000001],
  ])('router id: %s', (_what, one, routerId, expected) => {
    expect(planOf('a', [one], routerId === undefined ? {} : { routerId }).engine.routerId).toBe(expected)
  })

  test.each([
    ['built in', [v4], 64512],
    ['global', [v4, configuration({ asNumber: 64500 })], 64500],
    ['own', [node('a', '10.0.0.1/24', { asNumber: 64600 }), configuration({ asNumber: 64500 })], 64600],
  ])('AS number: %s', (_what, documents, expected) => {
    expect(planOf('a', documents).engine.asNumber).toBe(expected)
  })

  test.each([
    ['default', {}, {}, { port: 179, ipv4: '0.0.0.0', ipv6: '::' }],
    ['node address', { bindMode: 'NodeIP' }, {}, { port: 179, ipv4: '10.0.0.1', ipv6: 'fd00:a::1' }],
    ['global port', { listenPort: 1790 }, {}, { port: 1790 }],
    ['own port', { listenPort: 1790 }, { listenPort: 1791 }, { port: 1791 }],
  ])('listen: %s', (_what, global, own, expected) => {
    const dual = node('a', '10.0.0.1/24', { ipv6Address: 'fd00:a::1/64' })
    expect(planOf('a', [dual, configuration(global), configuration(own, 'node.a')]).listen).toMatchObject(expected)
  })

  test.each([
    ['v3.31.4', '10.0.0.1', 'own*', []],
    ['v3.32.0', '0.0.0.0', 'all*', ['spec.bindMode', 'spec.ignoredInterfaces']],
  ])('bind mode and ignored interfaces of one node: %s', (calicoVersion, ipv4, ignored, told) => {
    const result = planOf('a', [
      v4,
      configuration({ ignoredInterfaces: ['all*'] }),
      configuration({ bindMode: 'NodeIP', ignoredInterfaces: ['own*'] }, 'node.a'),
      {
        apiVersion: 'projectcalico.org/v3',
        kind: 'ClusterInformation',
        metadata: { name: 'default' },
        spec: { calicoVersion },
      },
    ])
    expect(result.listen.ipv4).toBe(ipv4)
    expect(result.ignoredInterfaces[0]).toBe(ignored)
    expect(result.problems.map(({ field }) => field)).toEqual(told)
  })

  test('an address that two nodes claim is told on both', () => {
    const twins = [v4, node('b', '10.0.0.1/16')]
    expect(planOf('a', twins).problems).toMatchObject([{ resource: 'Node/a', field: 'spec.bgp.ipv4Address' }])
    expect(planOf('b', twins).problems).toMatchObject([{ message: 'Node/a has the address 10.0.0.1 too' }])
  })

  test('a router id that two nodes have is told on both, whether hashed or an address', () => {
    // worker-6 has no IPv4 address, so its router id is the hash of its name; another node has that very address.
    const six = node('worker-6', 'fd00:a::6/64')
    const id = formatIPv4(planOf('worker-6', [six]).engine.routerId)
    const four = node('worker-4', `${id}/24`)
    const message = (other: string) => expect.stringContaining(`Node/${other} has the router id ${id} too`)
    expect(planOf('worker-6', [six, four]).problems).toMatchObject([
      { severity: 'error', resource: 'Node/worker-6', message: message('worker-4') },
    ])
    expect(planOf('worker-4', [six, four]).problems).toMatchObject([
      { severity: 'error', resource: 'Node/worker-4', message: message('worker-6') },
    ])
    expect(planOf('worker-4', [four, node('worker-7', 'fd00:a::7/64')]).problems).toEqual([])
  })

  test('AS 0 on a Node or in the configuration counts as none, and is told', () => {
    const zero = [node('a', '10.0.0.1/24', { asNumber: 0 }), configuration({ asNumber: 0 })]
    const result = planOf('a', zero)
    expect(result.engine.asNumber).toBe(64512)
    expect(result.problems.map(({ field }) => field)).toEqual(['spec.asNumber', 'spec.bgp.asNumber'])
  })

  test('a node that does not exist, or has no address, has no BGP and says so', () => {
    expect(planOf('x', [v4]).problems).toMatchObject([{ resource: 'Node/x', severity: 'error' }])
    const bare = planOf('b', [
      v4,
      { apiVersion: 'projectcalico.org/v3', kind: 'Node', metadata: { name: 'b' }, spec: {} },
    ])
    expect(bare.engine.peers.size).toBe(0)
    expect(bare.problems).toMatchObject([{ resource: 'Node/b', field: 'spec.bgp' }])
    expect(bare.listen).not.toHaveProperty('ipv4')
  })
})

const cluster = [
  configuration({ asNumber: 64500, serviceClusterIPs: [{ cidr: '10.96.0.0/12' }] }),
  node('a', '10.0.0.1/24', { ipv6Address: 'fd00:a::1/64' }, { rack: 'r1' }),
  node('b', '10.0.0.2/24', { ipv6Address: 'fd00:a::2/64' }, { rack: 'r1' }),
  node('c', '10.0.0.3/24', { routeReflectorClusterID: '244.0.0.1' }, { rr: 'true' }),
  node('d', '10.0.0.4/24', { asNumber: 64600 }),
  node('e', '10.0.0.4/24'),
  peer('rr', { nodeSelector: 'all()', peerSelector: "rr == 'true'" }),
  peer('tor-2', { peerIP: '192.0.2.1', asNumber: 65001, filters: ['f'] }),
  peer('tor-1', { peerIP: '192.0.2.1', asNumber: 65002 }),
  filter('f', { exportV4: [{ action: 'Accept' }] }),
  pool('10.244.0.0/16', { ipipMode: 'CrossSubnet' }),
  pool('fd00:10::/48'),
  block('a', '10.244.1.0/26'),
  block('a', 'fd00:10::40/122'),
  options('o', { peers: ['tor-1'], holdTime: '9s' }),
  options('p', { peerSelector: 'all()', holdTime: '30s', bfd: true }),
]
const entries = cluster.map((document) => {
  const mapped = mapDocument(document)
  if (!mapped.ok) throw new Error(JSON.stringify(mapped.problems))
  return { key: mapped.key, value: mapped.value, revision: 1 }
})
const print = (state: ClusterState, name: string) => JSON.stringify(planToJson(plan(state, name)))

describe('the plan follows from the state alone', () => {
  const expected = new Map(['a', 'c', 'd'].map((name) => [name, print(ClusterState.fromDocuments(cluster), name)]))

  test('whatever the order of arrival, and however often', () => {
    fc.assert(
      fc.property(fc.shuffledSubarray(cluster, { minLength: cluster.length }), (shuffled) => {
        const state = ClusterState.fromDocuments([...shuffled, ...shuffled.slice(0, 4)])
        for (const [name, text] of expected) expect(print(state, name)).toBe(text)
      }),
      { numRuns: 50 },
    )
  })

  test('whether keys came at once or one by one, with others that came and went', () => {
    fc.assert(
      fc.property(fc.shuffledSubarray(entries, { minLength: entries.length }), fc.nat(), (shuffled, at) => {
        const state = new ClusterState()
        let snapshot = SortedSnapshot.empty
        const step = (key: string, after: (typeof entries)[number] | undefined): void => {
          snapshot = snapshot.with([{ key, after }], snapshot.revision + 1)
          state.update(snapshot, [key])
        }
        const passing = shuffled[at % shuffled.length] as (typeof entries)[number]
        step(passing.key, passing)
        step(passing.key, undefined)
        for (const entry of shuffled) step(entry.key, entry)
        for (const [name, text] of expected) expect(print(state, name)).toBe(text)
      }),
      { numRuns: 50 },
    )
  })

  test('with or without a plan before, and equal sessions are the very same objects', () => {
    const state = ClusterState.fromDocuments(cluster)
    const before = plan(state, 'a')
    const after = plan(state, 'a', { previous: before })
    expect(JSON.stringify(planToJson(after))).toBe(expected.get('a'))
    expect([...after.peers.values()]).toHaveLength(5)
    for (const [key, value] of after.engine.peers) expect(value).toBe(before.engine.peers.get(key))
    expect(diffPlans(before, after)).toMatchObject({ come: [], go: [], reset: [], changed: [], speaker: [] })
  })
})

describe('a value that does not decode', () => {
  const key = '/calico/resources/v3/projectcalico.org/bgppeers/tor-1'
  const good = entries.find((entry) => entry.key === key) as (typeof entries)[number]
  const bad = { ...good, value: good.value.replace('"asNumber":65002', '"asNumber":"many"') }

  test('leaves the last good one in force and is told with its path', () => {
    const state = ClusterState.from(SortedSnapshot.from(entries, 1))
    const before = print(state, 'a')
    const { problems } = plan(state, 'a')
    state.update(SortedSnapshot.from(entries, 1).with([{ key, after: bad }], 2), [key])
    const result = plan(state, 'a')
    const told = { severity: 'error', resource: 'BGPPeer/tor-1', field: 'spec.asNumber' }
    expect(result.problems).toMatchObject([told, ...problems])
    expect(result.problems[0]?.message).toMatch(/^'many' is not an AS number.*; the last good value stays$/)
    expect(JSON.stringify({ ...planToJson(result), problems })).toBe(before)
    state.update(SortedSnapshot.from(entries, 3), [key])
    expect(print(state, 'a')).toBe(before)
  })

  test('is absent when there never was a good one, and forgotten when its key goes', () => {
    const broken = SortedSnapshot.from([...entries.filter((entry) => entry.key !== key), bad], 1)
    const state = ClusterState.from(broken)
    expect(
      [...plan(state, 'a').peers.values()].find(({ config }) => config.remoteAddress === '192.0.2.1')?.config.remoteAs,
    ).toBe(65001)
    state.update(broken.with([{ key, after: undefined }], 2), [key])
    expect(plan(state, 'a').problems).toMatchObject([{ message: "no BGPPeer 'tor-1'" }])
  })
})

describe('what changes between two plans', () => {
  const small = [
    configuration({}),
    node('a', '10.0.0.1/24'),
    node('b', '10.0.0.2/24'),
    peer('t', { peerIP: '192.0.2.1', asNumber: 65001 }),
  ]
  const before = planOf('a', small)
  const rows: [what: string, more: unknown[], expected: Record<string, unknown>][] = [
    ['a node more', [node('c', '10.0.0.3/24')], { come: [{ name: 'Mesh_10_0_0_3' }], go: [], reset: [], changed: [] }],
    [
      'the mesh off',
      [configuration({ nodeToNodeMeshEnabled: false })],
      { go: [{ name: 'Mesh_10_0_0_2' }], reset: [], come: [] },
    ],
    [
      'another AS at the ToR',
      [peer('t', { peerIP: '192.0.2.1', asNumber: 65002 })],
      { reset: [{ name: 'Global_192_0_2_1', reset: 'remoteAs' }], changed: [] },
    ],
    [
      'a filter',
      [
        peer('t', { peerIP: '192.0.2.1', asNumber: 65001, filters: ['f'] }),
        filter('f', { exportV4: [{ action: 'Reject' }] }),
      ],
      { reset: [], changed: [{ name: 'Global_192_0_2_1', fields: [{ field: 'exportPolicy' }] }] },
    ],
    [
      'a community',
      [configuration({ prefixAdvertisements: [{ cidr: '10.0.0.0/8', communities: ['1:1'] }] })],
      { reset: [], come: [], go: [], speaker: ['communities'] },
    ],
    ['a block', [block('a', '10.244.1.0/26')], { reset: [], appear: [{ prefix: '10.244.1.0/26' }], disappear: [] }],
    ['another own AS', [node('a', '10.0.0.1/24', { asNumber: 64600 })], { speaker: ['asNumber'] }],
    [
      'from mesh to explicit',
      [peer('p', { node: 'a', peerSelector: "x == 'b'" }), node('b', '10.0.0.2/24', {}, { x: 'b' })],
      { reset: [], come: [], go: [] },
    ],
  ]
  test.each(rows)('%s', (_what, more, expected) => {
    expect(diffPlans(before, planOf('a', [...small, ...more]))).toMatchObject(expected)
  })
})
