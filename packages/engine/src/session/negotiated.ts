/**
 * What the two OPENs of one connection add up to. Constant for the life of the connection.
 */
import type { Capability } from '@starling/bgp-packet'
import type { BgpRole } from '../config/types.js'

/** One family in a peer's graceful restart capability (RFC 4724 section 3) or long-lived one (RFC 9494 section 3.1). */
export interface RestartFamily {
  /** Listed in the capability at all. */
  readonly listed: boolean
  /** F bit: forwarding state was preserved over the peer's restart. */
  readonly preserved: boolean
  /** Long-lived stale time the peer asks for, milliseconds; 0 = none. */
  readonly longLivedStaleTime: number
  /** F bit of the long-lived capability; what counts once routes are long-lived stale (RFC 9494 section 4.2). */
  readonly longLivedPreserved: boolean
}

export interface PeerRestart {
  /** Milliseconds the peer asks us to keep its routes. */
  readonly restartTime: number
  /** R bit: the peer has just restarted and waits for our End-of-RIB. */
  readonly restarting: boolean
  /** RFC 8538: both sides keep routes over a NOTIFICATION that is no hard reset. */
  readonly notification: boolean
  /** By FamilyIndex. */
  readonly families: readonly [RestartFamily, RestartFamily]
}

export interface Negotiated {
  readonly remoteAs: number
  readonly remoteRouterId: number
  readonly external: boolean
  readonly fourOctetAs: boolean
  /** Seconds; 0 = no HoldTimer and no KEEPALIVEs. */
  readonly holdTime: number
  readonly keepaliveTime: number
  readonly maximumMessage: number
  readonly families: readonly [boolean, boolean]
  readonly addPathReceive: readonly [boolean, boolean]
  readonly addPathSend: readonly [number, number]
  readonly extendedNextHop: boolean
  readonly routeRefresh: boolean
  readonly enhancedRefresh: boolean
  /** Absent when either side does not do graceful restart. */
  readonly restart: PeerRestart | undefined
  /** The peer understands long-lived stale routes (RFC 9494): it may be told of them. */
  readonly longLived: boolean
  readonly role: BgpRole | undefined
  /** As values: words are for views, and made when one is asked for. */
  readonly capabilities: { readonly advertised: readonly Capability[]; readonly received: readonly Capability[] }
}
