/**
 * An Established session as the octets that would have made it: what a recording that begins now needs of the past.
 *
 * The OPEN is put together from what was negotiated (its hold time is the negotiated one, which gives the same result),
 * the routes from the Adj-RIB-In. Octets of a message that has only half arrived come last.
 */
import { AS_TRANS, encodeOpen, KEEPALIVE } from '@starling/bgp-packet'
import { endOfRib } from '../out/pump.js'
import type { Tables } from '../rib/contract.js'
import type { ConnectionId } from '../sink.js'
import type { Endpoints } from './connection.js'
import { BOTH_FAMILIES } from './families.js'
import type { Peer } from './peer.js'

export interface SessionEvidence {
  readonly connection: ConnectionId
  readonly endpoints: Endpoints
  /** When the peer was last heard: the HoldTimer runs from here. */
  readonly lastReceived: number
  /** OPEN, KEEPALIVE, UPDATEs, and End-of-RIB where the peer has sent it. */
  readonly messages: readonly Uint8Array[]
  readonly residue: Uint8Array
}

/** Undefined when no session is Established. */
export function evidenceOf({ current, slot }: Peer, tables: Tables): SessionEvidence | undefined {
  const { endpoints, negotiated } = current ?? {}
  if (current === undefined || endpoints === undefined || negotiated === undefined) return undefined
  if (current.state !== 'Established') return undefined
  const { remoteAs, remoteRouterId, holdTime, capabilities } = negotiated
  const open = encodeOpen({
    type: 'OPEN',
    version: 4,
    myAs: remoteAs > 0xffff ? AS_TRANS : remoteAs,
    holdTime,
    bgpId: remoteRouterId,
    capabilities: [...capabilities.received],
  })
  const heard = tables.familyViews(slot).map(({ endOfRibReceived }) => endOfRibReceived)
  const listed = BOTH_FAMILIES.filter((family) => negotiated.families[family])
  return {
    connection: current.id,
    endpoints,
    lastReceived: current.lastReceived,
    messages: [
      open,
      KEEPALIVE,
      ...tables.receivedMessages(slot),
      ...listed.filter((_, index) => heard[index] === true).map(endOfRib),
    ],
    residue: current.framer.residue(),
  }
}
