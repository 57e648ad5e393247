import { describe, expect, it } from 'vitest'
import {
  type AuthenticationType,
  authenticationLength,
  type BfdAuthentication,
  newSequences,
  type Sequences,
  sign,
  verify,
} from './authentication.js'
import { encodeControl } from './packet.js'

const DIGESTS = ['keyed-md5', 'meticulous-md5', 'keyed-sha1', 'meticulous-sha1'] as const
const TYPES: readonly AuthenticationType[] = ['simple', ...DIGESTS]

function signed(authentication: BfdAuthentication, sequences: Sequences): Uint8Array {
  const packet = {
    diagnostic: 0,
    state: 'Up',
    poll: false,
    final: false,
    authenticated: true,
    demand: false,
    detectMultiplier: 3,
    myDiscriminator: 1,
    yourDiscriminator: 2,
    desiredMinTx: 100_000,
    requiredMinRx: 100_000,
  } as const
  const bytes = encodeControl(packet, authenticationLength(authentication))
  sign(bytes, authentication, sequences)
  return bytes
}

const fresh = () => newSequences(() => 0.5)
const key = (type: AuthenticationType): BfdAuthentication => ({ type, keyId: 7, key: 'secret' })

describe('BFD authentication', () => {
  it.each(TYPES)('%s: own packets are genuine, also in a Buffer, which is left as it was', (type) => {
    const packet = Buffer.from(signed(key(type), fresh()))
    const before = packet.toString('hex')
    expect(verify(packet, key(type), fresh(), 3)).toBeUndefined()
    expect(packet.toString('hex')).toBe(before)
  })

  it.each(TYPES)('%s: another key, key id, type or a changed octet is refused', (type) => {
    const packet = signed(key(type), fresh())
    expect(verify(packet, { ...key(type), key: 'secreT' }, fresh(), 3)).toBe('wrong key')
    expect(verify(packet, { ...key(type), keyId: 8 }, fresh(), 3)).toBe('unknown key id 7')
    const other = type === 'simple' ? 'keyed-md5' : 'simple'
    expect(verify(packet, key(other), fresh(), 3)).toMatch(/authentication type/)
    if (type === 'simple') return
    packet[15] = 1
    expect(verify(packet, key(type), fresh(), 3)).toBe('wrong key')
  })

  it.each(DIGESTS)('%s: a replayed packet is refused, and a window of three Detection Times is open', (type) => {
    const sender = fresh()
    const receiver = fresh()
    const packets = Array.from({ length: 20 }, () => signed(key(type), sender))
    const judge = (at: number) => verify(packets[at] as Uint8Array, key(type), receiver, 3)
    expect(judge(5)).toBeUndefined()
    expect(judge(4)).toBe('sequence number replayed')
    expect(judge(5)).toBe(type.startsWith('meticulous') ? 'sequence number replayed' : undefined)
    expect(judge(14)).toBeUndefined()
    expect(judge(19)).toBeUndefined()
    receiver.received = sender.sent - 19
    expect(judge(19)).toBe('sequence number replayed')
    receiver.known = false
    expect(judge(19)).toBeUndefined()
  })

  it('sequence numbers go round', () => {
    const sender = { sent: 0xffff_fffe, received: 0, known: false }
    const receiver = fresh()
    for (let i = 0; i < 4; i++) {
      expect(verify(signed(key('meticulous-sha1'), sender), key('meticulous-sha1'), receiver, 3)).toBeUndefined()
    }
    expect(sender.sent).toBe(2)
  })
})
