/**
 * Outgoing connections, with the options their peer wants (`@starling/sys`).
 */
import type { Socket } from 'node:net'
import type { ConnectTarget } from '@starling/engine'
import { hasNative, openTcpClient } from '@starling/sys'
import { FULL_TTL, transportOptions } from './accepted.js'

/** Starts a dial; what cannot be tried at all throws (a missing device, a key the kernel refuses). */
export function dial(target: ConnectTarget): Socket {
  const { ttlSecurity, transport } = target
  return openTcpClient({
    remoteAddress: target.remoteAddress,
    remotePort: target.remotePort,
    ...(target.localAddress !== undefined && { localAddress: target.localAddress }),
    ...(target.interface !== undefined && { interface: target.interface }),
    ...(target.password !== undefined && { md5: target.password }),
    ...(ttlSecurity > 0 && { ttl: FULL_TTL, minTtl: FULL_TTL + 1 - ttlSecurity }),
    ...(hasNative() && transportOptions(transport)),
  })
}
