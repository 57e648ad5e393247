/**
 * BGP messages as a capture file for `tcpdump`: one TCP segment each, IPv4 over raw IP, checksums left zero.
 */

const HEADERS = 40

/** A pcap file (link type 101) of one direction of a session. */
export function capture(messages: readonly Uint8Array[]): Uint8Array {
  const size = messages.reduce((sum, message) => sum + 16 + HEADERS + message.length, 24)
  const file = new Uint8Array(size)
  const view = new DataView(file.buffer)
  view.setUint32(0, 0xa1b2c3d4)
  view.setUint16(4, 2)
  view.setUint16(6, 4)
  view.setUint32(16, 0x40000)
  view.setUint32(20, 101)
  let at = 24
  let sequence = 1
  for (const message of messages) {
    const length = HEADERS + message.length
    view.setUint32(at + 8, length)
    view.setUint32(at + 12, length)
    const ip = at + 16
    file[ip] = 0x45
    view.setUint16(ip + 2, length)
    file[ip + 8] = 64
    file[ip + 9] = 6
    view.setUint32(ip + 12, 0x0a000001)
    view.setUint32(ip + 16, 0x0a000002)
    view.setUint16(ip + 20, 179)
    view.setUint16(ip + 22, 40000)
    view.setUint32(ip + 24, sequence)
    file[ip + 32] = 0x50
    file[ip + 33] = 0x18
    view.setUint16(ip + 34, 65535)
    file.set(message, ip + HEADERS)
    sequence = (sequence + message.length) >>> 0
    at += 16 + length
  }
  return file
}
