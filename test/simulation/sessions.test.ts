/**
 * What sessions do by themselves, in simulated time: opening, collisions, timers, refusals, back-off, limits.
 */

import { encodeNotification } from '@starling/bgp-packet'
import { testConfig, testFamily, testPeer, testTimers } from '@starling/testkit'
import { describe, expect, it } from 'vitest'
import { A, B, Pair } from './pair.js'

describe('opening', () => {
  it('establishes one session although both dial, whatever the order of packets', () => {
    let flaps = 0
    for (let seed = 1; seed <= 300; seed++) {
      const pair = new Pair({ seed, b: { passive: false } })
      pair.untilUp()
      pair.clock.run(1_000)
      if (!pair.up) pair.untilUp()
      flaps += pair.a.flaps + pair.b.flaps
      expect(pair.audit(), `seed ${seed}`).toEqual([])
    }
    // RFC 4271 section 6.8 has a race of its own: a KEEPALIVE and the other connection's OPEN may overtake each other.
    expect(flaps).toBeLessThan(6)
  })

  it('waits for the peer to speak first under DelayOpen, and speaks after the delay when it does not', () => {
    const delayed = { timers: testTimers({ delayOpenTime: 3_000 }) }
    expect(new Pair({ a: delayed }).untilUp()).toBeLessThan(1_000)
    const both = new Pair({ a: delayed, b: delayed }).untilUp()
    expect(both).toBeGreaterThanOrEqual(3_000)
    expect(both).toBeLessThan(4_000)
  })

  it('agrees on the smaller hold time, and on none at all when one side says 0', () => {
    const pair = new Pair({ a: { timers: testTimers({ holdTime: 30 }) }, b: { timers: testTimers({ holdTime: 90 }) } })
    pair.untilUp()
    expect([pair.a.holdTime, pair.b.holdTime, pair.a.keepaliveTime]).toEqual([30, 30, 10])
    const silent = new Pair({ a: { timers: testTimers({ holdTime: 0 }) } })
    silent.untilUp()
    silent.clock.run(24 * 3_600_000)
    expect(silent.up).toBe(true)
    expect(silent.a.messagesReceived.keepalive).toBe(1)
  })

  it('falls back to an OPEN without capabilities when the peer refuses them (RFC 5492 section 3)', () => {
    const pair = new Pair()
    pair.nodeB.kill()
    const opens: Uint8Array[] = []
    pair.network.listen({
      address: B,
      accept: (end) => {
        end.events = {
          received: (bytes) => {
            // A chunk that begins a message; the rest of a split one is of no interest.
            if (bytes[0] === 255 && bytes[18] === 1) opens.push(bytes)
            end.send(encodeNotification(2, 4))
            end.close('flush')
          },
          drained: () => undefined,
          closed: () => undefined,
        }
        return true
      },
    })
    pair.clock.runWhile(() => opens.length < 2, 60_000)
    const optional = opens.map((bytes) => bytes[28])
    expect(optional[0]).toBeGreaterThan(20)
    expect(optional.at(-1)).toBe(0)
  })
})

describe('refusing', () => {
  it('names a wrong AS on both sides', () => {
    const pair = new Pair({ a: { remoteAs: 65009 } })
    pair.clock.run(500)
    expect(pair.a.reason).toMatch(/wrong AS: the peer is AS 65000, configured is AS 65009/)
    expect(pair.b.reason).toMatch(/Bad Peer AS.*another AS than our 65000/)
    expect(pair.a.lastError).toMatchObject({ code: 2, subcode: 2, direction: 'sent' })
  })

  it('takes external, internal and any peers by the AS they say', () => {
    const internal = new Pair({ a: { remoteAs: 'internal' }, b: { remoteAs: 'any' } })
    internal.untilUp()
    const external = new Pair({ a: { remoteAs: 'external' } })
    external.clock.run(500)
    expect(external.a.reason).toMatch(/configured is an external AS/)
  })

  it('refuses its own router id inside one AS, and accepts it from another AS (RFC 6286)', () => {
    const same = new Pair({ configB: { routerId: 0x0a000001 } })
    same.clock.run(500)
    expect(same.a.reason).toMatch(/same router id/)
    const other = new Pair({
      configB: { routerId: 0x0a000001 },
      a: { remoteAs: 65001 },
      b: { localAs: 65001, remoteAs: 65000 },
    })
    other.untilUp()
  })

  it('refuses roles that do not fit, and accepts those that do (RFC 9234)', () => {
    const wrong = new Pair({ a: { role: 'provider' }, b: { role: 'provider' } })
    wrong.clock.run(500)
    expect(wrong.a.reason + wrong.b.reason).toMatch(/roles do not fit/i)
    new Pair({ a: { role: 'provider' }, b: { role: 'customer' } }).untilUp()
    new Pair({ a: { role: 'provider' } }).untilUp()
  })

  it('says which families are missing when none is common', () => {
    const pair = new Pair({ a: { families: [testFamily('ipv4')] }, b: { families: [testFamily('ipv6')] } })
    pair.clock.run(500)
    expect(`${pair.a.reason} ${pair.b.reason}`).toMatch(/no address family in common/)
  })

  it('takes no connection from an address it does not know, and says so', () => {
    const pair = new Pair()
    const admission = pair.nodeA.input((engine, now) =>
      engine.incoming(99, { remoteAddress: '10.9.9.9', remotePort: 1, localAddress: A, localPort: 179 }, now),
    )
    expect(admission).toEqual({ accepted: false, reason: 'no peer is configured for this address' })
    expect(pair.nodeA.events.at(-1)?.type).toBe('connection-refused')
  })

  it('takes no connection to another local address than the configured one', () => {
    const pair = new Pair({ a: { localAddress: A } })
    const admission = pair.nodeA.input((engine, now) =>
      engine.incoming(99, { remoteAddress: B, remotePort: 1, localAddress: '10.0.0.77', localPort: 179 }, now),
    )
    expect(admission).toMatchObject({ accepted: false, reason: expect.stringMatching(/10\.0\.0\.77.*10\.0\.0\.1/) })
  })
})

describe('losing', () => {
  it('notices a silent peer when the hold timer expires, not earlier and not much later', () => {
    const pair = new Pair({ a: { timers: testTimers({ holdTime: 9 }) } })
    pair.untilUp()
    pair.clock.run(20_000)
    expect(pair.up).toBe(true)
    const cut = pair.clock.now
    pair.network.cut(A, B)
    pair.clock.runWhile(() => pair.a.state === 'Established', 60_000)
    expect(pair.clock.now - cut).toBeGreaterThan(5_000)
    expect(pair.clock.now - cut).toBeLessThan(9_500)
    expect(pair.a.lastError).toMatchObject({ code: 4, direction: 'sent' })
    pair.network.mend(A, B)
    pair.untilUp(120_000)
  })

  it('keeps an idle session alive for a day with keepalives a third of the hold time apart', () => {
    const pair = new Pair({ a: { timers: testTimers({ holdTime: 3 }) } })
    pair.untilUp()
    pair.clock.run(3_600_000)
    expect(pair.up).toBe(true)
    expect(pair.a.flaps + pair.b.flaps).toBe(0)
    expect(pair.a.messagesSent.keepalive).toBeGreaterThan(3_600)
    expect(pair.a.messagesSent.keepalive).toBeLessThan(6_500)
  })

  it('comes back quickly after one loss, and slower and slower while it flaps', () => {
    const without = { gracefulRestart: { enabled: false, restartTime: 0, notification: false, longLivedStaleTime: 0 } }
    const flapping = (pair: Pair) => {
      const gaps: number[] = []
      for (let round = 0; round < 8; round++) {
        gaps.push(pair.untilUp(300_000))
        pair.clock.run(100)
        pair.network.reset(A, B)
      }
      return gaps
    }
    // Whose routes are kept meanwhile is dialled every few seconds, however often it went: it may be restarting again.
    expect(Math.max(...flapping(new Pair()))).toBeLessThan(3_000)
    const pair = new Pair({ a: without, b: without })
    const gaps = flapping(pair)
    expect(gaps[1]).toBeLessThan(2_000)
    expect(gaps[7]).toBeGreaterThan(10_000)
    pair.untilUp(300_000)
    pair.clock.run(400_000)
    pair.network.reset(A, B)
    expect(pair.untilUp()).toBeLessThan(2_000)
  })

  it('redials a peer that refuses with growing delays, and connects soon after it listens', () => {
    const pair = new Pair()
    pair.nodeB.kill()
    pair.clock.run(120_000)
    expect(pair.a.reason).toMatch(/connection refused/)
    expect(pair.a.nextRetry).toBeGreaterThan(pair.clock.now)
    pair.nodeB.revive(false)
    expect(pair.untilUp()).toBeLessThan(6_000)
  })

  it('suspects the password when a dial is met with silence', () => {
    const pair = new Pair({ a: { password: 'x' } })
    pair.network.cut(A, B)
    pair.clock.run(20_000)
    expect(pair.a.reason).toMatch(/no answer.*MD5 password probably differs/)
    pair.network.mend(A, B)
    pair.untilUp()
  })

  it('lets a peer that restarted unnoticed replace its dead session under graceful restart (RFC 4724 section 4.2)', () => {
    const pair = new Pair({ a: { passive: true }, b: { passive: false } })
    pair.untilUp()
    pair.clock.run(30_000)
    pair.network.cut(A, B)
    pair.nodeB.kill()
    pair.clock.run(100)
    pair.network.mend(A, B)
    pair.nodeB.revive(true)
    expect(pair.untilUp()).toBeLessThan(5_000)
    expect(pair.tablesA[0]?.calls).toContain('down 0 true true')
  })
})

describe('administration', () => {
  it('closes with the text of the administrator, and opens again at once when told', () => {
    const pair = new Pair()
    pair.untilUp()
    pair.nodeA.input((engine, now) => engine.admin(B, 'disable', { reason: 'rack 4 moves' }, now))
    pair.clock.run(5_000)
    expect(pair.a.reason).toBe('administratively down: rack 4 moves')
    expect(pair.b.reason).toMatch(/rack 4 moves/)
    // RFC 8538: both negotiated the N bit, so a shutdown that shall not keep routes travels as a Hard Reset.
    expect(pair.b.lastError).toMatchObject({ code: 6, subcode: 9, text: 'rack 4 moves' })
    pair.clock.run(600_000)
    expect(pair.a.state).toBe('Idle')
    pair.nodeA.input((engine, now) => engine.admin(B, 'enable', {}, now))
    expect(pair.untilUp()).toBeLessThan(1_000)
  })

  it('restarts a session by hand without back-off', () => {
    const pair = new Pair()
    pair.untilUp()
    pair.nodeA.input((engine, now) => engine.admin(B, 'restart', {}, now))
    expect(pair.up).toBe(false)
    expect(pair.untilUp()).toBeLessThan(2_000)
  })

  it('asks for a refresh, and gives one', () => {
    const pair = new Pair()
    pair.untilUp()
    expect(pair.nodeA.input((engine, now) => engine.admin(B, 'refresh-in', {}, now))).toBe(true)
    pair.clock.run(100)
    expect(pair.tablesB[0]?.calls).toContain('refresh 0 0 0')
    pair.nodeA.input((engine, now) => engine.admin(B, 'refresh-out', {}, now))
    expect(pair.tablesA[0]?.calls).toContain('refresh 0 1 0')
  })

  it('stays down for a reason that is not the operator, and starts when the reason goes', () => {
    const pair = new Pair({ a: { heldDown: 'secret bgp-secrets/rack1 is missing' } })
    pair.clock.run(60_000)
    expect(pair.a.reason).toBe('secret bgp-secrets/rack1 is missing')
    pair.nodeA.input((engine, now) => engine.configure(testConfig(A, [testPeer(B)]), now))
    expect(pair.untilUp()).toBeLessThan(30_000)
  })

  it('waits for BFD in strict mode and falls with it', () => {
    const pair = new Pair({ a: { bfdStrict: true } })
    pair.clock.run(10_000)
    expect(pair.a.reason).toMatch(/BFD/)
    pair.nodeA.input((engine, now) => engine.bfdChanged(B, true, now))
    pair.untilUp()
    pair.nodeA.input((engine, now) => engine.bfdChanged(B, false, now))
    expect(pair.a.state).toBe('Idle')
    pair.clock.run(100)
    expect(pair.b.lastError).toMatchObject({ code: 6, subcode: 9 })
    pair.nodeA.input((engine, now) => engine.bfdChanged(B, true, now))
    pair.untilUp()
  })
})

describe('AdminDown', () => {
  const strict = () => new Pair({ a: { bfdStrict: true } })
  const bfd = (pair: Pair, up: boolean, administrative: boolean) =>
    pair.nodeA.input((engine, now) => engine.bfdChanged(B, up, now, administrative))

  it('of BFD lets a strict session start, and the end of it makes the next one wait again', () => {
    const pair = strict()
    pair.clock.run(5_000)
    expect(pair.a.state).toBe('Idle')
    bfd(pair, false, true)
    pair.untilUp()
    bfd(pair, false, false)
    expect(pair.a.state).toBe('Established')
    pair.nodeA.input((engine, now) => engine.admin(B, 'restart', {}, now))
    pair.clock.run(20_000)
    expect(pair.a.reason).toBe('waits for BFD to come up (strict mode)')
    bfd(pair, true, false)
    pair.untilUp()
  })

  it('after Up ends no session, and Up said twice is no news', () => {
    const pair = strict()
    bfd(pair, true, false)
    pair.untilUp()
    bfd(pair, true, false)
    expect(pair.a.state).toBe('Established')
    bfd(pair, false, true)
    pair.clock.run(5_000)
    expect(pair.a).toMatchObject({ state: 'Established', flaps: 0 })
  })
})

describe('signatures of SYNs that lead to no session', () => {
  const see = (password: string | undefined, signature: 'none' | 'md5' | 'ao') => {
    const pair = new Pair({ a: { passive: true, ...(password !== undefined && { password }) }, b: { enabled: false } })
    pair.nodeA.input((engine, now) => engine.signatureSeen(B, signature, now))
    return pair
  }

  it.each([
    ['secret', 'none', /does not sign its packets: a TCP MD5 password is set here, none there/],
    ['secret', 'md5', /the TCP MD5 passwords differ/],
    [undefined, 'md5', /signs its packets with TCP MD5: a password is set there, none here/],
    [undefined, 'ao', /TCP-AO, which is unsupported here/],
    [undefined, 'none', /waiting for .* to connect/],
  ] as const)('password here %s, theirs signed with %s: the reason says what to mend', (password, signature, words) => {
    const pair = see(password, signature)
    // A connection may be on its way.
    expect(pair.a.reason).toMatch(/waiting for/)
    pair.clock.run(2_000)
    pair.nodeA.input((engine, now) => engine.tick(now))
    expect(pair.a.reason).toMatch(words)
  })

  it('what was seen long ago says nothing, and a session forgets it', () => {
    const old = see('secret', 'none')
    old.clock.run(400_000)
    old.nodeA.input((engine, now) => engine.tick(now))
    expect(old.a.reason).toMatch(/waiting for/)
    const pair = new Pair()
    pair.nodeA.input((engine, now) => engine.signatureSeen(B, 'md5', now))
    pair.untilUp()
    pair.nodeB.input((engine, now) => engine.admin(A, 'disable', {}, now))
    pair.clock.run(5_000)
    expect(pair.a.reason).not.toMatch(/signs/)
  })

  it.each([
    ['before', 0],
    ['after', 300],
  ])('a peer that takes our connection and closes it has no other password; its SYN-ACK is seen %s', (_when, late) => {
    const pair = new Pair({ a: { password: 'secret', timers: testTimers({ connectRetryTime: 5_000 }) } })
    pair.nodeB.kill()
    const see = () => pair.nodeA.input((engine, now) => engine.signatureSeen(B, 'md5', now))
    let taken = 0
    pair.network.listen({
      address: B,
      accept: (end) => {
        taken++
        pair.clock.at(pair.clock.now + late, see)
        end.events = { received: () => end.close('flush'), drained: () => undefined, closed: () => undefined }
        return true
      },
    })
    for (let second = 0; second < 60; second++) {
      pair.clock.run(1_000)
      pair.nodeA.input((engine, now) => engine.tick(now))
      expect(pair.a.reason).not.toMatch(/signs/)
    }
    expect(taken).toBeGreaterThan(2)
    expect(pair.a.reason).toMatch(/closed the connection before the session was up/)
  })
})

describe('our own bugs', () => {
  it('cost the session they happen in, are counted, and nothing else', () => {
    const pair = new Pair()
    pair.untilUp()
    const tables = pair.tablesA[0]
    if (tables === undefined) throw new Error('no tables')
    tables.failure = new Error('a broken invariant')
    pair.nodeB.input((engine, now) => engine.admin(A, 'restart', {}, now))
    pair.clock.runWhile(() => pair.nodeA.engine.internalErrors === 0, 10_000)
    expect(pair.nodeA.engine.internalErrors).toBe(1)
    expect(pair.nodeA.engine.lastInternalError).toMatch(/a broken invariant/)
    pair.untilUp()
    expect(pair.audit()).toEqual([])
  })
})
