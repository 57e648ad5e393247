/**
 * OPEN: RFC 4271 section 4.2, capabilities (RFC 5492), extended optional parameters (RFC 9072).
 *
 * Decoding ends in a value or in the NOTIFICATION to answer with (RFC 4271 section 6.2). What depends on our configuration,
 * such as the expected AS or a required capability, is the engine's to judge.
 */

import { decodeCapability, encodeCapability } from '../capability/table.js'
import type { Capability } from '../capability/values.js'
import { AS_TRANS, HEADER_LENGTH, MAX_MESSAGE, MessageType } from '../constants.js'
import { u16, u32 } from '../read.js'
import { type Fault, NO_DATA, Verdict } from '../verdict.js'
import { ByteWriter } from '../writer.js'
import { writeHeader } from './header.js'
import { NotificationCode, OpenError } from './notification.js'

export interface Open {
  readonly type: 'OPEN'
  readonly version: number
  /** The two-octet field: 23456 when the real number needs four. */
  readonly myAs: number
  readonly holdTime: number
  /** BGP Identifier as a 32-bit number. */
  readonly bgpId: number
  readonly capabilities: readonly Capability[]
}

const CAPABILITIES_PARAMETER = 2
const EXTENDED = 255

/** The AS number meant: that of the capability if there is one, else the two-octet field. */
export function openAsn(open: Open): number {
  for (const capability of open.capabilities) if (capability.kind === 'fourOctetAs') return capability.asn
  return open.myAs
}

function bad(subcode: number, offset: number, rule: string, reason: string, data = NO_DATA): Fault {
  const code = NotificationCode.openMessage
  return { verdict: Verdict.sessionReset, code, subcode, attribute: undefined, offset, rule, reason, data }
}

/** Reads the framed OPEN in [start, end): a value, or the fault that ends the attempt. */
export function decodeOpen(buffer: Uint8Array, start: number, end: number): Open | Fault {
  const at = start + HEADER_LENGTH
  if (at + 10 > end) return bad(OpenError.unspecific, start, 'RFC 4271 6.2', 'OPEN too short')
  const version = buffer[at]
  // RFC 4271 section 6.2: the data is the version we support, in two octets.
  if (version !== 4) {
    const data = Uint8Array.of(0, 4)
    return bad(OpenError.unsupportedVersionNumber, at, 'RFC 4271 6.2', `version ${version}`, data)
  }
  const myAs = u16(buffer, at + 1)
  if (myAs === 0) return bad(OpenError.badPeerAs, at + 1, 'RFC 7607 2', 'AS number 0')
  const holdTime = u16(buffer, at + 3)
  if (holdTime === 1 || holdTime === 2) {
    return bad(OpenError.unacceptableHoldTime, at + 3, 'RFC 4271 6.2', `hold time ${holdTime}`)
  }
  const bgpId = u32(buffer, at + 5)
  if (bgpId === 0) return bad(OpenError.badBgpIdentifier, at + 5, 'RFC 6286 2.1', 'BGP Identifier 0')
  const capabilities: Capability[] = []
  const fault = readParameters(buffer, at + 9, end, capabilities)
  if (fault !== undefined) return fault
  const open: Open = { type: 'OPEN', version, myAs, holdTime, bgpId, capabilities }
  if (openAsn(open) === 0) return bad(OpenError.badPeerAs, at + 1, 'RFC 7607 2', 'AS number 0 in the capability')
  return open
}

/** Reads the optional parameters, whose length octet is at `at`. */
function readParameters(buffer: Uint8Array, at: number, end: number, out: Capability[]): Fault | undefined {
  const length = buffer[at]
  let p = at + 1
  let size = length
  // RFC 9072 section 2: type 255 right after a length that is not zero announces the extended form; the short length is void.
  const extended = length !== 0 && p < end && buffer[p] === EXTENDED
  if (extended) {
    if (p + 3 > end) return bad(OpenError.unspecific, p, 'RFC 9072 2', 'truncated extended parameters')
    size = u16(buffer, p + 1)
    p += 3
  }
  if (p + size !== end) {
    const reason = `optional parameters of ${size} octets, ${end - p} present`
    return bad(OpenError.unspecific, at, extended ? 'RFC 9072 2' : 'RFC 4271 6.2', reason)
  }
  const headerLength = extended ? 3 : 2
  while (p < end) {
    if (p + headerLength > end) return bad(OpenError.unspecific, p, 'RFC 4271 6.2', 'truncated optional parameter')
    const type = buffer[p]
    const valueStart = p + headerLength
    const next = valueStart + (extended ? u16(buffer, p + 1) : buffer[p + 1])
    if (next > end) return bad(OpenError.unspecific, p, 'RFC 4271 6.2', `optional parameter ${type} runs over the OPEN`)
    if (type !== CAPABILITIES_PARAMETER) {
      return bad(OpenError.unsupportedOptionalParameter, p, 'RFC 4271 6.2', `optional parameter ${type}`)
    }
    const fault = readCapabilities(buffer, valueStart, next, out)
    if (fault !== undefined) return fault
    p = next
  }
  return undefined
}

function readCapabilities(buffer: Uint8Array, start: number, end: number, out: Capability[]): Fault | undefined {
  let at = start
  while (at < end) {
    const next = at + 2 <= end ? at + 2 + buffer[at + 1] : end + 1
    if (next > end) return bad(OpenError.unspecific, at, 'RFC 5492 4', 'capability runs over its parameter')
    const code = buffer[at]
    const capability = decodeCapability(code, buffer, at + 2, next)
    if (capability === 'malformed') {
      return bad(OpenError.unspecific, at, 'RFC 5492 4', `capability ${code} of ${next - at - 2} octets is malformed`)
    }
    out.push(capability)
    at = next
  }
  return undefined
}

/**
 * The message. All capabilities share one optional parameter; more than 253 octets of them take the extended form
 * (RFC 9072). Throws RangeError only for capabilities that no OPEN of 4096 octets can hold.
 */
export function encodeOpen(open: Open): Uint8Array {
  const capabilities = new ByteWriter(new Uint8Array(MAX_MESSAGE))
  for (const capability of open.capabilities) encodeCapability(capabilities, capability)
  const size = capabilities.at
  const writer = new ByteWriter(new Uint8Array(MAX_MESSAGE), HEADER_LENGTH)
  writer.u8(open.version)
  writer.u16(open.myAs > 0xffff ? AS_TRANS : open.myAs)
  writer.u16(open.holdTime)
  writer.u32(open.bgpId)
  if (size === 0) {
    writer.u8(0)
  } else if (size <= 253) {
    writer.u8(size + 2)
    writer.u8(CAPABILITIES_PARAMETER)
    writer.u8(size)
  } else {
    writer.u16((EXTENDED << 8) | EXTENDED)
    writer.u16(size + 3)
    writer.u8(CAPABILITIES_PARAMETER)
    writer.u16(size)
  }
  writer.bytes(capabilities.buffer, 0, size)
  if (writer.overflow || capabilities.overflow) throw new RangeError('capabilities do not fit into an OPEN')
  writeHeader(writer.buffer, 0, writer.at, MessageType.open)
  return writer.copy()
}
