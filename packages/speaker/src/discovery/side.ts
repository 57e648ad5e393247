/**
 * The link-local side of a speaker: which interfaces its peers live on, what is known of them, and where to listen for
 * them. `speaker.ts` asks here before it configures the engine and opens listeners, and tells what happened to sessions.
 */
import { type EngineConfig, type EngineEvent, isUnnumbered, type PeerKey } from '@starling/engine'
import type { BfdPeer } from '../bfd/host.js'
import type { ListenAddress } from '../listener.js'
import { bfdWithNeighbors, type LinkUse, linkOf, linkUse, withNeighbors } from './apply.js'
import { type DiscoveryEvents, DiscoveryHost } from './host.js'
import type { LinkSourceFactory } from './link-source.js'

export class LinkSide {
  readonly discovery: DiscoveryHost
  #use: LinkUse = { unnumbered: new Set(), watched: new Set() }

  constructor(events: DiscoveryEvents, watch: LinkSourceFactory | undefined, random: () => number) {
    this.discovery = new DiscoveryHost(events, watch, random)
  }

  /** The interfaces of a new configuration are looked at from now on, those of no peer no longer. */
  configured(config: EngineConfig): void {
    this.#use = linkUse(config)
    this.discovery.set(this.#use.unnumbered, this.#use.watched)
  }

  apply(config: EngineConfig): EngineConfig {
    return withNeighbors(config, this.discovery)
  }

  applyBfd(peers: ReadonlyMap<PeerKey, BfdPeer>): ReadonlyMap<PeerKey, BfdPeer> {
    return bfdWithNeighbors(peers, this.discovery)
  }

  /**
   * Where to listen in all: a speaker that does not listen on `::` (a node without an IPv6 address, or one bound to its
   * own) listens on its link-local address of each link with a peer, and on no other.
   */
  listen(plain: readonly ListenAddress[]): readonly ListenAddress[] {
    const port = plain[0]?.port
    if (port === undefined || plain.some(({ address }) => address === '::')) return plain
    const links = [...new Set([...this.#use.unnumbered, ...this.#use.watched])]
    return [
      ...plain,
      ...links.flatMap((name): ListenAddress[] => {
        const own = this.discovery.own(name)
        return own === undefined ? [] : [{ ...own, port }]
      }),
    ]
  }

  /** The neighbour of a session that is up stays, whatever else is heard on its link. */
  event(event: EngineEvent): void {
    if (event.type !== 'session-state' || !isUnnumbered({ key: event.peer })) return
    const up = event.to === 'Established'
    const name = linkOf({ remoteAddress: event.peer })
    if (name !== undefined && (up || event.from === 'Established')) this.discovery.sessionChanged(name, up)
  }

  /** Somebody we do not know connected: on a link of ours that may be a router not found yet. */
  refused(remoteAddress: string): void {
    const name = linkOf({ remoteAddress })
    if (name !== undefined) this.discovery.stranger(name)
  }

  stop(): void {
    this.discovery.stop()
  }
}
