/**
 * Unnumbered peers in the engine: the session is the interface's, its address comes, changes and goes.
 */
import { type EngineEvent, isUnnumbered, type PeerConfig, unnumberedAddress } from '@starling/engine'
import { testConfig, testPeer } from '@starling/testkit'
import { describe, expect, it } from 'vitest'
import { A, B, Pair } from './pair.js'

const KEY = unnumberedAddress('eth0')
const LOOKING = 'looking for the router on eth0'

/** The router behind eth0, found at an address or not. */
function behind(address: string | undefined, more: Partial<PeerConfig> = {}): PeerConfig {
  const found = address === undefined ? { remoteAddress: KEY, heldDown: LOOKING } : { remoteAddress: address }
  return testPeer(KEY, { ...found, passive: false, ...more })
}

/** A has one unnumbered peer and, as ever, a numbered one nobody must notice. */
function configure(pair: Pair, ...peers: readonly PeerConfig[]) {
  return pair.nodeA.input((engine, now) => engine.configure(testConfig(A, peers), now))
}

function view(pair: Pair) {
  const found = pair.nodeA.engine.peer(KEY)
  if (found === undefined) throw new Error('no unnumbered peer')
  return found
}

function until(pair: Pair, state: string): void {
  if (!pair.clock.runWhile(() => view(pair).state !== state, 60_000))
    throw new Error(`${view(pair).state}: ${view(pair).reason}`)
}

const resets = (events: readonly EngineEvent[]) =>
  events.flatMap((event) => (event.type === 'session-reset' ? [`${event.peer} ${event.field}`] : []))

describe('an unnumbered peer', () => {
  it('is there before its router is, says why it waits, and starts when it is found', () => {
    const pair = new Pair()
    configure(pair, behind(undefined))
    pair.clock.run(30_000)
    expect(view(pair)).toMatchObject({ state: 'Idle', reason: LOOKING, remoteAddress: KEY })
    const found = configure(pair, behind(B))
    expect(found).toMatchObject({ added: [], removed: [], reset: [] })
    until(pair, 'Established')
    expect(view(pair)).toMatchObject({ key: KEY, remoteAddress: B })
    expect(isUnnumbered(behind(B))).toBe(true)
    expect(isUnnumbered(testPeer('fe80::1%eth0'))).toBe(false)
  })

  it('takes the connections of its router, and no longer those of the one before', () => {
    const pair = new Pair({ a: { passive: true }, b: { passive: false } })
    configure(pair, behind(B, { passive: true }))
    until(pair, 'Established')
    configure(pair, behind('10.0.0.9', { passive: true }))
    pair.clock.run(30_000)
    expect(view(pair).state).not.toBe('Established')
    expect(pair.nodeA.events.filter(({ type }) => type === 'connection-refused').length).toBeGreaterThan(0)
  })

  it('whose router changed its address is reset, and nobody else', () => {
    const pair = new Pair()
    configure(pair, behind(B))
    until(pair, 'Established')
    const other = testPeer('10.0.0.7')
    configure(pair, behind(B), other)
    const result = configure(pair, behind('10.0.0.9'), other)
    expect(result.reset).toEqual([{ peer: KEY, field: 'remoteAddress', impact: 'reconnect' }])
    expect(resets(pair.nodeA.events)).toEqual([`${KEY} remoteAddress`])
  })

  it('whose link is lost goes down at once with its routes, and comes back', () => {
    const pair = new Pair()
    configure(pair, behind(B))
    until(pair, 'Established')
    configure(pair, behind(undefined, { heldDown: 'interface eth0 has no carrier' }))
    expect(view(pair)).toMatchObject({ state: 'Idle', reason: 'interface eth0 has no carrier', flaps: 1 })
    // Nothing of it is kept as stale: its next hop is behind the link that is gone.
    expect(pair.tablesA[0]?.calls.filter((call) => call.startsWith('down')).at(-1)).not.toMatch(/true/)
    configure(pair, behind(B))
    until(pair, 'Established')
    expect(pair.audit()).toEqual([])
  })

  it.each([
    ['external', 65_000, /wrong AS: the peer is AS 65000, configured is an external AS \(ours is 65000\)/],
    ['internal', 65_001, /wrong AS: the peer is AS 65001, configured is an internal AS \(ours is 65000\)/],
    [65_002, 65_001, /wrong AS: the peer is AS 65001, configured is AS 65002/],
  ] as const)('that must be %s refuses AS %d in words', (remoteAs, theirs, words) => {
    const pair = new Pair({ b: { localAs: theirs, remoteAs: 65_000 } })
    configure(pair, behind(B, { remoteAs }))
    pair.clock.run(10_000)
    expect(view(pair).reason).toMatch(words)
    expect(pair.b.lastError).toMatchObject({ code: 2, subcode: 2 })
  })
})
