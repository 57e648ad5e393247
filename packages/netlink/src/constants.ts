/**
 * rtnetlink numbers by their kernel names (linux/netlink.h, rtnetlink.h, if_link.h, if_addr.h, neighbour.h, lwtunnel.h).
 * Only numbers that the codecs or their callers name; everything else travels as an unknown attribute.
 */

export const AF_INET = 2
export const AF_INET6 = 10
export const AF_BRIDGE = 7

export const NLMSG = { NOOP: 1, ERROR: 2, DONE: 3, OVERRUN: 4 } as const

export const NLM_F = {
  REQUEST: 0x1,
  MULTI: 0x2,
  ACK: 0x4,
  DUMP_INTR: 0x10,
  /** In acknowledgements: the offending message is not repeated (NETLINK_CAP_ACK), attributes follow (EXT_ACK). */
  CAPPED: 0x100,
  ACK_TLVS: 0x200,
  DUMP: 0x300,
  REPLACE: 0x100,
  EXCL: 0x200,
  CREATE: 0x400,
  APPEND: 0x800,
} as const

export const RTM = {
  NEWLINK: 16,
  DELLINK: 17,
  GETLINK: 18,
  NEWADDR: 20,
  DELADDR: 21,
  GETADDR: 22,
  NEWROUTE: 24,
  DELROUTE: 25,
  GETROUTE: 26,
  NEWNEIGH: 28,
  DELNEIGH: 29,
  GETNEIGH: 30,
  NEWNEXTHOP: 104,
  DELNEXTHOP: 105,
} as const

/** Multicast groups, numbers as NETLINK_ADD_MEMBERSHIP takes them. */
export const RTNLGRP = {
  LINK: 1,
  NEIGH: 3,
  IPV4_IFADDR: 5,
  IPV4_ROUTE: 7,
  IPV6_IFADDR: 9,
  IPV6_ROUTE: 11,
  NEXTHOP: 32,
} as const

export const RTA = {
  DST: 1,
  OIF: 4,
  GATEWAY: 5,
  PRIORITY: 6,
  PREFSRC: 7,
  METRICS: 8,
  MULTIPATH: 9,
  TABLE: 15,
  VIA: 18,
  ENCAP_TYPE: 21,
  ENCAP: 22,
  NH_ID: 30,
} as const

export const RTAX_MTU = 2

export const RTN = { UNSPEC: 0, UNICAST: 1, LOCAL: 2, BLACKHOLE: 6, UNREACHABLE: 7, PROHIBIT: 8, THROW: 9 } as const

export const RTNH_F = { DEAD: 1, ONLINK: 4, LINKDOWN: 16 } as const

/** Cloned routes (IPv6 exceptions) are caches, not routes. */
export const RTM_F_CLONED = 0x200

export const RT_SCOPE = { UNIVERSE: 0, LINK: 253, HOST: 254, NOWHERE: 255 } as const

export const RT_TABLE = { UNSPEC: 0, MAIN: 254, LOCAL: 255 } as const

export const IFLA = {
  ADDRESS: 1,
  IFNAME: 3,
  MTU: 4,
  LINK: 5,
  MASTER: 10,
  LINKINFO: 18,
  TXQLEN: 13,
  EXT_MASK: 29,
} as const

/** RTEXT_FILTER_SKIP_STATS: link answers without counters. */
export const RTEXT_FILTER_SKIP_STATS = 8

export const IFLA_INFO = { KIND: 1, DATA: 2 } as const

export const IFLA_VXLAN = { ID: 1, LINK: 3, LOCAL: 4, LEARNING: 7, PORT: 15, LOCAL6: 17 } as const

export const IFF = { UP: 0x1, LOOPBACK: 0x8, NOARP: 0x80, LOWER_UP: 0x10000 } as const

export const IFA = { ADDRESS: 1, LOCAL: 2, FLAGS: 8 } as const

export const NDA = { DST: 1, LLADDR: 2 } as const

export const NUD = { REACHABLE: 0x2, NOARP: 0x40, PERMANENT: 0x80 } as const

export const NTF_SELF = 0x2

/** Attributes of an acknowledgement (NLMSGERR_ATTR_*). */
export const NLMSGERR_ATTR_MSG = 1
