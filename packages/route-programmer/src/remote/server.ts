/**
 * `starling programmer`: the privileged half. It holds NET_ADMIN, a Unix socket and nothing else: no BGP, no datastore, no
 * configuration beyond which tables and which user. Each client gets its own driver, so that it hears everything but its
 * own writes. Routes stay when either side goes.
 */

import { chmodSync, rmSync } from 'node:fs'
import { createServer, type Server, type Socket } from 'node:net'
import { type PeerCredentials, peerCredentials } from '@starling/sys'
import type { FibDriver, WriteOutcome } from '../driver.js'
import { type KernelRoute, TABLE_MAIN } from '../routes.js'
import type { TunnelDriver } from '../tunnels/types.js'
import { FrameReader, sendFrame } from './frames.js'
import { type TunnelRequest, tunnelRequestFromWire, tunnelsToWire } from './tunnel-wire.js'
import { claimFromWire, eventToWire, type Reply, requestFromWire, routeToWire, stateToWire } from './wire.js'

/** Bytes a slow client may leave unread before events are dropped and a gap is told instead. */
const BACKLOG_LIMIT = 4 << 20

export interface ProgrammerServerOptions {
  /** Path of the Unix socket; a leading NUL means the abstract namespace. */
  readonly path: string
  /** A new driver for each client. */
  readonly open: () => FibDriver
  /** Tunnel devices as well; absent: requests for them are refused. */
  readonly openTunnels?: () => TunnelDriver
  /** Who may connect; only the server's own user and root when absent. */
  readonly allow?: (peer: PeerCredentials) => boolean
  readonly tables?: readonly number[]
  /** Socket file mode; 0o660 lets the group in. */
  readonly mode?: number
  readonly log?: (text: string) => void
  /**
   * One writer per kernel: held for a client that says who it is, as long as it is connected; rejects with words when
   * another has it. Absent: nobody is asked.
   */
  readonly claim?: (node: string) => Promise<{ release(): Promise<void> }>
}

export interface ProgrammerServer {
  readonly ready: Promise<void>
  close(): Promise<void>
}

export function serveProgrammer(options: ProgrammerServerOptions): ProgrammerServer {
  const self = process.getuid?.() ?? 0
  const allow = options.allow ?? (({ uid }) => uid === self || uid === 0)
  const log = options.log ?? (() => undefined)
  const clients = new Set<Socket>()
  const server = createServer((socket) => {
    const peer = peerCredentials((socket as unknown as { _handle: { fd: number } })._handle.fd)
    if (!allow(peer)) {
      log(`refused a client with uid ${peer.uid}`)
      socket.destroy()
      return
    }
    clients.add(socket)
    socket.once('close', () => clients.delete(socket))
    serveClient(socket, options, log)
  })
  return {
    ready: listen(server, options.path, options.mode ?? 0o660),
    close: () =>
      new Promise((resolve) => {
        for (const socket of clients) socket.destroy()
        server.close(() => resolve())
      }),
  }
}

/** A socket file left by a dead server is replaced; two live servers are kept apart by the supervisor. */
function listen(server: Server, path: string, mode: number): Promise<void> {
  const abstract = path.startsWith('\0')
  if (!abstract) rmSync(path, { force: true })
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(path, () => {
      if (!abstract) chmodSync(path, mode)
      resolve()
    })
  })
}

function serveClient(socket: Socket, options: ProgrammerServerOptions, log: (text: string) => void): void {
  const tables = new Set(options.tables ?? [TABLE_MAIN])
  const driver = options.open()
  let devices: TunnelDriver | undefined
  let node: string | undefined
  let held: { release(): Promise<void> } | undefined
  const reader = new FrameReader()
  let lost = false
  const reply = (value: Reply) => sendFrame(socket, value)
  driver.subscribe((events) => {
    if (lost || socket.writableLength > BACKLOG_LIMIT) lost = true
    else reply({ events: events.map(eventToWire) })
  })
  socket.on('drain', () => {
    if (!lost) return
    lost = false
    reply({ events: [{ type: 'gap', reason: 'the client was too slow for all events' }] })
  })
  // One request after the other: answers keep the order of the writes.
  let last: Promise<void> = Promise.resolve()
  socket.on('data', (chunk: Buffer) => {
    try {
      reader.push(chunk, (value) => {
        const claim = claimFromWire(value)
        if (claim !== undefined) {
          node = claim.node
          last = last.then(() => answerClaim(claim.id))
          return
        }
        const tunnels = tunnelRequestFromWire(value)
        if (tunnels !== undefined) {
          last = last.then(() => answerTunnels(tunnels))
          return
        }
        const { id, writes } = requestFromWire(value, tables)
        last = last.then(() => answer(id, writes))
      })
    } catch (error) {
      log(`closed a client that sent ${error instanceof Error ? error.message : String(error)}`)
      socket.destroy()
    }
  })
  socket.on('error', () => socket.destroy())
  socket.once('close', () => void last.then(() => Promise.all([driver.close(), devices?.close(), held?.release()])))

  /** Who was refused may write as soon as the other is gone. */
  async function claimed(): Promise<void> {
    if (node !== undefined && options.claim !== undefined) held ??= await options.claim(node)
  }

  async function answerClaim(id: number): Promise<void> {
    if (socket.destroyed) return
    try {
      await claimed()
      reply({ id, outcomes: [] })
    } catch (error) {
      reply({ id, error: error instanceof Error ? error.message : String(error) })
    }
  }

  async function answer(id: number, writes: Parameters<FibDriver['write']>[0] | undefined): Promise<void> {
    if (socket.destroyed) return
    try {
      if (writes === undefined) {
        const slice = (routes: readonly KernelRoute[]) => reply({ id, slice: routes.map(routeToWire) })
        reply({ id, state: stateToWire(await driver.read((routes) => void slice(routes))) })
      } else {
        await claimed()
        reply({ id, outcomes: failuresOf(await driver.write(writes)) })
      }
    } catch (error) {
      reply({ id, error: error instanceof Error ? error.message : String(error) })
    }
  }

  async function answerTunnels(request: { id: number } & TunnelRequest): Promise<void> {
    const { id } = request
    if (socket.destroyed) return
    try {
      devices ??= options.openTunnels?.()
      if (devices === undefined) throw new Error('this programmer makes no tunnels')
      if ('names' in request) reply({ id, tunnels: tunnelsToWire(await devices.read(request.names)) })
      else {
        await claimed()
        reply({ id, outcomes: failuresOf(await devices.apply(request.operations)) })
      }
    } catch (error) {
      reply({ id, error: error instanceof Error ? error.message : String(error) })
    }
  }
}

const failuresOf = (outcomes: readonly WriteOutcome[]): [number, WriteOutcome][] =>
  [...outcomes.entries()].filter(([, { errno }]) => errno !== 0)
