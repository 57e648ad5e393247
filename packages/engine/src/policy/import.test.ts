/**
 * What comes in: built-in refusals with their reasons, RFC 7606 verdicts, and policy terms as rows (calico.md 2.7, 2.8).
 */
import { expect, test } from 'vitest'
import type { PeerConfig } from '../config/types.js'
import type { LocalRoute } from '../rib/contract.js'
import { settle, TestHost } from '../rib/harness.js'
import { BODY, syntheticConfig, syntheticSession, type UpdateFields, updateMessages } from '../rib/synthetic.js'
import { RibTables } from '../rib/tables.js'
import type { Action, Condition, PolicyTerm } from './types.js'

const PREFIX = '192.0.2.0/24'

function setUp(config: Partial<PeerConfig> = {}, external = false, receiver: Partial<PeerConfig> = {}) {
  const host = new TestHost()
  const tables = new RibTables(syntheticConfig(), host, { hashSeed: 3 })
  const session = syntheticSession(0, { config, external, remoteAs: external ? 64500 : 65000 })
  host.up(tables, session, 0)
  host.up(tables, syntheticSession(1, { config: receiver }), 1)
  const send = (fields: UpdateFields) => {
    let error: ReturnType<typeof tables.update>
    for (const bytes of updateMessages(fields)) error ??= tables.update(0, bytes, BODY, bytes.length, 0)
    settle(tables)
    return error
  }
  return { host, tables, send }
}

test.each([
  ['our own AS in the path', {}, { asPath: '7 65000 8' }, 'AS loop'],
  ['our own AS twice, once allowed', { allowOwnAs: 1 }, { asPath: '65000 65000' }, 'AS loop'],
  ['our router id as ORIGINATOR_ID', {}, { originatorId: 0x0a00000a }, 'ORIGINATOR_ID'],
  ['our cluster id in CLUSTER_LIST', {}, { clusterList: [1, 0x0a00000a] }, 'CLUSTER_LIST'],
  ['ourselves as next hop', {}, { nextHop: '10.0.0.10' }, 'our own address'],
  ['a multicast next hop', {}, { nextHop: '224.0.0.5' }, 'no unicast'],
  ['an absurdly long AS_PATH', {}, { asPath: Array.from({ length: 300 }, () => 7).join(' ') }, 'more than 255'],
  [
    'an attribute on the withdraw list',
    { withdrawOnAttributes: [8] },
    { communities: ['1:1'] },
    'withdrawOnAttributes',
  ],
])('refused, and kept to be explained: %s', (_, config, fields, reason) => {
  const { host, tables, send } = setUp(config)
  send({ announce: [PREFIX], localPref: 100, ...fields })
  expect(host.told[1].size).toBe(0)
  expect(tables.familyViews(0)[0]).toMatchObject({ received: 1, accepted: 0 })
  const page = tables.routes({ view: 'filtered', limit: 10 })
  expect(page.routes[0].reason).toContain(reason)
  expect(tables.audit()).toEqual([])
})

test.each([
  ['of somebody else', '64999 64500', {}, false],
  ['empty', '', {}, false],
  ['its own', '64500 64999', {}, true],
  ['its own, twice', '64500 64500', {}, true],
  ['of somebody else, from a route server', '64999', { role: 'rs-client' }, true],
  ['of somebody else, when nobody asks', '64999', { enforceFirstAs: false }, true],
] as const)('an eBGP path that begins with an AS %s (RFC 4271 section 6.3)', (_, asPath, config, accepted) => {
  const { host, tables, send } = setUp({ enforceFirstAs: true, ...config }, true)
  expect(send({ announce: [PREFIX], asPath })).toBeUndefined()
  expect(host.told[1].size).toBe(accepted ? 1 : 0)
  const [filtered] = tables.routes({ view: 'filtered', limit: 10 }).routes
  if (!accepted) expect(filtered.reason).toMatch(/^AS_PATH begins with (AS 64999|no AS), not with the peer's AS 64500/)
})

test('peers that differ in their AS alone share no verdict about the first AS', () => {
  const host = new TestHost()
  const tables = new RibTables(syntheticConfig(), host, { hashSeed: 3 })
  const session = (slot: number, remoteAs: number) =>
    host.up(tables, syntheticSession(slot, { config: { enforceFirstAs: true }, external: true, remoteAs }), slot)
  session(0, 64500)
  session(1, 64501)
  for (const slot of [0, 1]) {
    for (const bytes of updateMessages({ announce: [`10.0.${slot}.0/24`], asPath: '64500' })) {
      tables.update(slot, bytes, BODY, bytes.length, 0)
    }
  }
  settle(tables)
  expect(tables.familyViews(0)[0]).toMatchObject({ accepted: 1 })
  expect(tables.familyViews(1)[0]).toMatchObject({ accepted: 0 })
})

test('a confederation segment from another AS withdraws the route and costs no session', () => {
  const { host, tables, send } = setUp({}, true)
  send({ announce: [PREFIX], asPath: '64500' })
  expect(host.told[1].size).toBe(1)
  expect(send({ announce: [PREFIX], asPath: '(65101 65102) 64500' })).toBeUndefined()
  expect(host.told[1].size).toBe(0)
  expect(host.events.at(-1)).toMatchObject({ type: 'bad-update', verdict: 'treat-as-withdraw', attribute: 2 })
  expect(tables.audit()).toEqual([])
})

test('inside the AS a confederation segment is carried as it is (we may sit in a member AS), and never leaves it', () => {
  const { host, tables, send } = setUp({})
  host.up(tables, syntheticSession(2, { external: true, remoteAs: 64999 }), 2)
  send({ announce: [PREFIX], localPref: 100, asPath: '(65101 65102) 64500' })
  expect(host.told[1].get(PREFIX)).toContain('path (65101 65102) 64500')
  expect(host.told[2].get(PREFIX)).toContain('path 65000 64500')
})

test('our own AS is accepted as often as allowed', () => {
  const { host, send } = setUp({ allowOwnAs: 2 })
  send({ announce: [PREFIX], asPath: '65000 7 65000', localPref: 100 })
  expect(host.told[1].size).toBe(1)
})

test('an attribute on the discard list is gone from what is passed on', () => {
  const { host, send } = setUp({ discardAttributes: [8] })
  send({ announce: [PREFIX], localPref: 100, communities: ['1:1'] })
  expect(host.told[1].get(PREFIX)).toBe('nh 10.9.9.9 path lp 100 orig 10.1.0.0 clusters 10.0.0.10')
})

test('graceful shutdown from an eBGP peer means LOCAL_PREF 0', () => {
  const { host, send } = setUp({}, true)
  send({ announce: [PREFIX], asPath: '64500', communities: ['graceful-shutdown'] })
  expect(host.told[1].get(PREFIX)).toContain(' lp 0 ')
})

test('treat-as-withdraw and an explicit withdrawal leave the same state', () => {
  const bad = { announce: [PREFIX], localPref: 100, raw: [{ code: 8, flags: 0xc0, value: Uint8Array.of(1, 2, 3) }] }
  for (const second of [bad, { withdraw: [PREFIX] }]) {
    const { host, tables, send } = setUp()
    send({ announce: [PREFIX], localPref: 100 })
    expect(host.told[1].size).toBe(1)
    expect(send(second)).toBeUndefined()
    expect(host.told[1].size).toBe(0)
    expect(tables.memory()).toMatchObject({ prefixes: 0, paths: 0, attributeSets: 0 })
    expect(tables.audit()).toEqual([])
  }
})

test('a bad UPDATE is reported with its rule and bytes, and the session stays', () => {
  const { host, send } = setUp()
  send({ announce: [PREFIX], localPref: 100, raw: [{ code: 8, flags: 0xc0, value: Uint8Array.of(1, 2, 3) }] })
  expect(host.events.find((event) => event.type === 'bad-update')).toMatchObject({
    verdict: 'treat-as-withdraw',
    attribute: 8,
    rule: expect.stringContaining('RFC 7606 7.8'),
  })
})

test('an attribute that is discarded does not cost the route, and each occurrence is reported', () => {
  const { host, send } = setUp({}, true)
  const raw = [{ code: 7, flags: 0xc0, value: Uint8Array.of(1, 2, 3) }]
  for (const n of [1, 2]) send({ announce: [`10.${n}.0.0/16`], asPath: '64500', raw })
  expect(host.told[1].size).toBe(2)
  expect(host.events.filter((event) => event.type === 'bad-update')).toHaveLength(2)
})

test('an UPDATE that cannot be read resets the session with the right code', () => {
  const { tables } = setUp()
  const [bytes] = updateMessages({ announce: [PREFIX], localPref: 100 })
  bytes[19] = 255
  expect(tables.update(0, bytes, BODY, bytes.length, 0)).toMatchObject({ code: 3, subcode: 1 })
})

test('LOCAL_PREF from an eBGP peer is ignored', () => {
  const { host, send } = setUp({}, true)
  send({ announce: [PREFIX], asPath: '64500', localPref: 900 })
  expect(host.told[1].get(PREFIX)).toContain(' lp 100')
})

// --- policy terms -----------------------------------------------------------------------------------------------

const why = { resource: 'BGPFilter/x', field: 'spec.importV4[0]', rule: 'test' }
function term(
  conditions: readonly Condition[],
  verdict?: 'accept' | 'reject',
  actions: readonly Action[] = [],
): PolicyTerm {
  return { why, conditions, actions, ...(verdict !== undefined && { verdict }) }
}
function range(network: string, minimum: number, maximum: number, negate = false): Condition {
  const family = network.includes(':') ? ('ipv6' as const) : ('ipv4' as const)
  return { kind: 'prefix', ranges: [{ family, network, minimum, maximum }], negate }
}

test.each<[string, Condition, UpdateFields, boolean]>([
  ['a prefix in range', range('192.0.0.0/16', 16, 32), {}, true],
  ['a prefix out of range', range('192.1.0.0/16', 16, 32), {}, false],
  ['a prefix too long', range('192.0.0.0/16', 16, 23), {}, false],
  ['a prefix not in a range', range('192.0.0.0/16', 16, 32, true), {}, false],
  ['a prefix outside, negated', range('192.1.0.0/16', 16, 32, true), {}, true],
  ['the other family only', range('fd00::/8', 8, 128, true), {}, false],
  ['an empty list', { kind: 'prefix', ranges: [], negate: false }, {}, false],
  ['source bgp', { kind: 'source', any: ['bgp'] }, {}, true],
  ['source static', { kind: 'source', any: ['static', 'kernel'] }, {}, false],
  ['an interface, which BGP routes have not', { kind: 'interface', globs: ['*'] }, {}, false],
  ['peer type', { kind: 'peer-type', is: 'ibgp' }, {}, true],
  ['the other peer type', { kind: 'peer-type', is: 'ebgp' }, {}, false],
  ['a community', { kind: 'community', any: ['9:9', '65000:7'] }, { communities: ['65000:7'] }, true],
  ['a missing community', { kind: 'community', any: ['65000:8'] }, { communities: ['65000:7'] }, false],
  ['a missing large community', { kind: 'community', any: ['1:2:3'] }, {}, false],
  ['a path beginning', { kind: 'as-path-prefix', sequence: [7, 8] }, { asPath: '7 8 9' }, true],
  ['another beginning', { kind: 'as-path-prefix', sequence: [8] }, { asPath: '7 8 9' }, false],
  ['a path too short', { kind: 'as-path-prefix', sequence: [7, 8] }, { asPath: '7' }, false],
  ['LOCAL_PREF above', { kind: 'local-pref', operator: '>', value: 99 }, {}, true],
  ['LOCAL_PREF equal', { kind: 'local-pref', operator: '=', value: 99 }, {}, false],
  ['a metric it has not', { kind: 'metric', operator: '<', value: 1024 }, {}, false],
  ['learned from iBGP', { kind: 'learned-from', is: 'ibgp' }, {}, true],
  ['learned locally', { kind: 'learned-from', is: 'local' }, {}, false],
])('a term applies to: %s', (_, condition, fields, applies) => {
  const { host, tables, send } = setUp({ importPolicy: [term([condition], 'reject')] })
  send({ announce: [PREFIX], localPref: 100, ...fields })
  expect(host.told[1].has(PREFIX)).toBe(!applies)
  if (applies) {
    expect(tables.explain(PREFIX).paths[0].reason).toBe('import policy: BGPFilter/x spec.importV4[0] (test)')
  }
})

test('all conditions must hold, actions run in order, the first verdict ends the walk', () => {
  const importPolicy = [
    term([{ kind: 'peer-type', is: 'ibgp' }, range('10.0.0.0/8', 8, 32)], 'reject'),
    term([], undefined, [{ kind: 'set-local-pref', value: 7 }]),
    term([{ kind: 'local-pref', operator: '=', value: 7 }], 'accept', [{ kind: 'add-community', value: '1:1' }]),
    term([], 'reject'),
  ]
  const { host, send } = setUp({ importPolicy })
  send({ announce: [PREFIX], localPref: 100 })
  expect(host.told[1].get(PREFIX)).toContain('lp 7 ')
  expect(host.told[1].get(PREFIX)).toContain('comm 1:1')
})

test('where no term decides, the default does', () => {
  const { host, send } = setUp({ importDefault: 'reject' })
  send({ announce: [PREFIX], localPref: 100 })
  expect(host.told[1].size).toBe(0)
})

test('policy that looks at prefixes judges each prefix of one UPDATE for itself', () => {
  const { host, tables, send } = setUp({ importPolicy: [term([range('10.0.0.0/8', 8, 32)], 'reject')] })
  send({ announce: ['10.1.0.0/16', PREFIX, '2001:db8::/32'], localPref: 100 })
  expect([...host.told[1].keys()].sort()).toEqual([PREFIX, '2001:db8::/32'])
  expect(tables.audit()).toEqual([])
})

// --- the order of calico.md 2.8 as terms ------------------------------------------------------------------------

const NORMAL = 1024
const calico: PolicyTerm[] = [
  term([], undefined, [{ kind: 'calico-priority', normalPriority: NORMAL }]),
  term([range('10.77.0.0/16', 16, 32)], 'reject'),
  term(
    [
      { kind: 'peer-type', is: 'ibgp' },
      { kind: 'interface', globs: ['*.cali', '*.calico', 'tunl0'] },
    ],
    'reject',
  ),
  term([{ kind: 'interface', globs: ['bpf*.cali'] }], 'reject'),
  term([range('10.244.0.0/16', 16, 32)], undefined, [{ kind: 'add-community', value: '65000:1' }]),
  term([range('10.244.1.0/26', 26, 26)], 'accept'),
  term([range('10.244.1.0/26', 26, 32), { kind: 'metric', operator: '<', value: NORMAL }], 'accept'),
  term([range('10.244.1.0/26', 26, 32)], 'reject'),
  term([range('10.96.0.0/12', 12, 32)], 'accept'),
  term([range('10.244.0.0/16', 16, 32)], 'accept'),
  term([], 'reject'),
]

const kernelVia = (route: Partial<LocalRoute> & { prefix: string }) => ({
  source: 'kernel' as const,
  target: { kind: 'device' as const, interface: 'cali1' },
  ...route,
})
test.each<[string, Partial<LocalRoute> & { prefix: string }, string | undefined]>([
  ['own block', { prefix: '10.244.1.0/26' }, 'lp 2147482623 comm 65000:1'],
  ['a pod of an own block', kernelVia({ prefix: '10.244.1.7/32', metric: 1024 }), undefined],
  ['a pod in live migration', kernelVia({ prefix: '10.244.1.7/32', metric: 512 }), 'lp 2147483135 comm 65000:1'],
  ['a borrowed address', kernelVia({ prefix: '10.244.9.7/32', metric: 1024 }), 'lp 2147482623 comm 65000:1'],
  ['a pool with disableBGPExport', { prefix: '10.77.1.0/26' }, undefined],
  ['a service range', { prefix: '10.96.0.0/12' }, 'lp 2147482623'],
  ['something outside every pool', { prefix: '172.16.0.0/24' }, undefined],
  [
    'a route behind a VXLAN device',
    kernelVia({ prefix: '10.244.5.0/26', target: { kind: 'device', interface: 'vxlan.calico' } }),
    undefined,
  ],
])('calico export order: %s', (_, route, expected) => {
  const host = new TestHost()
  const tables = new RibTables(syntheticConfig(), host, { hashSeed: 3 })
  host.up(tables, syntheticSession(0, { config: { exportPolicy: calico, exportDefault: 'reject' } }), 0)
  tables.setLocalRoute({ source: 'static', target: { kind: 'blackhole' }, label: 'own', ...route }, 0)
  settle(tables)
  const text = host.told[0].get(route.prefix)
  expect(text?.slice('nh 10.0.0.10 path '.length)).toBe(expected)
})

test('calico import: an elevated route gets preference 200 and beats a static one with longer history', () => {
  const importPolicy = [
    term([{ kind: 'local-pref', operator: '>', value: 2147483647 - NORMAL }], undefined, [
      { kind: 'set-preference', value: 200 },
    ]),
  ]
  const { tables, send } = setUp({ importPolicy })
  send({ announce: [PREFIX], localPref: 2147483135 })
  expect(tables.routes({ view: 'best', limit: 1 }).routes[0]).toMatchObject({ preference: 200 })
})

test('a changed import policy is run again on what was received, nobody is asked', () => {
  const { host, tables, send } = setUp()
  send({ announce: [PREFIX, '10.1.0.0/16'], localPref: 100 })
  const importPolicy = [term([range('10.0.0.0/8', 8, 32)], 'reject')]
  const effect = { import: true, export: false }
  tables.peerReconfigured(0, syntheticSession(0, { config: { importPolicy } }), effect, 0)
  settle(tables, 3)
  expect([...host.told[1].keys()]).toEqual([PREFIX])
  tables.peerReconfigured(0, syntheticSession(0), effect, 0)
  settle(tables, 3)
  expect([...host.told[1].keys()].sort()).toEqual(['10.1.0.0/16', PREFIX])
  expect(tables.audit()).toEqual([])
})
