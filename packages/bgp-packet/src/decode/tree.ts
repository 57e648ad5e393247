/**
 * A message as a tree of lines with octet offsets, for a person with a hex dump beside it.
 *
 * It walks the octets themselves, not the decoded values, so that it can show exactly the message that could not be decoded.
 * Every read is bounded by the enclosing length or by the end of the octets; what does not fit is shown as octets.
 */

import { formatIPv4 } from '../address.js'
import { attributeName, BY_CODE } from '../attributes/table.js'
import { printCapability } from '../capability/print.js'
import { capabilityName, decodeCapability } from '../capability/table.js'
import { AttributeCode, Flag, familyName, HEADER_LENGTH, MessageType } from '../constants.js'
import { type Decoded, type DecodeOptions, messageTypeName } from '../message/message.js'
import { decodeNotification, printNotification } from '../message/notification.js'
import { u16, u32 } from '../read.js'
import { hexOf, printable } from '../text.js'
import { type UpdateContext, updateContext } from '../update/context.js'
import { cursorPrefix } from '../update/decode.js'
import { checkNlri, NlriCursor } from '../update/nlri.js'
import { VERDICT_NAMES } from '../verdict.js'

/** Octets of a value shown in hexadecimal before it is cut. */
const SHOWN = 64

class Tree {
  readonly lines: string[] = []

  add(offset: number, depth: number, text: string): void {
    this.lines.push(`${String(offset).padStart(6)}  ${'  '.repeat(depth)}${printable(text)}`)
  }
}

function hexShort(octets: Uint8Array, start: number, end: number): string {
  const shown = hexOf(octets.subarray(start, Math.min(end, start + SHOWN)))
  return end - start > SHOWN ? `${shown}... (${end - start} octets)` : shown
}

/** Lines for the message and its verdict. */
export function decodeTree(octets: Uint8Array, decoded: Decoded, options: DecodeOptions = {}): string[] {
  const tree = new Tree()
  const type = messageTypeName(decoded.messageType)
  tree.lines.push(`${type}, ${octets.length} octets: ${VERDICT_NAMES[decoded.verdict]}`)
  for (const fault of decoded.faults) {
    const place = fault.attribute === undefined ? '' : ` in ${attributeName(fault.attribute)}`
    const answer = `${VERDICT_NAMES[fault.verdict]} (${fault.code}/${fault.subcode})`
    tree.lines.push(printable(`     !  ${answer} at ${fault.offset}${place}: ${fault.reason} [${fault.rule}]`))
  }
  if (octets.length < HEADER_LENGTH) {
    tree.add(0, 0, `octets ${hexOf(octets)}`)
    return tree.lines
  }
  tree.add(
    0,
    0,
    `marker ${octets.subarray(0, 16).every((octet) => octet === 255) ? 'ff x 16' : hexOf(octets.subarray(0, 16))}`,
  )
  tree.add(16, 0, `length ${u16(octets, 16)}`)
  tree.add(18, 0, `type ${octets[18]} ${type}`)
  body(tree, octets, updateContext(options))
  return tree.lines
}

function body(tree: Tree, octets: Uint8Array, context: UpdateContext): void {
  const end = octets.length
  switch (octets[18]) {
    case MessageType.open:
      open(tree, octets, end)
      return
    case MessageType.update:
      update(tree, octets, end, context)
      return
    case MessageType.notification:
      tree.add(19, 0, printNotification(decodeNotification(octets, 0, end)))
      return
    case MessageType.routeRefresh:
      if (end >= 23) tree.add(19, 0, `${familyName(u16(octets, 19), octets[22])}, subtype ${octets[21]}`)
      if (end > 23) tree.add(23, 0, `ORF ${hexShort(octets, 23, end)}`)
      return
    default:
      if (end > HEADER_LENGTH) tree.add(HEADER_LENGTH, 0, `octets ${hexShort(octets, HEADER_LENGTH, end)}`)
  }
}

function open(tree: Tree, octets: Uint8Array, end: number): void {
  if (end < 29) {
    tree.add(19, 0, `octets ${hexShort(octets, 19, end)}`)
    return
  }
  tree.add(19, 0, `version ${octets[19]}`)
  tree.add(20, 0, `my AS ${u16(octets, 20)}`)
  tree.add(22, 0, `hold time ${u16(octets, 22)}`)
  tree.add(24, 0, `BGP Identifier ${formatIPv4(u32(octets, 24))}`)
  const extended = octets[28] !== 0 && end >= 32 && octets[29] === 255
  tree.add(28, 0, `optional parameters, ${extended ? `${u16(octets, 30)} octets (RFC 9072)` : `${octets[28]} octets`}`)
  const headerLength = extended ? 3 : 2
  let at = extended ? 32 : 29
  while (at + headerLength <= end) {
    const length = extended ? u16(octets, at + 1) : octets[at + 1]
    const next = Math.min(end, at + headerLength + length)
    tree.add(at, 1, `parameter ${octets[at]}, ${length} octets`)
    if (octets[at] === 2) capabilities(tree, octets, at + headerLength, next)
    else tree.add(at + headerLength, 2, hexShort(octets, at + headerLength, next))
    at = next
  }
  if (at < end) tree.add(at, 1, `octets ${hexShort(octets, at, end)}`)
}

function capabilities(tree: Tree, octets: Uint8Array, start: number, end: number): void {
  let at = start
  while (at + 2 <= end) {
    const next = Math.min(end, at + 2 + octets[at + 1])
    const value = next === at + 2 + octets[at + 1] ? decodeCapability(octets[at], octets, at + 2, next) : 'malformed'
    if (value === 'malformed') {
      tree.add(
        at,
        2,
        `capability ${octets[at]} ${capabilityName(octets[at])}, malformed: ${hexShort(octets, at, next)}`,
      )
    } else {
      tree.add(at, 2, `capability ${octets[at]} ${printCapability(value)}`)
    }
    at = next
  }
  if (at < end) tree.add(at, 2, `octets ${hexShort(octets, at, end)}`)
}

function update(tree: Tree, octets: Uint8Array, end: number, context: UpdateContext): void {
  if (end < 23) {
    tree.add(19, 0, `octets ${hexShort(octets, 19, end)}`)
    return
  }
  const withdrawnLength = u16(octets, 19)
  tree.add(19, 0, `withdrawn routes, ${withdrawnLength} octets`)
  const withdrawnEnd = Math.min(end, 21 + withdrawnLength)
  prefixes(tree, octets, 21, withdrawnEnd, 4, context.addPathIPv4)
  if (withdrawnEnd + 2 > end) return
  const attributesLength = u16(octets, withdrawnEnd)
  tree.add(withdrawnEnd, 0, `path attributes, ${attributesLength} octets`)
  const attributesEnd = Math.min(end, withdrawnEnd + 2 + attributesLength)
  let at = withdrawnEnd + 2
  while (at < attributesEnd) at = attribute(tree, octets, at, attributesEnd, context)
  if (attributesEnd < end) tree.add(attributesEnd, 0, `NLRI, ${end - attributesEnd} octets`)
  prefixes(tree, octets, attributesEnd, end, 4, context.addPathIPv4)
}

function prefixes(
  tree: Tree,
  octets: Uint8Array,
  start: number,
  end: number,
  version: 4 | 6,
  addPath: boolean,
  depth = 1,
): void {
  const count = checkNlri(octets, start, end, version === 4 ? 32 : 128, addPath)
  const good = count < 0 ? -1 - count : end
  const cursor = new NlriCursor()
  cursor.open(octets, start, good, version, addPath)
  while (cursor.next()) {
    const text = cursorPrefix(cursor, version)
    tree.add(cursor.offset, depth, addPath ? `${text} id ${cursor.pathId}` : text)
  }
  if (good < end) tree.add(good, depth, `octets ${hexShort(octets, good, end)}`)
}

function flagsText(flags: number): string {
  const names = [
    flags & Flag.optional ? 'optional' : 'well-known',
    flags & Flag.transitive ? 'transitive' : 'non-transitive',
    ...(flags & Flag.partial ? ['partial'] : []),
    ...(flags & Flag.extendedLength ? ['extended length'] : []),
  ]
  return names.join(' ')
}

/** One attribute; returns the octet after it. */
function attribute(tree: Tree, octets: Uint8Array, at: number, end: number, context: UpdateContext): number {
  const flags = octets[at]
  const headerLength = flags & Flag.extendedLength ? 4 : 3
  if (at + headerLength > end) {
    tree.add(at, 1, `octets ${hexShort(octets, at, end)}`)
    return end
  }
  const code = octets[at + 1]
  const length = headerLength === 4 ? u16(octets, at + 2) : octets[at + 2]
  const start = at + headerLength
  const next = Math.min(end, start + length)
  const head = `${attributeName(code)} (${code}), ${flagsText(flags)}, ${length} octets`
  const row = BY_CODE[code]
  const whole = next === start + length
  if (whole && (code === AttributeCode.mpReach || code === AttributeCode.mpUnreach)) {
    tree.add(at, 1, head)
    mp(tree, octets, code, start, next, context)
  } else if (whole && row !== undefined && row.check(octets, start, next, context) === undefined) {
    tree.add(at, 1, `${head}: ${row.print(row.decode(octets, start, next, context))}`)
  } else {
    tree.add(at, 1, `${head}: ${hexShort(octets, start, next)}`)
  }
  return next
}

function mp(tree: Tree, octets: Uint8Array, code: number, start: number, end: number, context: UpdateContext): void {
  if (end - start < 3) {
    tree.add(start, 2, `octets ${hexShort(octets, start, end)}`)
    return
  }
  const afi = u16(octets, start)
  const safi = octets[start + 2]
  tree.add(start, 2, familyName(afi, safi))
  let at = start + 3
  if (code === AttributeCode.mpReach) {
    const nextHopEnd = at < end ? at + 1 + octets[at] : end + 1
    if (nextHopEnd + 1 > end) {
      tree.add(at, 2, `octets ${hexShort(octets, at, end)}`)
      return
    }
    tree.add(at, 2, `next hop, ${octets[at]} octets: ${hexShort(octets, at + 1, nextHopEnd)}`)
    at = nextHopEnd + 1
  }
  const version = safi !== 1 ? 0 : afi === 1 ? 4 : afi === 2 ? 6 : 0
  if (version !== 0) {
    prefixes(tree, octets, at, end, version, version === 4 ? context.addPathIPv4 : context.addPathIPv6, 2)
  } else if (at < end) {
    tree.add(at, 2, `octets ${hexShort(octets, at, end)}`)
  }
}
