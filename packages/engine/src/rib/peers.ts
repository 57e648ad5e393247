/**
 * Peers as the tables see them: columns the decision reads, and one object each for everything slower.
 *
 * A source number is the session's slot + 1; 0 is the speaker itself (local routes). `usable[source]` makes all routes
 * of a peer candidates or not at once; their removal is sliced work (hot-path.md rule 12).
 */
import { updateContext } from '@starling/bgp-packet'
import { growU8, growU32, isLinkLocal, nextCapacity } from '@starling/inet'
import type { FamilyName, PrefixLimit } from '../config/types.js'
import type { Follower } from '../out/follower.js'
import type { ImportProfile } from '../policy/import.js'
import type { FamilyIndex, PeerSlot, SessionParameters } from './contract.js'
import { type BlockContext, blockContext } from './intern.js'

export const LOCAL_SOURCE = 0

export class PeerState {
  readonly slot: PeerSlot
  readonly source: number
  session: SessionParameters
  /** Established now; stale routes may remain when not. */
  established = true
  block: BlockContext
  profile: ImportProfile
  /** First row of the peer's list, by family. */
  readonly head: [number, number] = [0, 0]
  /** Live rows, those import policy accepted, those chosen best. */
  readonly received: [number, number] = [0, 0]
  readonly accepted: [number, number] = [0, 0]
  readonly preferred: [number, number] = [0, 0]
  /** All rows, zombies included: the slot is free at 0. */
  rows = 0
  readonly epoch: [number, number] = [0, 0]
  readonly endOfRibReceived: [boolean, boolean] = [false, false]
  readonly warned: [boolean, boolean] = [false, false]
  readonly followers: [Follower | undefined, Follower | undefined] = [undefined, undefined]
  /** A limit was reached; no more of its UPDATEs are taken. */
  closing = false

  /** Import limits by family. */
  limits: readonly (PrefixLimit | undefined)[]

  constructor(slot: PeerSlot, session: SessionParameters, profile: ImportProfile) {
    this.slot = slot
    this.source = slot + 1
    this.session = session
    this.profile = profile
    this.block = contextOf(session)
    this.limits = limitsOf(session)
  }

  /** The same session under new configuration. */
  adopt(session: SessionParameters): void {
    this.session = session
    this.limits = limitsOf(session)
  }

  begin(session: SessionParameters, profile: ImportProfile): void {
    this.adopt(session)
    this.profile = profile
    this.block = contextOf(session)
    this.established = true
    this.closing = false
    for (const family of [0, 1] as const) {
      this.endOfRibReceived[family] = false
      this.warned[family] = false
    }
  }

  isStale(family: FamilyIndex, rowEpoch: number): boolean {
    return rowEpoch !== this.epoch[family]
  }
}

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

function limitsOf(session: SessionParameters): readonly (PrefixLimit | undefined)[] {
  const find = (name: FamilyName) => session.config.families.find(({ family }) => family === name)?.importLimit
  return [find('ipv4'), find('ipv6')]
}

function contextOf(session: SessionParameters): BlockContext {
  const update = updateContext({
    as4: session.fourOctetAs,
    ibgp: !session.external,
    addPathIPv4: session.addPathReceive[0],
    addPathIPv6: session.addPathReceive[1],
  })
  // The wished interface may be a VRF, which is no link: what the addresses say goes before it.
  const [, zone = session.link ?? session.config.interface ?? ''] = session.config.remoteAddress.split('%')
  return blockContext(update, zone, isLinkLocal(session.remoteAddress))
}
