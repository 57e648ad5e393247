/**
 * MRT records as values: BGP4MP, TABLE_DUMP, TABLE_DUMP_V2 (RFC 6396), with ADD-PATH (RFC 8050).
 *
 * A BGP4MP record gives the BGP message as a range, with the session parameters that its subtype states, so that it can be replayed
 * through the engine's road. RIB records give entries with attribute ranges. Nothing throws: a record that cannot be read is an
 * `unknown` record with a reason.
 */

import { formatIPv4, formatIPv6 } from '../address.js'
import { familyName } from '../constants.js'
import { u16, u32 } from '../read.js'
import { cursorPrefix } from '../update/decode.js'
import { checkNlri, NlriCursor } from '../update/nlri.js'
import { MrtType } from './reader.js'

/** Where a record's octets lie. */
export interface MrtSource {
  readonly timestamp: number
  readonly microseconds: number
  readonly type: number
  readonly subtype: number
  readonly buffer: Uint8Array
  readonly start: number
  readonly end: number
}

export interface MrtSession {
  readonly peerAs: number
  readonly localAs: number
  readonly interfaceIndex: number
  readonly afi: number
  readonly peerAddress: string
  readonly localAddress: string
}

export interface MrtMessage extends MrtSession {
  readonly kind: 'message'
  readonly timestamp: number
  readonly microseconds: number
  /** BGP4MP_ET: the microseconds were in the record. */
  readonly fineTime: boolean
  /** The AS numbers of the message have four octets. */
  readonly as4: boolean
  readonly addPath: boolean
  /** RFC 6396 section 4.4: sent by the collector itself. */
  readonly local: boolean
  readonly buffer: Uint8Array
  readonly start: number
  readonly end: number
}

export interface MrtStateChange extends MrtSession {
  readonly kind: 'state-change'
  readonly timestamp: number
  readonly microseconds: number
  readonly fineTime: boolean
  readonly oldState: number
  readonly newState: number
}

export interface MrtPeer {
  readonly bgpId: number
  readonly address: string
  readonly asn: number
}

export interface MrtPeerIndex {
  readonly kind: 'peer-index'
  readonly timestamp: number
  readonly collectorId: number
  readonly viewName: string
  readonly peers: readonly MrtPeer[]
}

export interface MrtRibEntry {
  /** Index into the last peer index table; -1 for TABLE_DUMP, which names the peer itself. */
  readonly peerIndex: number
  readonly peer: MrtPeer | undefined
  readonly originated: number
  readonly pathId: number | undefined
  readonly attributesStart: number
  readonly attributesEnd: number
}

export interface MrtRib {
  readonly kind: 'rib'
  readonly timestamp: number
  readonly sequence: number
  readonly afi: number
  readonly safi: number
  readonly prefix: string
  /** TABLE_DUMP has 2-octet AS numbers, TABLE_DUMP_V2 4-octet ones. */
  readonly as4: boolean
  readonly addPath: boolean
  readonly entries: readonly MrtRibEntry[]
  readonly buffer: Uint8Array
}

export interface MrtUnknown {
  readonly kind: 'unknown'
  readonly timestamp: number
  readonly type: number
  readonly subtype: number
  readonly reason: string
}

export type MrtRecord = MrtMessage | MrtStateChange | MrtPeerIndex | MrtRib | MrtUnknown

function unknown(source: MrtSource, reason: string): MrtUnknown {
  return { kind: 'unknown', timestamp: source.timestamp, type: source.type, subtype: source.subtype, reason }
}

/** Reads the record a reader stands on. The value points into the reader's buffer: use it before the next push. */
export function decodeMrt(source: MrtSource): MrtRecord {
  switch (source.type) {
    case MrtType.bgp4mp:
    case MrtType.bgp4mpEt:
      return decodeBgp4mp(source)
    case MrtType.tableDump:
      return decodeTableDump(source)
    case MrtType.tableDumpV2:
      return source.subtype === 1 ? decodePeerIndex(source) : decodeRib(source)
    default:
      return unknown(source, 'type without a decoder')
  }
}

/** RFC 6396 section 4.4 and RFC 8050 section 3: what a subtype says about the message inside. */
const BGP4MP_SUBTYPES: ReadonlyMap<number, { as4: boolean; state: boolean; local: boolean; addPath: boolean }> =
  new Map(
    [
      [0, false, true, false, false],
      [1, false, false, false, false],
      [4, true, false, false, false],
      [5, true, true, false, false],
      [6, false, false, true, false],
      [7, true, false, true, false],
      [8, false, false, false, true],
      [9, true, false, false, true],
      [10, false, false, true, true],
      [11, true, false, true, true],
    ].map((row) => {
      const [subtype, as4, state, local, addPath] = row as [number, boolean, boolean, boolean, boolean]
      return [subtype, { as4, state, local, addPath }]
    }),
  )

function addressAt(buffer: Uint8Array, at: number, ipv6: boolean): string {
  return ipv6 ? formatIPv6(buffer, at) : formatIPv4(u32(buffer, at))
}

function decodeBgp4mp(source: MrtSource): MrtRecord {
  const { buffer, start, end, timestamp, microseconds } = source
  const fineTime = source.type === MrtType.bgp4mpEt
  const form = BGP4MP_SUBTYPES.get(source.subtype)
  if (form === undefined) return unknown(source, 'subtype without a decoder')
  const asSize = form.as4 ? 4 : 2
  const familyAt = start + 2 * asSize + 2
  if (familyAt + 2 > end) return unknown(source, 'truncated')
  const afi = u16(buffer, familyAt)
  if (afi !== 1 && afi !== 2) return unknown(source, `address family ${afi}`)
  const addressSize = afi === 2 ? 16 : 4
  const at = familyAt + 2 + 2 * addressSize
  if (at + (form.state ? 4 : 19) > end) return unknown(source, 'truncated')
  const session: MrtSession = {
    peerAs: form.as4 ? u32(buffer, start) : u16(buffer, start),
    localAs: form.as4 ? u32(buffer, start + 4) : u16(buffer, start + 2),
    interfaceIndex: u16(buffer, familyAt - 2),
    afi,
    peerAddress: addressAt(buffer, familyAt + 2, afi === 2),
    localAddress: addressAt(buffer, familyAt + 2 + addressSize, afi === 2),
  }
  if (form.state) {
    const [oldState, newState] = [u16(buffer, at), u16(buffer, at + 2)]
    return { kind: 'state-change', timestamp, microseconds, fineTime, ...session, oldState, newState }
  }
  const { as4, addPath, local } = form
  return { kind: 'message', timestamp, microseconds, fineTime, ...session, as4, addPath, local, buffer, start: at, end }
}

/** RFC 6396 section 4.2: one prefix, one peer. */
function decodeTableDump(source: MrtSource): MrtRecord {
  const { buffer, start, end, timestamp, subtype } = source
  if (subtype !== 1 && subtype !== 2) return unknown(source, 'subtype without a decoder')
  const size = subtype === 2 ? 16 : 4
  const fixed = start + 4 + size + 6 + size + 4
  if (fixed > end) return unknown(source, 'truncated')
  const lengthAt = start + 4 + size
  const peerAt = lengthAt + 6
  const attributesEnd = fixed + u16(buffer, fixed - 2)
  if (attributesEnd > end) return unknown(source, 'attributes run over the record')
  const ipv6 = subtype === 2
  const peer = { bgpId: 0, address: addressAt(buffer, peerAt, ipv6), asn: u16(buffer, peerAt + size) }
  const entry: MrtRibEntry = {
    peerIndex: -1,
    peer,
    originated: u32(buffer, lengthAt + 2),
    pathId: undefined,
    attributesStart: fixed,
    attributesEnd,
  }
  return {
    kind: 'rib',
    timestamp,
    sequence: u16(buffer, start + 2),
    afi: subtype,
    safi: 1,
    prefix: `${addressAt(buffer, start + 4, ipv6)}/${buffer[lengthAt]}`,
    as4: false,
    addPath: false,
    entries: [entry],
    buffer,
  }
}

/** RFC 6396 section 4.3.1. */
function decodePeerIndex(source: MrtSource): MrtRecord {
  const { buffer, start, end, timestamp } = source
  const nameEnd = start + 6 + (start + 6 <= end ? u16(buffer, start + 4) : 0)
  if (start + 6 > end || nameEnd + 2 > end) return unknown(source, 'truncated')
  const viewName = String.fromCharCode(...buffer.subarray(start + 6, Math.min(nameEnd, start + 262)))
  const count = u16(buffer, nameEnd)
  const peers: MrtPeer[] = []
  let at = nameEnd + 2
  for (let i = 0; i < count; i++) {
    const form = buffer[at]
    const addressEnd = at + 5 + (form & 1 ? 16 : 4)
    const next = addressEnd + (form & 2 ? 4 : 2)
    if (next > end) return unknown(source, `peer ${i} is truncated`)
    const asn = form & 2 ? u32(buffer, addressEnd) : u16(buffer, addressEnd)
    peers.push({ bgpId: u32(buffer, at + 1), address: addressAt(buffer, at + 5, (form & 1) !== 0), asn })
    at = next
  }
  return { kind: 'peer-index', timestamp, collectorId: u32(buffer, start), viewName, peers }
}

/** AFI, SAFI and ADD-PATH of the RIB subtypes (RFC 6396 section 4.3.2, RFC 8050 section 4). */
const RIB_SUBTYPES: ReadonlyMap<number, readonly [afi: number, safi: number, addPath: boolean]> = new Map([
  [2, [1, 1, false]],
  [3, [1, 2, false]],
  [4, [2, 1, false]],
  [5, [2, 2, false]],
  [8, [1, 1, true]],
  [9, [1, 2, true]],
  [10, [2, 1, true]],
  [11, [2, 2, true]],
])

/** RIB_GENERIC and RIB_GENERIC_ADDPATH name their family in the record (RFC 6396 section 4.3.3). */
const GENERIC = 6
const GENERIC_ADD_PATH = 12

const cursor = new NlriCursor()

function decodeRib(source: MrtSource): MrtRecord {
  const { buffer, start, end, timestamp, subtype } = source
  const generic = subtype === GENERIC || subtype === GENERIC_ADD_PATH
  const prefixAt = start + (generic ? 7 : 4)
  if (prefixAt >= end) return unknown(source, 'truncated')
  const form = generic
    ? ([u16(buffer, start + 4), buffer[start + 6], subtype === GENERIC_ADD_PATH] as const)
    : RIB_SUBTYPES.get(subtype)
  if (form === undefined) return unknown(source, 'subtype without a decoder')
  const [afi, safi, addPath] = form
  // Only unicast and multicast NLRI say their length in a way we know, and without it no entry can be found.
  if ((afi !== 1 && afi !== 2) || safi > 2) return unknown(source, `family ${familyName(afi, safi)} without a decoder`)
  const prefixEnd = prefixAt + 1 + ((buffer[prefixAt] + 7) >>> 3)
  if (prefixEnd + 2 > end) return unknown(source, 'truncated')
  if (checkNlri(buffer, prefixAt, prefixEnd, afi === 2 ? 128 : 32, false) !== 1) return unknown(source, 'bad prefix')
  cursor.open(buffer, prefixAt, prefixEnd, afi === 2 ? 6 : 4, false)
  cursor.next()
  const prefix = cursorPrefix(cursor, afi === 2 ? 6 : 4)
  const count = u16(buffer, prefixEnd)
  const head = addPath ? 12 : 8
  const entries: MrtRibEntry[] = []
  let at = prefixEnd + 2
  for (let i = 0; i < count; i++) {
    const attributesStart = at + head
    const attributesEnd = attributesStart <= end ? attributesStart + u16(buffer, attributesStart - 2) : end + 1
    if (attributesEnd > end) return unknown(source, `entry ${i} is truncated`)
    const pathId = addPath ? u32(buffer, at + 6) : undefined
    const peerIndex = u16(buffer, at)
    entries.push({
      peerIndex,
      peer: undefined,
      originated: u32(buffer, at + 2),
      pathId,
      attributesStart,
      attributesEnd,
    })
    at = attributesEnd
  }
  const sequence = u32(buffer, start)
  return { kind: 'rib', timestamp, sequence, afi, safi, prefix, as4: true, addPath, entries, buffer }
}
