/**
 * From negotiation to what the tables get: one constant record per session.
 */

import { parseAddress, splitZone } from '@starling/bgp-packet'
import { isLinkLocal } from '@starling/inet'
import type { PeerConfig } from '../config/types.js'
import type { SessionParameters } from '../rib/contract.js'
import type { Endpoints } from './connection.js'
import type { Negotiated } from './negotiated.js'

/** Octets of address text; a zone is no part of the address. Transports only hand over valid addresses. */
export function addressBytes(text: string): Uint8Array {
  return parseAddress(splitZone(text)[0]) ?? new Uint8Array(4)
}

export function sessionParameters(
  config: PeerConfig,
  negotiated: Negotiated,
  endpoints: Endpoints,
  others: SessionParameters['localAddresses'],
): SessionParameters {
  const localAddress = addressBytes(endpoints.localAddress)
  const linkLocal = isLinkLocal(localAddress) ? localAddress : others.linkLocal
  const ipv4 = localAddress.length === 4 ? localAddress : others.ipv4
  const ipv6 = localAddress.length === 16 && !isLinkLocal(localAddress) ? localAddress : others.ipv6
  return {
    config,
    remoteAs: negotiated.remoteAs,
    remoteRouterId: negotiated.remoteRouterId,
    external: negotiated.external,
    fourOctetAs: negotiated.fourOctetAs,
    maximumMessage: negotiated.maximumMessage,
    families: negotiated.families,
    addPathReceive: negotiated.addPathReceive,
    addPathSend: negotiated.addPathSend,
    extendedNextHop: negotiated.extendedNextHop,
    enhancedRefresh: negotiated.enhancedRefresh,
    longLived: negotiated.longLived,
    localAddress,
    remoteAddress: addressBytes(endpoints.remoteAddress),
    localAddresses: {
      ...(ipv4 !== undefined && { ipv4 }),
      ...(ipv6 !== undefined && { ipv6 }),
      ...(linkLocal !== undefined && { linkLocal }),
    },
    ...(endpoints.link !== undefined && { link: endpoints.link }),
  }
}
