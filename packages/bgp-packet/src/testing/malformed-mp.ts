/**
 * Malformed MP_REACH_NLRI and MP_UNREACH_NLRI (RFC 4760, RFC 7606 sections 7.11 and 7.12), and families that are only carried.
 *
 * A next hop or NLRI that cannot be read resets the session for the families we speak, and disables only itself for the others:
 * garbage in flowspec, EVPN or BGP-LS never costs the IPv4 and IPv6 routes.
 */

import { AS_PATH, attribute, GOOD, ORIGIN, PREFIX, update } from './build.js'
import type { Row } from './malformed.js'

const row = (what: string, session: string, hex: string, expect: string): Row => ({ what, session, hex, expect })

const HOP = '20010db8000000000000000000000001'
const LINK_LOCAL = 'fe800000000000000000000000000001'
const V6 = '3020010db80001'
/** MP_REACH_NLRI from AFI and SAFI, next hop, NLRI. */
const reach = (family: string, hop: string, nlri: string, hopLength = hop.length / 2) =>
  attribute(0x80, 14, `${family}${hopLength.toString(16).padStart(2, '0')}${hop}00${nlri}`)
const unreach = (family: string, nlri: string) => attribute(0x80, 15, family + nlri)
const IPV4 = '000101'
const IPV6 = '000201'
const route = (mp: string) => update([mp, ORIGIN, AS_PATH])

const GOOD_REACH = reach(IPV6, HOP, V6)
const FLOWSPEC = '000185'
const EVPN = '001946'
const BGP_LS = '400447'

export const MULTIPROTOCOL: readonly Row[] = [
  row('a good IPv6 route', 'e', route(GOOD_REACH), 'accept'),
  row('global and link-local next hop', 'e', route(reach(IPV6, HOP + LINK_LOCAL, V6)), 'accept'),
  row('IPv4 prefix with an IPv6 next hop (RFC 8950)', 'e', route(reach(IPV4, HOP, PREFIX)), 'accept'),
  row('IPv4 prefix with an IPv4 next hop', 'e', route(reach(IPV4, 'c0000201', PREFIX)), 'accept'),
  ...[0, 1, 3, 4, 8, 15, 17, 24, 31, 33].map((n) =>
    row(`IPv6 next hop of ${n} octets`, 'e', route(reach(IPV6, '20'.repeat(n), V6)), 'session-reset 3/9 14'),
  ),
  ...[0, 3, 5, 12].map((n) =>
    row(`IPv4 next hop of ${n} octets`, 'i', route(reach(IPV4, '20'.repeat(n), PREFIX)), 'session-reset 3/9 14'),
  ),
  row('next hop overruns', 'e', route(reach(IPV6, HOP, '', 0x40)), 'session-reset 3/9 14'),
  row('next hop of 16 claims 32', 'e', route(reach(IPV6, HOP, V6, 32)), 'session-reset 3/9 14'),
  row(
    'next hop without the reserved octet',
    'e',
    route(attribute(0x80, 14, `${IPV6}10${HOP}`)),
    'session-reset 3/9 14',
  ),
  ...[0, 1, 2, 3, 4].map((n) =>
    row(
      `MP_REACH_NLRI of length ${n}`,
      'e',
      route(attribute(0x80, 14, IPV6.padEnd(8, '0').slice(0, 2 * n))),
      'session-reset 3/9 14',
    ),
  ),
  ...[0, 1, 2].map((n) =>
    row(
      `MP_UNREACH_NLRI of length ${n}`,
      'e',
      update([attribute(0x80, 15, IPV6.slice(0, 2 * n))]),
      'session-reset 3/9 15',
    ),
  ),
  row('IPv6 prefix of 129 bits', 'e', route(reach(IPV6, HOP, `81${'20'.repeat(17)}`)), 'session-reset 3/9 14'),
  row('IPv6 prefix overruns', 'e', route(reach(IPV6, HOP, '4020010db8')), 'session-reset 3/9 14'),
  row('IPv4 prefix of 33 bits in MP_REACH_NLRI', 'e', route(reach(IPV4, HOP, '21c633640100')), 'session-reset 3/9 14'),
  row(
    'withdrawn IPv6 prefix of 129 bits',
    'e',
    update([unreach(IPV6, `81${'20'.repeat(17)}`)]),
    'session-reset 3/9 15',
  ),
  row('withdrawn IPv6 prefix overruns', 'i', update([unreach(IPV6, '3020010d')]), 'session-reset 3/9 15'),
  row('MP_REACH_NLRI twice', 'e', update([GOOD_REACH, GOOD_REACH, ORIGIN, AS_PATH]), 'session-reset 3/1 14'),
  row('MP_UNREACH_NLRI twice', 'e', update([unreach(IPV6, V6), unreach(IPV6, V6)]), 'session-reset 3/1 15'),
  row(
    'MP_REACH_NLRI twice, of two families',
    'i',
    update([GOOD_REACH, reach(EVPN, 'c0000201', '00'), ORIGIN, AS_PATH]),
    'session-reset 3/1 14',
  ),
  row('MP_REACH_NLRI transitive', 'e', route(GOOD_REACH.replace(/^80/, 'c0')), 'treat-as-withdraw 3/4 14'),
  row('MP_REACH_NLRI well-known', 'e', route(GOOD_REACH.replace(/^80/, '40')), 'treat-as-withdraw 3/4 14'),
  row(
    'MP_UNREACH_NLRI transitive, nothing announced',
    'e',
    update([unreach(IPV6, V6).replace(/^80/, 'c0')]),
    'treat-as-withdraw 3/4 15',
  ),
  row(
    'MP_UNREACH_NLRI transitive beside another attribute (RFC 7606 5.2)',
    'e',
    update([unreach(IPV6, V6).replace(/^80/, 'c0'), ORIGIN]),
    'session-reset 3/4 15',
  ),
  row(
    'MP_UNREACH_NLRI and an attribute that overruns',
    'e',
    update([unreach(IPV6, V6), attribute(0x40, 1, '', 9)]),
    'session-reset 3/1 1',
  ),
  row(
    'NEXT_HOP 0.0.0.0 is ignored beside MP_REACH_NLRI alone',
    'e',
    route(GOOD_REACH + attribute(0x40, 3, '00000000')),
    'accept',
  ),
  row('no ORIGIN with MP_REACH_NLRI', 'e', update([GOOD_REACH, AS_PATH]), 'treat-as-withdraw 3/3 1'),
  row('no AS_PATH with MP_REACH_NLRI', 'e', update([GOOD_REACH, ORIGIN]), 'treat-as-withdraw 3/3 2'),
  row('NEXT_HOP is not needed with MP_REACH_NLRI', 'e', route(GOOD_REACH), 'accept'),
  row('both kinds of NLRI', 'e', update([GOOD_REACH, ...GOOD], PREFIX), 'accept'),
  row('MP_REACH_NLRI without prefixes, no ORIGIN (rustbgpd 997)', 'e', update([reach(IPV6, HOP, '')]), 'accept'),
  row(
    'MP_REACH_NLRI without prefixes and a bad ORIGIN',
    'e',
    update([reach(IPV6, HOP, ''), attribute(0x40, 1, '09')]),
    'session-reset 3/6 1',
  ),
  row(
    'MP_REACH_NLRI and a bad ORIGIN',
    'e',
    update([GOOD_REACH, attribute(0x40, 1, '09'), AS_PATH]),
    'treat-as-withdraw 3/6 1',
  ),
  row(
    'MP_REACH_NLRI after an attribute that overruns is lost',
    'e',
    update([attribute(0x40, 1, '', 255), GOOD_REACH]),
    'session-reset 3/1 1',
  ),
  row('End-of-RIB of IPv4', 'e', update([]), 'accept'),
  row('End-of-RIB of IPv6', 'e', update([unreach(IPV6, '')]), 'accept'),
  row('path identifier in MP_REACH_NLRI', 'e+', route(reach(IPV6, HOP, `00000001${V6}`)), 'accept'),
  row('path identifier missing in MP_REACH_NLRI', 'e+', route(reach(IPV6, HOP, V6)), 'session-reset 3/9 14'),
  row('flowspec garbage (CVE-2026-37457)', 'e', route(reach(FLOWSPEC, '', 'f0ffffff')), 'accept'),
  row('EVPN garbage', 'i', route(reach(EVPN, 'c0000201', 'ffffffff')), 'accept'),
  row('BGP-LS garbage', 'i', route(reach(BGP_LS, 'c0000201', '0001ffff00')), 'accept'),
  row('EVPN next hop overruns', 'i', route(reach(EVPN, 'c0', '', 0x40)), 'attribute-discard 3/9 14'),
  row('unknown family cut short', 'e', route(attribute(0x80, 14, '00630700')), 'attribute-discard 3/9 14'),
  row('unknown family withdrawn', 'e', update([unreach('006307', 'ffffff')]), 'accept'),
  row('AFI 0', 'e', update([unreach('000001', '')]), 'accept'),
  row('IPv6 multicast is carried', 'e', route(reach('000202', HOP, 'ff')), 'accept'),
]
