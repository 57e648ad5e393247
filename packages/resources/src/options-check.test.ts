/**
 * What an engineer is told who writes a StarlingPeerOptions wrongly: the field, and what would be right.
 */
import { describe, expect, test } from 'vitest'
import { checkDocuments } from './check.js'

type Spec = Readonly<Record<string, unknown>>
const options = (name: string, spec: Spec) => ({
  apiVersion: 'starling.io/v1',
  kind: 'StarlingPeerOptions',
  metadata: { name },
  spec,
})
const peer = (annotations: Readonly<Record<string, string>> = {}) => ({
  apiVersion: 'projectcalico.org/v3',
  kind: 'BGPPeer',
  metadata: { name: 'tor', annotations },
  spec: { peerIP: '192.0.2.1', asNumber: 65001 },
})
const told = (...documents: readonly object[]) =>
  checkDocuments(documents.map((document, i) => ({ source: `f:${i}`, document }))).map(
    ({ severity, field, message }) => `${severity} ${field}: ${message}`,
  )
const range = (cidr: string) => ({ cidr, remoteAs: 'any' })

describe('a wrong field is named with what would be right', () => {
  test.each<[string, Spec, RegExp]>([
    ['a number for a duration', { holdTime: 9 }, /error spec\.holdTime: must be a text: a duration such as/],
    ['a word for an AS', { remoteAs: 'externall' }, /spec\.remoteAs: 'externall' is neither an AS number nor external/],
    ['an interval no timer can hold', { bfd: { minimumInterval: '5ms' } }, /minimumInterval: must be between 10ms/],
    ['an interval that is none', { bfd: { minimumInterval: '2h' } }, /minimumInterval: must be between 10ms and 60s/],
    ['an interface that cannot exist', { interface: 'eth0/1' }, /spec\.interface: 'eth0\/1' is not an interface name/],
    ['a family twice', { families: ['ipv4', 'ipv4'] }, /spec\.families: names a family twice/],
    ['a family that is none', { families: ['vpnv4'] }, /spec\.families\[0\]: 'vpnv4' is neither ipv4 nor ipv6/],
    ['TCP-AO', { tcpAo: { keyId: 1 } }, /error spec\.tcpAo: TCP-AO \(RFC 5925\) is unsupported: use a password/],
    ['a VRF', { vrf: 'red' }, /warning spec\.vrf: is no field that Starling knows: a VRF is named by `interface`/],
    ['a password', { password: 'x' }, /spec\.password: .*the BGPPeer's `password`/],
    ['keepalives too rare', { holdTime: '9s', keepaliveTime: '5s' }, /keepaliveTime: is more than a third.*3s counts/],
    ['bounds the wrong way', { idleHoldTime: { minimum: '9s', maximum: '1s' } }, /idleHoldTime: minimum is above/],
  ])('%s', (_what, spec, pattern) => {
    expect(told(peer(), options('o', { peers: ['tor'], ...spec })).join('\n')).toMatch(pattern)
  })

  test('a field with a mistake does not hide one nobody knows', () => {
    const both = told(peer(), options('o', { peers: ['tor'], dscp: 99, vrf: 'red' }))
    expect(both.map((line) => line.split(':')[0]).sort()).toEqual(['error spec.dscp', 'warning spec.vrf'])
  })

  test('options for nobody', () => {
    expect(told(options('o', { holdTime: '9s' })).join()).toMatch(/error spec: is for no session: one of peers/)
    expect(told(options('o', { mesh: true, holdTime: '9s' }))).toEqual([])
  })

  test('one range twice; one inside another is no mistake', () => {
    const ranges = (...cidrs: string[]) => told(options('o', { listenRanges: cidrs.map(range) }))
    expect(ranges('10.0.0.0/8', '10.0.0.0/8').join()).toMatch(/listenRanges\[1\]\.cidr: is listenRanges\[0\] again/)
    expect(ranges('10.1.2.3/8').join()).toMatch(/host bits: 10\.0\.0\.0\/8 counts/)
    expect(ranges('10.0.0.0/8', '10.1.0.0/16')).toEqual([])
  })
})

describe('annotations', () => {
  test('lists may be written without brackets', () => {
    const spec = { 'starling.io/families': 'ipv4, ipv6', 'starling.io/discard-attributes': '16' }
    expect(told(peer(spec))).toEqual([])
    expect(told(peer({ 'starling.io/families': '["ipv4","ipv6"]' }))).toEqual([])
    expect(told(peer({ 'starling.io/families': 'ipv4, vpnv4' })).join()).toMatch(/'vpnv4' is neither ipv4 nor ipv6/)
  })

  test('names from elsewhere get a hint', () => {
    expect(told(peer({ 'starling.io/vrf': 'red' })).join()).toMatch(/unknown annotation: a VRF is named by `interface`/)
    expect(told(peer({ 'starling.io/tcp-ao': 'k' })).join()).toMatch(/TCP-AO \(RFC 5925\) is unsupported/)
  })
})

describe('two resources that name one peer', () => {
  const a = options('a', { peers: ['tor'], holdTime: '9s', dscp: 46 })

  test('and differ in a field: whose counts is told, once', () => {
    expect(told(peer(), options('b', { peers: ['tor'], holdTime: '30s', dscp: 46 }), a)).toEqual([
      "warning spec.holdTime: StarlingPeerOptions 'a' says otherwise for BGPPeer 'tor' and counts: the first name in alphabetical order wins",
    ])
  })

  test('and agree, or are for different nodes, or of which one only selects it: nothing to tell', () => {
    expect(told(peer(), a, options('b', { peers: ['tor'], holdTime: '9s' }))).toEqual([])
    expect(told(peer(), a, options('b', { peers: ['tor'], nodeSelector: 'all()', holdTime: '30s' }))).toEqual([])
    expect(told(peer(), a, options('b', { peerSelector: 'all()', holdTime: '30s' }))).toEqual([])
  })
})
