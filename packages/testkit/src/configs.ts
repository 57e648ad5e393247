/**
 * Configurations for tests: every field with a sensible value, so that a test names only what it is about.
 */
import {
  type EngineConfig,
  type FamilyName,
  type PeerConfig,
  type PeerFamilyConfig,
  type PeerTimers,
  PLAIN_PEER,
  peerKey,
} from '@starling/engine'

export function testTimers(overrides: Partial<PeerTimers> = {}): PeerTimers {
  return { ...PLAIN_PEER.timers, ...overrides }
}

export function testFamily(family: FamilyName, overrides: Partial<PeerFamilyConfig> = {}): PeerFamilyConfig {
  return { family, addPath: { receive: false, send: 0 }, extendedNextHop: false, ...overrides }
}

/** An iBGP peer in AS 65000 with IPv4 and IPv6, graceful restart and everything accepted. */
export function testPeer(remoteAddress: string, overrides: Partial<PeerConfig> = {}): PeerConfig {
  const port = overrides.remotePort ?? 179
  return {
    ...PLAIN_PEER,
    key: peerKey(remoteAddress, port),
    name: `peer_${remoteAddress.replace(/[^0-9a-z]/gi, '_')}`,
    kind: 'static',
    why: { resource: 'test', rule: 'the test asks for it' },
    remoteAddress,
    remotePort: port,
    remoteAs: 65000,
    localAs: 65000,
    passive: false,
    ...overrides,
  }
}

function routerIdOf(address: string): number {
  return address.split('.').reduce((value, part) => (value * 256 + Number(part)) >>> 0, 0)
}

/** A speaker whose router id is its IPv4 address. */
export function testConfig(
  address: string,
  peers: readonly PeerConfig[],
  overrides: Partial<EngineConfig> = {},
): EngineConfig {
  return {
    asNumber: 65000,
    routerId: routerIdOf(address),
    clusterId: 0,
    clientToClient: true,
    peers: new Map(peers.map((peer) => [peer.key, peer])),
    dynamicNeighbors: [],
    nextHopResolution: 'assumed',
    decision: { alwaysCompareMed: false, deterministicMed: true, maximumPaths: 1, multipathRelax: false },
    defaultLocalPref: 100,
    gracefulRestartDeferral: 120_000,
    ...overrides,
  }
}
