/**
 * What an accepted socket gets beyond its listener: the wishes of the one peer it turned out to be for, before a byte of
 * it is read. GTSM (RFC 5082) drops what came from further away; the rest is how our own segments look.
 */
import type { Socket } from 'node:net'
import type { PeerConfig } from '@starling/engine'
import { applyTcpOptions, hasNative } from '@starling/sys'

export const FULL_TTL = 255
/** DSCP stands in the upper six bits of the octet, above ECN. */
export const tosOf = (dscp: number): number => dscp << 2

/** Throws what the kernel refuses; the connection must then not be used. */
export function prepareAccepted(socket: Socket, peer: PeerConfig): void {
  if (!hasNative()) return
  const fd = descriptorOf(socket)
  if (fd === undefined) return
  const { ttlSecurity, transport } = peer
  applyTcpOptions(fd, socket.remoteFamily === 'IPv6' ? 6 : 4, {
    ...(ttlSecurity > 0 && { minTtl: FULL_TTL + 1 - ttlSecurity }),
    ...transportOptions(transport),
  })
}

/** As the socket options of `@starling/sys`; what is 0 stays the kernel's. */
export function transportOptions({ dscp, userTimeout, maximumSegment }: PeerConfig['transport']) {
  return {
    tos: tosOf(dscp),
    ...(userTimeout > 0 && { userTimeout }),
    ...(maximumSegment > 0 && { mss: maximumSegment }),
  }
}

/** It has no documented name; it has been this one since Node 0.x (node.md section 3). */
export function descriptorOf(socket: Socket): number | undefined {
  const { _handle: handle } = socket as unknown as { _handle?: { fd?: number } }
  const fd = handle?.fd
  return fd === undefined || fd < 0 ? undefined : fd
}
