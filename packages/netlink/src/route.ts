/**
 * Routes: struct rtmsg with its attributes, both families. Multipath is one message for IPv4 and IPv6 alike; a gateway
 * of the other family (an IPv4 route through an IPv6 router) is RTA_VIA. Lightweight tunnel encapsulation is carried
 * opaque, attributes nobody here knows are preserved.
 *
 *   +--------+---------+---------+-----+-------+----------+-------+------+-------+
 *   | family | dst_len | src_len | tos | table | protocol | scope | type | flags |
 *   +--------+---------+---------+-----+-------+----------+-------+------+-------+
 *     1        1         1         1     1       1          1       1      4
 */

import { type Attribute, type MessageWriter, NLA_F_NESTED, readU16, readU32, walkAttributes } from './bytes.js'
import { AF_INET, AF_INET6, RTA, RTAX_MTU } from './constants.js'

const RTMSG = 12
const RTNEXTHOP = 8
const NHMSG = 8
const NHA_ID = 1

/** One way out of a multipath route, or the single one of a plain route. */
export interface RouteNextHop {
  /** 4 or 16 bytes; a length that is not the route's family is written as RTA_VIA. */
  gateway?: Uint8Array | undefined
  ifindex: number
  /** RTNH_F_* */
  flags: number
  /** 1..256; the wire holds weight minus one. */
  weight: number
  encap?: Encapsulation | undefined
  unknown?: readonly Attribute[] | undefined
}

export interface Encapsulation {
  type: number
  data: Uint8Array
}

export interface RouteMessage {
  family: number
  destinationLength: number
  sourceLength: number
  tos: number
  table: number
  protocol: number
  scope: number
  type: number
  flags: number
  destination?: Uint8Array | undefined
  priority?: number | undefined
  preferredSource?: Uint8Array | undefined
  mtu?: number | undefined
  /** RTAX_* other than the MTU. */
  otherMetrics?: readonly Attribute[] | undefined
  nexthopId?: number | undefined
  nextHops: readonly RouteNextHop[]
  unknown?: readonly Attribute[] | undefined
}

/** Writes rtmsg and attributes into a message already begun. */
export function encodeRoute(writer: MessageWriter, route: RouteMessage): void {
  const single = route.nextHops.length === 1 ? route.nextHops[0] : undefined
  const { family, destinationLength, table, protocol, scope, type } = route
  const at = writer.length
  writer.routeHeader(family, destinationLength, table, protocol, scope, type, route.flags | (single?.flags ?? 0))
  writer.bytes[at + 2] = route.sourceLength
  writer.bytes[at + 3] = route.tos
  if (route.destination !== undefined) writer.attribute(RTA.DST, route.destination)
  if (route.table >= 256) writer.attributeU32(RTA.TABLE, route.table)
  if (route.priority !== undefined) writer.attributeU32(RTA.PRIORITY, route.priority)
  if (route.preferredSource !== undefined) writer.attribute(RTA.PREFSRC, route.preferredSource)
  if (route.mtu !== undefined || route.otherMetrics !== undefined) {
    const metrics = writer.open(RTA.METRICS)
    if (route.mtu !== undefined) writer.attributeU32(RTAX_MTU, route.mtu)
    writer.attributes(route.otherMetrics ?? [])
    writer.close(metrics)
  }
  if (route.nexthopId !== undefined) writer.attributeU32(RTA.NH_ID, route.nexthopId)
  if (single !== undefined) {
    if (single.ifindex !== 0) writer.attributeU32(RTA.OIF, single.ifindex)
    encodeHop(writer, route.family, single)
  } else if (route.nextHops.length > 1) {
    encodeMultipath(writer, route.family, route.nextHops)
  }
  if (route.unknown !== undefined) writer.attributes(route.unknown)
}

/** RTA_GATEWAY, or RTA_VIA where the gateway is of the other family. */
export function encodeGateway(writer: MessageWriter, family: number, gateway: Uint8Array | undefined): void {
  if (gateway !== undefined) {
    if (gateway.length === (family === AF_INET ? 4 : 16)) writer.attribute(RTA.GATEWAY, gateway)
    else {
      const via = writer.open(RTA.VIA)
      writer.u16(gateway.length === 4 ? AF_INET : AF_INET6)
      for (const byte of gateway) writer.u8(byte)
      writer.close(via)
    }
  }
}

function encodeHop(writer: MessageWriter, family: number, hop: RouteNextHop): void {
  const { encap } = hop
  encodeGateway(writer, family, hop.gateway)
  if (encap !== undefined) {
    writer.attribute(RTA.ENCAP_TYPE, Uint8Array.of(encap.type & 0xff, encap.type >> 8))
    writer.attribute(RTA.ENCAP | NLA_F_NESTED, encap.data)
  }
  if (hop.unknown !== undefined) writer.attributes(hop.unknown)
}

/** struct rtnexthop: len, flags, hops (weight - 1), ifindex; attributes behind each. */
export function encodeMultipath(writer: MessageWriter, family: number, hops: readonly RouteNextHop[]): void {
  const multipath = writer.open(RTA.MULTIPATH)
  for (const hop of hops) {
    const at = writer.length
    writer.u16(0)
    writer.u8(hop.flags)
    writer.u8(hop.weight - 1)
    writer.u32(hop.ifindex)
    encodeHop(writer, family, hop)
    writer.patchU16(at, writer.length - at)
  }
  writer.close(multipath)
}

/**
 * Decodes the payload of RTM_NEWROUTE or RTM_DELROUTE. With `keepUnknown` false, attributes not named here are dropped:
 * a dump of half a million routes need not carry cache statistics. Payloads too short give undefined.
 */
export function decodeRoute(bytes: Uint8Array, from: number, to: number, keepUnknown = true): RouteMessage | undefined {
  if (to - from < RTMSG) return undefined
  const route: RouteMessage = {
    family: bytes[from],
    destinationLength: bytes[from + 1],
    sourceLength: bytes[from + 2],
    tos: bytes[from + 3],
    table: bytes[from + 4],
    protocol: bytes[from + 5],
    scope: bytes[from + 6],
    type: bytes[from + 7],
    flags: readU32(bytes, from + 8),
    nextHops: [],
  }
  const unknown: Attribute[] = []
  const hop: RouteNextHop = { ifindex: 0, flags: route.flags & 0xff, weight: 1 }
  let plain = false
  walkAttributes(bytes, from + RTMSG, to, (type, start, end, fullType) => {
    switch (type) {
      case RTA.DST:
        route.destination = bytes.slice(start, end)
        return
      case RTA.TABLE:
        route.table = readU32(bytes, start)
        return
      case RTA.PRIORITY:
        route.priority = readU32(bytes, start)
        return
      case RTA.PREFSRC:
        route.preferredSource = bytes.slice(start, end)
        return
      case RTA.METRICS:
        decodeMetrics(bytes, start, end, route)
        return
      case RTA.NH_ID:
        route.nexthopId = readU32(bytes, start)
        return
      case RTA.MULTIPATH:
        route.nextHops = decodeMultipath(bytes, start, end, keepUnknown)
        return
      default:
        if (decodeHopAttribute(bytes, type, start, end, hop)) plain = true
        else if (keepUnknown) unknown.push({ type: fullType, data: bytes.slice(start, end) })
    }
  })
  if (plain && route.nextHops.length === 0) route.nextHops = [hop]
  if (unknown.length > 0) route.unknown = unknown
  return route
}

/** The id of RTM_NEWNEXTHOP or RTM_DELNEXTHOP: struct nhmsg (8 bytes), then NHA_ID. */
export function decodeNexthopId(bytes: Uint8Array, from: number, to: number): number | undefined {
  let id: number | undefined
  walkAttributes(bytes, from + NHMSG, to, (type, start, end) => {
    if (type === NHA_ID && end - start === 4) id = readU32(bytes, start)
  })
  return id
}

function decodeHopAttribute(bytes: Uint8Array, type: number, start: number, end: number, hop: RouteNextHop): boolean {
  switch (type) {
    case RTA.OIF:
      hop.ifindex = readU32(bytes, start)
      return true
    case RTA.GATEWAY:
      hop.gateway = bytes.slice(start, end)
      return true
    case RTA.VIA:
      hop.gateway = bytes.slice(start + 2, end)
      return true
    case RTA.ENCAP_TYPE:
      hop.encap = { type: readU16(bytes, start), data: hop.encap?.data ?? new Uint8Array(0) }
      return true
    case RTA.ENCAP:
      hop.encap = { type: hop.encap?.type ?? 0, data: bytes.slice(start, end) }
      return true
    default:
      return false
  }
}

function decodeMetrics(bytes: Uint8Array, from: number, to: number, route: RouteMessage): void {
  const others: Attribute[] = []
  walkAttributes(bytes, from, to, (type, start, end, fullType) => {
    if (type === RTAX_MTU) route.mtu = readU32(bytes, start)
    else others.push({ type: fullType, data: bytes.slice(start, end) })
  })
  if (others.length > 0) route.otherMetrics = others
}

function decodeMultipath(bytes: Uint8Array, from: number, to: number, keepUnknown: boolean): RouteNextHop[] {
  const hops: RouteNextHop[] = []
  let at = from
  while (at + RTNEXTHOP <= to) {
    const length = readU16(bytes, at)
    if (length < RTNEXTHOP || at + length > to) break
    const hop: RouteNextHop = { ifindex: readU32(bytes, at + 4), flags: bytes[at + 2], weight: bytes[at + 3] + 1 }
    const unknown: Attribute[] = []
    walkAttributes(bytes, at + RTNEXTHOP, at + length, (type, start, end, fullType) => {
      if (decodeHopAttribute(bytes, type, start, end, hop) || !keepUnknown) return
      unknown.push({ type: fullType, data: bytes.slice(start, end) })
    })
    if (unknown.length > 0) hop.unknown = unknown
    hops.push(hop)
    at += (length + 3) & ~3
  }
  return hops
}
