/**
 * Attributes of a RIB entry: those of an UPDATE, except that MP_REACH_NLRI is usually cut down to its next hop (RFC 6396 section 4.3.4).
 *
 * Both forms occur in real files; they cannot be confused, because the short one begins with the length of the rest.
 */

import { formatIPv4, formatIPv6 } from '../address.js'
import { mergeAs4Path } from '../attributes/as-path.js'
import { AttributeCode, Flag } from '../constants.js'
import { u16, u32 } from '../read.js'
import { AttributeBlock } from '../update/block.js'
import { type UpdateContext, updateContext } from '../update/context.js'
import { attributeValues } from '../update/decode.js'
import type { UpdateAttributes } from '../update/values.js'
import type { Fault } from '../verdict.js'

export interface RibAttributes {
  readonly attributes: UpdateAttributes
  /** From NEXT_HOP or MP_REACH_NLRI; undefined if neither is there. */
  readonly nextHop: string | undefined
  readonly faults: readonly Fault[]
}

/** A collector peers with anyone: nothing is held against an attribute because of the kind of session. */
function collectorContext(as4: boolean): UpdateContext {
  return updateContext({ as4, ibgp: true, confederation: true, confederationUnknown: true })
}

const CONTEXT4 = collectorContext(true)
const CONTEXT2 = collectorContext(false)

const block = new AttributeBlock()

export function decodeRibAttributes(buffer: Uint8Array, start: number, end: number, as4: boolean): RibAttributes {
  block.parse(buffer, start, end, as4 ? CONTEXT4 : CONTEXT2)
  const attributes = attributeValues(block)
  const { nextHop } = attributes
  const text = nextHop === undefined ? mpNextHop(buffer, start, end) : formatIPv4(nextHop)
  return { attributes, nextHop: text, faults: block.faults }
}

/** AS_PATH as the 4-octet speaker sees it (RFC 6793 section 4.2.3). */
export function mergedAsPath(attributes: UpdateAttributes): UpdateAttributes['asPath'] {
  const { asPath, as4Path } = attributes
  return asPath !== undefined && as4Path !== undefined ? mergeAs4Path(asPath, as4Path) : asPath
}

function mpNextHop(buffer: Uint8Array, start: number, end: number): string | undefined {
  let at = start
  while (at + 3 <= end) {
    const wide = (buffer[at] & Flag.extendedLength) !== 0
    const valueStart = at + (wide ? 4 : 3)
    if (valueStart > end) return undefined
    const valueEnd = valueStart + (wide ? u16(buffer, at + 2) : buffer[at + 2])
    if (valueEnd > end) return undefined
    if (buffer[at + 1] === AttributeCode.mpReach) return nextHopOf(buffer, valueStart, valueEnd)
    at = valueEnd
  }
  return undefined
}

function nextHopOf(buffer: Uint8Array, start: number, end: number): string | undefined {
  const short = end > start && buffer[start] === end - start - 1
  const at = short ? start + 1 : start + 4
  const length = at <= end ? buffer[at - 1] : 0
  if (at + length > end) return undefined
  if (length === 4) return formatIPv4(u32(buffer, at))
  return length === 16 || length === 32 ? formatIPv6(buffer, at) : undefined
}
