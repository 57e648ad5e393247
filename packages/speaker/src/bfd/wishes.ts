/**
 * Which BFD sessions are wanted: those of the configured peers, and one for every dynamic neighbour whose range has BFD.
 *
 * A dynamic neighbour's session begins when its BGP session is up, from the address that one uses; in strict mode when
 * the neighbour first connects, or it would wait for ever. It lives as long as the engine knows the neighbour.
 */
import type { Engine, EngineEvent, PeerKey } from '@starling/engine'
import type { BfdHost, BfdPeer } from './host.js'

export type BfdPeers = ReadonlyMap<PeerKey, BfdPeer>
/** By the text of the range. */
export type BfdRanges = ReadonlyMap<string, Omit<BfdPeer, 'remoteAddress'>>

type Known = Pick<Engine, 'peer' | 'peerConfig' | 'dynamicRange'>

export class BfdWishes {
  readonly #host: Pick<BfdHost, 'set'>
  readonly #engine: () => Known
  #peers: BfdPeers = new Map()
  #ranges: BfdRanges = new Map()
  readonly #dynamic = new Map<PeerKey, BfdPeer>()
  #scheduled = false

  constructor(host: Pick<BfdHost, 'set'>, engine: () => Known) {
    this.#host = host
    this.#engine = engine
  }

  set(peers: BfdPeers, ranges: BfdRanges): void {
    this.#peers = peers
    this.#ranges = ranges
    for (const [key, known] of [...this.#dynamic]) {
      this.#dynamic.delete(key)
      this.#add(key, known.localAddress)
    }
    this.apply()
  }

  apply(): void {
    const { size } = this.#dynamic
    this.#host.set(size === 0 ? this.#peers : new Map([...this.#dynamic, ...this.#peers]))
  }

  /** Called in the middle of an engine's input: what follows happens in a later turn. */
  observe(event: EngineEvent): void {
    if (this.#ranges.size === 0) return
    if (event.type === 'peer-removed') {
      if (this.#dynamic.delete(event.peer)) this.#later()
    } else if (event.type === 'peer-added' || (event.type === 'session-state' && event.to === 'Established')) {
      const { peer } = event
      if (this.#dynamic.has(peer)) return
      const config = this.#engine().peerConfig(peer)
      if (config?.kind !== 'dynamic' || (event.type === 'peer-added' && !config.bfdStrict)) return
      this.#add(peer, this.#engine().peer(peer)?.localAddress)
      this.#later()
    }
  }

  #add(key: PeerKey, localAddress: string | undefined): void {
    const range = this.#engine().dynamicRange(key)
    const wanted = range === undefined ? undefined : this.#ranges.get(range)
    if (wanted === undefined) return
    this.#dynamic.set(key, { ...wanted, remoteAddress: key, ...(localAddress !== undefined && { localAddress }) })
  }

  /** A thousand newcomers are one message to the worker. */
  #later(): void {
    if (this.#scheduled) return
    this.#scheduled = true
    setImmediate(() => {
      this.#scheduled = false
      this.apply()
    })
  }
}
