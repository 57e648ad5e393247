import { describe, expect, it } from 'vitest'
import { Deferral } from './deferral.js'
import type { Negotiated } from './negotiated.js'

const family = { listed: true, preserved: true, longLivedStaleTime: 0, longLivedPreserved: false }
const restart = { restartTime: 120_000, restarting: false, notification: true, families: [family, family] as const }
const session = (overrides: Partial<Negotiated>): Negotiated => ({
  remoteAs: 65000,
  remoteRouterId: 1,
  external: false,
  fourOctetAs: true,
  holdTime: 90,
  keepaliveTime: 30,
  maximumMessage: 4096,
  families: [true, false],
  addPathReceive: [false, false],
  addPathSend: [0, 0],
  extendedNextHop: false,
  routeRefresh: true,
  enhancedRefresh: true,
  restart,
  longLived: false,
  role: undefined,
  capabilities: { advertised: [], received: [] },
  ...overrides,
})

function started(peers: readonly string[], dynamic = false): Deferral {
  return new Deferral(peers, { dynamic, limit: 120_000, now: 0 })
}

describe('waiting for End-of-RIB after a restart', () => {
  it('ends when the last peer that answered has sent it for the families of its session', () => {
    const deferral = started(['a', 'b'])
    deferral.established('a', session({}))
    deferral.established('b', session({ families: [true, true] }))
    deferral.endOfRib('a', 0)
    deferral.endOfRib('b', 0)
    expect([deferral.waitsFor('a'), deferral.waitsFor('b'), deferral.finished(1)]).toEqual([false, true, false])
    deferral.endOfRib('b', 1)
    expect(deferral.finished(2)).toBe(true)
    expect([deferral.finished(3), deferral.active]).toEqual([false, false])
  })

  it('is not for peers that restart themselves, or do not do graceful restart', () => {
    const deferral = started(['a', 'b'])
    deferral.established('a', session({ restart: { ...restart, restarting: true } }))
    deferral.established('b', session({ restart: undefined }))
    expect(deferral.finished(1)).toBe(true)
  })

  it('gives a silent peer ten seconds, one that answered the whole time, one that went none', () => {
    const deferral = started(['silent', 'answers', 'goes'])
    deferral.answered('answers')
    deferral.gone('goes')
    expect(deferral.deadline()).toBe(10_000)
    expect(deferral.finished(10_000)).toBe(false)
    expect([deferral.waitsFor('silent'), deferral.waitsFor('answers')]).toEqual([false, true])
    expect(deferral.deadline()).toBe(120_000)
    expect(deferral.finished(120_000)).toBe(true)
  })

  it('gives clients from a range ten seconds to come, but not when those that come keep nothing of ours', () => {
    const helpers = started([], true)
    helpers.established('x', session({}))
    helpers.endOfRib('x', 0)
    expect(helpers.finished(9_000)).toBe(false)
    expect(helpers.finished(10_000)).toBe(true)
    const others = started([], true)
    expect(others.finished(1_000)).toBe(false)
    others.established('x', session({ restart: undefined }))
    expect(others.finished(1_001)).toBe(true)
  })
})
