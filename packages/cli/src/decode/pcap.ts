/**
 * Capture files to TCP segments: pcap and pcapng, as written by tcpdump and Wireshark.
 *
 * Own code, because no small maintained library reads both: `pcap` needs libpcap and a compiler, `pcap-parser` has not moved since 2016
 * and knows no pcapng. Every length in the file is checked; a damaged file ends the walk early, it does not throw.
 */

/** One TCP segment with its addresses as text and its payload as a view of the file. */
export interface Segment {
  readonly time: number
  readonly source: string
  readonly sourcePort: number
  readonly destination: string
  readonly destinationPort: number
  readonly sequence: number
  readonly syn: boolean
  readonly fin: boolean
  readonly reset: boolean
  readonly payload: Uint8Array
}

interface Packet {
  readonly time: number
  readonly linkType: number
  readonly data: Uint8Array
}

const MICRO = 0xa1b2c3d4
const NANO = 0xa1b23c4d
const SECTION = 0x0a0d0d0a

function viewOf(file: Uint8Array): DataView {
  return new DataView(file.buffer, file.byteOffset, file.byteLength)
}

/** Whether a file begins like a capture. */
export function isCapture(file: Uint8Array): boolean {
  if (file.length < 24) return false
  const view = viewOf(file)
  const [big, little] = [view.getUint32(0), view.getUint32(0, true)]
  return big === SECTION || [big, little].some((magic) => magic === MICRO || magic === NANO)
}

function* packets(file: Uint8Array): Generator<Packet> {
  if (file.length < 24) return
  const view = viewOf(file)
  if (view.getUint32(0) === SECTION) {
    yield* pcapng(file, view)
    return
  }
  for (const little of [false, true]) {
    const magic = view.getUint32(0, little)
    if (magic !== MICRO && magic !== NANO) continue
    const linkType = view.getUint32(20, little) & 0xffff
    const fraction = magic === NANO ? 1e9 : 1e6
    for (let at = 24; at + 16 <= file.length; ) {
      const next = at + 16 + view.getUint32(at + 8, little)
      if (next > file.length) return
      const time = view.getUint32(at, little) + view.getUint32(at + 4, little) / fraction
      yield { time, linkType, data: file.subarray(at + 16, next) }
      at = next
    }
  }
}

function* pcapng(file: Uint8Array, view: DataView): Generator<Packet> {
  let little = false
  let links: { type: number; ticks: number }[] = []
  for (let at = 0; at + 12 <= file.length; ) {
    const section = view.getUint32(at) === SECTION
    if (section) {
      little = view.getUint32(at + 8, true) === 0x1a2b3c4d
      links = []
    }
    const type = view.getUint32(at, little)
    const next = at + view.getUint32(at + 4, little)
    if (next < at + 12 || next > file.length) return
    if (type === 1 && next >= at + 20) {
      links.push({ type: view.getUint16(at + 8, little), ticks: ticksPerSecond(view, at + 16, next - 4, little) })
    } else if (type === 6 && next >= at + 32) {
      const link = links[view.getUint32(at + 8, little)]
      const size = view.getUint32(at + 20, little)
      if (link !== undefined && at + 28 + size <= next - 4) {
        const time = view.getUint32(at + 12, little) * 2 ** 32 + view.getUint32(at + 16, little)
        yield { time: time / link.ticks, linkType: link.type, data: file.subarray(at + 28, at + 28 + size) }
      }
    }
    at = next
  }
}

/** Ticks per second: option 9 of the interface block, microseconds without it. */
function ticksPerSecond(view: DataView, start: number, end: number, little: boolean): number {
  for (let at = start; at + 4 <= end; ) {
    const code = view.getUint16(at, little)
    const length = view.getUint16(at + 2, little)
    if (code === 9 && length >= 1 && at + 5 <= end) {
      const value = view.getUint8(at + 4)
      return value & 0x80 ? 2 ** (value & 0x7f) : 10 ** value
    }
    if (code === 0) break
    at += 4 + length + ((4 - (length & 3)) & 3)
  }
  return 1e6
}

/** Offset of the IP header by link type; -1 when the packet carries something else. */
function ipOffset({ linkType, data }: Packet): number {
  switch (linkType) {
    case 0:
    case 108:
      return 4
    case 1: {
      let at = 12
      // 802.1Q and 802.1ad tags stand before the type.
      while (at + 4 <= data.length && ((data[at]! << 8) | data[at + 1]!) !== 0x0800) {
        const type = (data[at]! << 8) | data[at + 1]!
        if (type === 0x86dd) break
        if (type !== 0x8100 && type !== 0x88a8) return -1
        at += 4
      }
      return at + 2
    }
    case 12:
    case 14:
    case 101:
    case 228:
    case 229:
      return 0
    case 113:
      return 16
    case 276:
      return 20
    default:
      return -1
  }
}

function ipText(data: Uint8Array, at: number, size: 4 | 16, format: (octets: Uint8Array) => string): string {
  return format(data.subarray(at, at + size))
}

/** The TCP segments of a capture that touch `port`. `format` prints addresses of 4 or 16 octets. */
export function* tcpSegments(
  file: Uint8Array,
  port: number,
  format: (octets: Uint8Array) => string,
): Generator<Segment> {
  for (const packet of packets(file)) {
    const { data } = packet
    const ip = ipOffset(packet)
    if (ip < 0 || ip + 20 > data.length) continue
    const view = viewOf(data)
    const version = data[ip]! >> 4
    let tcp: number
    let end: number
    if (version === 4) {
      // Fragments are left out: BGP speakers use path MTU discovery, and half a header helps nobody.
      if (data[ip + 9] !== 6 || (view.getUint16(ip + 6) & 0x3fff) !== 0) continue
      tcp = ip + (data[ip]! & 15) * 4
      const total = view.getUint16(ip + 2)
      end = total === 0 ? data.length : ip + total
    } else if (version === 6 && ip + 40 <= data.length && data[ip + 6] === 6) {
      tcp = ip + 40
      const total = view.getUint16(ip + 4)
      end = total === 0 ? data.length : tcp + total
    } else {
      continue
    }
    if (tcp + 20 > data.length || end > data.length) continue
    const [sourcePort, destinationPort] = [view.getUint16(tcp), view.getUint16(tcp + 2)]
    if (sourcePort !== port && destinationPort !== port) continue
    const payload = tcp + (data[tcp + 12]! >> 4) * 4
    if (payload > end) continue
    const size = version === 4 ? 4 : 16
    const sourceAt = version === 4 ? ip + 12 : ip + 8
    const flags = data[tcp + 13]!
    yield {
      time: packet.time,
      source: ipText(data, sourceAt, size, format),
      sourcePort,
      destination: ipText(data, sourceAt + size, size, format),
      destinationPort,
      sequence: view.getUint32(tcp + 4),
      syn: (flags & 2) !== 0,
      fin: (flags & 1) !== 0,
      reset: (flags & 4) !== 0,
      payload: data.subarray(payload, end),
    }
  }
}
