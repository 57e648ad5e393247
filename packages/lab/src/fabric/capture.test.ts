/** The bytes of a pcap file, and which frames a port selects; the socket itself is in test/system/fabric.test.ts. */
import { expect, test } from 'vitest'
import { concerns, fileHeader, frameRecord } from './capture.js'

/** Ethernet, IPv4 without options or IPv6, then two ports. */
function frame(type: number, protocol: number, source: number, destination: number): Uint8Array {
  const v4 = type === 0x0800
  const bytes = Buffer.alloc(14 + (v4 ? 20 : 40) + 20)
  bytes.writeUInt16BE(type, 12)
  bytes[14] = v4 ? 0x45 : 0x60
  bytes[v4 ? 23 : 20] = protocol
  bytes.writeUInt16BE(source, v4 ? 34 : 54)
  bytes.writeUInt16BE(destination, v4 ? 36 : 56)
  return bytes
}

test.each([
  ['BGP over IPv4, dialled', frame(0x0800, 6, 40_000, 179), true],
  ['BGP over IPv4, answered', frame(0x0800, 6, 179, 40_000), true],
  ['BGP over IPv6', frame(0x86dd, 6, 40_000, 179), true],
  ['another port', frame(0x0800, 6, 40_000, 180), false],
  ['UDP counts too', frame(0x0800, 17, 179, 1), true],
  ['ICMP with such bytes', frame(0x0800, 1, 179, 179), false],
  ['ARP', frame(0x0806, 6, 179, 179), false],
  ['too short', new Uint8Array(20), false],
])('%s', (_what, bytes, expected) => {
  expect(concerns(bytes, 179)).toBe(expected)
})

test('a file header and a record are those of pcap(5)', () => {
  expect(Buffer.from(fileHeader()).toString('hex')).toBe('d4c3b2a1020004000000000000000000000004000100' + '0000')
  const record = Buffer.from(frameRecord(Uint8Array.of(1, 2, 3), 1_700_000_000_250))
  expect([record.readUInt32LE(0), record.readUInt32LE(4), record.readUInt32LE(8), record.length]).toEqual([
    1_700_000_000, 250_000, 3, 19,
  ])
})
