/**
 * Where tests listen and ask. Ports and addresses are this process's own, so that two runs on one machine, or a connection
 * that happens to leave from there, never meet.
 */
import { get } from 'node:http'
import { createServer, type Server } from 'node:net'

/** Below the ports that the kernel gives to outgoing connections (net.ipv4.ip_local_port_range begins at 32768). */
const FIRST = 20_000
const COUNT = 12_000

/** Ports of 127.0.0.1 where nobody listens, for programs that cannot choose one themselves. */
export async function freePorts(count: number): Promise<number[]> {
  const held: Server[] = []
  const ports: number[] = []
  while (ports.length < count) {
    const port = FIRST + Math.floor(Math.random() * COUNT)
    const server = await listener(port)
    if (server === undefined) continue
    held.push(server)
    ports.push(port)
  }
  await Promise.all(held.map((server) => new Promise((resolve) => server.close(resolve))))
  return ports
}

export async function freePort(): Promise<number> {
  const [port = 0] = await freePorts(1)
  return port
}

function listener(port: number): Promise<Server | undefined> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(undefined))
    server.listen(port, '127.0.0.1', () => resolve(server))
  })
}

/** Addresses of 127/8 that no other process uses: 2^22 pids, and `host` up to 3, in 127.128.0.0/9. */
export function ownLoopback(host: number): string {
  const [high, middle, low] = [(process.pid >> 14) & 0xff, (process.pid >> 6) & 0xff, process.pid & 0x3f]
  return `127.${128 | (high & 0x7f)}.${middle}.${(low << 2) | host}`
}

/** One GET over a Unix socket. Rejects while nobody answers there. */
export function page(socketPath: string, path: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const asked = get({ socketPath, path, timeout: 30_000 }, async (response) => {
      try {
        let text = ''
        for await (const chunk of response.setEncoding('utf8')) text += chunk
        resolve(text)
      } catch (error) {
        reject(error as Error)
      }
    })
    asked.once('error', reject)
    asked.once('timeout', () => asked.destroy(new Error('no answer')))
  })
}
