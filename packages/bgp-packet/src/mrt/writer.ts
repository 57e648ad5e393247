/**
 * MRT records to octets: BGP4MP(_ET) messages and state changes, TABLE_DUMP_V2 peer index and RIB entries (RFC 6396, 8050).
 *
 * Four-octet AS numbers, unless a session had none: its AS_PATHs would be misread.
 */

import { parseAddress, parseIPv4, parseIPv6 } from '../address.js'
import { AS_TRANS } from '../constants.js'
import { ByteWriter } from '../writer.js'
import { MAX_MRT_RECORD, MrtType } from './reader.js'
import type { MrtPeer, MrtSession } from './records.js'

/** Runs `body` with growing room until it fits, and puts the header in front. */
function record(timestamp: number, type: number, subtype: number, body: (writer: ByteWriter) => void): Uint8Array {
  for (let size = 4096; size <= MAX_MRT_RECORD; size *= 4) {
    const writer = new ByteWriter(new Uint8Array(size))
    writer.u32(timestamp)
    writer.u16(type)
    writer.u16(subtype)
    writer.u32(0)
    body(writer)
    if (writer.overflow) continue
    const octets = writer.copy()
    new DataView(octets.buffer).setUint32(8, octets.length - 12)
    return octets
  }
  throw new RangeError('MRT record too long')
}

function address(text: string): Uint8Array {
  const octets = parseAddress(text)
  if (octets === undefined) throw new TypeError(`"${text}" is no address`)
  return octets
}

function writeSession(writer: ByteWriter, session: MrtSession, as4 = true): void {
  for (const asn of [session.peerAs, session.localAs]) {
    if (as4) writer.u32(asn)
    else writer.u16(asn > 0xffff ? AS_TRANS : asn)
  }
  writer.u16(session.interfaceIndex)
  writer.u16(session.afi)
  writer.bytes(address(session.peerAddress))
  writer.bytes(address(session.localAddress))
}

export interface MrtTime {
  readonly timestamp: number
  /** When present, the extended form (BGP4MP_ET) is written. */
  readonly microseconds?: number
}

function bgp4mp(time: MrtTime, subtype: number, body: (writer: ByteWriter) => void): Uint8Array {
  const { timestamp, microseconds } = time
  return record(timestamp, microseconds === undefined ? MrtType.bgp4mp : MrtType.bgp4mpEt, subtype, (writer) => {
    if (microseconds !== undefined) writer.u32(microseconds)
    body(writer)
  })
}

/** BGP4MP_MESSAGE_AS4, or its ADD-PATH form; without `as4` the forms for sessions of 2-octet AS numbers. */
export function encodeMrtMessage(
  time: MrtTime,
  session: MrtSession,
  message: Uint8Array,
  addPath = false,
  as4 = true,
): Uint8Array {
  return bgp4mp(time, (addPath ? 8 : 1) + (as4 ? (addPath ? 1 : 3) : 0), (writer) => {
    writeSession(writer, session, as4)
    writer.bytes(message)
  })
}

/** BGP4MP_STATE_CHANGE_AS4; states are numbered as in RFC 6396 section 4.4.1 (1 Idle ... 6 Established). */
export function encodeMrtStateChange(
  time: MrtTime,
  session: MrtSession,
  oldState: number,
  newState: number,
): Uint8Array {
  return bgp4mp(time, 5, (writer) => {
    writeSession(writer, session)
    writer.u16(oldState)
    writer.u16(newState)
  })
}

export function encodeMrtPeerIndex(
  timestamp: number,
  collectorId: number,
  viewName: string,
  peers: readonly MrtPeer[],
): Uint8Array {
  return record(timestamp, MrtType.tableDumpV2, 1, (writer) => {
    writer.u32(collectorId)
    writer.u16(viewName.length)
    for (let i = 0; i < viewName.length; i++) writer.u8(viewName.charCodeAt(i))
    writer.u16(peers.length)
    for (const peer of peers) {
      const octets = address(peer.address)
      writer.u8(octets.length === 16 ? 3 : 2)
      writer.u32(peer.bgpId)
      writer.bytes(octets)
      writer.u32(peer.asn)
    }
  })
}

export interface MrtRibEntryValue {
  readonly peerIndex: number
  readonly originated: number
  readonly pathId?: number
  /** Path attributes with 4-octet AS numbers; MP_REACH_NLRI in its short form. */
  readonly attributes: Uint8Array
}

/** A unicast RIB record; with path identifiers if the first entry has one. */
export function encodeMrtRib(
  timestamp: number,
  sequence: number,
  prefix: string,
  entries: readonly MrtRibEntryValue[],
): Uint8Array {
  const slash = prefix.indexOf('/')
  const text = prefix.slice(0, slash)
  const ipv6 = parseIPv4(text) === undefined
  const octets = ipv6 ? parseIPv6(text) : address(text)
  const bits = Number(prefix.slice(slash + 1))
  if (octets === undefined || !Number.isInteger(bits) || bits < 0 || bits > octets.length * 8) {
    throw new TypeError(`"${prefix}" is no prefix`)
  }
  const addPath = entries[0]?.pathId !== undefined
  return record(timestamp, MrtType.tableDumpV2, (ipv6 ? 4 : 2) + (addPath ? 6 : 0), (writer) => {
    writer.u32(sequence)
    writer.u8(bits)
    writer.bytes(octets, 0, (bits + 7) >>> 3)
    writer.u16(entries.length)
    for (const entry of entries) {
      writer.u16(entry.peerIndex)
      writer.u32(entry.originated)
      if (addPath) writer.u32(entry.pathId ?? 0)
      writer.u16(entry.attributes.length)
      writer.bytes(entry.attributes)
    }
  })
}
