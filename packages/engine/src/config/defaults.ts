/**
 * A peer with nothing special about it: what is left when nobody asks for more. Whoever builds a configuration by hand
 * (the standalone reflector, the warm-up, tests and benchmarks) spreads it and says only what differs.
 *
 * `intent` does not: every field of a Calico cluster's peer has its own rule there.
 */
import type { PeerConfig, PeerFamilyConfig } from './types.js'

const NO_ADD_PATH = { receive: false, send: 0 }

const PLAIN_FAMILIES: readonly PeerFamilyConfig[] = [
  { family: 'ipv4', addPath: NO_ADD_PATH, extendedNextHop: false },
  { family: 'ipv6', addPath: NO_ADD_PATH, extendedNextHop: false },
]

type PlainPeer = Omit<
  PeerConfig,
  'key' | 'name' | 'kind' | 'why' | 'remoteAddress' | 'remotePort' | 'remoteAs' | 'localAs' | 'passive'
>

export const PLAIN_PEER: PlainPeer = {
  description: '',
  enabled: true,
  ttlSecurity: 0,
  transport: { dscp: 48, userTimeout: 0, maximumSegment: 0 },
  families: PLAIN_FAMILIES,
  timers: {
    holdTime: 90,
    connectRetryTime: 5_000,
    delayOpenTime: 0,
    idleHoldTime: [1_000, 30_000],
    sendHoldTime: 0,
    advertisementInterval: 0,
  },
  gracefulRestart: { enabled: true, restartTime: 120, notification: true, longLivedStaleTime: 0 },
  routeRefresh: true,
  extendedMessages: true,
  fourOctetAs: true,
  routeReflectorClient: false,
  clusterId: 0,
  nextHop: 'auto',
  allowOwnAs: 0,
  enforceFirstAs: true,
  asOverride: false,
  removePrivateAs: false,
  importPolicy: [],
  exportPolicy: [],
  importDefault: 'accept',
  exportDefault: 'accept',
  discardAttributes: [],
  withdrawOnAttributes: [],
  bfdStrict: false,
}
