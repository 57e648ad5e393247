/** The fast way of reading a route and the general one give equal values. */
import {
  AF_INET,
  AF_INET6,
  decodeRoute,
  encodeRoute,
  MessageWriter,
  type RouteMessage,
  RTM,
  RTN,
} from '@starling/netlink'
import { expect, it } from 'vitest'
import { toKernelRoute } from './convert.js'
import { RouteReader } from './route-reader.js'

const HEADER = 16
const v4 = (...bytes: number[]) => Uint8Array.from(bytes)
const v6 = (tail: number) => Uint8Array.of(0x20, 1, 0x0d, 0xb8, ...new Array(11).fill(0), tail)
const hop = { ifindex: 2, flags: 0, weight: 1 }

const PLAIN: RouteMessage = {
  family: AF_INET,
  destinationLength: 24,
  sourceLength: 0,
  tos: 0,
  table: 254,
  protocol: 4,
  scope: 0,
  type: RTN.UNICAST,
  flags: 0,
  destination: v4(10, 1, 0, 0),
  nextHops: [{ ...hop, gateway: v4(192, 0, 2, 9) }],
}
const SIX: RouteMessage = {
  ...PLAIN,
  family: AF_INET6,
  destinationLength: 64,
  destination: v6(0),
  priority: 1024,
  nextHops: [{ ...hop, gateway: v6(9) }],
}

const ROUTES: [what: string, message: RouteMessage][] = [
  ['via a gateway', PLAIN],
  ['with a metric', { ...PLAIN, priority: 4_000_000_000 }],
  ['a default route', { ...PLAIN, destination: undefined, destinationLength: 0 }],
  ['through a device', { ...PLAIN, scope: 253, nextHops: [hop] }],
  ['with a source', { ...PLAIN, preferredSource: v4(192, 0, 2, 1) }],
  ['onlink', { ...PLAIN, nextHops: [{ ...hop, flags: 4, gateway: v4(198, 51, 100, 9) }] }],
  ['whose link lost its carrier', { ...PLAIN, nextHops: [{ ...hop, flags: 16, gateway: v4(192, 0, 2, 9) }] }],
  ['that is dead', { ...PLAIN, protocol: 12, nextHops: [{ ...hop, flags: 1, gateway: v4(192, 0, 2, 9) }] }],
  ['in a table above 255', { ...PLAIN, table: 1000 }],
  ['of the local table', { ...PLAIN, table: 255 }],
  ['with an MTU', { ...PLAIN, mtu: 1400 }],
  ['with TCP metrics', { ...PLAIN, otherMetrics: [{ type: 8, data: v4(1, 2, 0, 0) }] }],
  ['with a type of service', { ...PLAIN, tos: 16 }],
  ['through a nexthop object', { ...PLAIN, nexthopId: 7 }],
  ['through an IPv6 router', { ...PLAIN, nextHops: [{ ...hop, gateway: v6(9) }] }],
  ['multipath', { ...PLAIN, nextHops: [hop, { ...hop, ifindex: 3, weight: 4 }] }],
  ['a blackhole', { ...PLAIN, type: RTN.BLACKHOLE, nextHops: [] }],
  ['a throw', { ...PLAIN, type: RTN.THROW, nextHops: [] }],
  ['IPv6', SIX],
  ['an IPv6 default', { ...SIX, destination: undefined, destinationLength: 0 }],
  ['a cached one', { ...SIX, flags: 0x200 }],
  ['with an attribute nobody knows', { ...PLAIN, unknown: [{ type: 77, data: v4(1, 2, 3, 4) }] }],
]

function encoded(message: RouteMessage): { bytes: Uint8Array; to: number } {
  const writer = new MessageWriter()
  writer.begin(RTM.NEWROUTE, 0, 1)
  encodeRoute(writer, message)
  writer.end()
  return { bytes: writer.bytes, to: writer.length }
}

it.each(ROUTES)('a route %s is read as the general decoder reads it', (_what, message) => {
  const { bytes, to } = encoded(message)
  const general = decodeRoute(bytes, HEADER, to, false)
  const reader = new RouteReader()
  expect(reader.read(bytes, HEADER, to)).toEqual(general && toKernelRoute(general))
})

it('next hops are shared by routes that have the same, and by no others', () => {
  const reader = new RouteReader()
  const read = (message: RouteMessage) => {
    const { bytes, to } = encoded(message)
    return reader.read(bytes, HEADER, to)?.nextHops
  }
  const first = read(PLAIN)
  expect(read({ ...PLAIN, destination: v4(10, 2, 0, 0) })).toBe(first)
  for (const change of [{ gateway: v4(192, 0, 2, 10) }, { ifindex: 3 }, { flags: 4 }, { gateway: undefined }])
    expect(read({ ...PLAIN, nextHops: [{ ...hop, gateway: v4(192, 0, 2, 9), ...change }] })).not.toEqual(first)
})

it('a message cut anywhere is read without a throw', () => {
  const { bytes, to } = encoded({ ...SIX, preferredSource: v6(1) })
  for (let end = HEADER; end < to; end++) expect(() => new RouteReader().read(bytes, HEADER, end)).not.toThrow()
})
