/**
 * What the engine wants to know of a TCP connection, and words for what went wrong with one.
 */
import type { Socket } from 'node:net'
import type { Endpoints } from '@starling/engine'
import { linkBetween, localAddressesBeside } from './addresses.js'

export function endpointsOf(socket: Socket, at: number): Endpoints {
  const localAddress = socket.localAddress ?? ''
  const remoteAddress = socket.remoteAddress ?? ''
  const link = linkBetween(localAddress, remoteAddress, at)
  return {
    remoteAddress,
    remotePort: socket.remotePort ?? 0,
    localAddress,
    localPort: socket.localPort ?? 0,
    localAddresses: localAddressesBeside(localAddress, at),
    ...(link !== undefined && { link }),
  }
}

/** The errno name when there is one: the engine has words for those. */
export function errorText(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const code = (error as NodeJS.ErrnoException).code
  return code !== undefined && /^E[A-Z]+$/.test(code) ? code : error.message
}
