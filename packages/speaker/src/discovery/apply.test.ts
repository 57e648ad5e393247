import type { EngineConfig, PeerConfig } from '@starling/engine'
import { testConfig, testPeer } from '@starling/testkit'
import { describe, expect, it } from 'vitest'
import { bfdWithNeighbors, type Found, linkUse, withNeighbors } from './apply.js'

const UNNUMBERED = testPeer('%eth0', { interface: 'eth0' })
const NAMED = testPeer('fe80::9%eth1', { interface: 'eth1' })
const NUMBERED = testPeer('10.0.0.2')
const config = testConfig('10.0.0.1', [UNNUMBERED, NAMED, NUMBERED])

const found = (answer: ReturnType<Found['look']>, trouble = ''): Found => ({
  look: () => answer,
  trouble: () => trouble,
})
const neighbor = found({ neighbor: 'fe80::1%eth0' })
const nobody = found({ reason: 'nobody is there' })

const peerOf = (applied: EngineConfig, peer: PeerConfig) => applied.peers.get(peer.key)

describe('what was found on links, applied to the configuration', () => {
  it('is looked for where unnumbered peers are, and where peers have link-local addresses', () => {
    expect(linkUse(config)).toEqual({ unnumbered: new Set(['eth0']), watched: new Set(['eth1']) })
  })

  it('gives an unnumbered peer its address; its identity stays', () => {
    const applied = withNeighbors(config, neighbor)
    expect(peerOf(applied, UNNUMBERED)).toEqual({ ...UNNUMBERED, remoteAddress: 'fe80::1%eth0' })
    expect(peerOf(applied, NAMED)).toBe(NAMED)
    expect(peerOf(applied, NUMBERED)).toBe(NUMBERED)
    expect([...applied.peers.keys()]).toEqual([...config.peers.keys()])
  })

  it('lets it wait in words where nobody was found, and a secret that is missing comes first', () => {
    expect(peerOf(withNeighbors(config, nobody), UNNUMBERED)?.heldDown).toBe('nobody is there')
    const held = testConfig('10.0.0.1', [{ ...UNNUMBERED, heldDown: 'secret s is missing' }])
    expect(peerOf(withNeighbors(held, nobody), UNNUMBERED)?.heldDown).toBe('secret s is missing')
    expect(peerOf(withNeighbors(held, neighbor), UNNUMBERED)?.heldDown).toBe('secret s is missing')
  })

  it('lets a peer with a link-local address wait for its interface', () => {
    const applied = withNeighbors(config, found({ reason: 'x' }, 'interface eth1 is down'))
    expect(peerOf(applied, NAMED)).toEqual({ ...NAMED, heldDown: 'interface eth1 is down' })
  })

  it('is the very same configuration where nothing lives on links', () => {
    const plain = testConfig('10.0.0.1', [NUMBERED])
    expect(withNeighbors(plain, nobody)).toBe(plain)
  })

  it('gives BFD the router to look at, and nothing while there is none', () => {
    const bfd = (remoteAddress: string) => ({ remoteAddress, interval: 100, multiplier: 3, passive: false })
    const peers = new Map([
      ['%eth0', bfd('%eth0')],
      ['fe80::9%eth1', bfd('fe80::9%eth1')],
      ['10.0.0.2', bfd('10.0.0.2')],
    ])
    const addresses = (answer: Found) => [...bfdWithNeighbors(peers, answer).values()].map((peer) => peer.remoteAddress)
    expect(addresses(neighbor)).toEqual(['fe80::1%eth0', 'fe80::9%eth1', '10.0.0.2'])
    expect(addresses(nobody)).toEqual(['fe80::9%eth1', '10.0.0.2'])
  })
})
