/**
 * Vectors: payloads of RTM_NEWROUTE and RTM_NEWNEIGH dumped by Linux 6.18 after `ip route add` of iproute2 6.1 in an
 * empty namespace. Properties: what is decoded encodes to the same value, and no bytes make a decoder throw.
 */

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  type AddressMessage,
  AF_BRIDGE,
  AF_INET,
  decodeAcknowledgement,
  decodeAddress,
  decodeLink,
  decodeNeighbour,
  decodeRoute,
  encodeAddress,
  encodeLink,
  encodeNeighbour,
  encodeRoute,
  IFF,
  type LinkMessage,
  MessageWriter,
  NLM_F,
  NLMSG,
  type RouteMessage,
  RTM,
  walkMessages,
} from './index.js'
import { dump, openNotificationSocket } from './socket.js'

const hex = (text: string) => Uint8Array.from(Buffer.from(text, 'hex'))
const bytes = (...values: number[]) => Uint8Array.from(values)

const ROUTES: [name: string, hex: string, expected: Partial<RouteMessage>][] = [
  [
    'a weighted multipath route with metric, MTU and source',
    '02180000fe0c00010000000008000f00fe00000008000100cb00710008000600200000000c000800080002007805000008000700c000020124000900100000020300000008000500c0000209100000000500000008000500c6336409',
    {
      destination: bytes(203, 0, 113, 0),
      destinationLength: 24,
      protocol: 12,
      table: 254,
      priority: 32,
      mtu: 1400,
      preferredSource: bytes(192, 0, 2, 1),
      nextHops: [
        { ifindex: 3, flags: 0, weight: 3, gateway: bytes(192, 0, 2, 9) },
        { ifindex: 5, flags: 0, weight: 1, gateway: bytes(198, 51, 100, 9) },
      ],
    },
  ],
  [
    'an onlink route in a table beyond 255',
    '021a0000fc0c00010400000008000f00e8030000080001000a4d0000080005000a0909090800040005000000',
    { table: 1000, nextHops: [{ ifindex: 5, flags: 4, weight: 1, gateway: bytes(10, 9, 9, 9) }] },
  ],
  [
    'an IPv4 route through an IPv6 router',
    '021a0000fe0c00010000000008000f00fe000000080001000a420000160012000a00fe80000000000000000000000000000900000800040003000000',
    {
      nextHops: [{ ifindex: 3, flags: 0, weight: 1, gateway: bytes(0xfe, 0x80, ...new Array(13).fill(0), 9) }],
    },
  ],
  ['a blackhole', '021a0000fe0c00060000000008000f00fe000000080001000a410000', { type: 6, nextHops: [] }],
  [
    'an IPv6 multipath route with attributes nobody asked for',
    '0a300000fe0c00010000000008000f00fe0000001400010020010db800010000000000000000000008000600000400003c0009001c000000030000001400050020010db80000000000000000000000091c000000030000001400050020010db800000000000000000000000a24000c0000000000000000000000000000000000000000000000000000000000000000000500140000000000',
    {
      priority: 1024,
      unknown: [
        { type: 12, data: new Uint8Array(32) },
        { type: 20, data: new Uint8Array(1) },
      ],
    },
  ],
]

function payload(encode: (writer: MessageWriter) => void): Uint8Array {
  const writer = new MessageWriter(16)
  writer.begin(RTM.NEWROUTE, 0, 1)
  encode(writer)
  writer.end()
  return writer.bytes.slice(16, writer.length)
}

describe('routes', () => {
  it.each(ROUTES)('%s decodes', (_name, text, expected) => {
    const wire = hex(text)
    expect(decodeRoute(wire, 0, wire.length)).toMatchObject(expected)
  })
  it.each(ROUTES)('%s survives encoding', (_name, text) => {
    const wire = hex(text)
    const route = decodeRoute(wire, 0, wire.length)!
    const again = payload((writer) => encodeRoute(writer, route))
    expect(decodeRoute(again, 0, again.length)).toEqual(route)
  })
  it('unknown attributes are dropped on request', () => {
    const wire = hex(ROUTES[4][1])
    expect(decodeRoute(wire, 0, wire.length, false)!.unknown).toBeUndefined()
  })
  it('encapsulation travels opaque', () => {
    const encap = { type: 6, data: bytes(8, 0, 9, 0, 1, 2, 3, 4) }
    const route = { ...decodeRoute(hex(ROUTES[0][1]), 0, ROUTES[0][1].length / 2)!, priority: undefined }
    route.nextHops = [{ ifindex: 3, flags: 0, weight: 1, encap }]
    const wire = payload((writer) => encodeRoute(writer, route))
    expect(decodeRoute(wire, 0, wire.length)!.nextHops[0].encap).toEqual(encap)
  })
})

describe('links, addresses, neighbours', () => {
  it('a VXLAN device survives a round trip', () => {
    const link: LinkMessage = {
      family: 0,
      deviceType: 1,
      index: 6,
      flags: IFF.UP,
      changeMask: IFF.UP,
      name: 'vxlan.calico',
      mtu: 1450,
      address: bytes(0x66, 1, 2, 3, 4, 5),
      kind: 'vxlan',
      vxlan: { id: 4096, port: 4789, parent: 3, local: bytes(192, 0, 2, 1), learning: false },
    }
    const wire = payload((writer) => encodeLink(writer, link))
    expect(decodeLink(wire, 0, wire.length)).toEqual(link)
  })
  it('an address survives a round trip', () => {
    const address: AddressMessage = {
      family: AF_INET,
      prefixLength: 32,
      flags: 0x80,
      scope: 0,
      ifindex: 6,
      local: bytes(10, 65, 0, 1),
      address: bytes(10, 65, 0, 1),
    }
    const wire = payload((writer) => encodeAddress(writer, address))
    expect(decodeAddress(wire, 0, wire.length)).toEqual(address)
  })
  it('a forwarding entry of the kernel decodes and survives', () => {
    const wire = hex(
      '0700000006000000c00002010a000200660102030405000008000100c000020714000300000000000e0000000e00000000000000',
    )
    const entry = decodeNeighbour(wire, 0, wire.length)!
    expect(entry).toMatchObject({ family: AF_BRIDGE, ifindex: 6, destination: bytes(192, 0, 2, 7) })
    const again = payload((writer) => encodeNeighbour(writer, entry))
    expect(decodeNeighbour(again, 0, again.length)).toEqual(entry)
  })
})

describe('messages', () => {
  it('an error carries errno and the words of the kernel', () => {
    const words = 'Nexthop has invalid gateway'
    const writer = new MessageWriter()
    writer.begin(NLMSG.ERROR, NLM_F.CAPPED | NLM_F.ACK_TLVS, 7)
    writer.u32(-101)
    for (let i = 0; i < 4; i++) writer.u32(0)
    writer.attributeText(1, words)
    writer.end()
    let seen: unknown
    const whole = walkMessages(writer.bytes, writer.length, (type, flags, sequence, _port, from, to) => {
      seen = { sequence, ...decodeAcknowledgement(writer.bytes, type, flags, from, to) }
    })
    expect(whole).toBe(true)
    expect(seen).toEqual({ sequence: 7, errno: 101, text: words })
  })
  it('a message cut short ends the walk and says so', () => {
    const writer = new MessageWriter()
    writer.begin(RTM.NEWROUTE, 0, 1)
    writer.u32(0)
    writer.end()
    let count = 0
    expect(walkMessages(writer.bytes, writer.length - 1, () => count++)).toBe(false)
    expect(count).toBe(0)
  })
  it('no bytes make a decoder throw', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (junk) => {
        decodeRoute(junk, 0, junk.length)
        decodeLink(junk, 0, junk.length)
        decodeAddress(junk, 0, junk.length)
        decodeNeighbour(junk, 0, junk.length)
        walkMessages(junk, junk.length, () => undefined)
      }),
      { numRuns: 2000 },
    )
  })
})

describe.runIf(process.platform === 'linux')('the socket', () => {
  it('a dump of links finds the loopback device', async () => {
    const names: string[] = []
    const header = (writer: MessageWriter) => {
      for (let i = 0; i < 16; i++) writer.u8(0)
    }
    const result = await dump(RTM.GETLINK, header, (type, data, from, to) => {
      if (type === RTM.NEWLINK) names.push(decodeLink(data, from, to)!.name!)
    })
    expect(names).toContain('lo')
    expect(result.interrupted).toBe(false)
  })
  it('a dump the kernel refuses is an error with its reason', async () => {
    const junk = (writer: MessageWriter) => {
      for (let i = 0; i < 16; i++) writer.u8(0xff)
    }
    await expect(dump(RTM.GETLINK, junk, () => undefined)).rejects.toThrow(/EINVAL/)
  })
  it('a notification socket opens and closes', () => {
    const ignore = () => undefined
    openNotificationSocket([1, 7], { message: ignore, turnEnd: ignore, gap: ignore }).close()
  })
})
