/**
 * Routes of an eBGP peer that are odd without being malformed, or malformed where the RFCs say how much is lost: octets of
 * an UPDATE in, what an iBGP neighbour behind us is told out.
 */
import { KEEPALIVE } from '@starling/bgp-packet'
import type { PeerConfig } from '@starling/engine'
import { describe, expect, it } from 'vitest'
import {
  attribute,
  capability,
  GLOBAL,
  IPV4,
  open,
  parameter,
  reach,
  Stage,
  sizeOf,
  u8,
  u16,
  unreach,
  update,
} from './stage.js'

/** AS 65001 with numbers of four octets. */
const OURS = [IPV4, capability(1, '0002 00 01'), capability(65, '0000fde9'), capability(2), capability(70)]
const ORIGIN = attribute(0x40, 1, '00')
const path = (...asns: number[]) =>
  attribute(
    0x40,
    2,
    asns.length === 0 ? '' : `02 ${u8(asns.length)} ${asns.map((as) => as.toString(16).padStart(8, '0')).join('')}`,
  )
const NEXT = attribute(0x40, 3, '0a000002')
const DIRECT = `${ORIGIN} ${path(65001)} ${NEXT}`
const P = '18 cb0071'
const P_TEXT = '203.0.113.0/24'
const P6 = '40 20010db800000001'

/** What C holds of it. */
function told(stage: Stage): string[] {
  stage.clock.run(1_000)
  const { routes } = stage.c.engine.routes({ view: 'best', limit: 20 })
  return routes.map(({ prefix, asPath, localPref, originatorId }) =>
    [prefix, `[${asPath}]`, `lp ${localPref}`, ...(originatorId === undefined ? [] : [originatorId])].join(' '),
  )
}

const rows: readonly [what: string, bytes: Uint8Array, routes: readonly string[], about?: Partial<PeerConfig>][] = [
  ['an ordinary route', update('', DIRECT, P), [`${P_TEXT} [65001] lp 100`]],
  [
    'LOCAL_PREF over eBGP: it says nothing',
    update('', `${DIRECT} ${attribute(0x40, 5, '000000c8')}`, P),
    [`${P_TEXT} [65001] lp 100`],
  ],
  [
    'ORIGINATOR_ID and CLUSTER_LIST over eBGP',
    update('', `${DIRECT} ${attribute(0x80, 9, '0a000001')} ${attribute(0x80, 10, '0a000001')}`, P),
    [`${P_TEXT} [65001] lp 100`],
  ],
  ['an empty AS_PATH', update('', `${ORIGIN} ${path()} ${NEXT}`, P), []],
  ['a path that begins with another AS', update('', `${ORIGIN} ${path(65002)} ${NEXT}`, P), []],
  ['our AS in the path', update('', `${ORIGIN} ${path(65001, 65000)} ${NEXT}`, P), []],
  [
    'confederation segments from outside',
    update('', `${ORIGIN} ${attribute(0x40, 2, '03 01 0000fde9')} ${NEXT}`, P),
    [],
  ],
  ['AS 0 in the path (RFC 7607)', update('', `${ORIGIN} ${path(65001, 0)} ${NEXT}`, P), []],
  ['our address as next hop', update('', `${ORIGIN} ${path(65001)} ${attribute(0x40, 3, '0a000001')}`, P), []],
  ['0.0.0.0 as next hop', update('', `${ORIGIN} ${path(65001)} ${attribute(0x40, 3, '00000000')}`, P), []],
  ['a group as next hop', update('', `${ORIGIN} ${path(65001)} ${attribute(0x40, 3, 'e0000005')}`, P), []],
  ['an ORIGIN nobody knows', update('', `${attribute(0x40, 1, '03')} ${path(65001)} ${NEXT}`, P), []],
  ['no NEXT_HOP', update('', `${ORIGIN} ${path(65001)}`, P), []],
  ['attributes backwards', update('', `${NEXT} ${path(65001)} ${ORIGIN}`, P), [`${P_TEXT} [65001] lp 100`]],
  ['host bits behind the prefix', update('', DIRECT, '14 cb007f'), ['203.0.112.0/20 [65001] lp 100']],
  [
    'a prefix withdrawn and announced in one message (RFC 4271 section 4.3)',
    update(P, DIRECT, P),
    [`${P_TEXT} [65001] lp 100`],
  ],
  [
    'the same with MP_UNREACH_NLRI and MP_REACH_NLRI',
    update('', `${reach(GLOBAL, P6)} ${unreach(P6)} ${ORIGIN} ${path(65001)}`),
    ['2001:db8:0:1::/64 [65001] lp 100'],
  ],
  [
    'both families in one message',
    update('', `${reach(GLOBAL, P6)} ${DIRECT}`, P),
    [`${P_TEXT} [65001] lp 100`, '2001:db8:0:1::/64 [65001] lp 100'],
  ],
  ['one prefix three times', update('', DIRECT, `${P} ${P} ${P}`), [`${P_TEXT} [65001] lp 100`]],
  [
    'AS4_PATH from one who has four octets (RFC 6793 section 6)',
    update('', `${DIRECT} ${attribute(0xc0, 17, '02 01 00010001')}`, P),
    [`${P_TEXT} [65001] lp 100`],
  ],
  [
    'the Partial bit on a well-known attribute: no error of RFC 7606',
    update('', `${attribute(0x60, 1, '00')} ${path(65001)} ${NEXT}`, P),
    [`${P_TEXT} [65001] lp 100`],
  ],
  [
    'a well-known attribute that says it is optional: withdrawn',
    update('', `${attribute(0xc0, 1, '00')} ${path(65001)} ${NEXT}`, P),
    [],
  ],
  [
    'an unused flag set',
    update('', `${attribute(0x41, 1, '00')} ${path(65001)} ${NEXT}`, P),
    [`${P_TEXT} [65001] lp 100`],
  ],
  [
    'a customer’s route that was a customer’s before (OTC, RFC 9234)',
    update('', `${DIRECT} ${attribute(0xc0, 35, '0000fdea')}`, P),
    [],
    { role: 'provider' },
  ],
  ['OTC of three octets', update('', `${DIRECT} ${attribute(0xc0, 35, '00fdea')}`, P), []],
  ['NO_ADVERTISE', update('', `${DIRECT} ${attribute(0xc0, 8, 'ffffff02')}`, P), []],
  [
    'IPv4 with an IPv6 next hop that nobody agreed on (RFC 8950)',
    update('', `${attribute(0x80, 14, `0001 01 10 ${GLOBAL} 00 ${P}`)} ${ORIGIN} ${path(65001)}`),
    [],
  ],
]

describe('from outside', () => {
  it.each(rows)('%s', (_what, bytes, routes, about) => {
    const stage = new Stage({ remoteAs: 65001, localAs: 65000, routeReflectorClient: false, ...about })
      .up(...OURS)
      .say(bytes)
    expect(told(stage), stage.view.reason).toEqual(routes)
    stage.unharmed()
  })
})

describe('from a speaker of two octets', () => {
  const narrow = (...asns: number[]) => attribute(0x40, 2, `02 ${u8(asns.length)} ${asns.map(u16).join('')}`)
  const wide = (...asns: number[]) =>
    `02 ${u8(asns.length)} ${asns.map((as) => as.toString(16).padStart(8, '0')).join('')}`
  const cases: readonly [what: string, attributes: string, routes: readonly string[]][] = [
    [
      'AS_TRANS with AS4_PATH: the real numbers',
      `${narrow(65001, 23456)} ${attribute(0xc0, 17, wide(70000))}`,
      [`${P_TEXT} [65001 70000] lp 100`],
    ],
    [
      'AS4_PATH as long as AS_PATH',
      `${narrow(65001, 23456)} ${attribute(0xc0, 17, wide(65001, 70000))}`,
      [`${P_TEXT} [65001 70000] lp 100`],
    ],
    [
      'AS4_PATH longer than AS_PATH: ignored',
      `${narrow(65001)} ${attribute(0xc0, 17, wide(1, 2, 3))}`,
      [`${P_TEXT} [65001] lp 100`],
    ],
    [
      'AS4_PATH malformed: ignored',
      `${narrow(65001, 23456)} ${attribute(0xc0, 17, '02 02 00011170')}`,
      [`${P_TEXT} [65001 23456] lp 100`],
    ],
    [
      'AGGREGATOR that is not AS_TRANS: AS4_PATH too is ignored',
      `${narrow(65001, 23456)} ${attribute(0xc0, 17, wide(70000))} ${attribute(0xc0, 7, 'fde9 0a000002')} ${attribute(0xc0, 18, '00011170 0a000002')}`,
      [`${P_TEXT} [65001 23456] lp 100`],
    ],
    ['our AS in AS4_PATH: a loop', `${narrow(65001, 23456)} ${attribute(0xc0, 17, wide(65000))}`, []],
  ]
  it.each(cases)('%s', (_what, attributes, routes) => {
    const stage = new Stage({ remoteAs: 65001, routeReflectorClient: false })
    const one = parameter(IPV4)
    stage.say(open(`${u8(sizeOf(one))} ${one}`, { as: 'fde9' }), KEEPALIVE)
    expect(stage.outcome).toBe('Established')
    stage.say(update('', `${ORIGIN} ${attributes} ${NEXT}`, P))
    expect(told(stage), stage.view.reason).toEqual(routes)
    stage.unharmed()
  })
})
