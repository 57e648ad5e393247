/**
 * What `show peers` says while and after things go wrong: the words that tell what to mend, kept although TCP has the
 * last word, and what is missing in a session that is up.
 */
import { encodeOpen, KEEPALIVE } from '@starling/bgp-packet'
import { testFamily, testTimers } from '@starling/testkit'
import { describe, expect, it } from 'vitest'
import { A, B, Pair } from './pair.js'

/** B as somebody who answers with these octets, message by message, and then says nothing. */
function scripted(pair: Pair, answer: readonly Uint8Array[], close = false): void {
  pair.nodeB.kill()
  pair.network.listen({
    address: B,
    accept: (end) => {
      let at = 0
      end.events = {
        received: () => {
          const next = answer[at++]
          if (next !== undefined) end.send(next)
          else if (close) end.close('abort')
        },
        drained: () => undefined,
        closed: () => undefined,
      }
      return true
    },
  })
}

const openOf = (myAs: number) =>
  encodeOpen({ type: 'OPEN', version: 4, myAs, holdTime: 90, bgpId: 0x0a000002, capabilities: [] })

describe('a peer that falls silent', () => {
  it('behind its OPEN: our packets do not reach it, and what may stop them is said', () => {
    const pair = new Pair()
    scripted(pair, [openOf(65000)])
    pair.clock.run(1_000)
    expect(pair.a).toMatchObject({ state: 'OpenConfirm', reason: 'waiting for its first KEEPALIVE' })
    pair.clock.run(5_000)
    expect(pair.a.reason).toMatch(/^the peer does not answer our OPEN: .*is TTL security set there and not here/)
    pair.clock.run(85_000)
    expect(pair.a.reason).toMatch(/hold timer expired: no answer to our OPEN.* 90 s.*TTL security set there/)
  })

  it('behind the KEEPALIVE that brought the session up: it may never have heard ours', () => {
    const pair = new Pair()
    scripted(pair, [openOf(65000), KEEPALIVE])
    pair.clock.run(1_000)
    expect(pair.a.state).toBe('Established')
    pair.clock.runWhile(() => pair.a.state === 'Established', 100_000)
    expect(pair.a.reason).toMatch(/no message .* 90 s, none since the session came up: .*TTL security set there/)
  })

  it('later: nothing is suspected', () => {
    const pair = new Pair()
    scripted(pair, [openOf(65000), KEEPALIVE, KEEPALIVE])
    pair.clock.run(1_000)
    pair.clock.runWhile(() => pair.a.state === 'Established', 200_000)
    expect(pair.a.reason).toMatch(/^hold timer expired: no message from the peer for 90 s$/)
  })

  it('before its OPEN: with TTL security here that is the first suspect', () => {
    const pair = new Pair({ a: { ttlSecurity: 1 } })
    scripted(pair, [])
    pair.clock.run(6_000)
    expect(pair.a.reason).toMatch(/^connected, but the peer sends no OPEN \(TTL security may drop its packets/)
  })
})

describe('what somebody said', () => {
  it('is not hidden by the connections refused after it', () => {
    const pair = new Pair({ a: { remoteAs: 65009 } })
    pair.clock.run(500)
    pair.nodeB.kill()
    pair.clock.run(20_000)
    expect(pair.a.reason).toMatch(/^wrong AS: the peer is AS 65000.*; since then: connection refused/)
  })

  it('is forgotten with the next session', () => {
    const pair = new Pair({ a: { remoteAs: 65009 } })
    pair.clock.run(500)
    const config = pair.nodeA.engine.config
    const peers = new Map([...config.peers].map(([key, peer]) => [key, { ...peer, remoteAs: 65000 }]))
    pair.nodeA.input((engine, now) => engine.configure({ ...config, peers }, now))
    pair.untilUp()
    expect(pair.a.reason).toBe('')
  })
})

describe('refusals tell the remedy', () => {
  it('a hold time the peer does not take', () => {
    const pair = new Pair({ a: { timers: testTimers({ holdTime: 9 }) } })
    const refusal = Uint8Array.from([...new Array(16).fill(255), 0, 21, 3, 2, 6])
    scripted(pair, [refusal], true)
    pair.clock.run(500)
    expect(pair.a.reason).toMatch(/hold time of 9 s: take a longer one here, or lower its minimum there/)
  })

  it('a role', () => {
    const pair = new Pair({ a: { role: 'provider' }, b: { role: 'provider' } })
    pair.clock.run(500)
    expect(pair.a.reason + pair.b.reason).toMatch(/it must be customer/)
    expect(pair.a.reason + pair.b.reason).toMatch(/ours is provider, the peer says role provider/)
  })

  it('a router id used twice', () => {
    const pair = new Pair({ configB: { routerId: 0x0a000001 } })
    pair.clock.run(500)
    expect(pair.a.reason + pair.b.reason).toMatch(/same router id as this speaker \(10\.0\.0\.1\): give one of the two/)
  })
})

describe('a session that is up', () => {
  const BOTH = [testFamily('ipv4'), testFamily('ipv6')]

  it('says which family does not travel', () => {
    const pair = new Pair({ a: { families: BOTH }, b: { families: [testFamily('ipv4')] } })
    pair.untilUp()
    expect(pair.a.notes).toEqual([
      'no ipv6 routes: the peer does not offer ipv6, activate it there or leave it out here',
    ])
    expect(pair.b.notes).toEqual([])
  })

  it('says that a family has no next hop to send, and what would give it one', () => {
    const pair = new Pair({ a: { families: BOTH }, b: { families: BOTH } })
    pair.untilUp()
    expect(pair.a.notes).toEqual([
      `ipv6 routes of ours are not sent: there is no global IPv6 address beside ${A} on its interface to be their next hop`,
    ])
  })
})

it('a scripted peer that behaves comes up', () => {
  const pair = new Pair()
  scripted(pair, [openOf(65000), KEEPALIVE])
  pair.clock.run(2_000)
  expect(pair.a.state).toBe('Established')
})
