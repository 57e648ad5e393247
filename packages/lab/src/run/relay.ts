/**
 * A TCP door inside a namespace to an address outside it: the management network of the lab. A node in its namespace
 * dials 127.0.0.1 and reaches the datastore wherever it runs; cutting the node's links does not cut that road.
 * The listener is opened inside, everything after `accept` is ordinary sockets of this process.
 */
import { connect, createServer, type Socket } from 'node:net'
import { AF, bind, listen, SO, SOCK, SOL, setsockopt, sockaddr, socket } from '@starling/sys'
import type { Netns } from '../fabric/netns.js'

const BACKLOG = 64

export interface Relay {
  close(): void
}

export function openRelay(inside: { ns: Netns; port: number }, outside: { host: string; port: number }): Relay {
  const open = new Set<Socket>()
  const server = createServer((near) => {
    const far = connect(outside)
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      open.add(from)
      from.setNoDelay(true)
      from.on('error', () => to.destroy())
      from.on('close', () => {
        open.delete(from)
        to.destroy()
      })
      from.pipe(to)
    }
  })
  const fd = inside.ns.run(() => {
    const fd = socket(AF.INET, SOCK.STREAM | SOCK.CLOEXEC | SOCK.NONBLOCK, 0)
    setsockopt(fd, SOL.SOCKET, SO.REUSEADDR, 1)
    bind(fd, sockaddr('127.0.0.1', inside.port))
    listen(fd, BACKLOG)
    return fd
  })
  server.listen({ fd })
  return {
    close: () => {
      server.close()
      for (const socket of open) socket.destroy()
    },
  }
}
