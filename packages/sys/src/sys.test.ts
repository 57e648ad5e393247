/** Native calls on loopback: options, keys, filters, addresses. Nothing leaves the machine. */

import { readFileSync } from 'node:fs'
import { connect as connectUnix, createServer, type Socket } from 'node:net'
import { describe, expect, it } from 'vitest'
import {
  AF,
  attachTtlFilter,
  bind,
  capabilities,
  close,
  errnoName,
  errnoWords,
  getsockname,
  getsockopt,
  hasNative,
  IP,
  interfaceIndex,
  openTcpClient,
  openTcpListener,
  parseAddress,
  peerCredentials,
  recv,
  SOCK,
  SOL,
  SysError,
  sendto,
  setsockopt,
  sockaddr,
  sockaddrPort,
  socket,
  supports,
  TCP,
} from './index.js'

const native = hasNative()

function once(target: Socket, event: string): Promise<unknown> {
  return new Promise((resolve, reject) => {
    target.once(event, resolve)
    if (event !== 'error') target.once('error', reject)
  })
}

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}

/** TcpExt counters of this namespace. */
function tcpCounter(name: string): number {
  const [names = '', values = ''] = readFileSync('/proc/net/netstat', 'utf8').split('\n')
  return Number(values.split(' ')[names.split(' ').indexOf(name)])
}

describe('socket addresses', () => {
  const rows: [text: string, hex: string][] = [
    ['192.0.2.1', 'c0000201'],
    ['::', '00000000000000000000000000000000'],
    ['2001:db8::1', '20010db8000000000000000000000001'],
    ['fe80::a:0:0:1%1', 'fe80000000000000000a000000000001'],
    ['::ffff:192.0.2.1', '00000000000000000000ffffc0000201'],
  ]
  it.each(rows)('%s parses to its bytes', (text, hex) => {
    expect(Buffer.from(parseAddress(text).bytes).toString('hex')).toBe(hex)
  })
  it('a name is refused, never resolved', () => {
    expect(() => parseAddress('localhost')).toThrow(TypeError)
  })
  it('a numeric scope is kept in the sockaddr', () => {
    expect(sockaddr('fe80::1%7', 179)[24]).toBe(7)
  })
})

describe('errno', () => {
  it('numbers become names and words', () => {
    expect(errnoName(101)).toBe('ENETUNREACH')
    expect(errnoWords(101)).toContain('next hop')
    expect(errnoName(9999)).toBe('E9999')
  })
})

describe('capabilities', () => {
  it('an absent status file means no capability', () => {
    expect(capabilities('/nonexistent/status')).toEqual({
      netAdmin: false,
      netRaw: false,
      netBindService: false,
      sysAdmin: false,
    })
  })
})

describe('plain connections', () => {
  it('a client without native options connects and carries data', async () => {
    const server = createServer((peer) => peer.end('hello')).listen(0, '127.0.0.1')
    await new Promise((resolve) => server.once('listening', resolve))
    const address = server.address()
    if (address === null || typeof address === 'string') throw new Error('no port')
    const client = openTcpClient({
      remoteAddress: '127.0.0.1',
      remotePort: address.port,
      localAddress: '127.0.0.2',
    })
    const data = await once(client, 'data')
    expect(String(data)).toBe('hello')
    expect(client.localAddress).toBe('127.0.0.2')
    client.destroy()
    server.close()
  })
})

describe.runIf(native)('native connections', () => {
  it.each([
    ['127.0.0.1', '127.0.0.2'],
    ['::1', '::1'],
  ])('options reach the socket towards %s', async (remoteAddress, localAddress) => {
    const accepted: Socket[] = []
    const listener = openTcpListener({ address: remoteAddress, port: 0, backlog: 5, ttl: 255 }, (peer) =>
      accepted.push(peer),
    )
    await listener.ready
    const client = openTcpClient({
      remoteAddress,
      remotePort: listener.port,
      localAddress,
      ttl: 255,
      minTtl: 255,
      tos: 0xc0,
      userTimeout: 9000,
      mss: 1200,
    })
    await once(client, 'connect')
    const fd = (client as unknown as { _handle: { fd: number } })._handle.fd
    expect(getsockopt(fd, SOL.TCP, TCP.USER_TIMEOUT)[1]).toBe(9000 >> 8)
    if (remoteAddress === '127.0.0.1') expect(getsockopt(fd, SOL.IP, IP.TOS)[0]).toBe(0xc0)
    while (accepted.length === 0) await turn()
    accepted[0]!.end('bye')
    expect(String(await once(client, 'data'))).toBe('bye')
    client.destroy()
    await listener.close()
  })

  it.runIf(supports('md5'))(
    'a signed session forms with the right key, and keys change without touching it',
    async () => {
      const accepted: Socket[] = []
      const listener = openTcpListener({ address: '127.0.0.1', port: 0, md5Keys: [['127.0.0.2', 'secret']] }, (peer) =>
        accepted.push(peer),
      )
      await listener.ready
      const open = (md5: string, localAddress: string) =>
        openTcpClient({ remoteAddress: '127.0.0.1', remotePort: listener.port, localAddress, md5 })
      const client = open('secret', '127.0.0.2')
      await once(client, 'connect')
      listener.addMd5Key('127.0.1.0/24', 'range')
      const ranged = open('range', '127.0.1.9')
      await once(ranged, 'connect')
      listener.removeMd5Key('127.0.1.0/24')
      listener.removeMd5Key('127.0.1.0/24')
      client.write('still here')
      while (accepted.length === 0) await turn()
      expect(String(await once(accepted[0]!, 'data'))).toBe('still here')
      for (const each of [client, ranged, ...accepted]) each.destroy()
      await listener.close()
    },
  )

  it.runIf(supports('md5'))('a wrong key is silence', async () => {
    const before = tcpCounter('TCPMD5Failure')
    const listener = openTcpListener({ address: '127.0.0.1', port: 0, md5Keys: [['127.0.0.2', 'secret']] }, () =>
      expect.unreachable(),
    )
    await listener.ready
    const client = openTcpClient({
      remoteAddress: '127.0.0.1',
      remotePort: listener.port,
      localAddress: '127.0.0.2',
      md5: 'wrong',
    })
    let connected = false
    client.once('connect', () => {
      connected = true
    })
    client.on('error', () => undefined)
    while (tcpCounter('TCPMD5Failure') === before) await turn()
    expect(connected).toBe(false)
    client.destroy()
    await listener.close()
  })

  it.runIf(supports('md5'))('too many keys name the sysctl to raise', async () => {
    const listener = openTcpListener({ address: '127.0.0.1', port: 0 }, () => undefined)
    await listener.ready
    const addAll = () => {
      for (let i = 0; i < 8192; i++) listener.addMd5Key(`10.0.${i >> 8}.${i & 255}`, 'k'.repeat(80))
    }
    expect(addAll).toThrow(/net\.core\.optmem_max/)
    await listener.close()
  })

  it('a port in use is an error with its address', async () => {
    const first = openTcpListener({ address: '127.0.0.1', port: 0 }, () => undefined)
    await first.ready
    expect(() => openTcpListener({ address: '127.0.0.1', port: first.port }, () => undefined)).toThrow(
      /EADDRINUSE.*127\.0\.0\.1/,
    )
    await first.close()
  })

  it('an unknown interface is an error, not a guess', () => {
    expect(() => interfaceIndex('nosuchif0')).toThrow(SysError)
    expect(interfaceIndex('lo')).toBe(1)
  })

  it('the TTL filter drops a datagram with a smaller TTL', () => {
    const receiver = socket(AF.INET, SOCK.DGRAM | SOCK.NONBLOCK, 0)
    bind(receiver, sockaddr('127.0.0.1', 0))
    attachTtlFilter(receiver, 4, 255)
    const target = sockaddr('127.0.0.1', sockaddrPort(getsockname(receiver)))
    const sender = socket(AF.INET, SOCK.DGRAM, 0)
    sendto(sender, Buffer.from('low'), target)
    setsockopt(sender, SOL.IP, IP.TTL, 255)
    sendto(sender, Buffer.from('high'), target)
    const buffer = Buffer.alloc(64)
    expect(recv(receiver, buffer)).toBe(4)
    expect(recv(receiver, buffer)).toBe(-11)
    close(receiver)
    close(sender)
  })

  it('a Unix socket tells who is at the other end', async () => {
    const path = `\0starling-sys-test-${process.pid}`
    const server = createServer((peer) => {
      const { pid, uid } = peerCredentials((peer as unknown as { _handle: { fd: number } })._handle.fd)
      peer.end(`${pid} ${uid}`)
    }).listen(path)
    await new Promise((resolve) => server.once('listening', resolve))
    const client = connectUnix(path)
    expect(String(await once(client, 'data'))).toBe(`${process.pid} ${process.getuid?.()}`)
    server.close()
  })
})
