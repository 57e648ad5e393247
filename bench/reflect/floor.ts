/**
 * The floor: a "reflector" that answers OPEN and hands every UPDATE on to everybody else as it is, without a table. No
 * program in this language, under this load, on this machine can be faster; what is above it is the work of reflecting.
 * It knows nothing of withdrawals after a loss, so only announcements and single routes are played against it.
 */
import { createServer, type Server, type Socket } from 'node:net'
import { encodeOpen, KEEPALIVE } from '@starling/bgp-packet'
import { addressNumber } from './messages.js'
import { AS, REFLECTOR } from './scenarios.js'

export function serveFloor(): Server {
  const sockets = new Set<Socket>()
  const open = encodeOpen({
    type: 'OPEN',
    version: 4,
    myAs: AS,
    holdTime: 180,
    bgpId: addressNumber(REFLECTOR),
    capabilities: [
      { kind: 'multiprotocol', afi: 1, safi: 1 },
      { kind: 'fourOctetAs', asn: AS },
    ],
  })
  // What came in one turn leaves in one write per receiver, as a reflector of sense does.
  let waiting: { from: Socket; octets: Buffer }[] = []
  const flush = () => {
    const batch = waiting
    waiting = []
    const all = batch.length === 1 ? (batch[0]?.octets ?? Buffer.alloc(0)) : Buffer.concat(batch.map((b) => b.octets))
    const senders = new Set(batch.map(({ from }) => from))
    for (const socket of sockets) {
      if (!senders.has(socket)) {
        socket.write(all)
        continue
      }
      // Views around what it sent itself.
      let start = 0
      let at = 0
      for (const { from, octets } of batch) {
        if (from === socket) {
          if (at > start) socket.write(all.subarray(start, at))
          start = at + octets.length
        }
        at += octets.length
      }
      if (at > start) socket.write(all.subarray(start, at))
    }
  }
  const server = createServer({ noDelay: true }, (socket) => {
    sockets.add(socket)
    let tail: Buffer | undefined
    socket.on('error', () => undefined)
    socket.on('close', () => sockets.delete(socket))
    socket.on('data', (chunk) => {
      const data = tail === undefined ? chunk : Buffer.concat([tail, chunk])
      let at = 0
      let first = -1
      let last = 0
      while (data.length - at >= 19 && data.length - at >= data.readUInt16BE(at + 16)) {
        const length = data.readUInt16BE(at + 16)
        const type = data[at + 18]
        if (type === 1) socket.write(Buffer.concat([open, KEEPALIVE]))
        if (type === 2) {
          if (first < 0) first = at
          last = at + length
        }
        at += length
      }
      tail = at === data.length ? undefined : Buffer.from(data.subarray(at))
      if (first < 0) return
      if (waiting.length === 0) setImmediate(flush)
      waiting.push({ from: socket, octets: Buffer.from(data.subarray(first, last)) })
    })
  })
  return server.listen(179, REFLECTOR, 4096)
}
