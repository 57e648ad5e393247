/**
 * Plain values to UPDATE messages, packed to the negotiated maximum.
 *
 * `encodeUpdate` writes exactly one message, the mirror of `decodeUpdate`; `packUpdates` spreads any number of prefixes over as many
 * messages as they need. Wrong values are the caller's mistake and throw TypeError or RangeError: unlike peer input, they are
 * under our control.
 */

import { parseAddress, parseIPv4, parseIPv6 } from '../address.js'
import { as4Aggregator } from '../attributes/aggregator.js'
import { as4Path, needsAs4 } from '../attributes/as-path.js'
import { DESCRIPTOR_LIST } from '../attributes/table.js'
import { AttributeCode, Flag, HEADER_LENGTH, MAX_EXTENDED_MESSAGE, MessageType } from '../constants.js'
import { writeHeader } from '../message/header.js'
import { u32 } from '../read.js'
import { parseHex } from '../text.js'
import { ByteWriter } from '../writer.js'
import { closeAttribute } from './block.js'
import { type UpdateContext, updateContext } from './context.js'
import { UpdatePacker, writeAttribute, writeAttributeHeader, writePrefix } from './encode.js'
import type { MpReach, MpUnreach, Prefix, Update, UpdateAttributes } from './values.js'

interface PrefixWords {
  readonly version: 4 | 6
  readonly bits: number
  readonly words: readonly [number, number, number, number]
  readonly pathId: number
}

function parsePrefix(prefix: Prefix): PrefixWords {
  const slash = prefix.prefix.indexOf('/')
  const text = prefix.prefix.slice(0, slash)
  const bits = Number(prefix.prefix.slice(slash + 1))
  const pathId = prefix.pathId ?? 0
  const ipv4 = parseIPv4(text)
  if (ipv4 !== undefined && slash > 0 && Number.isInteger(bits) && bits >= 0 && bits <= 32) {
    return { version: 4, bits, words: [ipv4, 0, 0, 0], pathId }
  }
  const ipv6 = parseIPv6(text)
  if (ipv6 === undefined || slash < 0 || !Number.isInteger(bits) || bits < 0 || bits > 128) {
    throw new TypeError(`"${prefix.prefix}" is no prefix`)
  }
  return { version: 6, bits, words: [u32(ipv6, 0), u32(ipv6, 4), u32(ipv6, 8), u32(ipv6, 12)], pathId }
}

function writePrefixes(writer: ByteWriter, prefixes: readonly Prefix[], version: 4 | 6, addPath: boolean): void {
  for (const prefix of prefixes) {
    const { version: actual, bits, words, pathId } = parsePrefix(prefix)
    if (actual !== version) throw new TypeError(`"${prefix.prefix}" does not belong to IPv${version}`)
    writePrefix(writer, addPath, pathId, bits, words[0], words[1], words[2], words[3])
  }
}

function versionOf(afi: number, safi: number): 0 | 4 | 6 {
  return safi !== 1 ? 0 : afi === 1 ? 4 : afi === 2 ? 6 : 0
}

function writeMp(
  writer: ByteWriter,
  mp: MpReach | MpUnreach,
  prefixes: readonly Prefix[],
  context: UpdateContext,
): void {
  const version = versionOf(mp.afi, mp.safi)
  if (version === 0) writer.bytes(mp.opaque ?? new Uint8Array(0))
  else writePrefixes(writer, prefixes, version, version === 4 ? context.addPathIPv4 : context.addPathIPv6)
}

/** The octets of a next hop: one address, two for a link-local beside the global one, hexadecimal for opaque families. */
function nextHopOctets(reach: MpReach): Uint8Array {
  const octets = parseAddress(reach.nextHop) ?? parseHex(reach.nextHop)
  if (octets === undefined) throw new TypeError(`"${reach.nextHop}" is no next hop`)
  if (reach.linkLocal === undefined) return octets
  const second = parseIPv6(reach.linkLocal)
  if (second === undefined) throw new TypeError(`"${reach.linkLocal}" is no IPv6 address`)
  return Uint8Array.of(...octets, ...second)
}

/** Writes an attribute of unknown length through `value`. */
function withLength(writer: ByteWriter, flags: number, code: number, value: () => void): void {
  const at = writer.at
  writeAttributeHeader(writer, flags | Flag.extendedLength, code, 0)
  const valueAt = writer.at
  value()
  closeAttribute(writer, at, valueAt)
}

/** Path attributes in ascending order; MP_REACH_NLRI and MP_UNREACH_NLRI first (RFC 7606 section 5.1). */
export function writeAttributes(writer: ByteWriter, attributes: UpdateAttributes, context: UpdateContext): void {
  const { mpReach, mpUnreach } = attributes
  if (mpReach !== undefined) {
    withLength(writer, Flag.optional, AttributeCode.mpReach, () => {
      const nextHop = nextHopOctets(mpReach)
      writer.u16(mpReach.afi)
      writer.u8(mpReach.safi)
      writer.u8(nextHop.length)
      writer.bytes(nextHop)
      writer.u8(0)
      writeMp(writer, mpReach, mpReach.nlri, context)
    })
  }
  if (mpUnreach !== undefined) {
    withLength(writer, Flag.optional, AttributeCode.mpUnreach, () => {
      writer.u16(mpUnreach.afi)
      writer.u8(mpUnreach.safi)
      writeMp(writer, mpUnreach, mpUnreach.withdrawn, context)
    })
  }
  writePlainAttributes(writer, attributes, context)
}

function writePlainAttributes(writer: ByteWriter, attributes: UpdateAttributes, context: UpdateContext): void {
  const values = withAs4(attributes, context) as Record<string, unknown>
  const known = DESCRIPTOR_LIST.filter((row) => values[row.key] !== undefined)
  const rows = known.map((row) => ({
    code: row.code,
    write: () => {
      const partial = attributes.partial?.includes(row.code) ? Flag.partial : 0
      withLength(writer, row.flags | partial, row.code, () => row.encode(writer, values[row.key], context))
    },
  }))
  for (const { code, flags, value } of attributes.unknown ?? []) {
    rows.push({ code, write: () => writeAttribute(writer, flags & 0xe0, code, value, 0, value.length) })
  }
  // Stable: two unknown attributes of one code stay in their order.
  for (const row of rows.sort((a, b) => a.code - b.code)) row.write()
}

/** RFC 6793 section 4.2.2: an OLD speaker gets what two octets cannot hold in AS4_PATH and AS4_AGGREGATOR. */
function withAs4(attributes: UpdateAttributes, context: UpdateContext): UpdateAttributes {
  if (context.as4) return attributes
  const { asPath, aggregator } = attributes
  const path = asPath?.filter(({ type }) => type === 'sequence' || type === 'set')
  const addPath4 = attributes.as4Path === undefined && path !== undefined && needsAs4(path)
  const addAggregator4 = attributes.as4Aggregator === undefined && aggregator !== undefined && aggregator.asn > 0xffff
  return {
    ...attributes,
    ...(addPath4 ? { [as4Path.key]: path } : {}),
    ...(addAggregator4 ? { [as4Aggregator.key]: aggregator } : {}),
  }
}

/** One message with exactly these values. Throws RangeError if they exceed `maximum` octets. */
export function encodeUpdate(
  update: Omit<Update, 'type'>,
  context: UpdateContext = updateContext(),
  maximum = MAX_EXTENDED_MESSAGE,
): Uint8Array {
  const writer = new ByteWriter(new Uint8Array(maximum), HEADER_LENGTH)
  const withdrawnAt = writer.at
  writer.u16(0)
  writePrefixes(writer, update.withdrawn, 4, context.addPathIPv4)
  if (!writer.overflow) writer.patch16(withdrawnAt, writer.at - withdrawnAt - 2)
  const attributesAt = writer.at
  writer.u16(0)
  writeAttributes(writer, update.attributes, context)
  if (!writer.overflow) writer.patch16(attributesAt, writer.at - attributesAt - 2)
  writePrefixes(writer, update.nlri, 4, context.addPathIPv4)
  if (writer.overflow) throw new RangeError(`UPDATE does not fit into ${maximum} octets`)
  writeHeader(writer.buffer, 0, writer.at, MessageType.update)
  return writer.copy()
}

export interface PackOptions {
  readonly context?: UpdateContext
  readonly maximum?: number
}

/**
 * Announces prefixes of one family with one attribute set, in as few messages as the maximum allows. IPv4 prefixes go into the
 * base field when the attributes have NEXT_HOP; otherwise `nextHop` is needed and MP_REACH_NLRI used.
 */
export function packUpdates(
  prefixes: readonly Prefix[],
  attributes: UpdateAttributes,
  options: PackOptions & { readonly nextHop?: string } = {},
): Uint8Array[] {
  const { context = updateContext(), maximum = 4096, nextHop } = options
  const block = new ByteWriter(new Uint8Array(MAX_EXTENDED_MESSAGE))
  writePlainAttributes(block, attributes, context)
  const octets = block.copy()
  const hop = nextHop === undefined ? undefined : parseAddress(nextHop)
  if (nextHop !== undefined && hop === undefined) throw new TypeError(`"${nextHop}" is no next hop`)
  return pack(prefixes, context, maximum, (packer, version, addPath) => {
    if (hop === undefined && version === 6) throw new TypeError('IPv6 prefixes need a next hop')
    if (hop === undefined) return packer.beginAnnounce(maximum, addPath, octets)
    return packer.beginReach(maximum, addPath, version === 4 ? 1 : 2, hop, octets)
  })
}

/** Withdraws prefixes of one family in as few messages as the maximum allows. */
export function packWithdrawals(prefixes: readonly Prefix[], options: PackOptions = {}): Uint8Array[] {
  const { context = updateContext(), maximum = 4096 } = options
  return pack(prefixes, context, maximum, (packer, version, addPath) =>
    version === 4 ? packer.beginWithdraw(maximum, addPath) : packer.beginUnreach(maximum, addPath, 2),
  )
}

function pack(
  prefixes: readonly Prefix[],
  context: UpdateContext,
  maximum: number,
  begin: (packer: UpdatePacker, version: 4 | 6, addPath: boolean) => boolean,
): Uint8Array[] {
  const parsed = prefixes.map(parsePrefix)
  const messages: Uint8Array[] = []
  const writer = new ByteWriter(new Uint8Array(maximum))
  const packer = new UpdatePacker(writer)
  for (let i = 0; i < parsed.length; ) {
    const { version } = parsed[i]
    const addPath = version === 4 ? context.addPathIPv4 : context.addPathIPv6
    writer.reset(writer.buffer)
    if (!begin(packer, version, addPath)) throw new RangeError(`attributes do not fit into ${maximum} octets`)
    const first = i
    while (i < parsed.length && parsed[i].version === version) {
      const { pathId, bits, words } = parsed[i]
      if (!packer.add(pathId, bits, words[0], words[1], words[2], words[3])) break
      i++
    }
    if (i === first) throw new RangeError(`no prefix fits into ${maximum} octets`)
    messages.push(writer.buffer.slice(0, packer.finish()))
  }
  return messages
}
