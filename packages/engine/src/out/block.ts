/**
 * An attribute set as it leaves: canonical octets with at most two splices, or the 2-octet form for OLD speakers.
 *
 * A reflected route gets ORIGINATOR_ID (unless it has one) and our cluster id in front of CLUSTER_LIST (RFC 4456
 * section 8) while its block is copied into the segment: no set is made, nothing is cached. Peers without 4-octet AS
 * numbers get AS_TRANS, AS4_PATH and AS4_AGGREGATOR (RFC 6793 section 4.2.2); that road is slow and rare.
 */
import {
  AS_TRANS,
  AttributeCode,
  ByteWriter,
  decodeAsPath,
  encodeAsPath,
  Flag,
  needsAs4,
  writeAttributeHeader,
} from '@starling/bgp-packet'
import type { AttrId, AttributeStore } from '../rib/attributes.js'
import { nextAttribute } from '../rib/intern.js'

/** Copies the set's block to `out`; returns the position behind it. */
export function copyBlock(store: AttributeStore, attr: AttrId, out: Uint8Array, at: number): number {
  const chunk = store.chunk(attr)
  const from = store.offset(attr)
  return copy(chunk, from, from + store.lengths[attr], out, at)
}

/** Octets {@link copyReflected} will write. */
export function reflectedLength(store: AttributeStore, attr: AttrId): number {
  const originator = store.originatorEnd[attr] > store.spliceAt[attr] ? 0 : 7
  const list = store.clusterEnd[attr] - store.originatorEnd[attr]
  if (list === 0) return store.lengths[attr] + originator + 7
  const extended = (store.chunk(attr)[store.offset(attr) + store.originatorEnd[attr]] & Flag.extendedLength) !== 0
  const value = list - (extended ? 4 : 3)
  return store.lengths[attr] + originator + 4 + (!extended && value + 4 > 255 ? 1 : 0)
}

/** As {@link copyBlock}, reflected: `originator` is the source's BGP identifier. */
export function copyReflected(
  store: AttributeStore,
  attr: AttrId,
  originator: number,
  clusterId: number,
  out: Uint8Array,
  start: number,
): number {
  const chunk = store.chunk(attr)
  const base = store.offset(attr)
  const splice = base + store.spliceAt[attr]
  const originatorEnd = base + store.originatorEnd[attr]
  const clusterEnd = base + store.clusterEnd[attr]
  let at = copy(chunk, base, splice, out, start)
  if (originatorEnd > splice) {
    at = copy(chunk, splice, originatorEnd, out, at)
  } else {
    out[at] = Flag.optional
    out[at + 1] = AttributeCode.originatorId
    out[at + 2] = 4
    at = put32(out, at + 3, originator)
  }
  const list = clusterEnd > originatorEnd
  const valueStart = list ? originatorEnd + (chunk[originatorEnd] & Flag.extendedLength ? 4 : 3) : originatorEnd
  const size = 4 + clusterEnd - valueStart
  out[at + 1] = AttributeCode.clusterList
  if (size > 255) {
    out[at] = Flag.optional | Flag.extendedLength
    out[at + 2] = size >>> 8
    out[at + 3] = size
    at += 4
  } else {
    out[at] = Flag.optional
    out[at + 2] = size
    at += 3
  }
  at = put32(out, at, clusterId)
  at = copy(chunk, valueStart, clusterEnd, out, at)
  return copy(chunk, clusterEnd, base + store.lengths[attr], out, at)
}

/** Rewrites a 4-octet block in place for a speaker of 2-octet AS numbers; returns its new end. */
export function toTwoOctets(out: Uint8Array, start: number, end: number): number {
  const block = out.slice(start, end)
  const writer = new ByteWriter(out, start, out.length)
  let as4Path: Uint8Array | undefined
  let as4Aggregator: Uint8Array | undefined
  let pending = true
  const writeNew = () => {
    if (!pending) return
    pending = false
    if (as4Path !== undefined) writer.bytes(as4Path)
    if (as4Aggregator !== undefined) writer.bytes(as4Aggregator)
  }
  for (let at = 0; at < block.length; at = nextAttribute(block, at)) {
    const code = block[at + 1]
    const value = at + (block[at] & Flag.extendedLength ? 4 : 3)
    const next = nextAttribute(block, at)
    if (code > AttributeCode.as4Aggregator) writeNew()
    if (code === AttributeCode.asPath) {
      const path = decodeAsPath(block, value, next, 4)
      writeWith(writer, Flag.transitive, code, (to) => encodeAsPath(to, path, 2))
      if (needsAs4(path)) {
        const plain = path.filter(({ type }) => type === 'sequence' || type === 'set')
        as4Path = attributeOf(AttributeCode.as4Path, (to) => encodeAsPath(to, plain, 4))
      }
    } else if (code === AttributeCode.aggregator && next - value === 8) {
      const wide = block[value] !== 0 || block[value + 1] !== 0
      writeAttributeHeader(writer, Flag.optional | Flag.transitive | (block[at] & Flag.partial), code, 6)
      writer.u16(wide ? AS_TRANS : (block[value + 2] << 8) | block[value + 3])
      writer.bytes(block, value + 4, next)
      if (wide) as4Aggregator = attributeOf(AttributeCode.as4Aggregator, (to) => to.bytes(block, value, next))
    } else {
      writer.bytes(block, at, next)
    }
  }
  writeNew()
  return writer.overflow ? start : writer.at
}

function attributeOf(code: number, write: (to: ByteWriter) => void): Uint8Array {
  const writer = new ByteWriter(new Uint8Array(4096))
  writeWith(writer, Flag.optional | Flag.transitive, code, write)
  return writer.copy()
}

function writeWith(writer: ByteWriter, flags: number, code: number, write: (to: ByteWriter) => void): void {
  const value = new ByteWriter(new Uint8Array(65536))
  write(value)
  writeAttributeHeader(writer, flags, code, value.at)
  writer.bytes(value.buffer, 0, value.at)
}

function copy(from: Uint8Array, start: number, end: number, out: Uint8Array, at: number): number {
  let to = at
  for (let i = start; i < end; i++) out[to++] = from[i]
  return to
}

function put32(out: Uint8Array, at: number, value: number): number {
  out[at] = value >>> 24
  out[at + 1] = value >>> 16
  out[at + 2] = value >>> 8
  out[at + 3] = value
  return at + 4
}
