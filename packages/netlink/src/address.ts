/**
 * Addresses (struct ifaddrmsg) and neighbours (struct ndmsg). A neighbour of family AF_BRIDGE with NTF_SELF is an entry
 * of a VXLAN device's forwarding table: which remote host carries a MAC.
 */

import { type Attribute, type MessageWriter, readI32, readU16, readU32, walkAttributes } from './bytes.js'
import { IFA, NDA } from './constants.js'

const IFADDRMSG = 8
const NDMSG = 12

export interface AddressMessage {
  family: number
  prefixLength: number
  flags: number
  scope: number
  ifindex: number
  /** The host's own address. */
  local?: Uint8Array | undefined
  /** The prefix's address, or the peer's on a point-to-point link. */
  address?: Uint8Array | undefined
  unknown?: readonly Attribute[] | undefined
}

export function encodeAddress(writer: MessageWriter, message: AddressMessage): void {
  writer.u8(message.family)
  writer.u8(message.prefixLength)
  writer.u8(message.flags & 0xff)
  writer.u8(message.scope)
  writer.u32(message.ifindex)
  if (message.flags > 0xff) writer.attributeU32(IFA.FLAGS, message.flags)
  if (message.local !== undefined) writer.attribute(IFA.LOCAL, message.local)
  if (message.address !== undefined) writer.attribute(IFA.ADDRESS, message.address)
  if (message.unknown !== undefined) writer.attributes(message.unknown)
}

export function decodeAddress(bytes: Uint8Array, from: number, to: number): AddressMessage | undefined {
  if (to - from < IFADDRMSG) return undefined
  const message: AddressMessage = {
    family: bytes[from],
    prefixLength: bytes[from + 1],
    flags: bytes[from + 2],
    scope: bytes[from + 3],
    ifindex: readU32(bytes, from + 4),
  }
  const unknown: Attribute[] = []
  walkAttributes(bytes, from + IFADDRMSG, to, (type, start, end, fullType) => {
    if (type === IFA.LOCAL) message.local = bytes.slice(start, end)
    else if (type === IFA.ADDRESS) message.address = bytes.slice(start, end)
    else if (type === IFA.FLAGS) message.flags = readU32(bytes, start)
    else unknown.push({ type: fullType, data: bytes.slice(start, end) })
  })
  if (unknown.length > 0) message.unknown = unknown
  return message
}

export interface NeighbourMessage {
  family: number
  ifindex: number
  /** NUD_* */
  state: number
  /** NTF_* */
  flags: number
  type: number
  destination?: Uint8Array | undefined
  linkAddress?: Uint8Array | undefined
  unknown?: readonly Attribute[] | undefined
}

export function encodeNeighbour(writer: MessageWriter, message: NeighbourMessage): void {
  writer.u8(message.family)
  writer.u8(0)
  writer.u16(0)
  writer.u32(message.ifindex)
  writer.u16(message.state)
  writer.u8(message.flags)
  writer.u8(message.type)
  if (message.destination !== undefined) writer.attribute(NDA.DST, message.destination)
  if (message.linkAddress !== undefined) writer.attribute(NDA.LLADDR, message.linkAddress)
  if (message.unknown !== undefined) writer.attributes(message.unknown)
}

export function decodeNeighbour(bytes: Uint8Array, from: number, to: number): NeighbourMessage | undefined {
  if (to - from < NDMSG) return undefined
  const message: NeighbourMessage = {
    family: bytes[from],
    ifindex: readI32(bytes, from + 4),
    state: readU16(bytes, from + 8),
    flags: bytes[from + 10],
    type: bytes[from + 11],
  }
  const unknown: Attribute[] = []
  walkAttributes(bytes, from + NDMSG, to, (type, start, end, fullType) => {
    if (type === NDA.DST) message.destination = bytes.slice(start, end)
    else if (type === NDA.LLADDR) message.linkAddress = bytes.slice(start, end)
    else unknown.push({ type: fullType, data: bytes.slice(start, end) })
  })
  if (unknown.length > 0) message.unknown = unknown
  return message
}
