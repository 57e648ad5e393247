/**
 * Peerings as real clusters have them: no two alike. Graceful restart here, long-lived there, none elsewhere; ADD-PATH with
 * all paths, with two, or none; both ends dialling, so that connections collide; DelayOpen; an advertisement interval;
 * messages of both sizes; 2-octet AS numbers.
 *
 * Nothing of it changes what a cluster must converge to, which is what makes it worth trying at random.
 */
import type { GracefulRestartConfig, PeerConfig, PeerFamilyConfig } from '@starling/engine'
import type { Cluster } from './cluster.js'
import { testFamily, testTimers } from './configs.js'
import type { Random } from './random.js'

const RESTARTS: readonly GracefulRestartConfig[] = [
  { enabled: true, restartTime: 120, notification: true, longLivedStaleTime: 0 },
  { enabled: true, restartTime: 30, notification: false, longLivedStaleTime: 0 },
  { enabled: true, restartTime: 5, notification: true, longLivedStaleTime: 60 },
  { enabled: true, restartTime: 0, notification: false, longLivedStaleTime: 40 },
  { enabled: false, restartTime: 0, notification: false, longLivedStaleTime: 0 },
]

const SEND = [0, 1, 2, Number.POSITIVE_INFINITY]

function families(random: Random): readonly PeerFamilyConfig[] {
  const addPath = { receive: random.chance(0.5), send: random.pick(SEND) }
  const ipv4 = testFamily('ipv4', { addPath })
  return random.chance(0.5) ? [ipv4, testFamily('ipv6')] : [ipv4]
}

/** One end's wishes for one peering. */
export function mixedPeer(random: Random): Partial<PeerConfig> {
  return {
    gracefulRestart: random.pick(RESTARTS),
    families: families(random),
    extendedMessages: random.chance(0.5),
    fourOctetAs: random.chance(0.8),
    routeRefresh: random.chance(0.8),
    timers: testTimers({
      connectRetryTime: 10_000,
      idleHoldTime: [500, 8_000],
      holdTime: random.pick([9, 30, 90]),
      delayOpenTime: random.chance(0.1) ? 1_000 : 0,
      advertisementInterval: random.chance(0.2) ? random.pick([200, 3_000]) : 0,
    }),
    ...(random.chance(0.2) && { passive: false }),
  }
}

/** For {@link Cluster}: every end of every peering of its own. */
export function mixAll(cluster: Cluster): void {
  for (const address of cluster.addresses()) {
    for (const remote of cluster.config(address).peers.keys()) {
      cluster.links.set(`${address} ${remote}`, mixedPeer(cluster.random))
    }
  }
}
