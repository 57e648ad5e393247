/**
 * The configuration of a reflector without a datastore: clients and external peers from ranges, both families on one
 * session, everything negotiable offered.
 *
 * Routes of clients go to everybody unchanged; towards external peers the usual eBGP rules apply. There is no kernel, so
 * every next hop counts as reachable.
 */
import { type DynamicNeighbors, type EngineConfig, type PeerFamilyConfig, PLAIN_PEER, type Why } from '@starling/engine'
import type { StandaloneOptions } from './options.js'

/** Clients of one range; more is a misconfiguration, or an attack. */
const MAXIMUM_CLIENTS = 16_384

const FAMILIES: readonly PeerFamilyConfig[] = [
  { family: 'ipv4', addPath: { receive: true, send: Number.POSITIVE_INFINITY }, extendedNextHop: true },
  { family: 'ipv6', addPath: { receive: true, send: Number.POSITIVE_INFINITY }, extendedNextHop: false },
]

export function standaloneConfig(options: StandaloneOptions): EngineConfig {
  const { asNumber, routerId, clusterId, accept, acceptExternal } = options
  const external = acceptExternal.map((range) => neighbors(options, range, 'external', '--accept-external'))
  return {
    asNumber,
    routerId,
    clusterId,
    clientToClient: true,
    peers: new Map(),
    dynamicNeighbors: [...external, ...accept.map((range) => neighbors(options, range, 'internal', '--accept'))],
    nextHopResolution: 'assumed',
    decision: { alwaysCompareMed: false, deterministicMed: true, maximumPaths: 1, multipathRelax: false },
    defaultLocalPref: 100,
    gracefulRestartDeferral: PLAIN_PEER.gracefulRestart.restartTime * 1000,
  }
}

function neighbors(
  { asNumber, clusterId }: StandaloneOptions,
  range: string,
  remoteAs: 'internal' | 'external',
  option: string,
): DynamicNeighbors {
  const why: Why = { resource: 'command line', field: option, rule: `peers that connect from ${range}` }
  return {
    range,
    maximum: MAXIMUM_CLIENTS,
    template: {
      ...PLAIN_PEER,
      why,
      remoteAs,
      localAs: asNumber,
      families: FAMILIES,
      routeReflectorClient: remoteAs === 'internal',
      clusterId,
    },
  }
}
