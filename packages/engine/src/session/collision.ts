/**
 * Connection collision resolution (RFC 4271 section 6.8, identifiers as in RFC 6286 section 2.3).
 */
import type { Negotiated } from './negotiated.js'

/**
 * Two connections of opposite direction, one in OpenConfirm and one that has just received its OPEN: is the latter the
 * one to close? The connection dialled by the side with the larger identifier stays; equal identifiers (allowed
 * between different ASes) are decided by the AS number.
 */
export function collisionLoser(
  connection: { readonly outgoing: boolean },
  remote: Pick<Negotiated, 'remoteRouterId' | 'remoteAs'>,
  localRouterId: number,
  localAs: number,
): boolean {
  const localWins =
    localRouterId === remote.remoteRouterId ? localAs > remote.remoteAs : localRouterId > remote.remoteRouterId
  return connection.outgoing !== localWins
}
