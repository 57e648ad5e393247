/** Whatever stands in the datastore, a plan comes out: nothing in a value may throw past the border. */
import { SortedSnapshot } from '@starling/datastore'
import { isJsonObject, type JsonValue, mapDocument, parseJson, stringifyJson } from '@starling/resources'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { ClusterState, evaluate, kernelRoute, type Plan, plan, planToJson } from './index.js'
import { block, configuration, filter, node, options, peer, pool } from './testing.test.js'

const rule = {
  cidr: '10.244.0.0/16',
  matchOperator: 'In',
  prefixLength: { min: 26 },
  source: 'RemotePeers',
  interface: 'eth*',
}
const more = { peerType: 'eBGP', communities: { values: ['1:1'] }, asPathPrefix: [65001], priority: 1024 }
const entries = [
  configuration({
    nodeToNodeMeshEnabled: true,
    asNumber: 64512,
    serviceClusterIPs: [{ cidr: '10.96.0.0/12' }],
    serviceExternalIPs: [{ cidr: '198.51.100.0/24' }],
    communities: [{ name: 'x', value: '1:1' }],
    prefixAdvertisements: [{ cidr: '10.0.0.0/8', communities: ['x'] }],
    nodeMeshPassword: { secretKeyRef: { name: 's', key: 'k' } },
    nodeMeshMaxRestartTime: '2m0s',
    listenPort: 179,
    ignoredInterfaces: ['docker*'],
  }),
  node('a', '10.0.0.1/24', { ipv6Address: 'fd00:a::1/64', asNumber: 64512 }, { rack: 'r1' }),
  node('b', '10.0.0.2/24', { routeReflectorClusterID: '244.0.0.1' }, { rack: 'r2' }),
  peer('p', {
    nodeSelector: "rack == 'r1'",
    peerIP: '192.0.2.1:179',
    asNumber: 65001,
    localASNumber: 64701,
    nextHopMode: 'Self',
    password: { secretKeyRef: { name: 's', key: 'k' } },
    maxRestartTime: '2m0s',
    keepaliveTime: '30s',
    ttlSecurity: 1,
    reachableBy: '10.0.0.254',
    filters: ['f'],
  }),
  peer('q', { nodeSelector: 'all()', peerSelector: "rack == 'r2'" }),
  filter('f', { exportV4: [{ ...rule, ...more, action: 'Accept', operations: [{ addCommunity: { value: '1:1' } }] }] }),
  pool('10.244.0.0/16', { ipipMode: 'CrossSubnet' }),
  block('a', '10.244.1.0/26'),
  options('o', {
    peers: ['p'],
    holdTime: '9s',
    bfd: { minimumInterval: '100ms' },
    listenRanges: [{ cidr: '10.9.0.0/16', remoteAs: 'any' }],
  }),
].map((document, i) => {
  const mapped = mapDocument(document)
  if (!mapped.ok) throw new Error(JSON.stringify(mapped.problems))
  return { key: mapped.key, value: mapped.value, revision: i + 1 }
})

/** Every place in a value that holds something. */
function places(value: JsonValue, path: readonly (string | number)[] = []): (readonly (string | number)[])[] {
  const below = Array.isArray(value)
    ? value.flatMap((item, i) => places(item, [...path, i]))
    : isJsonObject(value)
      ? Object.entries(value).flatMap(([member, item]) => places(item, [...path, member]))
      : []
  return [path, ...below]
}

function replaced(value: JsonValue, [first, ...rest]: readonly (string | number)[], by: JsonValue): JsonValue {
  if (first === undefined) return by
  if (Array.isArray(value)) return value.map((item, i) => (i === first ? replaced(item, rest, by) : item))
  return isJsonObject(value) ? { ...value, [first]: replaced(value[first] as JsonValue, rest, by) } : value
}

const strange = fc.oneof(
  fc.jsonValue({ maxDepth: 2 }),
  fc.constantFrom(
    '',
    '0.0.0.0/0',
    '::/0',
    '255.255.255.255',
    '1.2.3.4:99999',
    'all()',
    '!',
    '-1s',
    '99999h',
    '0',
    4294967295,
    -1,
    1e300,
  ),
) as fc.Arbitrary<JsonValue>

function exercise(result: Plan): void {
  planToJson(result)
  for (const { config } of result.peers.values())
    for (const prefix of ['10.244.1.0/26', '0.0.0.0/0', 'fd00::/8']) {
      if (!config.families.some(({ family }) => family === (prefix.includes(':') ? 'ipv6' : 'ipv4'))) continue
      expect(evaluate(result, { prefix, from: 'static', to: config.name })).toHaveProperty('verdict')
      expect(evaluate(result, { prefix, from: config.name, to: 'kernel' })).toHaveProperty('verdict')
    }
  const address = Uint8Array.of(10, 244, 1, 0)
  const base = { family: 'ipv4', address, length: 26, from: 'x', localPref: 100, metric: undefined } as const
  kernelRoute(result.kernel, { ...base, source: 'bgp', nextHops: [{ address: Uint8Array.of(10, 0, 0, 2), weight: 1 }] })
}

test('any value in any place of any resource', () => {
  fc.assert(
    fc.property(fc.nat(entries.length - 1), fc.nat(), strange, fc.boolean(), (which, where, by, fresh) => {
      const entry = entries[which] as (typeof entries)[number]
      const value = entry.value === '' ? {} : parseJson(entry.value)
      const all = places(value)
      const text = stringifyJson(replaced(value, all[where % all.length] ?? [], by))
      const good = SortedSnapshot.from(entries, 1)
      const bad = good.with([{ key: entry.key, after: { ...entry, value: text } }], 2)
      const state = ClusterState.from(fresh ? bad : good)
      const previous = plan(state, 'a')
      if (!fresh) state.update(bad, [entry.key])
      for (const name of ['a', 'b']) exercise(plan(state, name, { previous }))
    }),
    { numRuns: 400 },
  )
})

test('any text as a value, any key below our prefixes', () => {
  const prefixes = [
    '/calico/resources/v3/projectcalico.org/',
    '/calico/ipam/v2/host/',
    '/starling/v1/',
    '/starling/v1/kubernetes/services/',
  ]
  fc.assert(
    fc.property(fc.constantFrom(...prefixes), fc.string(), fc.oneof(fc.string(), fc.json()), (prefix, rest, value) => {
      const state = ClusterState.from(
        SortedSnapshot.from([...entries, { key: prefix + rest, value, revision: 99 }], 99),
      )
      expect(plan(state, 'a').peers.size).toBeGreaterThan(0)
    }),
    { numRuns: 200 },
  )
})
