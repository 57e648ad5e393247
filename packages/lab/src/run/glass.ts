/**
 * The looking glasses of a running lab, on the host: one loopback port per daemon, passed on to its control socket.
 *
 * A device's own HTTP port lies inside its network namespace, where no browser is. Only reading passes: the control
 * socket would let its user change things, a page on a port must not. Ports are tried upwards from the first; where none is
 * free, or nothing can listen, the lab goes on without pages.
 */
import { createServer, type IncomingMessage, request, type Server, type ServerResponse } from 'node:http'

const FIRST_PORT = 9180
const LAST_PORT = 9299

export interface Glass {
  readonly pages: readonly { readonly device: string; readonly url: string }[]
  close(): void
}

export interface GlassDevice {
  readonly name: string
  readonly socket: string
}

export async function openGlass(devices: readonly GlassDevice[], first = FIRST_PORT): Promise<Glass> {
  const servers: Server[] = []
  const pages: { device: string; url: string }[] = []
  let port = first
  for (const { name, socket } of devices) {
    const server = createServer((incoming, response) => passOn(socket, incoming, response))
    for (; port <= LAST_PORT; port++) if (await listens(server, port)) break
    if (port > LAST_PORT) break
    servers.push(server)
    pages.push({ device: name, url: `http://127.0.0.1:${port++}` })
  }
  return {
    pages,
    close: () => {
      for (const server of servers) {
        server.close()
        server.closeAllConnections()
      }
    },
  }
}

function listens(server: Server, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const refused = (): void => {
      // Nothing of this attempt stays for the next: where many labs run there are many.
      server.off('listening', taken)
      resolve(false)
    }
    const taken = (): void => {
      server.off('error', refused)
      // What goes wrong later is one connection's matter.
      server.on('error', () => {})
      resolve(true)
    }
    server.once('error', refused)
    server.once('listening', taken)
    server.listen(port, '127.0.0.1')
  })
}

function passOn(socketPath: string, incoming: IncomingMessage, response: ServerResponse): void {
  const { method = 'GET', url = '/', headers } = incoming
  if (method !== 'GET' && method !== 'HEAD') {
    response.writeHead(405, { allow: 'GET, HEAD', 'content-type': 'text/plain' }).end('This door is for reading.\n')
    return
  }
  const inner = request({ socketPath, method, path: url, headers }, (answer) => {
    response.writeHead(answer.statusCode ?? 502, answer.headers)
    answer.pipe(response)
    answer.on('error', () => response.destroy())
  })
  inner.on('error', () => {
    if (response.headersSent) response.destroy()
    else response.writeHead(502, { 'content-type': 'text/plain' }).end('The daemon does not answer.\n')
  })
  response.on('close', () => inner.destroy())
  inner.end()
}
