/**
 * Routes of a dump or a notification as values, fast: nearly all have one gateway or device and nothing special, and a
 * hundred thousand in a row share it. Those are read in one pass over their attributes, without an intermediate message,
 * and take the next hops of the route before them where they are the same. Whatever else a route carries sends it through
 * the general decoder (`decodeRoute`, `toKernelRoute`); both ways give equal values, which a test asserts.
 */

import {
  AF_INET,
  AF_INET6,
  decodeRoute,
  RT_TABLE,
  RTA,
  RTM_F_CLONED,
  RTN,
  RTNH_F,
  readU16,
  readU32,
} from '@starling/netlink'
import type { KernelRoute } from '../routes.js'
import { toKernelRoute } from './convert.js'

const RTMSG = 12
/** Statistics and the router preference of IPv6: of no interest here. */
const RTA_CACHEINFO = 12
const RTA_PREF = 20
const ONLINK_ONLY = RTNH_F.ONLINK | RTNH_F.LINKDOWN

export class RouteReader {
  private lastHops: KernelRoute['nextHops'] = []

  /** Undefined for what the contract does not speak of. */
  read(bytes: Uint8Array, from: number, to: number): KernelRoute | undefined {
    if (to - from < RTMSG) return undefined
    const family = bytes[from] as number
    const flags = readU32(bytes, from + 8)
    const plain =
      bytes[from + 7] === RTN.UNICAST &&
      (family === AF_INET || family === AF_INET6) &&
      bytes[from + 2] === 0 &&
      bytes[from + 3] === 0 &&
      (flags & 0xff & ~ONLINK_ONLY) === 0 &&
      (flags & RTM_F_CLONED) === 0
    if (!plain) return general(bytes, from, to)
    let table = bytes[from + 4] as number
    let metric = 0
    let ifindex = 0
    let destination = 0
    let source = 0
    let gateway = 0
    for (let at = from + RTMSG; at + 4 <= to; ) {
      const length = readU16(bytes, at)
      if (length < 4 || at + length > to) break
      switch (readU16(bytes, at + 2)) {
        case RTA.TABLE:
          table = readU32(bytes, at + 4)
          break
        case RTA.DST:
          destination = at + 4
          break
        case RTA.PRIORITY:
          metric = readU32(bytes, at + 4)
          break
        case RTA.OIF:
          ifindex = readU32(bytes, at + 4)
          break
        case RTA.GATEWAY:
          gateway = at + 4
          break
        case RTA.PREFSRC:
          source = at + 4
          break
        case RTA_CACHEINFO:
        case RTA_PREF:
          break
        default:
          return general(bytes, from, to)
      }
      at += (length + 3) & ~3
    }
    if (ifindex === 0) return general(bytes, from, to)
    if (table === RT_TABLE.LOCAL) return undefined
    const size = family === AF_INET ? 4 : 16
    return {
      destination: {
        family: family === AF_INET ? 4 : 6,
        address: destination === 0 ? new Uint8Array(size) : copy(bytes, destination, size),
        length: bytes[from + 1] as number,
      },
      kind: 'unicast',
      table,
      metric,
      tos: undefined,
      protocol: bytes[from + 5] as number,
      scope: bytes[from + 6] as number,
      nextHops: this.hops(bytes, gateway, size, ifindex, (flags & RTNH_F.ONLINK) !== 0),
      sourceAddress: source === 0 ? undefined : copy(bytes, source, size),
      mtu: undefined,
      nexthopId: undefined,
      extras: undefined,
    }
  }

  private hops(bytes: Uint8Array, at: number, size: number, ifindex: number, onlink: boolean): KernelRoute['nextHops'] {
    const last = this.lastHops[0]
    if (last !== undefined && last.ifindex === ifindex && last.onlink === onlink && same(last.gateway, bytes, at, size))
      return this.lastHops
    this.lastHops = [{ gateway: at === 0 ? undefined : copy(bytes, at, size), ifindex, onlink, weight: 1 }]
    return this.lastHops
  }
}

function general(bytes: Uint8Array, from: number, to: number): KernelRoute | undefined {
  const message = decodeRoute(bytes, from, to, false)
  return message && toKernelRoute(message)
}

function same(gateway: Uint8Array | undefined, bytes: Uint8Array, at: number, size: number): boolean {
  if (gateway === undefined || at === 0) return gateway === undefined && at === 0
  if (gateway.length !== size) return false
  for (let i = 0; i < size; i++) if (gateway[i] !== bytes[at + i]) return false
  return true
}

/** For a handful of bytes a loop beats slice. */
function copy(bytes: Uint8Array, at: number, size: number): Uint8Array {
  const out = new Uint8Array(size)
  for (let i = 0; i < size; i++) out[i] = bytes[at + i] as number
  return out
}
