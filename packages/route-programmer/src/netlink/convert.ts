/**
 * Between the contract's values and rtnetlink messages. Routes no host program should judge by (local delivery, caches,
 * TOS other than 0) have no counterpart and are left out. A next hop the kernel has marked dead carries nothing and is
 * not shown.
 */

import {
  type AddressMessage,
  AF_INET,
  AF_INET6,
  IFF,
  type LinkMessage,
  NLM_F,
  type RouteMessage,
  RT_SCOPE,
  RT_TABLE,
  RTM_F_CLONED,
  RTN,
  RTNH_F,
} from '@starling/netlink'
import type { RouteWrite } from '../driver.js'
import { type KernelAddress, type KernelLink, type KernelRoute, PROTOCOL_BIRD, type RouteKind } from '../routes.js'

const KINDS: Readonly<Record<number, RouteKind>> = {
  [RTN.UNICAST]: 'unicast',
  [RTN.BLACKHOLE]: 'blackhole',
  [RTN.UNREACHABLE]: 'unreachable',
  [RTN.PROHIBIT]: 'prohibit',
}
const TYPES: Readonly<Record<RouteKind, number>> = {
  unicast: RTN.UNICAST,
  blackhole: RTN.BLACKHOLE,
  unreachable: RTN.UNREACHABLE,
  prohibit: RTN.PROHIBIT,
}
const ANYWHERE: Readonly<Record<number, Uint8Array>> = { [AF_INET]: new Uint8Array(4), [AF_INET6]: new Uint8Array(16) }

/** Undefined for what the contract does not speak of. */
export function toKernelRoute(message: RouteMessage): KernelRoute | undefined {
  const kind = KINDS[message.type]
  const address = message.destination ?? ANYWHERE[message.family]
  if (kind === undefined || address === undefined || message.table === RT_TABLE.LOCAL) return undefined
  if (message.tos !== 0 || message.sourceLength !== 0 || (message.flags & RTM_F_CLONED) !== 0) return undefined
  const alive = message.nextHops.filter((hop) => (hop.flags & RTNH_F.DEAD) === 0)
  return {
    destination: { family: message.family === AF_INET ? 4 : 6, address, length: message.destinationLength },
    kind,
    table: message.table,
    metric: message.priority ?? 0,
    protocol: message.protocol,
    scope: message.scope,
    nextHops:
      kind === 'unicast'
        ? alive.map(({ gateway, ifindex, flags, weight }) => ({
            ...(gateway !== undefined && { gateway }),
            ifindex,
            onlink: (flags & RTNH_F.ONLINK) !== 0,
            weight,
          }))
        : [],
    ...(message.preferredSource !== undefined && { sourceAddress: message.preferredSource }),
    ...(message.mtu !== undefined && { mtu: message.mtu }),
  }
}

/** Flags of the request: only a replace may take the place of something. */
export const WRITE_FLAGS: Readonly<Record<RouteWrite['op'], number>> = {
  add: NLM_F.REQUEST | NLM_F.CREATE | NLM_F.EXCL,
  replace: NLM_F.REQUEST | NLM_F.CREATE | NLM_F.REPLACE,
  delete: NLM_F.REQUEST,
}

export function toRouteMessage({ op, route }: RouteWrite): RouteMessage {
  const { family, address, length } = route.destination
  const base = {
    family: family === 4 ? AF_INET : AF_INET6,
    destinationLength: length,
    sourceLength: 0,
    tos: 0,
    table: route.table,
    flags: 0,
    destination: address,
    priority: route.metric,
    // Deletions match the protocol too: nobody else's route can be hit.
    protocol: PROTOCOL_BIRD,
  }
  if (op === 'delete') return { ...base, scope: RT_SCOPE.NOWHERE, type: RTN.UNSPEC, nextHops: [] }
  return {
    ...base,
    scope: route.scope,
    type: TYPES[route.kind],
    nextHops: route.nextHops.map(({ gateway, ifindex, onlink, weight }) => ({
      gateway,
      ifindex,
      flags: onlink ? RTNH_F.ONLINK : 0,
      weight,
    })),
    preferredSource: route.sourceAddress,
    mtu: route.mtu,
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
