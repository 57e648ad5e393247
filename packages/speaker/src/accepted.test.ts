import { once } from 'node:events'
import { createServer, type Socket } from 'node:net'
import { getsockopt, hasNative, IP, IPV6, SOL, TCP } from '@starling/sys'
import { testPeer } from '@starling/testkit'
import { afterEach, expect, it } from 'vitest'
import { descriptorOf, prepareAccepted } from './accepted.js'
import { dial } from './dialler.js'

const closing: { destroy(): void }[] = []
afterEach(() => {
  for (const each of closing.splice(0)) each.destroy()
})

/** Both ends of a connection over loopback, as the peer's options make them. */
async function pair(address: '127.0.0.1' | '::1', options: Parameters<typeof testPeer>[1]) {
  const server = createServer()
  server.listen(0, address)
  await once(server, 'listening')
  const bound = server.address()
  const remotePort = bound !== null && typeof bound === 'object' ? bound.port : 0
  const peer = testPeer(address, { remotePort, ...options })
  const { key, remoteAddress, transport } = peer
  const dialled = dial({ peer: key, remoteAddress, remotePort, ttlSecurity: 0, transport })
  const [accepted] = (await once(server, 'connection')) as [Socket]
  closing.push(dialled, accepted, { destroy: () => server.close() })
  if (dialled.connecting) await once(dialled, 'connect')
  prepareAccepted(accepted, peer)
  return [dialled, accepted] as const
}

const option = (socket: Socket, level: number, name: number) =>
  new DataView(Uint8Array.from(getsockopt(descriptorOf(socket) ?? -1, level, name)).buffer).getInt32(0, true)

it.runIf(hasNative()).each([
  ['127.0.0.1', SOL.IP, IP.TOS, IP.MINTTL],
  ['::1', SOL.IPV6, IPV6.TCLASS, IPV6.MINHOPCOUNT],
] as const)('over %s both ends carry the marks and limits of the peer', async (address, level, tos, minimum) => {
  const transport = { dscp: 48, userTimeout: 20_000, maximumSegment: 1300 }
  const [dialled, accepted] = await pair(address, { transport, ttlSecurity: 2 })
  for (const socket of [dialled, accepted]) {
    expect(option(socket, level, tos)).toBe(0xc0)
    // Loopback is no hop away and sends with 64: only the accepted end asks, once the connection is there.
    expect(option(socket, level, minimum)).toBe(socket === accepted ? 254 : 0)
    expect(option(socket, SOL.TCP, TCP.USER_TIMEOUT)).toBe(20_000)
    expect(option(socket, SOL.TCP, TCP.MAXSEG)).toBeLessThanOrEqual(1300)
  }
})

it.runIf(hasNative())("what is 0 stays the kernel's", async () => {
  for (const socket of await pair('127.0.0.1', { transport: { dscp: 0, userTimeout: 0, maximumSegment: 0 } })) {
    expect(option(socket, SOL.IP, IP.TOS)).toBe(0)
    expect(option(socket, SOL.TCP, TCP.USER_TIMEOUT)).toBe(0)
    expect(option(socket, SOL.TCP, TCP.MAXSEG)).toBeGreaterThan(1300)
  }
})
