/**
 * The table of capabilities: how each code is read and written.
 *
 * `decode` answers a value, 'ignore' (readable by nobody, harmless: kept opaque) or 'malformed' (OPEN Message Error,
 * Unspecific). The line between the two: a capability that changes how later messages are read must be understood by both
 * sides in the same way, so nonsense there ends the attempt; one that only informs (FQDN, software version) is ignored.
 */

import { u16, u32 } from '../read.js'
import { utf8Decode, utf8Encode } from '../text.js'
import type { ByteWriter } from '../writer.js'
import type { Capability, CapabilityKind } from './values.js'

export type Outcome = Capability | 'ignore' | 'malformed'

export interface CapabilityDescriptor {
  readonly code: number
  readonly name: string
  readonly kind: CapabilityKind | undefined
  decode(buffer: Uint8Array, start: number, end: number): Outcome
}

type FlagKind = 'routeRefresh' | 'extendedMessage' | 'enhancedRouteRefresh'

/** RFC 2918, 7313, 8654: length zero. A length against the RFC is carried opaque, as every known speaker does. */
function flag(code: number, name: string, kind: FlagKind): CapabilityDescriptor {
  return { code, name, kind, decode: (_, start, end) => (end === start ? { kind } : 'ignore') }
}

/** Maps records of a fixed size; undefined unless they fill [start, end) exactly. */
function records<T>(start: number, end: number, size: number, read: (at: number) => T): T[] | undefined {
  if ((end - start) % size !== 0) return undefined
  const list: T[] = []
  for (let at = start; at < end; at += size) list.push(read(at))
  return list
}

const multiprotocol: CapabilityDescriptor = {
  code: 1,
  name: 'multiprotocol',
  kind: 'multiprotocol',
  decode(buffer, start, end) {
    if (end - start !== 4) return 'malformed'
    return { kind: 'multiprotocol', afi: u16(buffer, start), safi: buffer[start + 3] }
  },
}

/** RFC 5291 section 4: entries of AFI, reserved, SAFI, number, then (type, mode) pairs. */
const outboundRouteFiltering: CapabilityDescriptor = {
  code: 3,
  name: 'outbound-route-filtering',
  kind: 'outboundRouteFiltering',
  decode(buffer, start, end) {
    const entries: { afi: number; safi: number; filters: { type: number; mode: number }[] }[] = []
    let at = start
    while (at < end) {
      if (at + 5 > end) return 'malformed'
      const next = at + 5 + 2 * buffer[at + 4]
      if (next > end) return 'malformed'
      const filters: { type: number; mode: number }[] = []
      for (let k = at + 5; k < next; k += 2) filters.push({ type: buffer[k], mode: buffer[k + 1] })
      entries.push({ afi: u16(buffer, at), safi: buffer[at + 3], filters })
      at = next
    }
    return { kind: 'outboundRouteFiltering', entries }
  },
}

const extendedNextHop: CapabilityDescriptor = {
  code: 5,
  name: 'extended-next-hop',
  kind: 'extendedNextHop',
  decode(buffer, start, end) {
    const entries = records(start, end, 6, (at) => ({
      afi: u16(buffer, at),
      safi: u16(buffer, at + 2) & 255,
      nextHopAfi: u16(buffer, at + 4),
    }))
    return entries === undefined ? 'malformed' : { kind: 'extendedNextHop', entries }
  },
}

const role: CapabilityDescriptor = {
  code: 9,
  name: 'role',
  kind: 'role',
  decode: (buffer, start, end) => (end - start === 1 ? { kind: 'role', role: buffer[start] } : 'malformed'),
}

const gracefulRestart: CapabilityDescriptor = {
  code: 64,
  name: 'graceful-restart',
  kind: 'gracefulRestart',
  decode(buffer, start, end) {
    if (end - start < 2) return 'malformed'
    const families = records(start + 2, end, 4, (at) => ({
      afi: u16(buffer, at),
      safi: buffer[at + 2],
      forwarding: (buffer[at + 3] & 0x80) !== 0,
    }))
    if (families === undefined) return 'malformed'
    const head = u16(buffer, start)
    return {
      kind: 'gracefulRestart',
      restarting: (head & 0x8000) !== 0,
      notification: (head & 0x4000) !== 0,
      restartTime: head & 0x0fff,
      families,
    }
  },
}

const fourOctetAs: CapabilityDescriptor = {
  code: 65,
  name: 'four-octet-as',
  kind: 'fourOctetAs',
  decode: (buffer, start, end) => (end - start === 4 ? { kind: 'fourOctetAs', asn: u32(buffer, start) } : 'malformed'),
}

const addPath: CapabilityDescriptor = {
  code: 69,
  name: 'add-path',
  kind: 'addPath',
  decode(buffer, start, end) {
    const entries = records(start, end, 4, (at) => ({
      afi: u16(buffer, at),
      safi: buffer[at + 2],
      mode: buffer[at + 3],
    }))
    return entries === undefined ? 'malformed' : { kind: 'addPath', entries }
  },
}

const longLivedGracefulRestart: CapabilityDescriptor = {
  code: 71,
  name: 'long-lived-graceful-restart',
  kind: 'longLivedGracefulRestart',
  decode(buffer, start, end) {
    const families = records(start, end, 7, (at) => ({
      afi: u16(buffer, at),
      safi: buffer[at + 2],
      forwarding: (buffer[at + 3] & 0x80) !== 0,
      staleTime: (buffer[at + 4] << 16) | u16(buffer, at + 5),
    }))
    return families === undefined ? 'malformed' : { kind: 'longLivedGracefulRestart', families }
  },
}

/** draft-walton-bgp-hostname-capability: two counted strings. Informs only. */
const fqdn: CapabilityDescriptor = {
  code: 73,
  name: 'fqdn',
  kind: 'fqdn',
  decode(buffer, start, end) {
    const hostEnd = start + 1 + (start < end ? buffer[start] : 0)
    if (hostEnd >= end || hostEnd + 1 + buffer[hostEnd] !== end) return 'ignore'
    const hostname = utf8Decode(buffer.subarray(start + 1, hostEnd))
    const domain = utf8Decode(buffer.subarray(hostEnd + 1, end))
    return hostname === undefined || domain === undefined ? 'ignore' : { kind: 'fqdn', hostname, domain }
  },
}

/** draft-ietf-idr-software-version: one counted string. Informs only. */
const softwareVersion: CapabilityDescriptor = {
  code: 75,
  name: 'software-version',
  kind: 'softwareVersion',
  decode(buffer, start, end) {
    if (start >= end || start + 1 + buffer[start] !== end) return 'ignore'
    const version = utf8Decode(buffer.subarray(start + 1, end))
    return version === undefined ? 'ignore' : { kind: 'softwareVersion', version }
  },
}

/** Named so that they can be shown, otherwise carried. */
function carried(code: number, name: string): CapabilityDescriptor {
  return { code, name, kind: undefined, decode: () => 'ignore' }
}

export const CAPABILITIES: readonly CapabilityDescriptor[] = [
  multiprotocol,
  flag(2, 'route-refresh', 'routeRefresh'),
  outboundRouteFiltering,
  extendedNextHop,
  flag(6, 'extended-message', 'extendedMessage'),
  carried(7, 'bgpsec'),
  role,
  gracefulRestart,
  fourOctetAs,
  carried(67, 'dynamic-capability'),
  carried(68, 'multisession'),
  addPath,
  flag(70, 'enhanced-route-refresh', 'enhancedRouteRefresh'),
  longLivedGracefulRestart,
  fqdn,
  softwareVersion,
  carried(76, 'paths-limit'),
  carried(128, 'route-refresh-old'),
]

const BY_CODE: readonly (CapabilityDescriptor | undefined)[] = Array.from({ length: 256 }, (_, code) =>
  CAPABILITIES.find((row) => row.code === code),
)

/** "add-path", or "capability 200". */
export function capabilityName(code: number): string {
  return BY_CODE[code]?.name ?? `capability ${code}`
}

export function capabilityCode(capability: Capability): number {
  if (capability.kind === 'opaque') return capability.code
  return CAPABILITIES.find((row) => row.kind === capability.kind)?.code ?? 0
}

/** Reads one capability value; 'malformed' means OPEN Message Error. */
export function decodeCapability(
  code: number,
  buffer: Uint8Array,
  start: number,
  end: number,
): Capability | 'malformed' {
  const outcome = BY_CODE[code]?.decode(buffer, start, end) ?? 'ignore'
  return outcome === 'ignore' ? { kind: 'opaque', code, data: buffer.slice(start, end) } : outcome
}

function writeCounted(writer: ByteWriter, text: string): void {
  const octets = utf8Encode(text).subarray(0, 255)
  writer.u8(octets.length)
  writer.bytes(octets)
}

/** Writes code, length and value. A value longer than 255 octets marks the writer's overflow. */
export function encodeCapability(writer: ByteWriter, capability: Capability): void {
  writer.u8(capabilityCode(capability))
  const lengthAt = writer.at
  writer.u8(0)
  encodeValue(writer, capability)
  const length = writer.at - lengthAt - 1
  if (length > 255) writer.overflow = true
  else if (!writer.overflow) writer.buffer[lengthAt] = length
}

function encodeValue(writer: ByteWriter, capability: Capability): void {
  switch (capability.kind) {
    case 'multiprotocol':
      writer.u16(capability.afi)
      writer.u16(capability.safi)
      return
    case 'outboundRouteFiltering':
      for (const { afi, safi, filters } of capability.entries) {
        writer.u16(afi)
        writer.u16(safi)
        writer.u8(filters.length)
        for (const filter of filters) writer.u16((filter.type << 8) | filter.mode)
      }
      return
    case 'extendedNextHop':
      for (const { afi, safi, nextHopAfi } of capability.entries) {
        writer.u16(afi)
        writer.u16(safi)
        writer.u16(nextHopAfi)
      }
      return
    case 'role':
      writer.u8(capability.role)
      return
    case 'gracefulRestart':
      writer.u16(
        (capability.restarting ? 0x8000 : 0) |
          (capability.notification ? 0x4000 : 0) |
          (capability.restartTime & 0xfff),
      )
      for (const { afi, safi, forwarding } of capability.families) {
        writer.u16(afi)
        writer.u8(safi)
        writer.u8(forwarding ? 0x80 : 0)
      }
      return
    case 'fourOctetAs':
      writer.u32(capability.asn)
      return
    case 'addPath':
      for (const { afi, safi, mode } of capability.entries) {
        writer.u16(afi)
        writer.u8(safi)
        writer.u8(mode)
      }
      return
    case 'longLivedGracefulRestart':
      for (const { afi, safi, forwarding, staleTime } of capability.families) {
        writer.u16(afi)
        writer.u8(safi)
        writer.u32(((forwarding ? 0x80 : 0) << 24) | (staleTime & 0xffffff))
      }
      return
    case 'fqdn':
      writeCounted(writer, capability.hostname)
      writeCounted(writer, capability.domain)
      return
    case 'softwareVersion':
      writeCounted(writer, capability.version)
      return
    case 'opaque':
      writer.bytes(capability.data)
      return
    default:
      return
  }
}
