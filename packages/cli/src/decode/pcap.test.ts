/** Capture formats: pcap in both byte orders and both time units, pcapng, and the link layers that captures of BGP come with. */
import { formatAddress } from '@starling/bgp-packet'
import { describe, expect, it } from 'vitest'
import { type Segment, tcpSegments } from './pcap.js'

const PAYLOAD = Buffer.from('hello')

function tcp(): Buffer {
  const header = Buffer.alloc(20)
  header.writeUInt16BE(40000, 0)
  header.writeUInt16BE(179, 2)
  header.writeUInt32BE(7, 4)
  header[12] = 0x50
  header[13] = 0x18
  return Buffer.concat([header, PAYLOAD])
}

function ipv4(): Buffer {
  const header = Buffer.alloc(20)
  header[0] = 0x45
  header.writeUInt16BE(20 + tcp().length, 2)
  header[9] = 6
  header.set([10, 0, 0, 1, 10, 0, 0, 2], 12)
  return Buffer.concat([header, tcp()])
}

function ipv6(): Buffer {
  const header = Buffer.alloc(40)
  header[0] = 0x60
  header.writeUInt16BE(tcp().length, 4)
  header[6] = 6
  header.set([0xfe, 0x80], 8)
  header[23] = 1
  header.set([0xfe, 0x80], 24)
  header[39] = 2
  return Buffer.concat([header, tcp()])
}

const ethernet = (type: string, packet: Buffer) =>
  Buffer.concat([Buffer.from(`${'00'.repeat(12)}${type}`, 'hex'), packet])

type Write = 'writeUInt32BE' | 'writeUInt32LE'

function pcap(
  packet: Buffer,
  link: number,
  write: Write = 'writeUInt32LE',
  magic = 0xa1b2c3d4,
  fraction = 500_000,
): Buffer {
  const head = Buffer.alloc(40)
  head[write](magic, 0)
  head[write](link, 20)
  head[write](1000, 24)
  head[write](fraction, 28)
  head[write](packet.length, 32)
  head[write](packet.length, 36)
  return Buffer.concat([head, packet])
}

/** A section header, an interface with nanosecond time, one enhanced packet. */
function pcapng(packet: Buffer, link: number, little: boolean): Buffer {
  const w32 = (value: number) => {
    const octets = Buffer.alloc(4)
    if (little) octets.writeUInt32LE(value >>> 0)
    else octets.writeUInt32BE(value >>> 0)
    return octets
  }
  const w16 = (value: number) =>
    little ? Buffer.from([value & 255, value >> 8]) : Buffer.from([value >> 8, value & 255])
  const block = (type: number, body: Buffer) => {
    const padded = Buffer.concat([body, Buffer.alloc((4 - (body.length & 3)) & 3)])
    return Buffer.concat([w32(type), w32(padded.length + 12), padded, w32(padded.length + 12)])
  }
  const ticks = 1000n * 1_000_000_000n + 500_000_000n
  const section = Buffer.concat([w32(0x1a2b3c4d), w16(1), w16(0), w32(0xffffffff), w32(0xffffffff)])
  const option = Buffer.concat([w16(9), w16(1), Buffer.from([9, 0, 0, 0]), w32(0)])
  const packetHead = [0, Number(ticks >> 32n), Number(ticks & 0xffffffffn), packet.length, packet.length].map(w32)
  return Buffer.concat([
    block(0x0a0d0d0a, section),
    block(1, Buffer.concat([w16(link), w16(0), w32(0), option])),
    block(6, Buffer.concat([...packetHead, packet])),
  ])
}

const read = (file: Uint8Array): Segment[] => [...tcpSegments(file, 179, formatAddress)]

describe('a segment is found', () => {
  it.each([
    ['raw IPv4, little-endian microseconds', pcap(ipv4(), 101)],
    ['raw IPv4, big-endian microseconds', pcap(ipv4(), 101, 'writeUInt32BE')],
    ['raw IPv4, nanoseconds', pcap(ipv4(), 101, 'writeUInt32LE', 0xa1b23c4d, 500_000_000)],
    ['Ethernet', pcap(ethernet('0800', ipv4()), 1)],
    ['Ethernet with a tag', pcap(ethernet('810000050800', ipv4()), 1)],
    ['Ethernet with two tags', pcap(ethernet('88a80005810000060800', ipv4()), 1)],
    ['loopback', pcap(Buffer.concat([Buffer.alloc(4), ipv4()]), 0)],
    ['Linux cooked', pcap(Buffer.concat([Buffer.alloc(16), ipv4()]), 113)],
    ['Linux cooked 2', pcap(Buffer.concat([Buffer.alloc(20), ipv4()]), 276)],
    ['pcapng, little-endian', pcapng(ipv4(), 101, true)],
    ['pcapng, big-endian', pcapng(ethernet('0800', ipv4()), 1, false)],
  ])('%s', (_, file) => {
    expect(read(file)).toMatchObject([
      {
        time: 1000.5,
        source: '10.0.0.1',
        sourcePort: 40000,
        destination: '10.0.0.2',
        destinationPort: 179,
        sequence: 7,
      },
    ])
    expect(Buffer.from(read(file)[0]?.payload ?? []).toString()).toBe('hello')
  })

  it('IPv6', () => {
    expect(read(pcap(ethernet('86dd', ipv6()), 1))).toMatchObject([{ source: 'fe80::1', destination: 'fe80::2' }])
  })
})

describe('what is no segment is passed over', () => {
  const udp = ipv4()
  udp[9] = 17
  const fragment = ipv4()
  fragment[7] = 9
  it.each([
    ['ARP', pcap(ethernet('0806', ipv4()), 1)],
    ['UDP', pcap(udp, 101)],
    ['a fragment', pcap(fragment, 101)],
    ['an unknown link type', pcap(ipv4(), 250)],
    ['no capture at all', Buffer.from('just some text, longer than a header')],
  ])('%s', (_, file) => expect(read(file)).toEqual([]))

  it('any cut or damage of a file ends quietly', () => {
    for (const file of [pcap(ethernet('0800', ipv4()), 1), pcapng(ethernet('86dd', ipv6()), 1, true)]) {
      for (let size = 0; size < file.length; size++) {
        expect(read(file.subarray(0, size)).length).toBeLessThanOrEqual(1)
        const damaged = Buffer.from(file)
        damaged[size] = 0xff
        expect(read(damaged).length).toBeLessThanOrEqual(1)
      }
    }
  })
})
