/**
 * Two pools on a wire in simulated time: they find each other, and everything that can go wrong with it goes wrong.
 */
import { describe, expect, it } from 'vitest'
import type { BfdTarget } from './messages.js'
import { SessionPool } from './pool.js'

const A = '10.0.0.1'
const B = '10.0.0.2'

function target(remoteAddress: string, overrides: Partial<BfdTarget> = {}): BfdTarget {
  return {
    key: remoteAddress,
    remoteAddress,
    multihop: false,
    interval: 100,
    multiplier: 3,
    passive: false,
    ...overrides,
  }
}

function generator(seed: number): () => number {
  let state = seed
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state / 0x1_0000_0000
  }
}

class Wire {
  now = 1_000_000
  /** Share of packets lost. */
  loss = 0
  cut = false
  readonly log: string[] = []
  readonly closed: string[] = []
  packets = 0
  readonly #random = generator(7)
  readonly a = this.#pool('a', A, () => this.b)
  readonly b: SessionPool = this.#pool('b', B, () => this.a)
  readonly #flying: (() => void)[] = []

  #pool(name: string, address: string, other: () => SessionPool): SessionPool {
    const sink = {
      send: (to: BfdTarget, bytes: Uint8Array) => {
        this.packets++
        if (this.cut || this.#random() < this.loss) return
        this.#flying.push(() => other().receive(bytes, address, to.multihop, this.now))
      },
      changed: (from: string, { state, remoteState }: { state: string; remoteState: string }) =>
        this.log.push(`${name} ${from} ${state}${remoteState === 'AdminDown' ? ' (AdminDown)' : ''}`),
      closed: () => this.closed.push(name),
    }
    return new SessionPool(sink, generator(address.length + name.charCodeAt(0)), this.now)
  }

  run(milliseconds: number): void {
    const end = this.now + milliseconds
    for (; this.now < end; this.now++) {
      for (const deliver of this.#flying.splice(0)) deliver()
      for (const pool of [this.a, this.b]) {
        if (pool.nextDeadline() <= this.now) pool.transmitDue(this.now)
        if (pool.expiring) pool.expire(this.now)
      }
    }
  }
}

function up(overridesA: Partial<BfdTarget> = {}, overridesB: Partial<BfdTarget> = overridesA): Wire {
  const wire = new Wire()
  wire.a.set([target(B, overridesA)], wire.now)
  wire.b.set([target(A, overridesB)], wire.now)
  wire.run(4_000)
  return wire
}

const states = (wire: Wire) => [wire.a, wire.b].map((pool) => pool.reports(wire.now)[0]?.state)

describe('two pools', () => {
  it('find each other within two slow intervals and send at the agreed rate', () => {
    const wire = up()
    expect(states(wire)).toEqual(['Up', 'Up'])
    const before = wire.packets
    wire.run(10_000)
    // Both at 75 to 100 ms.
    expect(wire.packets - before).toBeGreaterThan(2 * 100)
    expect(wire.packets - before).toBeLessThan(2 * 135)
    expect(wire.a.reports(wire.now)[0]).toMatchObject({ transmitInterval: 100, detectionTime: 300, downs: 0 })
  })

  it('both see a cut within the Detection Time, and come back after it', () => {
    const wire = up()
    wire.cut = true
    wire.run(301)
    expect(states(wire)).toEqual(['Down', 'Down'])
    wire.cut = false
    wire.run(3_000)
    expect(states(wire)).toEqual(['Up', 'Up'])
  })

  it('one direction cut takes both down', () => {
    const wire = up()
    wire.a.set([target(B, { key: 'nobody', remoteAddress: '10.9.9.9' })], wire.now)
    wire.run(10)
    expect(wire.log).toContain('b Up Down (AdminDown)')
  })

  it('ten percent loss does not flap at a multiplier of 5', () => {
    const wire = up({ multiplier: 5 })
    wire.loss = 0.1
    wire.run(60_000)
    expect(wire.a.reports(wire.now)[0]?.downs).toBe(0)
  })

  it.each(['simple', 'keyed-md5', 'meticulous-md5', 'keyed-sha1', 'meticulous-sha1'] as const)(
    'with %s they meet, lose packets and stay; without the key they do not',
    (type) => {
      const authentication = { type, keyId: 1, key: 'secret' }
      const wire = up({ authentication, multiplier: 5 })
      expect(states(wire)).toEqual(['Up', 'Up'])
      wire.loss = 0.1
      wire.run(5_000)
      expect(wire.a.reports(wire.now)[0]?.downs).toBe(0)
      const strangers = up({ authentication }, {})
      expect(states(strangers)).toEqual(['Down', 'Down'])
      expect(strangers.a.reports(strangers.now)[0]?.lastDiscard).toBe('not authenticated')
      expect(strangers.b.reports(strangers.now)[0]?.lastDiscard).toBe('authenticated, none is configured')
    },
  )

  it('a peer that restarts with authentication is believed again', () => {
    const authentication = { type: 'meticulous-sha1', keyId: 1, key: 'secret' } as const
    const wire = up({ authentication })
    wire.cut = true
    wire.run(2_500)
    wire.b.set([], wire.now)
    wire.run(4_000)
    wire.b.set([target(A, { authentication })], wire.now)
    wire.cut = false
    wire.run(5_000)
    expect(states(wire)).toEqual(['Up', 'Up'])
  })

  it('one that is not wanted any more says AdminDown for a while and is closed', () => {
    const wire = up()
    wire.a.set([], wire.now)
    wire.run(50)
    expect(wire.log.at(-1)).toBe('b Up Down (AdminDown)')
    expect(wire.closed).toEqual([])
    wire.run(400)
    expect(wire.closed).toEqual(['a'])
    expect(wire.a.nextDeadline()).toBe(Number.POSITIVE_INFINITY)
  })

  it('the same session wanted again while it says goodbye is a new one', () => {
    const wire = up()
    wire.a.set([], wire.now)
    wire.run(20)
    wire.a.set([target(B)], wire.now)
    wire.run(5_000)
    expect(states(wire)).toEqual(['Up', 'Up'])
  })

  it('packets of strangers, of another kind and from another address touch nothing', () => {
    const wire = up()
    const bytes = Uint8Array.from(Buffer.from('20c0031800000001000000630000000a0000000a00000000', 'hex'))
    wire.a.receive(bytes, '10.7.7.7', false, wire.now)
    wire.a.receive(bytes, B, true, wire.now)
    const mine = wire.a.reports(wire.now)[0]?.localDiscriminator ?? 0
    new DataView(bytes.buffer).setUint32(8, mine)
    bytes[1] = 0
    wire.a.receive(bytes, '10.7.7.7', false, wire.now)
    wire.a.receive(bytes, B, true, wire.now)
    expect(wire.a.strangers).toBe(4)
    expect(states(wire)).toEqual(['Up', 'Up'])
    wire.a.receive(bytes.subarray(0, 5), B, false, wire.now)
    expect(wire.a.reports(wire.now)[0]).toMatchObject({ packetsDiscarded: 1, lastDiscard: 'malformed: length' })
  })

  it('after a long sleep nobody is declared down whose packets are waiting', () => {
    const wire = up()
    // The thread stood still for two seconds; the peer's packets lie in the socket.
    wire.now += 2_000
    wire.a.transmitDue(wire.now)
    expect(wire.a.expiring).toBe(true)
    wire.b.transmitDue(wire.now)
    wire.run(1)
    expect(wire.log).not.toContain('a Up Down')
  })

  it('a thousand sessions keep their rate, each with its own jitter', () => {
    let sent = 0
    const pool = new SessionPool(
      { send: () => sent++, changed: () => undefined, closed: () => undefined },
      generator(3),
      0,
    )
    pool.set(
      Array.from({ length: 1_000 }, (_, i) => target(`10.1.${i >> 8}.${i & 255}`)),
      0,
    )
    for (let now = 0; now < 10_000; now++) if (pool.nextDeadline() <= now) pool.transmitDue(now)
    // One per second, less up to a quarter.
    expect(sent).toBeGreaterThan(10_000)
    expect(sent).toBeLessThan(13_500)
  })
})
