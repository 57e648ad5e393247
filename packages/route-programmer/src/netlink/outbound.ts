/** Writes and dump requests as messages to the kernel. */

import { IFLA, type MessageWriter, RTEXT_FILTER_SKIP_STATS, RTM, RTNLGRP } from '@starling/netlink'
import type { RouteWrite } from '../driver.js'
import { encodeWrite, WRITE_FLAGS } from './convert.js'

/** What the reconciler must hear of. */
export const GROUPS = [
  RTNLGRP.LINK,
  RTNLGRP.IPV4_IFADDR,
  RTNLGRP.IPV6_IFADDR,
  RTNLGRP.IPV4_ROUTE,
  RTNLGRP.IPV6_ROUTE,
  RTNLGRP.NEXTHOP,
]

export function writeMessage(writer: MessageWriter, write: RouteWrite, sequence: number): void {
  writer.begin(write.op === 'delete' ? RTM.DELROUTE : RTM.NEWROUTE, WRITE_FLAGS[write.op], sequence)
  encodeWrite(writer, write)
}

/** The dumps of a whole read, in order: links first, because routes name them. */
export const DUMPS: readonly { readonly type: number; readonly encode: (writer: MessageWriter) => void }[] = [
  {
    type: RTM.GETLINK,
    encode: (writer) => {
      zeros(16)(writer)
      writer.attributeU32(IFLA.EXT_MASK, RTEXT_FILTER_SKIP_STATS)
    },
  },
  { type: RTM.GETADDR, encode: zeros(8) },
  { type: RTM.GETROUTE, encode: zeros(12, 2) },
  { type: RTM.GETROUTE, encode: zeros(12, 10) },
]

/** A fixed header of zeros, `family` in its first byte: strict checking refuses anything else. */
function zeros(length: number, family = 0): (writer: MessageWriter) => void {
  return (writer) => {
    writer.u8(family)
    for (let i = 1; i < length; i++) writer.u8(0)
  }
}
