/**
 * Links: struct ifinfomsg and the attributes a route programmer reads or sets: name, MTU, state, MAC, kind, and the
 * parameters of the two tunnels of this field (vxlan; ipip needs none: `tunl0` is the kernel's remote-less device).
 */

import {
  type Attribute,
  type MessageWriter,
  NLA_F_NESTED,
  readI32,
  readText,
  readU16,
  readU32,
  walkAttributes,
} from './bytes.js'
import { IFLA, IFLA_INFO, IFLA_VXLAN } from './constants.js'

const IFINFOMSG = 16

export interface VxlanInfo {
  id: number
  /** Host order; 4789 is the IANA port. */
  port: number
  /** Parent interface, 0 for none. */
  parent: number
  local?: Uint8Array | undefined
  learning: boolean
}

export interface LinkMessage {
  family: number
  deviceType: number
  index: number
  /** IFF_* */
  flags: number
  /** Which flags a request changes. */
  changeMask: number
  name?: string | undefined
  mtu?: number | undefined
  master?: number | undefined
  address?: Uint8Array | undefined
  kind?: string | undefined
  vxlan?: VxlanInfo | undefined
  unknown?: readonly Attribute[] | undefined
}

export function encodeLink(writer: MessageWriter, link: LinkMessage): void {
  writer.u8(link.family)
  writer.u8(0)
  writer.u16(link.deviceType)
  writer.u32(link.index)
  writer.u32(link.flags)
  writer.u32(link.changeMask)
  if (link.name !== undefined) writer.attributeText(IFLA.IFNAME, link.name)
  if (link.mtu !== undefined) writer.attributeU32(IFLA.MTU, link.mtu)
  if (link.master !== undefined) writer.attributeU32(IFLA.MASTER, link.master)
  if (link.address !== undefined) writer.attribute(IFLA.ADDRESS, link.address)
  if (link.kind !== undefined) {
    const info = writer.open(IFLA.LINKINFO | NLA_F_NESTED)
    writer.attributeText(IFLA_INFO.KIND, link.kind)
    if (link.vxlan !== undefined) encodeVxlan(writer, link.vxlan)
    writer.close(info)
  }
  if (link.unknown !== undefined) writer.attributes(link.unknown)
}

function encodeVxlan(writer: MessageWriter, vxlan: VxlanInfo): void {
  const data = writer.open(IFLA_INFO.DATA | NLA_F_NESTED)
  writer.attributeU32(IFLA_VXLAN.ID, vxlan.id)
  if (vxlan.parent !== 0) writer.attributeU32(IFLA_VXLAN.LINK, vxlan.parent)
  if (vxlan.local !== undefined) {
    writer.attribute(vxlan.local.length === 4 ? IFLA_VXLAN.LOCAL : IFLA_VXLAN.LOCAL6, vxlan.local)
  }
  writer.attributeU8(IFLA_VXLAN.LEARNING, vxlan.learning ? 1 : 0)
  writer.attribute(IFLA_VXLAN.PORT, Uint8Array.of(vxlan.port >> 8, vxlan.port & 0xff))
  writer.close(data)
}

export function decodeLink(bytes: Uint8Array, from: number, to: number, keepUnknown = true): LinkMessage | undefined {
  if (to - from < IFINFOMSG) return undefined
  const link: LinkMessage = {
    family: bytes[from],
    deviceType: readU16(bytes, from + 2),
    index: readI32(bytes, from + 4),
    flags: readU32(bytes, from + 8),
    changeMask: readU32(bytes, from + 12),
  }
  const unknown: Attribute[] = []
  walkAttributes(bytes, from + IFINFOMSG, to, (type, start, end, fullType) => {
    switch (type) {
      case IFLA.IFNAME:
        link.name = readText(bytes, start, end)
        return
      case IFLA.MTU:
        link.mtu = readU32(bytes, start)
        return
      case IFLA.MASTER:
        link.master = readU32(bytes, start)
        return
      case IFLA.ADDRESS:
        link.address = bytes.slice(start, end)
        return
      case IFLA.LINKINFO:
        decodeInfo(bytes, start, end, link)
        return
      default:
        if (keepUnknown) unknown.push({ type: fullType, data: bytes.slice(start, end) })
    }
  })
  if (unknown.length > 0) link.unknown = unknown
  return link
}

function decodeInfo(bytes: Uint8Array, from: number, to: number, link: LinkMessage): void {
  walkAttributes(bytes, from, to, (type, start, end) => {
    if (type === IFLA_INFO.KIND) link.kind = readText(bytes, start, end)
    else if (type === IFLA_INFO.DATA && link.kind === 'vxlan') link.vxlan = decodeVxlan(bytes, start, end)
  })
}

function decodeVxlan(bytes: Uint8Array, from: number, to: number): VxlanInfo {
  const vxlan: VxlanInfo = { id: 0, port: 0, parent: 0, learning: false }
  walkAttributes(bytes, from, to, (type, start, end) => {
    if (type === IFLA_VXLAN.ID) vxlan.id = readU32(bytes, start)
    else if (type === IFLA_VXLAN.LINK) vxlan.parent = readU32(bytes, start)
    else if (type === IFLA_VXLAN.LOCAL || type === IFLA_VXLAN.LOCAL6) vxlan.local = bytes.slice(start, end)
    else if (type === IFLA_VXLAN.LEARNING) vxlan.learning = bytes[start] !== 0
    else if (type === IFLA_VXLAN.PORT) vxlan.port = (bytes[start] << 8) | bytes[start + 1]
  })
  return vxlan
}
