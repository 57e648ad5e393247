/**
 * Linux constants by their kernel names, generic ABI (x86-64, arm64). Only what the callers of this package use.
 * Comments give the header; numbers marked so differ from what common references print.
 */

/** Address families, socket types and flags (bits/socket.h). */
export const AF = { UNIX: 1, INET: 2, INET6: 10, NETLINK: 16, PACKET: 17 } as const
export const SOCK = { STREAM: 1, DGRAM: 2, RAW: 3, CLOEXEC: 0o2000000, NONBLOCK: 0o4000 } as const

/** setsockopt levels. */
export const SOL = { IP: 0, SOCKET: 1, TCP: 6, UDP: 17, IPV6: 41, ICMPV6: 58, RAW: 255, NETLINK: 270 } as const

/** SOL_SOCKET options (asm-generic/socket.h). */
export const SO = {
  REUSEADDR: 2,
  ERROR: 4,
  SNDBUF: 7,
  RCVBUF: 8,
  PRIORITY: 12,
  REUSEPORT: 15,
  PEERCRED: 17,
  BINDTODEVICE: 25,
  ATTACH_FILTER: 26,
  SNDBUFFORCE: 32,
  RCVBUFFORCE: 33,
} as const

/** IPPROTO_IP options (linux/in.h). */
export const IP = { TOS: 1, TTL: 2, MINTTL: 21 } as const

/** IPPROTO_IPV6 options (linux/in6.h). */
export const IPV6 = {
  UNICAST_HOPS: 16,
  MULTICAST_IF: 17,
  MULTICAST_HOPS: 18,
  MULTICAST_LOOP: 19,
  JOIN_GROUP: 20,
  V6ONLY: 26,
  RECVPKTINFO: 49,
  RECVHOPLIMIT: 51,
  TCLASS: 67,
  ADDR_PREFERENCES: 72,
  MINHOPCOUNT: 73,
} as const

/** Raw ICMPv6 socket options (linux/icmpv6.h). A set bit of the 256-bit filter blocks that type. */
export const ICMPV6 = { FILTER: 1 } as const

/** IPPROTO_TCP options (linux/tcp.h). MD5SIG_EXT is 32: 38 is TCP_AO_ADD_KEY. */
export const TCP = {
  NODELAY: 1,
  MAXSEG: 2,
  MD5SIG: 14,
  USER_TIMEOUT: 18,
  MD5SIG_EXT: 32,
  AO_ADD_KEY: 38,
  AO_DEL_KEY: 39,
} as const

/** SOL_NETLINK options (linux/netlink.h). */
export const NETLINK = { ADD_MEMBERSHIP: 1, CAP_ACK: 10, EXT_ACK: 11, GET_STRICT_CHK: 12 } as const

/** Namespace flags of setns and unshare. */
export const CLONE = { NEWNS: 0x00020000, NEWUSER: 0x10000000, NEWNET: 0x40000000 } as const

/** recv and send flags. */
export const MSG = { PEEK: 2, DONTWAIT: 0x40, TRUNC: 0x20, NOSIGNAL: 0x4000, MORE: 0x8000 } as const
