/**
 * What leaves, as tables: reflection rules, next hops (calico.md 2.6), attributes per kind of session, communities, roles.
 */
import { expect, test } from 'vitest'
import type { PeerConfig } from '../config/types.js'
import type { LocalRoute, SessionParameters } from '../rib/contract.js'
import { settle, TestHost } from '../rib/harness.js'
import { BODY, syntheticConfig, syntheticSession, type UpdateFields, updateMessages } from '../rib/synthetic.js'
import { RibTables } from '../rib/tables.js'

const PREFIX = '192.0.2.0/24'

function client(slot: number, config: Partial<PeerConfig> = {}): SessionParameters {
  return syntheticSession(slot, { config })
}
function nonClient(slot: number, config: Partial<PeerConfig> = {}): SessionParameters {
  return syntheticSession(slot, { config: { routeReflectorClient: false, ...config } })
}
function external(slot: number, config: Partial<PeerConfig> = {}, fields = {}): SessionParameters {
  const remoteAs = 64500 + slot
  return syntheticSession(slot, {
    external: true,
    remoteAs,
    config: { routeReflectorClient: false, ...config },
    ...fields,
  })
}

/** Slot 0 announces, slot 1 is told; undefined: nothing. */
function told(
  from: SessionParameters,
  to: SessionParameters,
  fields: UpdateFields = {},
  config = syntheticConfig(),
): string | undefined {
  const host = new TestHost()
  const tables = new RibTables(config, host, { hashSeed: 3 })
  host.up(tables, from, 0)
  host.up(tables, to, 1)
  const name = fields.announce?.[0] ?? PREFIX
  for (const bytes of updateMessages({ announce: [name], ...fields })) tables.update(0, bytes, BODY, bytes.length, 0)
  settle(tables)
  expect(tables.audit()).toEqual([])
  const [export1] = tables.explain(name, 1).exports
  expect(export1.sent).toBe(host.told[1].has(name))
  return host.told[1].get(name)
}

function toldLocal(route: Partial<LocalRoute>, to: SessionParameters): string | undefined {
  const host = new TestHost()
  const tables = new RibTables(syntheticConfig(), host, { hashSeed: 3 })
  host.up(tables, to, 0)
  tables.setLocalRoute({ prefix: PREFIX, source: 'static', target: { kind: 'blackhole' }, label: 'own', ...route }, 0)
  settle(tables)
  return host.told[0].get(PREFIX)
}

const lp = { localPref: 100 }
test.each([
  ['client to client', client(0), client(1), true],
  ['client to non-client', client(0), nonClient(1), true],
  ['non-client to client', nonClient(0), client(1), true],
  ['non-client to non-client', nonClient(0), nonClient(1), false],
  ['client to eBGP', client(0), external(1), true],
  ['non-client to eBGP', nonClient(0), external(1), true],
  ['eBGP to non-client', external(0), nonClient(1), true],
  ['eBGP to eBGP', external(0), external(1), true],
])('RFC 4456: %s is passed on: %#', (_, from, to, yes) => {
  const fields = from.external ? { asPath: '64500' } : lp
  expect(told(from, to, fields) !== undefined).toBe(yes)
})

test('client-to-client reflection can be switched off', () => {
  const config = syntheticConfig({ clientToClient: false })
  expect(told(client(0), client(1), lp, config)).toBeUndefined()
  expect(told(client(0), nonClient(1), lp, config)).toBeDefined()
})

test('a reflected route keeps its ORIGINATOR_ID and gets our cluster id in front', () => {
  const text = told(client(0), client(1), { ...lp, originatorId: 0x01020304, clusterList: [0x05060708] })
  expect(text).toBe('nh 10.9.9.9 path lp 100 orig 1.2.3.4 clusters 10.0.0.10,5.6.7.8')
})

test('attributes behind the spliced ones are copied whole', () => {
  const raw = [{ code: 32, flags: 0xc0, value: Uint8Array.of(0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3) }]
  expect(told(client(0), client(1), { ...lp, raw, otc: 77 })).toContain('otc 77')
})

// The table of calico.md 2.6: unchanged | self, by route, session and mode.
const OWN = '10.0.0.10'
const bgp = (to: SessionParameters) => told(client(0), to, { ...lp, nextHop: '10.9.9.1' })
const viaKernel = (to: SessionParameters) =>
  toldLocal({ source: 'kernel', target: { kind: 'via', gateway: '10.9.9.2' } }, to)
const viaStatic = (to: SessionParameters) => toldLocal({ target: { kind: 'via', gateway: '10.9.9.2' } }, to)
const black = (to: SessionParameters) => toldLocal({}, to)
test.each([
  ['BGP route, iBGP, auto', bgp, nonClient(1), '10.9.9.1'],
  ['BGP route, eBGP, auto', bgp, external(1), OWN],
  ['BGP route, iBGP, self', bgp, nonClient(1, { nextHop: 'self' }), OWN],
  ['BGP route, eBGP, keep', bgp, external(1, { nextHop: 'keep' }), '10.9.9.1'],
  ['BGP route, eBGP, keep-ebgp', bgp, external(1, { nextHop: 'keep-ebgp' }), '10.9.9.1'],
  ['kernel route with gateway, iBGP, auto', viaKernel, client(0), '10.9.9.2'],
  ['kernel route with gateway, eBGP, auto', viaKernel, external(0), OWN],
  ['kernel route with gateway, iBGP, self', viaKernel, client(0, { nextHop: 'self' }), OWN],
  ['kernel route with gateway, eBGP, keep', viaKernel, external(0, { nextHop: 'keep' }), '10.9.9.2'],
  ['static with gateway, iBGP, auto', viaStatic, client(0), OWN],
  ['blackhole, iBGP, auto', black, client(0), OWN],
  ['blackhole, eBGP, keep', black, external(0, { nextHop: 'keep' }), OWN],
] as const)('next hop of a %s', (_, make, to, expected) => {
  expect(make(to)).toMatch(new RegExp(`^nh ${expected.replaceAll('.', '\\.')} `))
})

const SELF6 = { extendedNextHop: true }
test('an IPv4 route with an IPv6 next hop needs RFC 8950 on the receiving session', () => {
  const fields = { ...lp, nextHop: 'fd00::9' }
  const from = syntheticSession(0, SELF6)
  expect(told(from, syntheticSession(1, SELF6), fields)).toContain('nh fd00::9 ')
  expect(told(from, syntheticSession(1), fields)).toBeUndefined()
})

test('without an IPv4 address of our own, next hop self is our IPv6 one if RFC 8950 allows', () => {
  const six = new Uint8Array(16)
  six.set([0xfd, 0, 0, 1], 0)
  const fields = { localAddress: six, localAddresses: { ipv6: six } }
  expect(told(client(0), external(1, {}, { ...fields, ...SELF6 }), lp)).toContain('nh fd00:1:: ')
  expect(told(client(0), external(1, {}, fields), lp)).toBeUndefined()
})

test.each([
  ['our AS is prepended', {}, { ...lp, asPath: '7' }, 'path 65000 7'],
  ['LOCAL_PREF and reflection attributes stay inside', {}, { ...lp, originatorId: 1, clusterList: [1] }, 'path 65000'],
  ['a learned MED goes out as 0', {}, { ...lp, med: 50 }, 'path 65000 med 0'],
  ['the local AS of the peering is the one presented', { localAs: 64999 }, lp, 'path 64999'],
  [
    'private ASes are removed, ours is not',
    { removePrivateAs: true },
    { ...lp, asPath: '64512 7 4200000001' },
    'path 65000 7',
  ],
  [
    "the receiver's AS is overridden",
    { asOverride: true },
    { ...lp, asPath: '64501 7 64501' },
    'path 65000 65000 7 65000',
  ],
])('to eBGP: %s', (_, config, fields, expected) => {
  expect(told(client(0), external(1, config), fields)).toBe(`nh ${OWN} ${expected}`)
})

const why = { resource: 'BGPFilter/x', field: 'spec.exportV4[0]', rule: 'test' }
const does = (...actions: PeerConfig['exportPolicy'][number]['actions']) => ({
  exportPolicy: [{ why, conditions: [], actions }],
})
test.each([
  ['prepended ASes stand left of our own', does({ kind: 'prepend-as-path', sequence: [1, 2] }), 'path 1 2 65000'],
  ['a MED set by policy goes out', does({ kind: 'set-med', value: 9 }), 'path 65000 med 9'],
  ['a community is added', does({ kind: 'add-community', value: '65000:7' }), 'path 65000 comm 65000:7'],
])('export policy: %s', (_, config, expected) => {
  expect(told(client(0), external(1, config), lp)).toBe(`nh ${OWN} ${expected}`)
})

test('export policy may set the next hop', () => {
  const to = client(1, does({ kind: 'set-next-hop', value: '10.7.7.7' }))
  expect(told(client(0), to, lp)).toContain('nh 10.7.7.7 ')
})

test.each([
  ['no-advertise', client(1), false],
  ['no-advertise', external(1), false],
  ['no-export', client(1), true],
  ['no-export', external(1), false],
  ['no-export-subconfed', external(1), false],
])('%s is obeyed', (name, to, yes) => {
  expect(told(client(0), to, { ...lp, communities: [name] }) !== undefined).toBe(yes)
})

// RFC 4360 section 6; the link bandwidth community is one of both kinds.
const TARGET = '0002fde800000001'
const BANDWIDTH = '4004fde84e9502f9'
const OPAQUE = '4300000000000000'
test.each([
  ['inside the AS all stay', client(1), [TARGET, BANDWIDTH], [TARGET, BANDWIDTH]],
  ['to another AS the non-transitive ones go', external(1), [BANDWIDTH, TARGET, OPAQUE], [TARGET]],
  ['to another AS the transitive ones stay as they are', external(1), [TARGET, TARGET], [TARGET, TARGET]],
  ['to another AS the attribute goes with its last one', external(1), [BANDWIDTH, OPAQUE], []],
] as const)('extended communities: %s', (_, to, values, expected) => {
  const raw = [{ code: 16, flags: 0xc0, value: Uint8Array.from(Buffer.from(values.join(''), 'hex')) }]
  const [, shown = ''] = / ext (\S+)/.exec(told(client(0), to, { ...lp, raw, otc: 7 }) ?? '') ?? []
  expect(shown).toBe(expected.join(''))
  expect(told(client(0), to, { ...lp, raw, otc: 7 })).toContain('otc 7')
})

test('an eBGP route without LOCAL_PREF gets the default inside', () => {
  expect(told(external(0), client(1), { asPath: '64500' })).toBe('nh 10.9.9.9 path 64500 lp 100')
})

test('a speaker of 2-octet AS numbers gets AS_TRANS and AS4_PATH', () => {
  const to = syntheticSession(1, { fourOctetAs: false })
  expect(told(client(0), to, { ...lp, asPath: '70000 7' })).toContain('path 23456 7 lp 100')
  expect(told(client(0), to, { ...lp, asPath: '70000 7' })).toContain('as4path 70000 7')
  expect(told(client(0), to, { ...lp, asPath: '8 7' })).not.toContain('as4path')
})

test('AS4_PATH of a 2-octet peer is merged', () => {
  const from = syntheticSession(0, { fourOctetAs: false })
  const raw = [{ code: 17, flags: 0xc0, value: Uint8Array.of(2, 1, 0, 1, 0x11, 0x70) }]
  expect(told(from, client(1), { ...lp, asPath: '7 23456', asSize: 2, raw })).toContain('path 7 70000 ')
})

// RFC 9234: our role, the route's OTC on arrival; what is told.
test.each([
  ['to a customer OTC is added', 'provider', undefined, 'otc 65000'],
  ['to a peer OTC is added', 'peer', undefined, 'otc 65000'],
  ['to a customer OTC stays', 'provider', 7, 'otc 7'],
  ['to a provider a route with OTC is not sent', 'customer', 7, undefined],
  ['to a peer a route with OTC is not sent', 'peer', 7, undefined],
  ['to a provider no OTC is added', 'customer', undefined, ''],
] as const)('roles: %s', (_, role, otc, expected) => {
  const text = told(client(0), external(1, { role }), { ...lp, ...(otc !== undefined && { otc }) })
  if (expected === undefined) expect(text).toBeUndefined()
  else expect(text?.slice(`nh ${OWN} path 65000`.length).trim()).toBe(expected)
})

test.each([
  ['from a customer with OTC: a leak', 'provider', 7, undefined],
  ['from a peer with another OTC: a leak', 'peer', 7, undefined],
  ['from a peer with its own OTC', 'peer', 64500, 'otc 64500'],
  ['from a provider OTC is added', 'customer', undefined, 'otc 64500'],
  ['from a customer nothing is added', 'provider', undefined, ''],
] as const)('roles: a route %s', (_, role, otc, expected) => {
  const text = told(external(0, { role }), client(1), { asPath: '64500', ...(otc !== undefined && { otc }) })
  if (expected === undefined) expect(text).toBeUndefined()
  else expect(text?.includes('otc') ? text.slice(text.indexOf('otc')) : '').toBe(expected)
})
