/** One rule's wish for one session, before it is known which wish wins (`candidates.ts`). */
import type { FamilyName, PeerKind, Why } from '@starling/engine'
import type { BgpPeerResource } from '@starling/resources'

export interface Candidate {
  readonly kind: PeerKind
  /** The order of precedence: smaller wins. */
  readonly rank: 0 | 1 | 2 | 3 | 4
  readonly family: FamilyName
  /** Canonical text, with the zone of a link-local address. */
  readonly address: string
  readonly zone: string | undefined
  /** As configured: 0 where nothing names a port, which means 179 and no suffix in the name. */
  readonly port: number
  /** 0 = unknown. */
  readonly remoteAs: number
  readonly passive: boolean
  readonly remoteNode: string | undefined
  readonly remoteClusterId: number | undefined
  /** Absent for mesh sessions. */
  readonly peer: BgpPeerResource | undefined
  /** Fields that only explicit sessions take from their BGPPeer (table of calico.md 2.4). */
  readonly explicit: boolean
  readonly why: Why
}
