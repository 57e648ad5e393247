/**
 * UPDATE octets to values, with the verdict: the slow road, built on the same two passes as the engine's.
 *
 * The values hold what could be read and was not discarded, also when the verdict is treat-as-withdraw, so that a person can
 * see what the peer meant. After a session reset they hold nothing that framing could not prove.
 */

import { formatIPv4, formatIPv6 } from '../address.js'
import { BY_CODE } from '../attributes/table.js'
import { AttributeCode, Flag } from '../constants.js'
import { NotificationCode, UpdateError } from '../message/notification.js'
import { u32 } from '../read.js'
import { hexOf } from '../text.js'
import { type Fault, Verdict } from '../verdict.js'
import { AttributeBlock } from './block.js'
import type { UpdateContext } from './context.js'
import { NlriCursor } from './nlri.js'
import { type MpRange, UpdateScan, verdictOf } from './scan.js'
import type { MpReach, MpUnreach, Prefix, UnknownAttribute, Update, UpdateAttributes } from './values.js'

export interface DecodedUpdate {
  readonly update: Update
  /** The fault that decides; undefined for accept. */
  readonly fault: Fault | undefined
  /** Everything found, in the order of the wire within each pass. */
  readonly faults: readonly Fault[]
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] }

/** Text of the prefix a cursor stands on. */
export function cursorPrefix(cursor: NlriCursor, version: 4 | 6): string {
  if (version === 4) return `${formatIPv4(cursor.word0)}/${cursor.length}`
  const octets = new Uint8Array(16)
  const view = new DataView(octets.buffer)
  view.setUint32(0, cursor.word0)
  view.setUint32(4, cursor.word1)
  view.setUint32(8, cursor.word2)
  view.setUint32(12, cursor.word3)
  return `${formatIPv6(octets)}/${cursor.length}`
}

/** All prefixes of a range that `checkNlri` accepted. */
export function readPrefixes(
  buffer: Uint8Array,
  start: number,
  end: number,
  version: 4 | 6,
  addPath: boolean,
): Prefix[] {
  const cursor = new NlriCursor()
  const list: Prefix[] = []
  cursor.open(buffer, start, end, version, addPath)
  while (cursor.next()) {
    const prefix = cursorPrefix(cursor, version)
    list.push(addPath ? { prefix, pathId: cursor.pathId } : { prefix })
  }
  return list
}

/** Text of one 4- or 16-octet next hop, hexadecimal for other lengths. */
function nextHopText(buffer: Uint8Array, start: number, end: number): string {
  if (end - start === 4) return formatIPv4(u32(buffer, start))
  if (end - start === 16) return formatIPv6(buffer, start)
  return hexOf(buffer.subarray(start, end))
}

function reachOf(buffer: Uint8Array, range: MpRange): MpReach {
  const { afi, safi, nextHopStart: from, nextHopEnd: to } = range
  if (range.version === 0) {
    const opaque = buffer.slice(range.nlriStart, range.nlriEnd)
    return { afi, safi, nextHop: nextHopText(buffer, from, to), nlri: [], opaque }
  }
  const nlri = readPrefixes(buffer, range.nlriStart, range.nlriEnd, range.version, range.addPath)
  if (to - from !== 32) return { afi, safi, nextHop: nextHopText(buffer, from, to), nlri }
  return { afi, safi, nextHop: formatIPv6(buffer, from), linkLocal: formatIPv6(buffer, from + 16), nlri }
}

function unreachOf(buffer: Uint8Array, range: MpRange): MpUnreach {
  const { afi, safi } = range
  if (range.version === 0) {
    return { afi, safi, withdrawn: [], opaque: buffer.slice(range.nlriStart, range.nlriEnd) }
  }
  const withdrawn = readPrefixes(buffer, range.nlriStart, range.nlriEnd, range.version, range.addPath)
  return { afi, safi, withdrawn }
}

/** Values of a judged block; `scan`, when given, adds the MP attributes. */
export function attributeValues(block: AttributeBlock, scan?: UpdateScan): UpdateAttributes {
  const values: Record<string, unknown> = {}
  const unknown: UnknownAttribute[] = []
  const partial: number[] = []
  for (let i = 0; i < block.count; i++) {
    const code = block.codes[i]
    const row = BY_CODE[code]
    const start = block.start(code)
    const end = block.end(code)
    if (row === undefined) {
      unknown.push({ code, flags: block.flags(code) & 0xe0, value: block.buffer.slice(start, end) })
      continue
    }
    values[row.key] = row.decode(block.buffer, start, end, block.context)
    if (block.flags(code) & Flag.partial) partial.push(code)
  }
  const attributes: Mutable<UpdateAttributes> = values
  if (scan?.reach.present) attributes.mpReach = reachOf(scan.buffer, scan.reach)
  if (scan?.unreach.present) attributes.mpUnreach = unreachOf(scan.buffer, scan.unreach)
  if (unknown.length > 0) attributes.unknown = unknown.sort((a, b) => a.code - b.code)
  if (partial.length > 0) attributes.partial = partial.sort((a, b) => a - b)
  return attributes
}

/** Reused: decoding is synchronous and calls nobody back, and a fresh pair would cost more than most messages do. */
const scan = new UpdateScan()
const block = new AttributeBlock()

const EMPTY_UPDATE: Update = { type: 'UPDATE', withdrawn: [], attributes: {}, nlri: [] }

/** Decodes the framed UPDATE in [start, end) of `buffer`. */
export function decodeUpdate(buffer: Uint8Array, start: number, end: number, context: UpdateContext): DecodedUpdate {
  if (!scan.scan(buffer, start, end, context)) {
    return { update: EMPTY_UPDATE, fault: verdictOf(scan, 0, []), faults: scan.faults }
  }
  // Judged in place where the block is one range, so that offsets in faults are offsets in the message.
  const faults = [...scan.faults]
  if (scan.blockRanges <= 1) {
    block.parse(buffer, scan.blocks[0], scan.blocks[0] + scan.blockLength, context)
    faults.push(...block.faults)
  } else {
    const octets = new Uint8Array(scan.blockLength)
    scan.copyBlock(octets, 0)
    block.parse(octets, 0, octets.length, context)
    faults.push(...block.faults.map((fault) => ({ ...fault, offset: messageOffset(scan, fault.offset) })))
  }
  const attributeFaults = faults.slice(scan.faults.length)
  const fault = nextHopFault(verdictOf(scan, block.present, attributeFaults))
  if (fault !== undefined && !faults.includes(fault)) faults.push(fault)
  const { addPathIPv4 } = context
  const update: Mutable<Update> = {
    type: 'UPDATE',
    withdrawn: readPrefixes(buffer, scan.withdrawnStart, scan.withdrawnEnd, 4, addPathIPv4),
    attributes: attributeValues(block, scan),
    nlri: readPrefixes(buffer, scan.nlriStart, scan.nlriEnd, 4, addPathIPv4),
  }
  if (scan.endOfRib) update.endOfRib = { afi: scan.endOfRibAfi, safi: scan.endOfRibSafi }
  return { update, fault, faults }
}

/**
 * RFC 4271 section 6.3: NEXT_HOP must be a host address. Judged here and not in `verdictOf`, because the engine refuses such a next hop
 * by itself and keeps the route to be explained. It matters only to prefixes of the base field (RFC 4760 section 3).
 */
function nextHopFault(worst: Fault | undefined): Fault | undefined {
  const code = AttributeCode.nextHop
  if (scan.nlriCount === 0 || !block.has(code) || (worst?.verdict ?? 0) >= Verdict.treatAsWithdraw) return worst
  const address = block.u32(code)
  // A loopback is a host; what it is worth depends on where the session runs.
  if (address !== 0 && address < 0xe0000000) return worst
  const at = block.start(code) - (block.flags(code) & Flag.extendedLength ? 4 : 3)
  return {
    verdict: Verdict.treatAsWithdraw,
    code: NotificationCode.updateMessage,
    subcode: UpdateError.invalidNextHop,
    attribute: code,
    offset: scan.blockRanges > 1 ? messageOffset(scan, at) : at,
    rule: 'RFC 4271 6.3, RFC 7606 3(e)',
    reason: `NEXT_HOP ${formatIPv4(address)} is no host address`,
    data: block.buffer.slice(at, block.end(code)),
  }
}

/** An offset in the copied block as an offset in the message. */
export function messageOffset(scan: UpdateScan, offset: number): number {
  let rest = offset
  for (let i = 0; i < scan.blockRanges; i++) {
    const length = scan.blocks[2 * i + 1] - scan.blocks[2 * i]
    if (rest < length) return scan.blocks[2 * i] + rest
    rest -= length
  }
  return scan.attributesEnd
}

/** True if the prefixes of the message may be installed. */
export function installable(fault: Fault | undefined): boolean {
  return fault === undefined || fault.verdict <= Verdict.attributeDiscard
}
