/**
 * The raw ICMPv6 socket of one interface: router solicitations and advertisements, nothing else.
 *
 * RFC 4861 sections 6.1.1, 6.1.2: what does not arrive with a hop limit of 255 has crossed a router; a socket filter
 * drops it before we see it. The kernel writes and checks the checksum. Bound to its interface, so that the same
 * address on two links stays two addresses; it belongs to one interface index and must be opened anew for another.
 */
import {
  AF,
  attachTtlFilter,
  close,
  ERRNO,
  ICMPV6,
  IPV6,
  type Poll,
  poll,
  recvfrom,
  SO,
  SOCK,
  SOL,
  sendto,
  setsockopt,
  sockaddr,
  socket,
} from '@starling/sys'
import type { LinkState } from './finder.js'
import { ROUTER_ADVERTISEMENT, ROUTER_SOLICITATION } from './packet.js'

/** Where advertisements go, and where solicitations do. */
export const ALL_NODES = 'ff02::1'
export const ALL_ROUTERS = 'ff02::2'

export interface DiscoverySocket {
  /** 0, or an errno. */
  send(bytes: Uint8Array, group: typeof ALL_NODES | typeof ALL_ROUTERS): number
  close(): void
}

const FULL_HOP_LIMIT = 255
/** More than any MTU these messages can have a reason for. */
const RECEIVE_BYTES = 4096
/** Datagrams per turn of the loop: a flood must not hold up BGP. */
const PER_TURN = 32
const SOCKADDR_IN6 = 28
const ADDRESS_AT = 8

/** Throws SysError (EPERM without CAP_NET_RAW, ENODEV) or Unsupported. `source` is 16 octets, valid during the call. */
export function openDiscoverySocket(
  link: LinkState,
  received: (bytes: Uint8Array, source: Uint8Array) => void,
): DiscoverySocket {
  const fd = socket(AF.INET6, SOCK.RAW | SOCK.CLOEXEC | SOCK.NONBLOCK, SOL.ICMPV6)
  let watch: Poll | undefined
  try {
    prepare(fd, link)
    watch = poll(fd, { readable: true }, () => receive(fd, received, () => watch === undefined))
  } catch (error) {
    close(fd)
    throw error
  }
  return {
    send: (bytes, group) => Math.max(0, -sendto(fd, bytes, sockaddr(`${group}%${link.index}`, 0))),
    close: () => {
      if (watch === undefined) return
      watch.stop()
      watch = undefined
      close(fd)
    },
  }
}

function prepare(fd: number, { name, index }: LinkState): void {
  setsockopt(fd, SOL.ICMPV6, ICMPV6.FILTER, passing(ROUTER_SOLICITATION, ROUTER_ADVERTISEMENT))
  attachTtlFilter(fd, 6, FULL_HOP_LIMIT)
  setsockopt(fd, SOL.SOCKET, SO.BINDTODEVICE, new TextEncoder().encode(`${name}\0`), name)
  setsockopt(fd, SOL.IPV6, IPV6.MULTICAST_IF, index)
  setsockopt(fd, SOL.IPV6, IPV6.MULTICAST_HOPS, FULL_HOP_LIMIT)
  setsockopt(fd, SOL.IPV6, IPV6.UNICAST_HOPS, FULL_HOP_LIMIT)
  setsockopt(fd, SOL.IPV6, IPV6.MULTICAST_LOOP, 0)
  // Every host is in ff02::1; ff02::2 only those that forward.
  setsockopt(fd, SOL.IPV6, IPV6.JOIN_GROUP, membership(ALL_ROUTERS, index), `${ALL_ROUTERS} on ${name}`)
}

/** struct icmp6_filter: everything blocked but these types. */
function passing(...types: readonly number[]): Uint8Array {
  const filter = new Uint8Array(32).fill(0xff)
  const view = new DataView(filter.buffer)
  for (const type of types) {
    const at = (type >> 5) * 4
    view.setUint32(at, view.getUint32(at, true) & ~(1 << (type & 31)), true)
  }
  return filter
}

/** struct ipv6_mreq. */
function membership(group: string, index: number): Uint8Array {
  const bytes = new Uint8Array(20)
  bytes.set(sockaddr(group, 0).subarray(ADDRESS_AT, ADDRESS_AT + 16))
  new DataView(bytes.buffer).setUint32(16, index, true)
  return bytes
}

const buffer = new Uint8Array(RECEIVE_BYTES)
const from = new Uint8Array(SOCKADDR_IN6)

function receive(fd: number, received: (bytes: Uint8Array, source: Uint8Array) => void, closed: () => boolean): void {
  for (let i = 0; i < PER_TURN && !closed(); i++) {
    const length = recvfrom(fd, buffer, from)
    if (length === -ERRNO.EAGAIN) return
    // A link that went down says so once (ENETDOWN); the watch on links tells the rest.
    if (length < 0) return
    received(buffer.subarray(0, length), from.subarray(ADDRESS_AT, ADDRESS_AT + 16))
  }
}
