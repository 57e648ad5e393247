/**
 * Whoever can send UDP to us sends what he likes: nothing of it may throw, and nothing that is not authentic may move a
 * session that asks for authentication.
 */
import fc from 'fast-check'
import { expect, it } from 'vitest'
import type { AuthenticationType } from './authentication.js'
import type { BfdTarget } from './messages.js'
import { SessionPool } from './pool.js'

const PEER = '10.0.0.2'
const TYPES: readonly AuthenticationType[] = ['simple', 'keyed-md5', 'meticulous-md5', 'keyed-sha1', 'meticulous-sha1']

function counting(seed: number): () => number {
  let state = seed
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state / 0x1_0000_0000
  }
}

class Victim {
  readonly sent: Uint8Array[] = []
  readonly changes: string[] = []
  readonly pool: SessionPool

  constructor(target: Partial<BfdTarget>, seed: number) {
    this.pool = new SessionPool(
      {
        send: (_to, bytes) => this.sent.push(bytes),
        changed: (from, { state }) => this.changes.push(`${from} ${state}`),
        closed: () => undefined,
      },
      counting(seed),
      0,
    )
    const whole = { key: 'k', multihop: false, interval: 100, multiplier: 3, passive: false, remoteAddress: PEER }
    this.pool.set([{ ...whole, ...target }], 0)
  }

  /** Its next packets. */
  speak(until: number): readonly Uint8Array[] {
    const from = this.sent.length
    for (let at = Math.ceil(this.pool.nextDeadline()); at <= until; at = Math.ceil(this.pool.nextDeadline())) {
      this.pool.transmitDue(at)
      this.pool.expire(at)
    }
    return this.sent.slice(from)
  }
}

const octets = fc.uint8Array({ maxLength: 80 })
/** Looks like a packet: version, a state, a plausible length, and then anything. */
const plausible = fc
  .tuple(fc.nat(255), fc.nat(255), fc.uint8Array({ minLength: 20, maxLength: 50 }))
  .map(([flags, multiplier, rest]) => Uint8Array.from([0x20, flags, multiplier, rest.length + 4, ...rest]))

it('any octets leave a session that has no authentication with a state, and throw nothing', () => {
  fc.assert(
    fc.property(fc.array(fc.oneof(octets, plausible), { maxLength: 20 }), fc.boolean(), (packets, multihop) => {
      const { pool } = new Victim({ multihop }, 3)
      packets.forEach((bytes, i) => {
        pool.receive(bytes, PEER, multihop, i * 10)
      })
      pool.transmitDue(10_000)
      pool.expire(10_000)
      const [report] = pool.reports(10_000)
      expect(['AdminDown', 'Down', 'Init', 'Up']).toContain(report?.state)
      expect(pool.strangers + (report?.packetsReceived ?? 0) + (report?.packetsDiscarded ?? 0)).toBe(packets.length)
    }),
  )
})

it.each(TYPES)('with %s a forged, cut, lengthened or repeated packet moves nothing', (type) => {
  const authentication = { type, keyId: 7, key: 'secret' }
  fc.assert(
    fc.property(fc.nat(1_000), fc.nat(60), fc.integer({ min: 1, max: 255 }), fc.nat(3), (seed, at, bits, what) => {
      const authentic = new Victim({ authentication, remoteAddress: '10.0.0.1' }, seed + 1)
      const [packet] = authentic.speak(2_000)
      if (packet === undefined) throw new Error('it says nothing')
      const forged = Uint8Array.from(packet)
      const place = at % forged.length
      forged[place] = (forged[place] ?? 0) ^ bits
      const victim = new Victim({ authentication }, seed + 2)
      const bytes = [forged, packet.subarray(0, place), Uint8Array.from([...packet, bits]), packet][what] ?? packet
      victim.pool.receive(bytes, PEER, false, 10)
      const once = victim.changes.length
      // Octets behind the packet's own length are no part of it; a simple password signs nothing but itself.
      const genuine = what >= 2 || (type === 'simple' && what === 0)
      if (!genuine) expect(victim.changes).toEqual([])
      victim.pool.receive(bytes, PEER, false, 20)
      if (type.startsWith('meticulous')) expect(victim.changes.length).toBe(once)
    }),
  )
})
