/**
 * AIGP (RFC 7311): the accumulated IGP metric, one TLV of type 1 with eight octets.
 *
 * Malformed AIGP never touches the route, only itself: attribute discard, also when the Transitive bit is wrong (section
 * 3). The metric is 64 bits wide, hence a bigint; it is decoded once per attribute set, never per route.
 */

import { AttributeCode, Flag } from '../constants.js'
import { UpdateError } from '../message/notification.js'
import { u16, u32 } from '../read.js'
import { Verdict } from '../verdict.js'
import { type AttributeDescriptor, problem } from './descriptor.js'

const AIGP_TLV = 1
const AIGP_TLV_LENGTH = 11

function discard(reason: string, offset: number) {
  return problem(Verdict.attributeDiscard, UpdateError.optionalAttributeError, 'RFC 7311 3', reason, offset)
}

/** Offset of the first AIGP TLV, or -1; the octets must be well formed. */
function findTlv(buffer: Uint8Array, start: number, end: number): number {
  for (let at = start; at + 3 <= end; at += Math.max(3, u16(buffer, at + 1))) if (buffer[at] === AIGP_TLV) return at
  return -1
}

export const aigp: AttributeDescriptor<bigint> = {
  code: AttributeCode.aigp,
  name: 'AIGP',
  key: 'aigp',
  flags: Flag.optional,
  wrongFlags: Verdict.attributeDiscard,
  check(buffer, start, end) {
    let at = start
    while (at < end) {
      const length = at + 3 <= end ? u16(buffer, at + 1) : 0
      if (length < 3 || at + length > end) return discard('TLV that cannot be delimited', at)
      if (buffer[at] === AIGP_TLV && length !== AIGP_TLV_LENGTH) return discard(`AIGP TLV of length ${length}`, at)
      at += length
    }
    return findTlv(buffer, start, end) < 0 ? discard('no AIGP TLV', start) : undefined
  },
  decode(buffer, start, end) {
    const at = findTlv(buffer, start, end)
    return (BigInt(u32(buffer, at + 3)) << 32n) | BigInt(u32(buffer, at + 7))
  },
  encode(writer, value) {
    writer.u8(AIGP_TLV)
    writer.u16(AIGP_TLV_LENGTH)
    writer.u32(Number((value >> 32n) & 0xffffffffn))
    writer.u32(Number(value & 0xffffffffn))
  },
  print: String,
  parse: (text) => (/^[0-9]{1,20}$/.test(text) && BigInt(text) < 1n << 64n ? BigInt(text) : undefined),
  // Text, because JSON numbers end at 2^53.
  toJson: String,
}
