/**
 * UPDATE messages out of attribute blocks and prefixes, into a caller's buffer.
 *
 * The engine's writers: an attribute at a time into a `ByteWriter`, then `UpdatePacker`, which fills messages up to the
 * negotiated maximum with prefixes that share one block. Attributes are written in ascending order of their codes
 * (RFC 4271 section 5 asks for it), MP_REACH_NLRI first of all as RFC 7606 section 5.1 recommends.
 * Nothing here throws: what does not fit is an `overflow` or a `false`.
 */

import { AttributeCode, Flag, HEADER_LENGTH, MessageType } from '../constants.js'
import { writeHeader } from '../message/header.js'
import type { ByteWriter } from '../writer.js'

/** Flags, code and length; the extended form when the length asks for it or the flags do. */
export function writeAttributeHeader(writer: ByteWriter, flags: number, code: number, length: number): void {
  if (length > 255 || flags & Flag.extendedLength) {
    writer.u8(flags | Flag.extendedLength)
    writer.u8(code)
    writer.u16(length)
  } else {
    writer.u8(flags)
    writer.u8(code)
    writer.u8(length)
  }
}

/** A whole attribute whose value is already octets. */
export function writeAttribute(
  writer: ByteWriter,
  flags: number,
  code: number,
  source: Uint8Array,
  start: number,
  end: number,
): void {
  writeAttributeHeader(writer, flags, code, end - start)
  writer.bytes(source, start, end)
}

/** ORIGIN (0 IGP, 1 EGP, 2 INCOMPLETE). */
export function writeOrigin(writer: ByteWriter, origin: number): void {
  writeAttributeHeader(writer, Flag.transitive, AttributeCode.origin, 1)
  writer.u8(origin)
}

/** A well-known or optional attribute of one 32-bit number: NEXT_HOP, MED, LOCAL_PREF, ORIGINATOR_ID, OTC. */
export function writeNumber(writer: ByteWriter, flags: number, code: number, value: number): void {
  writeAttributeHeader(writer, flags, code, 4)
  writer.u32(value)
}

export function writeNextHop(writer: ByteWriter, address: number): void {
  writeNumber(writer, Flag.transitive, AttributeCode.nextHop, address)
}

export function writeMed(writer: ByteWriter, metric: number): void {
  writeNumber(writer, Flag.optional, AttributeCode.med, metric)
}

export function writeLocalPref(writer: ByteWriter, preference: number): void {
  writeNumber(writer, Flag.transitive, AttributeCode.localPref, preference)
}

export function writeOriginatorId(writer: ByteWriter, id: number): void {
  writeNumber(writer, Flag.optional, AttributeCode.originatorId, id)
}

/** One prefix: path identifier if asked for, length, and only the octets that the length covers. */
export function writePrefix(
  writer: ByteWriter,
  addPath: boolean,
  pathId: number,
  bits: number,
  word0: number,
  word1: number,
  word2: number,
  word3: number,
): void {
  const octets = (bits + 7) >>> 3
  if (!writer.room(octets + (addPath ? 5 : 1))) return
  const buffer = writer.buffer
  let at = writer.at
  if (addPath) {
    buffer[at++] = pathId >>> 24
    buffer[at++] = pathId >>> 16
    buffer[at++] = pathId >>> 8
    buffer[at++] = pathId
  }
  buffer[at++] = bits
  for (let i = 0; i < octets; i++) {
    const word = i < 4 ? word0 : i < 8 ? word1 : i < 12 ? word2 : word3
    buffer[at++] = word >>> (24 - ((i & 3) << 3))
  }
  writer.at = at
}

/**
 * One UPDATE being filled. `begin...` starts it, `add` appends prefixes until it answers false (the message is full: `finish`
 * it and begin the next), `finish` sets the lengths. Announced IPv4 prefixes with an IPv4 next hop go into the base field,
 * everything else into MP_REACH_NLRI; withdrawn IPv4 prefixes into the base field, IPv6 ones into MP_UNREACH_NLRI.
 */
export class UpdatePacker {
  /** Prefixes in the message so far. */
  count = 0

  readonly #writer: ByteWriter
  #start = 0
  #limit = 0
  #kind: 'announce' | 'withdraw' | 'mp' = 'announce'
  #lengthAt = 0
  #attributesAt = 0
  #addPath = false
  /** Octets that must still follow the prefixes. */
  #reserve = 0
  #block: Uint8Array | undefined = undefined
  #blockStart = 0
  #blockEnd = 0

  constructor(writer: ByteWriter) {
    this.#writer = writer
  }

  /** Announcement in the base field; the block must hold NEXT_HOP. False if not even the attributes fit. */
  beginAnnounce(maximum: number, addPath: boolean, block: Uint8Array, start = 0, end = block.length): boolean {
    this.#begin('announce', maximum, addPath)
    const writer = this.#writer
    writer.u16(0)
    writer.u16(end - start)
    writer.bytes(block, start, end)
    return !writer.overflow && writer.at < this.#limit
  }

  /** Withdrawal in the base field (IPv4 unicast). */
  beginWithdraw(maximum: number, addPath: boolean): boolean {
    this.#begin('withdraw', maximum, addPath)
    this.#lengthAt = this.#writer.at
    this.#reserve = 2
    this.#writer.u16(0)
    return !this.#writer.overflow
  }

  /** MP_REACH_NLRI with `nextHop` (4, 16 or 32 octets); the block, without NEXT_HOP, follows the prefixes. */
  beginReach(
    maximum: number,
    addPath: boolean,
    afi: number,
    nextHop: Uint8Array,
    block: Uint8Array,
    start = 0,
    end = block.length,
  ): boolean {
    this.#beginMp(maximum, addPath, AttributeCode.mpReach, afi)
    this.#writer.u8(nextHop.length)
    this.#writer.bytes(nextHop)
    this.#writer.u8(0)
    this.#block = block
    this.#blockStart = start
    this.#blockEnd = end
    this.#reserve = end - start
    return !this.#writer.overflow && this.#writer.at + this.#reserve < this.#limit
  }

  /** MP_UNREACH_NLRI; finished without a prefix it is the End-of-RIB marker of the family (RFC 4724). */
  beginUnreach(maximum: number, addPath: boolean, afi: number): boolean {
    this.#beginMp(maximum, addPath, AttributeCode.mpUnreach, afi)
    return !this.#writer.overflow
  }

  /** Appends a prefix; false, and nothing written, if the message is full. */
  add(pathId: number, bits: number, word0: number, word1 = 0, word2 = 0, word3 = 0): boolean {
    const writer = this.#writer
    const size = ((bits + 7) >>> 3) + (this.#addPath ? 5 : 1)
    if (writer.at + size + this.#reserve > this.#limit) return false
    writePrefix(writer, this.#addPath, pathId, bits, word0, word1, word2, word3)
    if (writer.overflow) return false
    this.count++
    return true
  }

  /** Sets the lengths; returns the octet after the message. */
  finish(): number {
    const writer = this.#writer
    if (this.#kind === 'withdraw') {
      writer.patch16(this.#lengthAt, writer.at - this.#lengthAt - 2)
      writer.u16(0)
    } else if (this.#kind === 'mp') {
      writer.patch16(this.#lengthAt, writer.at - this.#lengthAt - 2)
      if (this.#block !== undefined) writer.bytes(this.#block, this.#blockStart, this.#blockEnd)
      writer.patch16(this.#attributesAt, writer.at - this.#attributesAt - 2)
      this.#block = undefined
    }
    writeHeader(writer.buffer, this.#start, writer.at - this.#start, MessageType.update)
    return writer.at
  }

  #begin(kind: 'announce' | 'withdraw' | 'mp', maximum: number, addPath: boolean): void {
    const writer = this.#writer
    this.#kind = kind
    this.#addPath = addPath
    this.#start = writer.at
    this.#limit = Math.min(writer.at + maximum, writer.limit)
    this.#reserve = 0
    this.#block = undefined
    this.count = 0
    if (writer.room(HEADER_LENGTH)) writer.at += HEADER_LENGTH
  }

  #beginMp(maximum: number, addPath: boolean, code: number, afi: number): void {
    this.#begin('mp', maximum, addPath)
    const writer = this.#writer
    writer.u16(0)
    this.#attributesAt = writer.at
    writer.u16(0)
    // Extended length always: the length is not known before the prefixes are.
    writer.u8(Flag.optional | Flag.extendedLength)
    writer.u8(code)
    this.#lengthAt = writer.at
    writer.u16(0)
    writer.u16(afi)
    writer.u8(1)
  }
}
