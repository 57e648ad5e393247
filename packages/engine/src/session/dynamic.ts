/**
 * Dynamic neighbours come and go: a connection from a range makes a peer, silence unmakes it.
 *
 * `engine.ts` asks here when a connection comes from nobody it knows, and in each sweep whether a peer that is down is to
 * be forgotten. Who returns within DYNAMIC_PEER_LINGER finds its counters; a full range drops those that are down first.
 * Never forgets a peer whose routes are still kept (RFC 4724, 9494) or that has a connection under way.
 */
import { DYNAMIC_PEER_LINGER } from '../config/limits.js'
import { type Directory, dynamicPeerConfig } from './directory.js'
import type { PeerHost } from './host.js'
import type { Peer } from './peer.js'
import { addPeer, removePeer } from './reconfigure.js'

const WENT_AWAY = 'a dynamic neighbour that went away'

const isDown = ({ state }: Peer): boolean => state === 'Idle' || state === 'Active'

/** The peer for a newcomer at this address; text = why there is none. */
export function admitDynamic(address: string, host: PeerHost<Peer>, directory: Directory, now: number): Peer | string {
  const range = directory.range(address)
  if (range === undefined) return 'no peer is configured for this address'
  const full = () => directory.dynamicCount(range) >= range.maximum
  if (full()) dropIdle(host, directory, now)
  if (full()) return `the limit of ${range.maximum} dynamic neighbours in ${range.range} is reached`
  // It is here because it connects: nothing to start, and no sweep over all peers for each newcomer of a storm.
  return addPeer(dynamicPeerConfig(range, address), host, directory, undefined)
}

/** Room for a newcomer: dynamic peers that are down and of whom nothing is kept. */
function dropIdle(host: PeerHost<Peer>, directory: Directory, now: number): void {
  for (const peer of directory.peers.values()) {
    if (peer.config.kind !== 'dynamic' || peer.helper.active || !isDown(peer)) continue
    removePeer(peer, host, directory, WENT_AWAY, now)
  }
}

/** Removes a dynamic peer that has been down for long enough; true = it is gone. */
export function forgetDynamic(peer: Peer, host: PeerHost<Peer>, directory: Directory, now: number): boolean {
  if (!isDown(peer) || peer.helper.active || peer.incoming !== undefined) return false
  const patience = peer.established > 0 ? DYNAMIC_PEER_LINGER : 0
  if (now < peer.since + patience) {
    host.wake(peer.since + patience)
    return false
  }
  removePeer(peer, host, directory, WENT_AWAY, now)
  return true
}
