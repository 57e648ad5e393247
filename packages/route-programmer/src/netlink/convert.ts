/**
 * Between the contract's values and rtnetlink messages. Routes no host program should judge by (the table of local
 * delivery, caches, others' routes for one TOS) have no counterpart and are left out. A next hop of ours that the kernel has marked
 * dead carries nothing and is not shown; of others' routes all are, because their revival is not announced.
 */

import {
  type AddressMessage,
  AF_INET,
  AF_INET6,
  encodeGateway,
  encodeMultipath,
  IFF,
  type LinkMessage,
  type MessageWriter,
  NLM_F,
  type RouteMessage,
  RT_SCOPE,
  RT_TABLE,
  RTA,
  RTAX_MTU,
  RTM_F_CLONED,
  RTN,
  RTNH_F,
} from '@starling/netlink'
import type { RouteWrite } from '../driver.js'
import {
  type KernelAddress,
  type KernelLink,
  type KernelRoute,
  type KernelRouteKind,
  PROTOCOL_BIRD,
} from '../routes.js'

const KINDS: Readonly<Record<number, KernelRouteKind>> = {
  [RTN.LOCAL]: 'local',
  [RTN.THROW]: 'throw',
  [RTN.UNICAST]: 'unicast',
  [RTN.BLACKHOLE]: 'blackhole',
  [RTN.UNREACHABLE]: 'unreachable',
  [RTN.PROHIBIT]: 'prohibit',
}
const TYPES: Readonly<Record<KernelRouteKind, number>> = {
  local: RTN.LOCAL,
  throw: RTN.THROW,
  other: RTN.UNSPEC,
  unicast: RTN.UNICAST,
  blackhole: RTN.BLACKHOLE,
  unreachable: RTN.UNREACHABLE,
  prohibit: RTN.PROHIBIT,
}
const NO_HOPS: KernelRoute['nextHops'] = []
/** Its place in struct rtmsg. */
const TOS = 3
const ANYWHERE: Readonly<Record<number, Uint8Array>> = { [AF_INET]: new Uint8Array(4), [AF_INET6]: new Uint8Array(16) }

/** Undefined for what the contract does not speak of. */
export function toKernelRoute(message: RouteMessage): KernelRoute | undefined {
  const kind = KINDS[message.type] ?? 'other'
  const address = message.destination ?? ANYWHERE[message.family]
  if (address === undefined || message.table === RT_TABLE.LOCAL) return undefined
  if (message.sourceLength !== 0 || (message.flags & RTM_F_CLONED) !== 0) return undefined
  if (message.tos !== 0 && message.protocol !== PROTOCOL_BIRD) return undefined
  return {
    destination: { family: message.family === AF_INET ? 4 : 6, address, length: message.destinationLength },
    kind,
    table: message.table,
    metric: message.priority ?? 0,
    tos: message.tos === 0 ? undefined : message.tos,
    protocol: message.protocol,
    scope: message.scope,
    nextHops: kind === 'unicast' ? toHops(message.nextHops, message.protocol === PROTOCOL_BIRD) : NO_HOPS,
    sourceAddress: message.preferredSource,
    mtu: message.mtu,
    nexthopId: message.nexthopId,
    extras:
      message.otherMetrics !== undefined || message.nextHops.some(({ encap }) => encap !== undefined) || undefined,
  }
}

function toHops(hops: RouteMessage['nextHops'], aliveOnly: boolean): KernelRoute['nextHops'] {
  const shown: KernelRoute['nextHops'][number][] = []
  for (const { gateway, ifindex, flags, weight } of hops) {
    if (aliveOnly && (flags & RTNH_F.DEAD) !== 0) continue
    shown.push({ gateway, ifindex, onlink: (flags & RTNH_F.ONLINK) !== 0, weight })
  }
  return shown
}

/** Flags of the request: only a replace may take the place of something. */
export const WRITE_FLAGS: Readonly<Record<RouteWrite['op'], number>> = {
  add: NLM_F.REQUEST | NLM_F.CREATE | NLM_F.EXCL,
  replace: NLM_F.REQUEST | NLM_F.CREATE | NLM_F.REPLACE,
  delete: NLM_F.REQUEST,
}

/**
 * Fills a message already begun. Deletions name key and protocol only: nobody else's route can match. Written
 * straight from the contract's values: an intermediate message per route would cost more than the kernel does.
 */
export function encodeWrite(writer: MessageWriter, { op, route }: RouteWrite): void {
  const { family, address, length } = route.destination
  const remove = op === 'delete'
  const hops = route.nextHops
  const single = hops.length === 1 && !remove ? hops[0] : undefined
  const at = writer.length
  writer.routeHeader(
    family === 4 ? AF_INET : AF_INET6,
    length,
    route.table,
    PROTOCOL_BIRD,
    remove ? RT_SCOPE.NOWHERE : route.scope,
    remove ? RTN.UNSPEC : TYPES[route.kind],
    single?.onlink === true ? RTNH_F.ONLINK : 0,
  )
  if (route.tos !== undefined) writer.bytes[at + TOS] = route.tos
  writer.attribute(RTA.DST, address)
  if (route.table >= 256) writer.attributeU32(RTA.TABLE, route.table)
  writer.attributeU32(RTA.PRIORITY, route.metric)
  if (remove) return
  if (route.sourceAddress !== undefined) writer.attribute(RTA.PREFSRC, route.sourceAddress)
  if (route.mtu !== undefined) {
    const metrics = writer.open(RTA.METRICS)
    writer.attributeU32(RTAX_MTU, route.mtu)
    writer.close(metrics)
  }
  if (single !== undefined) {
    writer.attributeU32(RTA.OIF, single.ifindex)
    encodeGateway(writer, family === 4 ? AF_INET : AF_INET6, single.gateway)
  } else if (hops.length > 1) {
    encodeMultipath(
      writer,
      family === 4 ? AF_INET : AF_INET6,
      hops.map(({ gateway, ifindex, onlink, weight }) => ({
        gateway,
        ifindex,
        flags: onlink ? RTNH_F.ONLINK : 0,
        weight,
      })),
    )
  }
}

export function toKernelLink(message: LinkMessage): KernelLink {
  return {
    index: message.index,
    name: message.name ?? '',
    up: (message.flags & IFF.UP) !== 0,
    running: (message.flags & IFF.LOWER_UP) !== 0,
    mtu: message.mtu ?? 0,
    kind: message.kind ?? '',
    ...(message.address !== undefined && { mac: message.address }),
  }
}

/** Undefined for families other than the two. */
export function toKernelAddress(message: AddressMessage): KernelAddress | undefined {
  const address = message.local ?? message.address
  if (address === undefined || (message.family !== AF_INET && message.family !== AF_INET6)) return undefined
  return {
    ifindex: message.ifindex,
    family: message.family === AF_INET ? 4 : 6,
    address,
    length: message.prefixLength,
    scope: message.scope,
  }
}
