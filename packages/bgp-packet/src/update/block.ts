/**
 * Second pass over an UPDATE: the path attributes other than MP_REACH and MP_UNREACH, judged and located.
 *
 * The engine runs it once per distinct block of octets (a seeded hash finds the others), so it may look at every attribute,
 * but it still makes no objects for a clean block: offsets go into typed arrays. It never stops at a fault: later attributes may
 * be worse, and the strongest answer counts (RFC 7606 section 2).
 *
 *   block.parse(octets, 0, length, context)
 *   if (block.has(AttributeCode.med)) med = block.u32(AttributeCode.med)
 *
 * `canonicalBlock` turns what came from any session into the one form the RIB keeps: ascending codes, no discarded or
 * unrecognized non-transitive attributes, the Partial bit on unrecognized transitive ones, 4-octet AS numbers.
 */

import { aggregator as aggregatorRow, as4Aggregator as as4AggregatorRow } from '../attributes/aggregator.js'
import { decodeAsPath, encodeAsPath, mergeAs4Path } from '../attributes/as-path.js'
import type { AttributeDescriptor } from '../attributes/descriptor.js'
import { attributeName, BY_CODE } from '../attributes/table.js'
import { AS_TRANS, AttributeCode, Flag } from '../constants.js'
import { NotificationCode, UpdateError } from '../message/notification.js'
import { u32 } from '../read.js'
import { type Fault, NO_DATA, Verdict } from '../verdict.js'
import type { ByteWriter } from '../writer.js'
import { type UpdateContext, updateContext } from './context.js'
import { writeAttribute, writeAttributeHeader } from './encode.js'

const EMPTY = new Uint8Array(0)
const NO_FAULTS: Fault[] = []
const FAMILY_FLAGS = Flag.optional | Flag.transitive
/** What `parse` asks of each row, by code: rows differ in shape, and looking a field up in them costs more than an array does. */
const CHECKS = BY_CODE.map((row) => row?.check)
const ROW_FLAGS = Uint8Array.from(BY_CODE, (row) => row?.flags ?? 0)

type Check = AttributeDescriptor['check']

export class AttributeBlock {
  buffer: Uint8Array = EMPTY
  context: UpdateContext = updateContext()
  /** A bit per usable attribute with a code below 31; `verdictOf` wants it. */
  present = 0
  verdict: Verdict = Verdict.accept
  /** Empty and shared for a clean block. */
  faults: Fault[] = NO_FAULTS
  /** The octets are what {@link canonicalBlock} would write: nothing to copy. Only ever true where AS numbers have 4 octets. */
  canonical = false
  /** Usable attributes in the order of the wire: their codes. */
  readonly codes = new Uint8Array(256)
  count = 0

  /** Offset + 1 of each attribute's value, 0 when absent or discarded. */
  readonly #start = new Uint32Array(256)
  readonly #end = new Uint32Array(256)
  readonly #flags = new Uint8Array(256)
  /** Code of the attribute before. */
  #last = 0
  /** Codes met so far, discarded ones included: 256 bits. */
  readonly #seen = new Uint32Array(8)

  /** Judges the attributes in [start, end). The buffer must stay unchanged as long as values are read. */
  parse(buffer: Uint8Array, start: number, end: number, context: UpdateContext): Verdict {
    this.#clear(buffer, context)
    let at = start
    while (at < end) {
      const flags = buffer[at]
      const headerLength = flags & Flag.extendedLength ? 4 : 3
      const code = buffer[at + 1]
      const valueStart = at + headerLength
      const length = headerLength === 4 ? (buffer[at + 2] << 8) | buffer[at + 3] : buffer[at + 2]
      if (valueStart > end || valueStart + length > end) {
        // Only for octets that no UpdateScan delimited, such as the attributes of an MRT entry.
        const reason = 'attribute runs over the block'
        this.#fault(
          Verdict.treatAsWithdraw,
          UpdateError.malformedAttributeList,
          code,
          at,
          'RFC 7606 4',
          reason,
          NO_DATA,
        )
        break
      }
      this.#one(flags, code, at, valueStart, valueStart + length)
      at = valueStart + length
    }
    if (this.faults !== NO_FAULTS) this.canonical = false
    return this.verdict
  }

  has(code: number): boolean {
    return this.#start[code] !== 0
  }

  /** Range of a value in `buffer`; 0 and 0 when absent. */
  start(code: number): number {
    const start = this.#start[code]
    return start === 0 ? 0 : start - 1
  }

  end(code: number): number {
    return this.#end[code]
  }

  flags(code: number): number {
    return this.#flags[code]
  }

  /** The first four octets of a value as a number: NEXT_HOP, MED, LOCAL_PREF, ORIGINATOR_ID, OTC. Check `has` first. */
  u32(code: number): number {
    return u32(this.buffer, this.start(code))
  }

  #one(flags: number, code: number, at: number, start: number, end: number): void {
    const word = code >>> 5
    const bit = 1 << (code & 31)
    if (this.#seen[word] & bit) {
      const reason = `${attributeName(code)} appears again; the first one counts`
      this.#fault(
        Verdict.attributeDiscard,
        UpdateError.malformedAttributeList,
        code,
        at,
        'RFC 7606 3(g)',
        reason,
        NO_DATA,
      )
      return
    }
    this.#seen[word] |= bit
    const check = CHECKS[code]
    if (check === undefined) {
      if (!this.#unknown(flags, code, at, end)) return
    } else if (!this.#known(check, flags, code, at, start, end)) {
      return
    }
    const rowFlags = ROW_FLAGS[code]
    const kept = check === undefined ? UNKNOWN_KEPT : rowFlags | (rowFlags & Flag.optional ? flags & Flag.partial : 0)
    const extended = end - start > 255 ? Flag.extendedLength : 0
    if (flags !== (kept | extended) || code <= this.#last || code === AttributeCode.as4Path) this.canonical = false
    if (code === AttributeCode.as4Aggregator) this.canonical = false
    this.#last = code
    this.#start[code] = start + 1
    this.#end[code] = end
    this.#flags[code] = flags
    this.codes[this.count++] = code
    if (code < 31) this.present |= bit
  }

  /** An attribute without a row: false when it is of no use. */
  #unknown(flags: number, code: number, at: number, end: number): boolean {
    if (code === AttributeCode.mpReach || code === AttributeCode.mpUnreach) {
      this.canonical = false
      return false
    }
    if ((flags & Flag.optional) !== 0) return true
    const reason = `unrecognized well-known ${attributeName(code)}`
    const data = this.buffer.slice(at, end)
    const subcode = UpdateError.unrecognizedWellKnownAttribute
    this.#fault(Verdict.sessionReset, subcode, code, at, 'RFC 4271 6.3', reason, data)
    return false
  }

  #known(check: Check, flags: number, code: number, at: number, start: number, end: number): boolean {
    if ((flags & FAMILY_FLAGS) !== ROW_FLAGS[code]) {
      this.#wrongFlags(flags, code, at, end)
      return false
    }
    const bad = check(this.buffer, start, end, this.context)
    if (bad === undefined) return true
    const data = this.buffer.slice(at, end)
    const reason = `${attributeName(code)}: ${bad.reason}`
    this.#fault(bad.verdict, bad.subcode, code, bad.offset ?? at, bad.rule, reason, data)
    return false
  }

  #wrongFlags(flags: number, code: number, at: number, end: number): void {
    const verdict = BY_CODE[code]?.wrongFlags ?? Verdict.treatAsWithdraw
    const reason = `${attributeName(code)} with flags 0x${flags.toString(16).padStart(2, '0')}`
    this.#fault(verdict, UpdateError.attributeFlagsError, code, at, 'RFC 7606 3(c)', reason, this.buffer.slice(at, end))
  }

  #fault(
    verdict: Verdict,
    subcode: number,
    attribute: number,
    offset: number,
    rule: string,
    reason: string,
    data: Uint8Array,
  ): void {
    if (this.faults === NO_FAULTS) this.faults = []
    this.faults.push({ verdict, code: NotificationCode.updateMessage, subcode, attribute, offset, rule, reason, data })
    if (verdict > this.verdict) this.verdict = verdict
  }

  #clear(buffer: Uint8Array, context: UpdateContext): void {
    for (let i = 0; i < this.count; i++) {
      this.#start[this.codes[i]] = 0
      this.#end[this.codes[i]] = 0
    }
    for (let i = 0; i < 8; i++) this.#seen[i] = 0
    this.buffer = buffer
    this.context = context
    this.canonical = context.as4
    this.#last = -1
    this.present = 0
    this.verdict = Verdict.accept
    this.faults = NO_FAULTS
    this.count = 0
  }
}

/** RFC 4271 section 9: an unrecognized transitive attribute is passed on with the Partial bit. */
const UNKNOWN_KEPT = Flag.optional | Flag.transitive | Flag.partial

const AS4_CONTEXT = updateContext({ as4: true, ibgp: true, confederation: true })

/**
 * Writes the canonical form of a parsed block: see the header. Parse the result with `CANONICAL_CONTEXT`. False (and
 * `writer.overflow`) if it does not fit.
 */
export function canonicalBlock(block: AttributeBlock, writer: ByteWriter): boolean {
  const { codes, count } = block
  ascending.set(codes)
  sort(ascending, count)
  for (let i = 0; i < count; i++) {
    const code = ascending[i]
    const row = BY_CODE[code]
    const flags = block.flags(code)
    if (code === AttributeCode.as4Path || code === AttributeCode.as4Aggregator) continue
    if (row === undefined) {
      // RFC 4271 section 9: unrecognized non-transitive attributes go no further, transitive ones get the Partial bit.
      if ((flags & Flag.transitive) === 0) continue
      writeAttribute(writer, UNKNOWN_KEPT, code, block.buffer, block.start(code), block.end(code))
    } else if (code === AttributeCode.asPath && !block.context.as4) {
      writeAsPath4(block, writer)
    } else if (code === AttributeCode.aggregator && !block.context.as4) {
      writeAggregator4(block, writer)
    } else {
      const kept = row.flags | (row.flags & Flag.optional ? flags & Flag.partial : 0)
      writeAttribute(writer, kept, code, block.buffer, block.start(code), block.end(code))
    }
  }
  return !writer.overflow
}

const ascending = new Uint8Array(256)

/** By insertion: blocks are short and nearly always in order. */
function sort(codes: Uint8Array, count: number): void {
  for (let i = 1; i < count; i++) {
    const code = codes[i]
    let at = i
    while (at > 0 && codes[at - 1] > code) {
      codes[at] = codes[at - 1]
      at--
    }
    codes[at] = code
  }
}

/** How canonical blocks are read: 4-octet AS numbers, nothing left that depends on the session. */
export const CANONICAL_CONTEXT: UpdateContext = AS4_CONTEXT

/** RFC 6793 section 4.2.3: if AGGREGATOR names a real AS, AS4_PATH and AS4_AGGREGATOR are leftovers and ignored. */
function as4Ignored(block: AttributeBlock): boolean {
  if (!block.has(AttributeCode.aggregator) || !block.has(AttributeCode.as4Aggregator)) return false
  const start = block.start(AttributeCode.aggregator)
  return aggregatorRow.decode(block.buffer, start, block.end(AttributeCode.aggregator), block.context).asn !== AS_TRANS
}

function writeAsPath4(block: AttributeBlock, writer: ByteWriter): void {
  const { buffer } = block
  let path = decodeAsPath(buffer, block.start(AttributeCode.asPath), block.end(AttributeCode.asPath), 2)
  if (block.has(AttributeCode.as4Path) && !as4Ignored(block)) {
    const start = block.start(AttributeCode.as4Path)
    path = mergeAs4Path(path, decodeAsPath(buffer, start, block.end(AttributeCode.as4Path), 4))
  }
  const at = writer.at
  writeAttributeHeader(writer, Flag.transitive | Flag.extendedLength, AttributeCode.asPath, 0)
  const valueAt = writer.at
  encodeAsPath(writer, path, 4)
  closeAttribute(writer, at, valueAt)
}

/** Sets the length of an attribute begun with extended length; a short value is moved to the short header. */
export function closeAttribute(writer: ByteWriter, at: number, valueAt: number): void {
  if (writer.overflow) return
  const length = writer.at - valueAt
  if (length > 255) {
    writer.patch16(at + 2, length)
    return
  }
  writer.buffer[at] &= ~Flag.extendedLength
  writer.buffer[at + 2] = length
  writer.buffer.copyWithin(at + 3, valueAt, writer.at)
  writer.at--
}

function writeAggregator4(block: AttributeBlock, writer: ByteWriter): void {
  const { buffer, context } = block
  const code = AttributeCode.aggregator
  let value = aggregatorRow.decode(buffer, block.start(code), block.end(code), context)
  if (value.asn === AS_TRANS && block.has(AttributeCode.as4Aggregator)) {
    const start = block.start(AttributeCode.as4Aggregator)
    value = as4AggregatorRow.decode(buffer, start, block.end(AttributeCode.as4Aggregator), context)
  }
  writeAttributeHeader(writer, aggregatorRow.flags, code, 8)
  aggregatorRow.encode(writer, value, AS4_CONTEXT)
}
