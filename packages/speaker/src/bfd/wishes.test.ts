import type { EngineEvent, PeerConfig, PeerView } from '@starling/engine'
import { testPeer } from '@starling/testkit'
import { beforeEach, describe, expect, it } from 'vitest'
import type { BfdPeer } from './host.js'
import { BfdWishes } from './wishes.js'

const RANGE = '192.0.2.0/24'
const NEWCOMER = '192.0.2.7'
const TEMPLATE = { interval: 100, multiplier: 3, passive: false }
const FIXED: BfdPeer = { ...TEMPLATE, remoteAddress: '10.0.0.1' }

const added = (peer: string): EngineEvent => ({ type: 'peer-added', peer, name: peer })
const removed = (peer: string): EngineEvent => ({ type: 'peer-removed', peer, name: peer })
const established = (peer: string): EngineEvent => ({
  type: 'session-state',
  peer,
  name: peer,
  from: 'OpenConfirm',
  to: 'Established',
  reason: '',
})
const turn = () => new Promise((resolve) => setImmediate(resolve))

let wanted: ReadonlyMap<string, BfdPeer>
let told = 0
const configs = new Map<string, PeerConfig>()
function wishes(): BfdWishes {
  const host = {
    set: (peers: typeof wanted) => {
      wanted = peers
      told++
    },
  }
  return new BfdWishes(host, () => ({
    peer: () => ({ localAddress: '192.0.2.1' }) as PeerView,
    peerConfig: (address: string) => configs.get(address),
    dynamicRange: (address: string) => (address.startsWith('192.0.2.') ? RANGE : undefined),
  }))
}

beforeEach(() => {
  wanted = new Map()
  told = 0
  configs.clear()
})

describe('BFD on a range', () => {
  it('begins with the BGP session of a dynamic neighbour, from its address, and ends with the neighbour', async () => {
    const all = wishes()
    all.set(new Map([['10.0.0.1', FIXED]]), new Map([[RANGE, TEMPLATE]]))
    configs.set(NEWCOMER, testPeer(NEWCOMER, { kind: 'dynamic' }))
    all.observe(added(NEWCOMER))
    await turn()
    expect([...wanted.keys()]).toEqual(['10.0.0.1'])
    all.observe(established(NEWCOMER))
    // In the middle of an input of the engine nothing happens yet.
    expect(wanted.size).toBe(1)
    await turn()
    expect(wanted.get(NEWCOMER)).toEqual({ ...TEMPLATE, remoteAddress: NEWCOMER, localAddress: '192.0.2.1' })
    all.observe(removed(NEWCOMER))
    await turn()
    expect([...wanted.keys()]).toEqual(['10.0.0.1'])
  })

  it('in strict mode begins when the neighbour first connects', async () => {
    const all = wishes()
    all.set(new Map(), new Map([[RANGE, TEMPLATE]]))
    configs.set(NEWCOMER, testPeer(NEWCOMER, { kind: 'dynamic', bfdStrict: true }))
    all.observe(added(NEWCOMER))
    await turn()
    expect([...wanted.keys()]).toEqual([NEWCOMER])
  })

  it('is not for configured peers that happen to be inside, nor for other ranges', async () => {
    const all = wishes()
    all.set(new Map(), new Map([[RANGE, TEMPLATE]]))
    configs.set(NEWCOMER, testPeer(NEWCOMER))
    configs.set('198.51.100.1', testPeer('198.51.100.1', { kind: 'dynamic' }))
    all.observe(established(NEWCOMER))
    all.observe(established('198.51.100.1'))
    await turn()
    expect(wanted.size).toBe(0)
  })

  it('follows a change of the range, and many newcomers are one message', async () => {
    const all = wishes()
    all.set(new Map(), new Map([[RANGE, TEMPLATE]]))
    const before = told
    for (let i = 1; i <= 100; i++) {
      const address = `192.0.2.${i}`
      configs.set(address, testPeer(address, { kind: 'dynamic' }))
      all.observe(established(address))
    }
    await turn()
    expect(told - before).toBe(1)
    expect(wanted.size).toBe(100)
    all.set(new Map(), new Map([[RANGE, { ...TEMPLATE, interval: 300 }]]))
    expect(wanted.get(NEWCOMER)).toMatchObject({ interval: 300, localAddress: '192.0.2.1' })
    all.set(new Map(), new Map())
    expect(wanted.size).toBe(0)
  })
})
