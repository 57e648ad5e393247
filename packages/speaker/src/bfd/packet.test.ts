import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { BFD_STATES, type ControlPacket, decodeControl, encodeControl } from './packet.js'

const hex = (text: string) => Uint8Array.from(Buffer.from(text.replace(/ /g, ''), 'hex'))

const UP: ControlPacket = {
  diagnostic: 0,
  state: 'Up',
  poll: true,
  final: false,
  authenticated: false,
  demand: false,
  detectMultiplier: 3,
  myDiscriminator: 0x01020304,
  yourDiscriminator: 0xa0b0c0d0,
  desiredMinTx: 100_000,
  requiredMinRx: 100_000,
}

/** Built by hand from the picture in RFC 5880 section 4.1. */
const VECTORS: readonly [what: string, octets: string, packet: ControlPacket][] = [
  ['Up, polling', '20 e0 03 18 01020304 a0b0c0d0 000186a0 000186a0 00000000', UP],
  [
    'the first packet of a session',
    '20 40 05 18 00000001 00000000 000f4240 000493e0 00000000',
    {
      ...UP,
      state: 'Down',
      poll: false,
      detectMultiplier: 5,
      myDiscriminator: 1,
      yourDiscriminator: 0,
      desiredMinTx: 1_000_000,
      requiredMinRx: 300_000,
    },
  ],
  [
    'AdminDown with its diagnostic, final',
    '27 10 01 18 ffffffff 00000007 000f4240 00000000 00000000',
    {
      ...UP,
      diagnostic: 7,
      state: 'AdminDown',
      poll: false,
      final: true,
      detectMultiplier: 1,
      myDiscriminator: 0xffffffff,
      yourDiscriminator: 7,
      desiredMinTx: 1_000_000,
      requiredMinRx: 0,
    },
  ],
  [
    'Init in demand mode, path down',
    '25 82 03 18 00000002 00000003 000186a0 000186a0 00000000',
    { ...UP, diagnostic: 5, state: 'Init', poll: false, demand: true, myDiscriminator: 2, yourDiscriminator: 3 },
  ],
]

describe('BFD Control packets', () => {
  it.each(VECTORS)('%s: decoded and encoded', (_what, octets, packet) => {
    expect(decodeControl(hex(octets))).toEqual(packet)
    expect(encodeControl(packet)).toEqual(hex(octets))
  })

  it.each([
    ['too short', '20 c0 03 18 00000001', 'length'],
    ['version 0', '00 c0 03 18 00000001 00000002 000186a0 000186a0 00000000', 'version'],
    ['length beyond the datagram', '20 c0 03 19 00000001 00000002 000186a0 000186a0 00000000', 'length'],
    ['length below the header', '20 c0 03 17 00000001 00000002 000186a0 000186a0 00000000', 'length'],
    ['authentication bit without section', '20 c4 03 18 00000001 00000002 000186a0 000186a0 00000000', 'length'],
    ['multiplier 0', '20 c0 00 18 00000001 00000002 000186a0 000186a0 00000000', 'detect multiplier 0'],
    ['multipoint bit', '20 c1 03 18 00000001 00000002 000186a0 000186a0 00000000', 'multipoint'],
    ['my discriminator 0', '20 c0 03 18 00000000 00000002 000186a0 000186a0 00000000', 'my discriminator 0'],
    ['Up for nobody', '20 c0 03 18 00000001 00000000 000186a0 000186a0 00000000', 'your discriminator 0'],
    ['Init for nobody', '20 80 03 18 00000001 00000000 000186a0 000186a0 00000000', 'your discriminator 0'],
  ])('%s is discarded', (_what, octets, reason) => {
    expect(decodeControl(hex(octets))).toBe(reason)
  })

  it('octets behind the length are not part of the packet', () => {
    expect(decodeControl(hex('20 e0 03 18 01020304 a0b0c0d0 000186a0 000186a0 00000000 dead'))).toEqual(UP)
  })

  it('any octets are a packet or a reason, and every packet survives the round trip', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
        const packet = decodeControl(bytes)
        if (typeof packet === 'string') return
        expect(BFD_STATES).toContain(packet.state)
        const again = encodeControl(packet, packet.authenticated ? 2 : 0)
        expect(decodeControl(again)).toEqual(packet)
      }),
    )
  })
})
