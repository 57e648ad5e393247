/**
 * RFC 5880 section 6.8.6, rule by rule in its order: each packet is as it should be but for one thing, and it is that
 * thing that is counted and named; no session moves, not even the Detection Time.
 */
import { describe, expect, it } from 'vitest'
import type { BfdAuthentication } from './authentication.js'
import { SessionPool } from './pool.js'

const PEER = '10.0.0.2'
const SIMPLE: BfdAuthentication = { type: 'simple', keyId: 7, key: 'secret' }

/** A session of the pool that is Up, and the packet that keeps it so. */
function session(authentication?: BfdAuthentication) {
  const changes: string[] = []
  const pool = new SessionPool(
    { send: () => undefined, changed: (from, { state }) => changes.push(`${from} ${state}`), closed: () => undefined },
    () => 0.5,
    0,
  )
  const target = { key: 'k', remoteAddress: PEER, multihop: false, interval: 100, multiplier: 3, passive: false }
  pool.set([{ ...target, ...(authentication !== undefined && { authentication }) }], 0)
  const own = () => pool.reports(0)[0]?.localDiscriminator ?? 0
  const packet = (state = 3, yours = own()): Uint8Array => {
    const section = authentication === undefined ? [] : [1, 9, 7, ...Buffer.from('secret')]
    const bytes = Uint8Array.from([
      0x20,
      (state << 6) | (section.length > 0 ? 4 : 0),
      3,
      24 + section.length,
      ...Array(20).fill(0),
      ...section,
    ])
    const view = new DataView(bytes.buffer)
    view.setUint32(4, 99)
    view.setUint32(8, yours)
    view.setUint32(12, 100_000)
    view.setUint32(16, 100_000)
    return bytes
  }
  // Down, then Init: theirs hears ours.
  pool.receive(packet(1, 0), PEER, false, 1)
  pool.receive(packet(3), PEER, false, 2)
  expect(changes).toEqual(['Down Init', 'Init Up'])
  changes.length = 0
  return { pool, packet, changes }
}

type Change = (bytes: Uint8Array, view: DataView) => Uint8Array | undefined
const set =
  (at: number, value: number): Change =>
  (bytes) => {
    bytes[at] = value
    return undefined
  }

const RULES: readonly [rule: string, change: Change, reason: string, authentication?: BfdAuthentication][] = [
  ['the version is not 1', set(0, 0x40), 'malformed: version'],
  ['the length is below 24 without authentication', set(3, 23), 'malformed: length'],
  ['the length is below 26 with it', (bytes) => void bytes.set([(3 << 6) | 4, 3, 25], 1), 'malformed: length', SIMPLE],
  ['the length is more than came', set(3, 25), 'malformed: length'],
  ['the datagram is cut', (bytes) => bytes.subarray(0, 23), 'malformed: length'],
  ['the multiplier is zero', set(2, 0), 'malformed: detect multiplier 0'],
  ['the multipoint bit is set', set(1, 0xc1), 'malformed: multipoint'],
  ['its own discriminator is zero', (_, view) => void view.setUint32(4, 0), 'malformed: my discriminator 0'],
  ['our discriminator is zero and it is Up', (_, view) => void view.setUint32(8, 0), 'malformed: your discriminator 0'],
  [
    'it is authenticated and we are not',
    (bytes) => Uint8Array.from([0x20, 0xc4, 3, 33, ...bytes.subarray(4), 1, 9, 7, 1, 2, 3, 4, 5, 6]),
    'authenticated, none is configured',
  ],
  [
    'we are authenticated and it is not',
    (bytes) => Uint8Array.from([0x20, 0xc0, 3, 24, ...bytes.subarray(4, 24)]),
    'not authenticated',
    SIMPLE,
  ],
  ['the type of authentication is another', set(24, 2), 'authentication type 2, expected 1', SIMPLE],
  ['the key id is another', set(26, 8), 'unknown key id 8', SIMPLE],
  ['the length of the section is another', set(25, 8), 'wrong key', SIMPLE],
  ['the password is another', set(30, 0), 'wrong key', SIMPLE],
]

describe('a packet is discarded when', () => {
  it.each(RULES)('%s', (_rule, change, reason, authentication) => {
    const { pool, packet, changes } = session(authentication)
    const bytes = packet()
    const changed = change(bytes, new DataView(bytes.buffer)) ?? bytes
    pool.receive(changed, PEER, false, 200)
    expect(pool.reports(200)[0]).toMatchObject({ packetsDiscarded: 1, lastDiscard: reason, state: 'Up' })
    // It was not heard: the Detection Time runs from the last good one.
    pool.transmitDue(303)
    pool.expire(303)
    expect(changes).toEqual(['Up Down'])
  })

  it('our discriminator is that of no session, or of one with another address or kind', () => {
    const { pool, packet, changes } = session()
    const strange = (state: number, yours: number, from: string, multihop: boolean) =>
      pool.receive(packet(state, yours), from, multihop, 200)
    const own = pool.reports(0)[0]?.localDiscriminator ?? 0
    strange(0, own ^ 1, PEER, false)
    strange(0, own, '10.0.0.3', false)
    strange(0, own, PEER, true)
    strange(1, 0, '10.0.0.3', false)
    strange(0, 0, PEER, true)
    expect(pool.strangers).toBe(5)
    expect(changes).toEqual([])
    // And the same octets from whom they should come are heard: AdminDown ends it.
    strange(0, own, PEER, false)
    expect(changes).toEqual(['Up Down'])
  })
})
