/**
 * Peers that do what the RFCs allow and hardly anybody does, and peers that do what the RFCs forbid: octets written by hand
 * against a whole engine, what must come back beside each. Not one of them may cost anything but its own session.
 */
import { encodeNotification, KEEPALIVE } from '@starling/bgp-packet'
import type { PeerConfig } from '@starling/engine'
import { testFamily } from '@starling/testkit'
import { describe, expect, it } from 'vitest'
import {
  ALIVE,
  AS4,
  ATTRIBUTES,
  attribute,
  B,
  capability,
  GLOBAL,
  IPV4,
  LINK,
  message,
  NEXT_HOP,
  NOTIFICATION,
  OPEN,
  octets,
  offering,
  open,
  parameter,
  REFRESH,
  reach,
  Stage,
  sizeOf,
  UPDATE,
  USUAL,
  u8,
  u16,
  unreach,
  update,
} from './stage.js'

const EXTENDED = (list: string) => `ff ff ${u16(sizeOf(list))} ${list}`
const wide = (value: string, type = 2) => `${u8(type)} ${u16(sizeOf(value))} ${value}`
/** 3,855 octets. */
const FILLER = Array.from({ length: 15 }, () => capability(200, 'ab'.repeat(255))).join(' ')

const OPENS: readonly [what: string, bytes: Uint8Array, outcome: string, about?: Partial<PeerConfig>][] = [
  ['no optional parameter at all', open('00'), 'Established'],
  ['an empty capabilities parameter', open('02 02 00'), 'Established'],
  ['every capability twice', offering(...USUAL, ...USUAL), 'Established'],
  [
    'each capability in a parameter of its own',
    open(`20 ${USUAL.map((each) => parameter(each)).join(' ')}`),
    'Established',
  ],
  [
    'capabilities nobody knows, empty and of 200 octets',
    offering(...USUAL, capability(199), capability(239, 'cd'.repeat(200))),
    'Established',
  ],
  ['the extended form (RFC 9072)', open(EXTENDED(USUAL.map((each) => wide(each)).join(' '))), 'Established'],
  ['the extended form behind another short length', open(`07 ff ${u16(9)} ${wide(IPV4)}`), 'Established'],
  ['the extended form of nothing', open('ff ff 0000'), 'Established'],
  ['3,900 octets of what nobody knows', open(EXTENDED(wide(FILLER))), 'Established'],
  ['families of which none is ours beside ours', offering(...USUAL, capability(1, '4004 00 47')), 'Established'],
  ['ADD-PATH modes that are none', offering(...USUAL, capability(69, '0001 01 00 0002 01 04')), 'Established'],
  [
    'the same role twice',
    offering(...USUAL, capability(9, '03'), capability(9, '03')),
    'Established',
    { role: 'provider' },
  ],
  ['a hold time of 0', open('00', { hold: '0000' }), 'Established'],
  ['a multiprotocol capability of no octets', offering(capability(1), AS4), '2/0'],
  ['a graceful restart capability cut inside a family', offering(...USUAL, capability(64, '0078 0001 01')), '2/0'],
  ['a capability that runs over its parameter', open('06 02 04 01 08 0001'), '2/0'],
  ['a parameter that runs over the OPEN', open('04 02 09 01 04'), '2/0'],
  ['a length of parameters that is not theirs', open('20 02 00'), '2/0'],
  ['the extended form cut short', open('02 ff 00'), '2/0'],
  ['the authentication of RFC 1771', open('03 01 01 00'), '2/4'],
  ['version 3', open('00', { version: '03' }), '2/1 0004'],
  ['AS 0', open('00', { as: '0000' }), '2/2'],
  ['AS 0 in the capability', offering(IPV4, capability(65, '00000000')), '2/2'],
  ['an AS of four octets that is another', offering(IPV4, capability(65, '0001fde8')), '2/2'],
  ['identifier 0', open('00', { id: '00000000' }), '2/3'],
  ['our own identifier', open('00', { id: '0a000001' }), '2/3'],
  ['a hold time of 2', open('00', { hold: '0002' }), '2/6'],
  ['two different roles', offering(...USUAL, capability(9, '03'), capability(9, '04')), '2/11', { role: 'provider' }],
  ['a role nobody knows', offering(...USUAL, capability(9, '09')), '2/11', { role: 'provider' }],
  ['no family of ours', offering(capability(1, '0001 00 80')), '2/7 010400010001010400020001'],
]

const STRAY: readonly [what: string, bytes: Uint8Array][] = [
  ['KEEPALIVE', KEEPALIVE],
  ['UPDATE', update('', '')],
  ['ROUTE-REFRESH', message(REFRESH, '0001 00 01')],
]

const HEADERS: readonly [what: string, bytes: Uint8Array, outcome: string][] = [
  ['a marker of zeros', message(ALIVE, '', 19, '00'.repeat(16)), '1/1'],
  ['a marker with its last bit clear', message(ALIVE, '', 19, `${'ff'.repeat(15)}fe`), '1/1'],
  ['a length of 18', message(ALIVE, '', 18), '1/2 0012'],
  ['a length of 4,097', message(UPDATE, '', 4097), '1/2 1001'],
  ['a length of 65,535', message(UPDATE, '', 65535), '1/2 ffff'],
  ['a KEEPALIVE of 20 octets', message(ALIVE, '00'), '1/2 0014'],
  ['an UPDATE of 22 octets', message(UPDATE, '000000'), '1/2 0016'],
  ['a NOTIFICATION of 20 octets', message(NOTIFICATION, '06'), '1/2 0014'],
  ['an OPEN of 28 octets', message(OPEN, '04fde8005a0a000002'), '1/2 001c'],
  ['type 0', message(0, ''), '1/3 00'],
  ['type 6', message(6, '0000'), '1/3 06'],
]

describe('an OPEN', () => {
  it.each(OPENS)('with %s', (_what, bytes, outcome, about) => {
    const stage = new Stage(about)
    stage.say(bytes)
    if (stage.notification === '') stage.say(KEEPALIVE)
    expect(stage.outcome, stage.view.reason).toBe(outcome)
    stage.unharmed()
  })

  it('of 4,097 octets is too long, extended messages or not', () => {
    const stage = new Stage()
    const long = open(EXTENDED(wide(`${FILLER} ${capability(201, 'ab'.repeat(255))}`)))
    expect(long.length).toBeGreaterThan(4_096)
    expect(stage.say(long).outcome).toBe(`1/2 ${u16(long.length)}`)
  })

  it('with several graceful restart capabilities means the last (RFC 4724 section 3)', () => {
    const stage = new Stage({ families: [testFamily('ipv4')] })
    stage.up(IPV4, AS4, capability(64, '0078 0001 01 80'), capability(64, '001e 0001 01 80'))
    stage.say(update('', `${ATTRIBUTES} ${NEXT_HOP}`, '18 cb0071'))
    stage.network.unlisten(B)
    stage.hangUp()
    expect(stage.passedOn).toEqual(['203.0.113.0/24'])
    stage.clock.run(30_000)
    expect(stage.passedOn).toEqual([])
  })
})

describe('out of place', () => {
  it.each(STRAY)('%s is answered with the state it came in (RFC 6608)', (_what, bytes) => {
    expect(new Stage().say(bytes).outcome).toBe('5/1')
    if (bytes !== KEEPALIVE) expect(new Stage().say(offering(...USUAL), bytes).outcome).toBe('5/2')
  })

  it('a second OPEN is one, before and after the session is up', () => {
    expect(new Stage().say(offering(...USUAL), offering(...USUAL)).outcome).toBe('5/2')
    const stage = new Stage().up().say(offering(...USUAL))
    expect(stage.outcome).toBe('5/3')
    stage.unharmed()
  })

  it.each([
    ['OpenSent', [] as Uint8Array[]],
    ['OpenConfirm', [offering(...USUAL)]],
    ['Established', [offering(...USUAL), KEEPALIVE]],
  ])('a NOTIFICATION in %s ends the connection, and is never answered with one', (state, before) => {
    for (const [code, subcode] of [
      [6, 2],
      [2, 0],
      [1, 1],
      [99, 77],
    ] as const) {
      const stage = new Stage().say(...before)
      expect(stage.view.state).toBe(state)
      stage.say(encodeNotification(code, subcode, octets('ff00ff')))
      expect(stage.closed).toBe(true)
      expect(stage.said).not.toContain(NOTIFICATION)
      stage.unharmed()
    }
  })

  it.each(HEADERS)('%s is answered, before the OPEN and after it', (_what, bytes, outcome) => {
    const short = { extendedMessages: false }
    for (const stage of [new Stage(short), new Stage(short).up()]) {
      expect(stage.say(bytes).outcome).toBe(outcome)
      expect(stage.closed).toBe(true)
      stage.unharmed()
    }
  })
})

describe('ROUTE-REFRESH', () => {
  const ignored: readonly [what: string, body: string][] = [
    ['a subtype nobody knows', '0001 07 01'],
    ['the reserved subtype', '0001 ff 01'],
    ['a family that is not ours', '4004 00 47'],
    ['a family we have and did not agree on', '0002 00 01'],
    ['an end without a beginning', '0001 02 01'],
  ]
  it.each(ignored)('with %s is ignored', (_what, body) => {
    const stage = new Stage().up(IPV4, AS4, capability(2), capability(70))
    stage.say(message(REFRESH, body), KEEPALIVE)
    expect(stage.outcome).toBe('Established')
    expect(stage.said.filter((type) => type === UPDATE).length).toBeLessThan(2)
    stage.unharmed()
  })

  it('with filters (RFC 5291) is a request like any other, and the filters are nobody’s', () => {
    const stage = new Stage()
    stage.c.input((engine, now) =>
      engine.setLocalRoute(
        { prefix: '198.51.100.0/24', source: 'static', target: { kind: 'blackhole' }, label: 'x' },
        now,
      ),
    )
    stage.up(IPV4, AS4, capability(2), capability(3, '0001 00 01 01 40 03'))
    stage.clock.run(1_000)
    const before = stage.said.filter((type) => type === UPDATE).length
    stage.say(message(REFRESH, '0001 00 01 01 40 0003 80 0000'))
    stage.clock.run(1_000)
    expect(stage.said.filter((type) => type === UPDATE).length).toBeGreaterThan(before)
    expect(stage.outcome).toBe('Established')
  })

  it('begin and end of the wrong length end the session with the whole message (RFC 7313 section 5)', () => {
    const bad = message(REFRESH, '0001 01 01 00')
    expect(new Stage().up().say(bad).outcome).toBe(`7/1 ${Buffer.from(bad).toString('hex')}`)
    // Without enhanced refresh there is no such message: ignored.
    expect(new Stage().up(IPV4, AS4, capability(2)).say(bad).outcome).toBe('Established')
  })
})

describe('UPDATE', () => {
  const prefix6 = '40 20010db800000001'
  const rows: readonly [what: string, bytes: Uint8Array, outcome: string, passedOn: readonly string[]][] = [
    ['a global next hop', update('', `${reach(GLOBAL, prefix6)} ${ATTRIBUTES}`), 'Established', ['2001:db8:0:1::/64']],
    [
      'a global and a link-local one',
      update('', `${reach(GLOBAL + LINK, prefix6)} ${ATTRIBUTES}`),
      'Established',
      ['2001:db8:0:1::/64'],
    ],
    [
      'a next hop of 24 octets (a VPN’s)',
      update('', `${reach(`0000000000000000${GLOBAL}`, prefix6)} ${ATTRIBUTES}`),
      '3/9',
      [],
    ],
    [
      'a next hop of 48 octets (a VPN’s pair)',
      update('', `${reach(`0000000000000000${GLOBAL}0000000000000000${LINK}`, prefix6)} ${ATTRIBUTES}`),
      '3/9',
      [],
    ],
    ['a next hop of 5 octets', update('', `${reach('0a00000200', prefix6)} ${ATTRIBUTES}`), '3/9', []],
    ['MP_UNREACH_NLRI alone, of what was never announced', update('', unreach(prefix6)), 'Established', []],
    [
      'a family nobody agreed on',
      update('', `${attribute(0x80, 14, '4004 47 04 0a000002 00')} ${ATTRIBUTES}`),
      'Established',
      [],
    ],
    [
      'no ORIGIN: withdrawn, not reset (RFC 7606)',
      update('', `${attribute(0x40, 2, '')} ${attribute(0x40, 5, '00000064')} ${NEXT_HOP}`, '18 cb0071'),
      'Established',
      [],
    ],
    [
      'an AGGREGATOR of 3 octets: the attribute alone goes',
      update('', `${ATTRIBUTES} ${NEXT_HOP} ${attribute(0xc0, 7, 'aabbcc')}`, '18 cb0071'),
      'Established',
      ['203.0.113.0/24'],
    ],
    [
      'communities of 3 octets: withdrawn',
      update('', `${ATTRIBUTES} ${NEXT_HOP} ${attribute(0xc0, 8, 'aabbcc')}`, '18 cb0071'),
      'Established',
      [],
    ],
    [
      'ORIGIN twice: the second is no matter',
      update('', `${ATTRIBUTES} ${NEXT_HOP} ${attribute(0x40, 1, '02')}`, '18 cb0071'),
      'Established',
      ['203.0.113.0/24'],
    ],
    ['MP_REACH_NLRI twice', update('', `${reach(GLOBAL, prefix6)} ${reach(GLOBAL, prefix6)} ${ATTRIBUTES}`), '3/1', []],
    ['a prefix of 33 bits', update('', `${ATTRIBUTES} ${NEXT_HOP}`, '21 cb00710000'), '3/10', []],
    ['a prefix cut short', update('', `${ATTRIBUTES} ${NEXT_HOP}`, '18 cb00'), '3/10', []],
    ['attributes that run over the message', message(UPDATE, `0000 0009 ${attribute(0x40, 1, '00')}`), '3/1', []],
    ['withdrawn routes that run over the message', message(UPDATE, 'ffff 0000'), '3/1', []],
    [
      'an optional attribute nobody knows, of 300 octets: it travels',
      update('', `${ATTRIBUTES} ${NEXT_HOP} ${attribute(0xc0, 240, 'ee'.repeat(300))}`, '18 cb0071'),
      'Established',
      ['203.0.113.0/24'],
    ],
    [
      'a well-known attribute nobody knows',
      update('', `${ATTRIBUTES} ${NEXT_HOP} ${attribute(0x40, 240, '00')}`, '18 cb0071'),
      '3/2',
      [],
    ],
  ]
  it.each(rows)('with %s', (_what, bytes, outcome, passedOn) => {
    const stage = new Stage().up().say(bytes)
    expect(stage.outcome.replace(/ .*/, ''), stage.view.reason).toBe(outcome)
    expect(stage.passedOn).toEqual(passedOn)
    stage.unharmed()
  })

  it.each([
    ['of IPv4, as RFC 4724 has it', update('', ''), 'ipv4'],
    ['of IPv6', update('', unreach('')), 'ipv6'],
    ['of IPv6, with an extended length', update('', '90 0f 0003 0002 01'), 'ipv6'],
    ['of IPv4, in the form of the others', update('', unreach('', '0001 01')), 'ipv4'],
  ])('End-of-RIB %s', (_what, bytes, family) => {
    const stage = new Stage().up().say(bytes)
    const ends = stage.a.events.filter(
      (event) => event.type === 'end-of-rib' && event.peer === B && event.direction === 'received',
    )
    expect(ends).toMatchObject([{ family }])
    expect(stage.outcome).toBe('Established')
  })

  it('a path id announced again replaces, one never announced is withdrawn for nothing', () => {
    const family = testFamily('ipv4', { addPath: { receive: true, send: 0 } })
    const stage = new Stage({ families: [family] }).up(IPV4, AS4, capability(69, '0001 01 02'))
    const path = (id: number, med: string) =>
      update('', `${ATTRIBUTES} ${NEXT_HOP} ${attribute(0x80, 4, med)}`, `000000${u8(id)} 18 cb0071`)
    const ids = () => stage.a.engine.routes({ view: 'received', peer: B, limit: 10 }).routes.length
    stage.say(path(1, '00000001'), path(2, '00000002'), path(1, '00000003'))
    expect(ids()).toBe(2)
    stage.say(update('00000009 18 cb0071', ''), update('00000001 18 cb0071', ''), update('00000001 18 cb0071', ''))
    expect(ids()).toBe(1)
    expect(stage.passedOn).toEqual(['203.0.113.0/24'])
    stage.unharmed()
  })

  it('of more than 4,096 octets is refused from one who did not offer the same, as BIRD and FRR do (RFC 8654)', () => {
    const filler = attribute(0xc0, 240, 'ee'.repeat(5_000))
    const long = update('', `${ATTRIBUTES} ${NEXT_HOP} ${filler}`, '18 cb0071')
    for (const extendedMessages of [true, false]) {
      expect(new Stage({ extendedMessages }).up().say(long).outcome).toBe(`1/2 ${u16(long.length)}`)
    }
  })
})

describe('a stream', () => {
  it('cut behind every octet is the same session', () => {
    const stage = new Stage()
    const route = update('', `${ATTRIBUTES} ${NEXT_HOP}`, '18 cb0071')
    for (const bytes of [offering(...USUAL), KEEPALIVE, route, update('', '')]) stage.dribble(bytes)
    expect(stage.outcome).toBe('Established')
    expect(stage.passedOn).toEqual(['203.0.113.0/24'])
  })

  it('of ten thousand KEEPALIVEs and refresh requests costs nobody else anything', () => {
    const stage = new Stage().up()
    const flood = new Uint8Array(19 * 10_000)
    for (let i = 0; i < 10_000; i++) flood.set(KEEPALIVE, i * 19)
    stage.say(flood)
    for (let i = 0; i < 500; i++) stage.say(message(REFRESH, '0001 00 01'))
    expect(stage.outcome).toBe('Established')
    stage.unharmed()
  })
})

describe('coming back with other families', () => {
  it('keeps what the new session has and preserved, and drops the rest at once (RFC 4724 section 4.2)', () => {
    const both = capability(64, '0078 0001 01 80 0002 01 80')
    const stage = new Stage().up(...USUAL, both)
    stage.say(update('', `${ATTRIBUTES} ${NEXT_HOP}`, '18 cb0071'))
    stage.say(update('', `${reach(GLOBAL, '40 20010db800000001')} ${ATTRIBUTES}`))
    expect(stage.passedOn).toEqual(['2001:db8:0:1::/64', '203.0.113.0/24'])
    stage.hangUp()
    expect(stage.passedOn).toEqual(['2001:db8:0:1::/64', '203.0.113.0/24'])
    stage.clock.runWhile(() => stage.view.state !== 'OpenSent', 60_000)
    stage.up(IPV4, AS4, capability(64, '8078 0001 01 80 0002 01 80'))
    expect(stage.passedOn).toEqual(['203.0.113.0/24'])
    stage.say(update('', ''))
    expect(stage.passedOn).toEqual([])
    stage.unharmed()
  })

  it('a restart time of 0 keeps nothing, and long-lived retention without graceful restart is not asked for', () => {
    for (const offer of [capability(64, '0000 0001 01 80'), capability(71, '0001 01 80 000e10')]) {
      const stage = new Stage().up(IPV4, AS4, offer)
      stage.say(update('', `${ATTRIBUTES} ${NEXT_HOP}`, '18 cb0071'))
      expect(stage.passedOn).toEqual(['203.0.113.0/24'])
      stage.hangUp()
      expect(stage.passedOn).toEqual([])
      stage.unharmed()
    }
  })
})
