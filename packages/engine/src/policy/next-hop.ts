/**
 * Which next hop a peer is told: the table of calico.md 2.6, with RFC 8950 where it was negotiated.
 *
 *   | route                        | iBGP      | eBGP        | self        | keep         |
 *   | learned by BGP               | unchanged | own address | own address | unchanged    |
 *   | kernel-learned with gateway  | gateway   | own address | own address | that gateway |
 *   | blackhole, device, static    | own       | own         | own         | own          |
 *
 * `keep-ebgp` is `keep` on eBGP and the first column on iBGP. A policy term may override it all with an address.
 * A link-local address means something else on every link: it is never handed on (RFC 4291 section 2.5.6). Of a pair
 * the global half is; where there is none, we are the next hop ourselves.
 */

import { parseAddress } from '@starling/bgp-packet'
import { isLinkLocal } from '@starling/inet'
import type { PeerConfig } from '../config/types.js'
import type { FamilyIndex, SessionParameters } from '../rib/contract.js'
import { hasGlobal, type NextHops } from '../rib/next-hops.js'
import type { RouteSource } from './types.js'

export type NextHopChoice = 'unchanged' | 'self'

/** The table itself. `hasGateway`: a kernel route with a gateway carries it as its next hop. */
export function nextHopChoice(
  mode: PeerConfig['nextHop'],
  external: boolean,
  source: RouteSource,
  hasGateway: boolean,
): NextHopChoice {
  const carries = source === 'bgp' || (source === 'kernel' && hasGateway)
  if (!carries || mode === 'self') return 'self'
  if (mode === 'keep' || (mode === 'keep-ebgp' && external)) return 'unchanged'
  return external ? 'self' : 'unchanged'
}

/** Octets of "ourselves" for a family of the BGP session; undefined: we have no address the peer could use. */
export function selfNextHop(session: SessionParameters, family: FamilyIndex): Uint8Array | undefined {
  const { ipv4, ipv6, linkLocal } = session.localAddresses
  const session4 = session.localAddress.length === 4 ? session.localAddress : undefined
  const session6 = session.localAddress.length === 16 ? session.localAddress : undefined
  const best6 = ipv6 ?? session6 ?? linkLocal
  if (family === 1) return withLinkLocal(best6, session)
  // On an unnumbered link nobody has a route to our IPv4 address: the one address that surely works is the session's.
  if (session.extendedNextHop && isLinkLocal(session.localAddress)) return withLinkLocal(best6, session)
  return session4 ?? ipv4 ?? (session.extendedNextHop ? withLinkLocal(best6, session) : undefined)
}

/** RFC 2545 section 3: the link-local address rides along when the session itself runs over one. */
function withLinkLocal(address: Uint8Array | undefined, session: SessionParameters): Uint8Array | undefined {
  const { linkLocal } = session.localAddresses
  if (address === undefined || linkLocal === undefined || !isLinkLocal(session.localAddress)) return address
  if (isLinkLocal(address)) return address
  const both = new Uint8Array(32)
  both.set(address)
  both.set(linkLocal, 16)
  return both
}

/** What of a next hop may be handed on to others. */
function portable(bytes: Uint8Array): Uint8Array | undefined {
  if (bytes.length < 16) return bytes
  if (!hasGlobal(bytes)) return undefined
  return bytes.length === 32 ? bytes.subarray(0, 16) : bytes
}

/** May a next hop of this length stand beside a prefix of the family on a BGP session? */
export function nextHopFits(bytes: Uint8Array, session: SessionParameters, family: FamilyIndex): boolean {
  if (family === 1) return bytes.length >= 16
  return bytes.length === 4 || session.extendedNextHop
}

/** Id of the next hop to send, or a reason why there is none. */
export function chooseNextHop(
  nextHops: NextHops,
  session: SessionParameters,
  family: FamilyIndex,
  source: RouteSource,
  current: number,
  override: string | undefined,
): number | string {
  let choice = nextHopChoice(session.config.nextHop, session.external, source, current !== 0)
  if (override === 'self') choice = 'self'
  else if (override === 'keep') choice = current === 0 ? 'self' : 'unchanged'
  else if (override !== undefined) {
    const bytes = parseAddress(override)
    if (bytes === undefined) return `next hop ${override} is no address`
    if (!nextHopFits(bytes, session, family)) return `next hop ${override} does not fit the family`
    return nextHops.intern(bytes, 0, bytes.length)
  }
  if (choice === 'unchanged') {
    const bytes = nextHops.bytes(current)
    const kept = portable(bytes)
    if (kept !== undefined) {
      if (!nextHopFits(kept, session, family)) return 'next hop of the other family, RFC 8950 not negotiated'
      return kept === bytes ? current : nextHops.intern(kept, 0, kept.length)
    }
  }
  const self = selfNextHop(session, family)
  if (self === undefined) return 'no own address for next hop self'
  return nextHops.intern(self, 0, self.length)
}
