/**
 * Peers as the decision process reads them: a column per fact, a place per source.
 *
 * A source number is the session's slot + 1; 0 is the speaker itself (local routes). `usable[source]` makes all routes
 * of a peer candidates or not at once; their removal is sliced work (hot-path.md rule 12).
 */
import { growU8, growU32, isLinkLocal, nextCapacity } from '@starling/inet'
import type { SessionParameters } from './contract.js'

export const LOCAL_SOURCE = 0

export class PeerColumns {
  /** By family: may routes of the source be candidates? */
  readonly usable: [Uint8Array, Uint8Array] = [new Uint8Array(64), new Uint8Array(64)]
  external = new Uint8Array(64)
  client = new Uint8Array(64)
  routerId = new Uint32Array(64)
  readonly address: Uint8Array[] = [new Uint8Array(0)]

  constructor() {
    this.usable[0][LOCAL_SOURCE] = 1
    this.usable[1][LOCAL_SOURCE] = 1
  }

  /** True when the source was known, and as somebody the decision process judges differently. */
  set(source: number, session: SessionParameters): boolean {
    if (source >= this.external.length) {
      const capacity = Math.min(65536, nextCapacity(source + 1))
      this.usable[0] = growU8(this.usable[0], capacity)
      this.usable[1] = growU8(this.usable[1], capacity)
      this.external = growU8(this.external, capacity)
      this.client = growU8(this.client, capacity)
      this.routerId = growU32(this.routerId, capacity)
    }
    this.usable[0][source] = 1
    this.usable[1][source] = 1
    const identity = this.routerId[source] !== session.remoteRouterId
    const changed = identity || this.external[source] !== (session.external ? 1 : 0)
    this.external[source] = session.external ? 1 : 0
    this.client[source] = session.config.routeReflectorClient ? 1 : 0
    this.routerId[source] = session.remoteRouterId
    this.address[source] = comparable(session)
    return changed
  }
}

/** The address that decides between equal paths. On two links the same link-local address is two neighbours. */
function comparable(session: SessionParameters): Uint8Array {
  const { remoteAddress, config } = session
  if (!isLinkLocal(session.remoteAddress)) return remoteAddress
  const [, zone = ''] = config.remoteAddress.split('%')
  return Uint8Array.from([...remoteAddress, ...Array.from(zone, (letter) => letter.charCodeAt(0))])
}
