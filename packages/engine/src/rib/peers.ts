/** What the tables know of one peer beyond the columns that the decision reads (`peer-columns.ts`). */
import { updateContext } from '@starling/bgp-packet'
import { isLinkLocal } from '@starling/inet'
import type { FamilyName, PrefixLimit } from '../config/types.js'
import type { Follower } from '../out/follower.js'
import type { ImportProfile } from '../policy/import.js'
import type { FamilyIndex, PeerSlot, SessionParameters } from './contract.js'
import { type BlockContext, blockContext } from './intern.js'

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
