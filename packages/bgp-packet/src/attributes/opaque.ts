/**
 * Attributes we know by name but only carry: their octets stay octets.
 *
 * Not parsing what we do not use is the lesson of 2023 and 2025 (attribute 23, 28, 40: one malformed optional transitive
 * attribute reset sessions far away). Where the attribute's RFC tells every receiver how to answer a value that cannot be
 * delimited, the TLV frame alone is checked: tunnel encapsulation (RFC 9012 section 13), Prefix-SID (RFC 8669 section 6).
 */

import { AttributeCode, Flag } from '../constants.js'
import { UpdateError } from '../message/notification.js'
import { u16 } from '../read.js'
import { hexOf, parseHex } from '../text.js'
import type { UpdateContext } from '../update/context.js'
import { Verdict } from '../verdict.js'
import { type AttributeDescriptor, internalOnly, type Problem, problem } from './descriptor.js'

type Check = (buffer: Uint8Array, start: number, end: number, context: UpdateContext) => Problem | undefined

function opaque(code: number, name: string, key: string, flags: number, check: Check): AttributeDescriptor<Uint8Array> {
  return {
    code,
    name,
    key,
    flags,
    check,
    decode: (buffer, start, end) => buffer.slice(start, end),
    encode: (writer, value) => writer.bytes(value),
    print: hexOf,
    parse: parseHex,
    toJson: hexOf,
  }
}

const OPTIONAL_TRANSITIVE = Flag.optional | Flag.transitive
const anything: Check = () => undefined

/** A sequence of TLVs with `typeSize` octets of type and two of length must fill the value exactly. */
function tlvFrame(typeSize: 1 | 2, verdict: Verdict, rule: string): Check {
  return (buffer, start, end) => {
    let at = start
    const head = typeSize + 2
    while (at < end) {
      const next = at + head <= end ? at + head + u16(buffer, at + typeSize) : end + 1
      if (next > end)
        return problem(verdict, UpdateError.optionalAttributeError, rule, 'TLV runs over the attribute', at)
      at = next
    }
    if (end > start) return undefined
    return problem(verdict, UpdateError.attributeLengthError, rule, 'length 0', start)
  }
}

const prefixSidFrame = tlvFrame(1, Verdict.attributeDiscard, 'RFC 8669 6')

export const pmsiTunnel = opaque(AttributeCode.pmsiTunnel, 'PMSI_TUNNEL', 'pmsiTunnel', OPTIONAL_TRANSITIVE, anything)

export const tunnelEncapsulation = opaque(
  AttributeCode.tunnelEncapsulation,
  'TUNNEL_ENCAPSULATION',
  'tunnelEncapsulation',
  OPTIONAL_TRANSITIVE,
  tlvFrame(2, Verdict.treatAsWithdraw, 'RFC 9012 13'),
)

const prefixSidRow = opaque(
  AttributeCode.prefixSid,
  'PREFIX_SID',
  'prefixSid',
  OPTIONAL_TRANSITIVE,
  (buffer, start, end, context) => {
    // RFC 8669 section 5: not accepted from an external neighbour unless configured so.
    if (!context.ibgp && !context.confederation) return internalOnly('RFC 8669 5')
    return prefixSidFrame(buffer, start, end, context)
  },
)

/** Wrong flags discard it too: RFC 8669 section 6 knows no other answer to a malformed Prefix-SID. */
export const prefixSid: AttributeDescriptor<Uint8Array> = { ...prefixSidRow, wrongFlags: Verdict.attributeDiscard }
