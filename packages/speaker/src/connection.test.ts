import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { TcpConnection } from './connection.js'

const open: Socket[] = []
afterEach(() => {
  for (const socket of open.splice(0)) socket.destroy()
})

/** Two ends of a real connection on the loopback. */
async function pair(): Promise<[near: Socket, far: Socket]> {
  const server = createServer({ pauseOnConnect: true }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  const port = address !== null && typeof address === 'object' ? address.port : 0
  const near = connect({ host: '127.0.0.1', port, noDelay: true })
  const [far] = (await once(server, 'connection')) as [Socket]
  server.close()
  open.push(near, far)
  return [near, far]
}

async function received(far: Socket, size: number): Promise<Buffer> {
  const chunks: Buffer[] = []
  let length = 0
  far.resume()
  for await (const chunk of far) {
    chunks.push(chunk as Buffer)
    length += (chunk as Buffer).length
    if (length >= size) break
  }
  return Buffer.concat(chunks)
}

const QUIET = { received: () => undefined, drained: () => undefined, closed: () => undefined }

describe('an outbox', () => {
  it('keeps the order of small copied pieces and large shared ones', async () => {
    const [near, far] = await pair()
    const connection = new TcpConnection(near, QUIET)
    const expected: number[] = []
    for (let i = 0; i < 200; i++) {
      const piece = new Uint8Array(i % 7 === 0 ? 5000 : 37).fill(i & 255)
      expected.push(...piece)
      connection.send(piece)
    }
    connection.flush()
    expect([...(await received(far, expected.length))]).toEqual(expected)
  })

  it('says no when the kernel is full, exactly once yes when it is empty again, and loses nothing', async () => {
    const [near, far] = await pair()
    let drained = 0
    const connection = new TcpConnection(near, { ...QUIET, drained: () => drained++ })
    const piece = new Uint8Array(65_536).fill(7)
    let sent = 0
    while (connection.send(piece)) sent += piece.length
    sent += piece.length
    expect(connection.blocked).toBe(true)
    expect(connection.queued).toBeGreaterThan(0)
    expect((await received(far, sent)).length).toBe(sent)
    await new Promise((resolve) => setImmediate(resolve))
    expect([drained, connection.blocked]).toEqual([1, false])
  })

  it('reports the end of a blocked small write although Node announces no drain for it', async () => {
    const [near, far] = await pair()
    let drained = 0
    const connection = new TcpConnection(near, { ...QUIET, drained: () => drained++ })
    while (connection.send(new Uint8Array(65_536))) {
      // until the kernel is full
    }
    const before = drained
    far.resume()
    while (drained === before) await new Promise((resolve) => setImmediate(resolve))
    far.pause()
    while (!connection.blocked) {
      connection.send(new Uint8Array(4_000))
      connection.flush()
    }
    far.resume()
    while (connection.blocked) await new Promise((resolve) => setImmediate(resolve))
    expect(drained).toBe(before + 2)
  })

  it('reports a peer that reset the connection, whichever road the next write takes', async () => {
    const [near, far] = await pair()
    const reasons: string[] = []
    const connection = new TcpConnection(near, { ...QUIET, closed: (reason) => reasons.push(reason) })
    far.resetAndDestroy()
    await once(far, 'close')
    for (let i = 0; i < 3; i++) {
      connection.send(Uint8Array.of(1, 2, 3))
      connection.flush()
      await new Promise((resolve) => setImmediate(resolve))
    }
    while (reasons.length === 0) await new Promise((resolve) => setImmediate(resolve))
    expect(reasons).toHaveLength(1)
    expect(reasons[0]).toMatch(/^(ECONNRESET|EPIPE)$/)
  })

  it('never writes to a descriptor that is closed: another connection may have its number by now', async () => {
    const [near] = await pair()
    const connection = new TcpConnection(near, QUIET)
    near.destroy()
    await once(near, 'close')
    const [other, far] = await pair()
    connection.send(Uint8Array.of(1, 2, 3))
    connection.flush()
    other.write(Uint8Array.of(9))
    expect([...(await received(far, 1))]).toEqual([9])
  })

  it('lets the last words out, and reports nothing after it was let go', async () => {
    const [near, far] = await pair()
    let closed = 0
    const connection = new TcpConnection(near, { ...QUIET, closed: () => closed++ })
    connection.send(Uint8Array.of(1, 2, 3))
    connection.close('flush')
    expect([...(await received(far, 3))]).toEqual([1, 2, 3])
    far.destroy()
    await once(near, 'close')
    expect(closed).toBe(0)
  })

  it('stops reading one connection that brings too much in one turn, until work was done', async () => {
    const [near, far] = await pair()
    let read = 0
    const connection = new TcpConnection(near, {
      ...QUIET,
      received: (bytes) => {
        read += bytes.length
      },
    })
    far.write(Buffer.alloc(4_000_000))
    while (!connection.paused) await new Promise((resolve) => setImmediate(resolve))
    for (let i = 0; i < 20; i++) await new Promise((resolve) => setImmediate(resolve))
    expect(read).toBeLessThan(400_000)
    while (read < 4_000_000) {
      connection.resume()
      await new Promise((resolve) => setImmediate(resolve))
    }
    expect(read).toBe(4_000_000)
  })
})
