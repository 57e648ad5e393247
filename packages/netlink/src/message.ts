/**
 * Framing: a datagram from the kernel holds one or more netlink messages. The walk hands out ranges, not copies;
 * acknowledgements and errors are decoded here, with the kernel's own words (NETLINK_EXT_ACK) where it gives some.
 *
 *    0               4       6       8               12              16
 *   +---------------+-------+-------+---------------+---------------+
 *   | nlmsg_len     | type  | flags | nlmsg_seq     | nlmsg_pid     |
 *   +---------------+-------+-------+---------------+---------------+
 */

import { readI32, readText, readU16, readU32, walkAttributes } from './bytes.js'
import { NLM_F, NLMSG, NLMSGERR_ATTR_MSG } from './constants.js'

const HEADER = 16

/** `from` and `to` bound the payload behind the header. */
export type MessageVisitor = (
  type: number,
  flags: number,
  sequence: number,
  port: number,
  from: number,
  to: number,
) => void

/** Visits every whole message in `bytes[0..length)`; returns false when the rest cannot be a message. */
export function walkMessages(bytes: Uint8Array, length: number, visit: MessageVisitor): boolean {
  let at = 0
  while (at + HEADER <= length) {
    const size = readU32(bytes, at)
    if (size < HEADER || at + size > length) return false
    visit(
      readU16(bytes, at + 4),
      readU16(bytes, at + 6),
      readU32(bytes, at + 8),
      readU32(bytes, at + 12),
      at + HEADER,
      at + size,
    )
    at += (size + 3) & ~3
  }
  return at >= length
}

/** `errno` 0 is a plain acknowledgement. */
export interface Acknowledgement {
  errno: number
  text: string
}

/** Decodes the payload of NLMSG_ERROR (struct nlmsgerr) or NLMSG_DONE (an int, then the same attributes). */
export function decodeAcknowledgement(
  bytes: Uint8Array,
  type: number,
  flags: number,
  from: number,
  to: number,
): Acknowledgement {
  if (to - from < 4) return { errno: 0, text: '' }
  const errno = -readI32(bytes, from)
  let text = ''
  if ((flags & NLM_F.ACK_TLVS) !== 0) {
    let at = from + 4
    if (type === NLMSG.ERROR) {
      const repeated = to - at >= HEADER ? readU32(bytes, at) : HEADER
      at += (flags & NLM_F.CAPPED) !== 0 ? HEADER : (repeated + 3) & ~3
    }
    walkAttributes(bytes, at, to, (attribute, start, end) => {
      if (attribute === NLMSGERR_ATTR_MSG) text = readText(bytes, start, end)
    })
  }
  return { errno, text }
}
