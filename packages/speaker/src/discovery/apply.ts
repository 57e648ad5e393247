/**
 * What was found on links, applied to what was configured: the engine gets an address to dial, or a reason to wait.
 *
 * Pure. An unnumbered peer keeps its identity (`%eth0`) whatever address its router has; a peer named by a link-local
 * address waits while its interface cannot carry it.
 */
import { type EngineConfig, isUnnumbered, type PeerConfig, type PeerKey } from '@starling/engine'
import type { BfdPeer } from '../bfd/host.js'

/** What {@link DiscoveryHost} knows. */
export interface Found {
  look(name: string): { readonly neighbor: string } | { readonly reason: string }
  trouble(name: string): string
}

export interface LinkUse {
  /** Interfaces with an unnumbered peer. */
  readonly unnumbered: ReadonlySet<string>
  /** Interfaces with a peer named by its link-local address. */
  readonly watched: ReadonlySet<string>
}

/** The interface a peer's sessions live on; undefined: it has an address that is good everywhere. */
export function linkOf({ remoteAddress }: Pick<PeerConfig, 'remoteAddress'>): string | undefined {
  return remoteAddress.split('%')[1]
}

export function linkUse(config: EngineConfig): LinkUse {
  const unnumbered = new Set<string>()
  const watched = new Set<string>()
  for (const peer of config.peers.values()) {
    const name = linkOf(peer)
    if (name !== undefined) (isUnnumbered(peer) ? unnumbered : watched).add(name)
  }
  return { unnumbered, watched }
}

/** The same configuration where nothing depends on links. */
export function withNeighbors(config: EngineConfig, found: Found): EngineConfig {
  let peers: Map<PeerKey, PeerConfig> | undefined
  for (const [key, peer] of config.peers) {
    const applied = apply(peer, found)
    if (applied === peer) continue
    peers ??= new Map(config.peers)
    peers.set(key, applied)
  }
  return peers === undefined ? config : { ...config, peers }
}

function apply(peer: PeerConfig, found: Found): PeerConfig {
  const name = linkOf(peer)
  if (name === undefined) return peer
  if (!isUnnumbered(peer)) {
    const trouble = found.trouble(name)
    return trouble === '' ? peer : { ...peer, heldDown: peer.heldDown ?? trouble }
  }
  const answer = found.look(name)
  if ('neighbor' in answer) return { ...peer, remoteAddress: answer.neighbor }
  return { ...peer, heldDown: peer.heldDown ?? answer.reason }
}

/** BFD looks at the address of the router found; where there is none, there is no path to look at. */
export function bfdWithNeighbors(peers: ReadonlyMap<PeerKey, BfdPeer>, found: Found): ReadonlyMap<PeerKey, BfdPeer> {
  if (![...peers.values()].some((peer) => linkOf(peer) !== undefined)) return peers
  const result = new Map<PeerKey, BfdPeer>()
  for (const [key, peer] of peers) {
    const name = linkOf(peer)
    if (name === undefined || !peer.remoteAddress.startsWith('%')) {
      result.set(key, peer)
      continue
    }
    const answer = found.look(name)
    if ('neighbor' in answer) result.set(key, { ...peer, remoteAddress: answer.neighbor })
  }
  return result
}
