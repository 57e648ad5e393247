/**
 * Malformed UPDATEs and the one right answer to each: RFC 7606 section 7 and the attributes' own RFCs.
 *
 * A row is (what, session, message, verdict with code/subcode and attribute). Sessions: `e` external, `i` internal, `c` other member
 * of our confederation, with `2` for 2-octet AS numbers and `+` for ADD-PATH. The good attributes around the bad one are those of
 * `build.ts`, so that nothing else is wrong.
 */

import { AS_PATH, attribute, GOOD, NEXT_HOP, ORIGIN, OTHER_PREFIX, PREFIX, update } from './build.js'

export interface Row {
  readonly what: string
  readonly session: string
  readonly hex: string
  /** "accept", or "verdict code/subcode attribute"; 0 stands for no attribute. */
  readonly expect: string
}

const row = (what: string, session: string, hex: string, expect: string): Row => ({ what, session, hex, expect })

/** The good attributes with one more. */
const plus = (flags: number, code: number, value: string, length?: number) =>
  update([...GOOD, attribute(flags, code, value, length)], PREFIX)

/** One row per length that is wrong for a value of fixed or multiple length. */
function lengths(
  name: string,
  session: string,
  flags: number,
  code: number,
  wrong: readonly number[],
  expect: string,
): Row[] {
  return wrong.map((n) => {
    const others = GOOD.filter((each) => Number.parseInt(each.slice(2, 4), 16) !== code)
    const hex = update([...others, attribute(flags, code, '01'.repeat(n))], PREFIX)
    return row(`${name} of length ${n}`, session, hex, expect)
  })
}

/** One row per wrong combination of the Optional and Transitive bits. */
function flags(name: string, session: string, right: number, code: number, value: string, expect: string): Row[] {
  const wrong = [0x00, 0x40, 0x80, 0xc0].filter((each) => each !== right)
  return wrong.map((each) => {
    const others = GOOD.filter((good) => Number.parseInt(good.slice(2, 4), 16) !== code)
    const hex = update([...others, attribute(each, code, value)], PREFIX)
    return row(`${name} with flags 0x${each.toString(16)}`, session, hex, expect)
  })
}

const path = (value: string) => update([ORIGIN, attribute(0x40, 2, value), NEXT_HOP], PREFIX)
const origin = (value: string) => update([attribute(0x40, 1, value), AS_PATH, NEXT_HOP], PREFIX)

export const MANDATORY: readonly Row[] = [
  row('a good route', 'e', update(GOOD, PREFIX), 'accept'),
  row('a good route, internal', 'i', update(GOOD, PREFIX), 'accept'),
  ...lengths('ORIGIN', 'e', 0x40, 1, [0, 2, 3, 255], 'treat-as-withdraw 3/5 1'),
  row('ORIGIN 3', 'e', origin('03'), 'treat-as-withdraw 3/6 1'),
  row('ORIGIN 4', 'i', origin('04'), 'treat-as-withdraw 3/6 1'),
  row('ORIGIN 255', 'e', origin('ff'), 'treat-as-withdraw 3/6 1'),
  row('ORIGIN 2', 'e', origin('02'), 'accept'),
  ...flags('ORIGIN', 'e', 0x40, 1, '00', 'treat-as-withdraw 3/4 1'),
  row('AS_PATH empty', 'i', path(''), 'accept'),
  row('AS_PATH with an empty segment', 'e', path('0200'), 'treat-as-withdraw 3/11 2'),
  row('AS_PATH with an empty set', 'e', path('0100'), 'treat-as-withdraw 3/11 2'),
  row('AS_PATH, empty segment after a good one', 'e', path('02010000fbf40200'), 'treat-as-withdraw 3/11 2'),
  row('AS_PATH, empty segment before a good one', 'e', path('020002010000fbf4'), 'treat-as-withdraw 3/11 2'),
  row('AS_PATH, empty confederation segment (GHSA-frrj)', 'i', path('0300'), 'treat-as-withdraw 3/11 2'),
  row('AS_PATH, segment type 0', 'e', path('00010000fbf4'), 'treat-as-withdraw 3/11 2'),
  row('AS_PATH, segment type 5', 'e', path('05010000fbf4'), 'treat-as-withdraw 3/11 2'),
  row('AS_PATH, segment type 255', 'i', path('ff010000fbf4'), 'treat-as-withdraw 3/11 2'),
  row('AS_PATH, segment overruns by one number', 'e', path('02020000fbf4'), 'treat-as-withdraw 3/11 2'),
  row('AS_PATH, segment of 255 without numbers', 'e', path('02ff'), 'treat-as-withdraw 3/11 2'),
  row('AS_PATH, underrun by one octet', 'e', path('02010000fbf402'), 'treat-as-withdraw 3/11 2'),
  row('AS_PATH, one octet', 'e', path('02'), 'treat-as-withdraw 3/11 2'),
  row('AS_PATH of 2-octet numbers on a 4-octet session', 'e', path('0201fbf4'), 'treat-as-withdraw 3/11 2'),
  row('AS_PATH of 4-octet numbers on a 2-octet session', 'e2', path('02010000fbf4'), 'treat-as-withdraw 3/11 2'),
  row('AS_PATH with AS 0 (RFC 7607)', 'e', path('020100000000'), 'treat-as-withdraw 3/11 2'),
  row('AS_PATH with AS 0 at the end', 'e', path('02020000fbf400000000'), 'treat-as-withdraw 3/11 2'),
  row('AS_PATH with AS 0 in a set', 'i', path('010100000000'), 'treat-as-withdraw 3/11 2'),
  row('AS_PATH with AS 0 of two octets', 'e2', path('02010000'), 'treat-as-withdraw 3/11 2'),
  row('AS_PATH, confederation sequence from outside', 'e', path('03010000fbf4'), 'treat-as-withdraw 3/11 2'),
  row('AS_PATH, confederation set from outside', 'e', path('04010000fbf4'), 'treat-as-withdraw 3/11 2'),
  row('AS_PATH, confederation sequence from a member', 'c', path('03010000fbf4'), 'accept'),
  row('AS_PATH, confederation sequence from inside', 'i', path('03010000fbf4'), 'accept'),
  ...flags('AS_PATH', 'e', 0x40, 2, '02010000fbf4', 'treat-as-withdraw 3/4 2'),
  ...lengths('NEXT_HOP', 'e', 0x40, 3, [0, 1, 3, 5, 8, 16], 'treat-as-withdraw 3/5 3'),
  ...flags('NEXT_HOP', 'e', 0x40, 3, 'c0000201', 'treat-as-withdraw 3/4 3'),
  ...['00000000', 'e0000001', 'f0000001', 'ffffffff'].map((hop) =>
    row(
      `NEXT_HOP ${hop}, no host address`,
      'e',
      update([ORIGIN, AS_PATH, attribute(0x50, 3, hop)], PREFIX),
      'treat-as-withdraw 3/8 3',
    ),
  ),
  row('NEXT_HOP of a loopback', 'i', update([ORIGIN, AS_PATH, attribute(0x40, 3, '7f000001')], PREFIX), 'accept'),
  row('no ORIGIN', 'e', update([AS_PATH, NEXT_HOP], PREFIX), 'treat-as-withdraw 3/3 1'),
  row('no AS_PATH', 'e', update([ORIGIN, NEXT_HOP], PREFIX), 'treat-as-withdraw 3/3 2'),
  row('no NEXT_HOP', 'i', update([ORIGIN, AS_PATH], PREFIX), 'treat-as-withdraw 3/3 3'),
  row('no attribute at all', 'e', update([], PREFIX), 'treat-as-withdraw 3/3 1'),
  row(
    'no AS_PATH but AS4_PATH (CVE-2026-41643)',
    'e2',
    update([ORIGIN, NEXT_HOP, attribute(0xc0, 17, '02010000fbf4')], PREFIX),
    'treat-as-withdraw 3/3 2',
  ),
]

export const OPTIONAL: readonly Row[] = [
  ...lengths('MULTI_EXIT_DISC', 'e', 0x80, 4, [0, 1, 3, 5, 8], 'treat-as-withdraw 3/5 4'),
  ...flags('MULTI_EXIT_DISC', 'e', 0x80, 4, '00000001', 'treat-as-withdraw 3/4 4'),
  ...lengths('LOCAL_PREF', 'i', 0x40, 5, [0, 1, 3, 5], 'treat-as-withdraw 3/5 5'),
  ...lengths('LOCAL_PREF of an external peer', 'e', 0x40, 5, [0, 3, 4, 5], 'attribute-discard 3/9 5'),
  row('LOCAL_PREF from a member of the confederation', 'c', plus(0x40, 5, '00000064'), 'accept'),
  ...flags('LOCAL_PREF', 'i', 0x40, 5, '00000064', 'treat-as-withdraw 3/4 5'),
  ...lengths('ATOMIC_AGGREGATE', 'e', 0x40, 6, [1, 2, 4], 'attribute-discard 3/5 6'),
  ...flags('ATOMIC_AGGREGATE', 'e', 0x40, 6, '', 'treat-as-withdraw 3/4 6'),
  ...lengths('AGGREGATOR', 'e', 0xc0, 7, [0, 4, 6, 7, 9], 'attribute-discard 3/5 7'),
  row('AGGREGATOR with AS 0 (RFC 7607)', 'e', plus(0xc0, 7, '00000000c0000201'), 'attribute-discard 3/9 7'),
  ...flags('AGGREGATOR', 'e', 0xc0, 7, '0000fbf4c0000201', 'treat-as-withdraw 3/4 7'),
  ...lengths('COMMUNITIES', 'e', 0xc0, 8, [0, 1, 3, 5, 6, 7], 'treat-as-withdraw 3/5 8'),
  ...flags('COMMUNITIES', 'e', 0xc0, 8, 'fbf40001', 'treat-as-withdraw 3/4 8'),
  ...lengths('ORIGINATOR_ID', 'i', 0x80, 9, [0, 3, 5], 'treat-as-withdraw 3/5 9'),
  ...lengths('ORIGINATOR_ID of an external peer', 'e', 0x80, 9, [0, 4, 5], 'attribute-discard 3/9 9'),
  ...flags('ORIGINATOR_ID', 'i', 0x80, 9, '0a000001', 'treat-as-withdraw 3/4 9'),
  ...lengths('CLUSTER_LIST', 'i', 0x80, 10, [0, 1, 5, 7], 'treat-as-withdraw 3/5 10'),
  ...lengths('CLUSTER_LIST of an external peer', 'e', 0x80, 10, [0, 4, 5], 'attribute-discard 3/9 10'),
  ...flags('CLUSTER_LIST', 'i', 0x80, 10, '0a000001', 'treat-as-withdraw 3/4 10'),
  ...lengths('EXTENDED_COMMUNITIES', 'e', 0xc0, 16, [0, 1, 7, 9, 12], 'treat-as-withdraw 3/5 16'),
  ...flags('EXTENDED_COMMUNITIES', 'e', 0xc0, 16, '0002fbf400000001', 'treat-as-withdraw 3/4 16'),
  ...lengths('IPV6_EXTENDED_COMMUNITIES', 'e', 0xc0, 25, [0, 8, 19, 21], 'treat-as-withdraw 3/5 25'),
  ...lengths('LARGE_COMMUNITY', 'e', 0xc0, 32, [0, 4, 11, 13, 16], 'treat-as-withdraw 3/5 32'),
  ...flags('LARGE_COMMUNITY', 'e', 0xc0, 32, '0000fbf40000000100000002', 'treat-as-withdraw 3/4 32'),
  ...lengths('OTC', 'e', 0xc0, 35, [0, 3, 5, 8], 'treat-as-withdraw 3/5 35'),
  row('OTC of length 1024 (NZIX, October 2025)', 'e', plus(0xd0, 35, '00'.repeat(1024)), 'treat-as-withdraw 3/5 35'),
  row('OTC on an internal session', 'i', plus(0xc0, 35, '0000fbf4'), 'accept'),
  ...flags('OTC', 'e', 0xc0, 35, '0000fbf4', 'treat-as-withdraw 3/4 35'),
  row('AIGP of length 0', 'i', plus(0x80, 26, ''), 'attribute-discard 3/9 26'),
  row('AIGP with a TLV length of 0', 'i', plus(0x80, 26, '0100000000000000000000'), 'attribute-discard 3/9 26'),
  row('AIGP with a TLV length of 2', 'i', plus(0x80, 26, '010002'), 'attribute-discard 3/9 26'),
  row('AIGP with a short AIGP TLV', 'i', plus(0x80, 26, '01000a00000000000000'), 'attribute-discard 3/9 26'),
  row('AIGP with a long AIGP TLV', 'i', plus(0x80, 26, '01000c000000000000000000'), 'attribute-discard 3/9 26'),
  row('AIGP with a TLV that overruns', 'i', plus(0x80, 26, '01000b0000'), 'attribute-discard 3/9 26'),
  row('AIGP without an AIGP TLV', 'i', plus(0x80, 26, '020004ff'), 'attribute-discard 3/9 26'),
  row('AIGP with the Transitive bit', 'i', plus(0xc0, 26, '01000b0000000000000001'), 'attribute-discard 3/4 26'),
  row('AIGP behind an unknown TLV', 'i', plus(0x80, 26, '020004ff01000b0000000000000001'), 'accept'),
]

const PATH2 = attribute(0x40, 2, '0201fbf4')
const as4 = (value: string) => update([ORIGIN, PATH2, NEXT_HOP, attribute(0xc0, 17, value)], PREFIX)

const aggregator2 = (n: number) =>
  row(
    `AGGREGATOR of length ${n} on a 2-octet session`,
    'e2',
    update([ORIGIN, PATH2, NEXT_HOP, attribute(0xc0, 7, '01'.repeat(n))], PREFIX),
    'attribute-discard 3/5 7',
  )

export const FOUR_OCTET_AS: readonly Row[] = [
  ...[0, 5, 7, 8].map(aggregator2),
  row('AS4_PATH', 'e2', as4('02010000fbf4'), 'accept'),
  row('AS4_PATH between speakers of 4-octet numbers', 'e', plus(0xc0, 17, '02010000fbf4'), 'attribute-discard 3/9 17'),
  row(
    'AS4_AGGREGATOR between speakers of 4-octet numbers',
    'i',
    plus(0xc0, 18, '0000fbf4c0000201'),
    'attribute-discard 3/9 18',
  ),
  row('AS4_PATH too small', 'e2', as4('0201'), 'attribute-discard 3/9 17'),
  row('AS4_PATH of length 0', 'e2', as4(''), 'attribute-discard 3/9 17'),
  row('AS4_PATH with an empty segment', 'e2', as4('02010000fbf40200'), 'attribute-discard 3/9 17'),
  row('AS4_PATH with a segment that overruns', 'e2', as4('02020000fbf4'), 'attribute-discard 3/9 17'),
  row('AS4_PATH with a segment of unknown type', 'e2', as4('09010000fbf4'), 'attribute-discard 3/9 17'),
  row('AS4_PATH with AS 0', 'e2', as4('020100000000'), 'attribute-discard 3/9 17'),
  row(
    'AS4_AGGREGATOR of length 6',
    'e2',
    update([ORIGIN, PATH2, NEXT_HOP, attribute(0xc0, 18, 'fbf4c0000201')], PREFIX),
    'attribute-discard 3/5 18',
  ),
  row(
    'AS4_AGGREGATOR with AS 0',
    'e2',
    update([ORIGIN, PATH2, NEXT_HOP, attribute(0xc0, 18, '00000000c0000201')], PREFIX),
    'attribute-discard 3/9 18',
  ),
]

export const CARRIED: readonly Row[] = [
  row('unknown optional transitive', 'e', plus(0xc0, 99, 'dead'), 'accept'),
  row('unknown optional transitive with Partial', 'e', plus(0xe0, 99, 'dead'), 'accept'),
  row('unknown optional non-transitive', 'e', plus(0x80, 99, 'dead'), 'accept'),
  row('unknown optional of length 0', 'e', plus(0xc0, 99, ''), 'accept'),
  row('unknown well-known (CVE-2026-41642)', 'e', plus(0x40, 99, 'dead'), 'session-reset 3/2 99'),
  row('unknown well-known, type 0', 'e', plus(0x40, 0, ''), 'session-reset 3/2 0'),
  row('unknown well-known, type 255', 'i', plus(0x00, 255, '00'), 'session-reset 3/2 255'),
  row('attribute 28, entropy label (CVE-2023-4481)', 'e', plus(0xe0, 28, ''), 'accept'),
  row('attribute 28 with octets', 'e', plus(0xc0, 28, '00ff'), 'accept'),
  row('tunnel encapsulation of length 0', 'e', plus(0xc0, 23, ''), 'treat-as-withdraw 3/5 23'),
  row(
    'tunnel encapsulation, TLV overruns (CVE-2023-38802)',
    'e',
    plus(0xc0, 23, '0008ffff01020304'),
    'treat-as-withdraw 3/9 23',
  ),
  row('tunnel encapsulation, half a TLV header', 'i', plus(0xc0, 23, '000800'), 'treat-as-withdraw 3/9 23'),
  row('tunnel encapsulation, unknown tunnel type', 'e', plus(0xc0, 23, 'fff0000100'), 'accept'),
  ...flags('tunnel encapsulation', 'e', 0xc0, 23, '00080000', 'treat-as-withdraw 3/4 23'),
  row('Prefix-SID from outside the SR domain (May 2025)', 'e', plus(0xc0, 40, '00000000'), 'attribute-discard 3/9 40'),
  row('Prefix-SID zeroed, internal', 'i', plus(0xc0, 40, '000000'), 'accept'),
  row('Prefix-SID, TLV overruns', 'i', plus(0xc0, 40, '0100070000'), 'attribute-discard 3/9 40'),
  row('Prefix-SID of length 0', 'i', plus(0xc0, 40, ''), 'attribute-discard 3/5 40'),
  row('Prefix-SID with wrong flags', 'i', plus(0x80, 40, '0100070000000000000a'), 'attribute-discard 3/4 40'),
  row('BGP-LS attribute of garbage', 'e', plus(0x80, 29, 'ffffffffff'), 'accept'),
  row('PMSI of garbage', 'e', plus(0xc0, 22, 'ff'), 'accept'),
  row('PMSI with wrong flags', 'i', plus(0x80, 22, '0006000000'), 'treat-as-withdraw 3/4 22'),
  row('ATTR_SET of garbage', 'i', plus(0xc0, 128, '0000'), 'accept'),
  row('BGPsec path of garbage', 'e', plus(0x80, 33, 'ff'), 'accept'),
]

export const FRAMING: readonly Row[] = [
  row('low flag bits set (NANOG, 2011)', 'e', update([attribute(0x4f, 1, '00'), AS_PATH, NEXT_HOP], PREFIX), 'accept'),
  row(
    'extended length on a short attribute',
    'e',
    update([attribute(0x50, 1, '00'), AS_PATH, NEXT_HOP], PREFIX),
    'accept',
  ),
  row('attributes in descending order', 'e', update([NEXT_HOP, AS_PATH, ORIGIN], PREFIX), 'accept'),
  row('host bits in a prefix', 'e', update(GOOD, '08c6'), 'accept'),
  row('host bits beyond the length', 'e', update(GOOD, '17c63365'), 'accept'),
  row(
    'ORIGIN twice',
    'e',
    update([ORIGIN, attribute(0x40, 1, '01'), AS_PATH, NEXT_HOP], PREFIX),
    'attribute-discard 3/1 1',
  ),
  row('AS_PATH twice', 'i', update([...GOOD, AS_PATH], PREFIX), 'attribute-discard 3/1 2'),
  row(
    'unknown attribute twice',
    'e',
    update([...GOOD, attribute(0xc0, 99, ''), attribute(0xc0, 99, '01')], PREFIX),
    'attribute-discard 3/1 99',
  ),
  row(
    'second ORIGIN malformed',
    'e',
    update([ORIGIN, attribute(0x40, 1, 'ff'), AS_PATH, NEXT_HOP], PREFIX),
    'attribute-discard 3/1 1',
  ),
  row(
    'last attribute overruns',
    'e',
    update([...GOOD, attribute(0xc0, 8, 'fbf40001', 8)], PREFIX),
    'treat-as-withdraw 3/1 8',
  ),
  row(
    'last attribute overruns, extended length',
    'i',
    update([...GOOD, attribute(0xd0, 8, 'fbf40001', 0xffff)], PREFIX),
    'treat-as-withdraw 3/1 8',
  ),
  row('one octet left in the attributes', 'e', update([...GOOD, '40'], PREFIX), 'treat-as-withdraw 3/1 0'),
  row('two octets left in the attributes', 'e', update([...GOOD, '4005'], PREFIX), 'treat-as-withdraw 3/1 0'),
  row('three octets left with extended length', 'e', update([...GOOD, 'd00800'], PREFIX), 'treat-as-withdraw 3/1 0'),
  row(
    'overrun without a route (RFC 7606 5.2)',
    'e',
    update([ORIGIN, attribute(0x40, 2, '', 9)]),
    'session-reset 3/1 2',
  ),
  row('bad ORIGIN without a route', 'e', update([attribute(0x40, 1, '09')]), 'session-reset 3/6 1'),
  row('bad ORIGIN with withdrawals alone', 'e', update([attribute(0x40, 1, '09')], '', PREFIX), 'session-reset 3/6 1'),
  row('discardable fault without a route', 'e', update([attribute(0x40, 6, '00')]), 'attribute-discard 3/5 6'),
  row(
    'two faults, the stronger counts',
    'e',
    update([attribute(0x40, 1, '09'), AS_PATH, NEXT_HOP, attribute(0x40, 6, '00')], PREFIX),
    'treat-as-withdraw 3/6 1',
  ),
  row(
    'two faults, reset counts',
    'e',
    update([attribute(0x40, 1, '09'), AS_PATH, NEXT_HOP, attribute(0x40, 99, '')], PREFIX),
    'session-reset 3/2 99',
  ),
  row('NLRI of 33 bits', 'e', update(GOOD, '21c633640100'), 'session-reset 3/10 0'),
  row('NLRI of 255 bits', 'e', update(GOOD, 'ff'), 'session-reset 3/10 0'),
  row('NLRI overruns by one octet', 'e', update(GOOD, '18c633'), 'session-reset 3/10 0'),
  row('NLRI overruns after a good one', 'e', update(GOOD, `${PREFIX}20cb0071`), 'session-reset 3/10 0'),
  row('bad attribute and unreadable NLRI', 'e', update([attribute(0x40, 1, '09')], '18c6'), 'session-reset 3/10 0'),
  row('withdrawn of 33 bits', 'e', update([], '', '21c633640100'), 'session-reset 3/10 0'),
  row('withdrawn overruns its field', 'i', update([], '', '18c633'), 'session-reset 3/10 0'),
  row('default route', 'e', update(GOOD, '00'), 'accept'),
  row('withdrawal and announcement', 'e', update(GOOD, PREFIX, OTHER_PREFIX), 'accept'),
  row('path identifier missing', 'e+', update(GOOD, PREFIX), 'session-reset 3/10 0'),
  row('path identifier cut', 'e+', update(GOOD, '000001'), 'session-reset 3/10 0'),
  row('path identifier without a length', 'e+', update(GOOD, '00000001'), 'session-reset 3/10 0'),
  row('path identifier and prefix', 'e+', update(GOOD, `00000001${PREFIX}`), 'accept'),
  row('path identifier and 33 bits', 'e+', update(GOOD, '0000000121c633640100'), 'session-reset 3/10 0'),
]
