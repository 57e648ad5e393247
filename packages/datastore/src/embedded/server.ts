/**
 * The embedded server: a memory store that several processes on one machine share, for the demo, the lab and tests. It
 * is not a database: nothing is kept when the process ends, and there is no authentication, so it listens only on a Unix
 * socket (mode 0600) or on a loopback port.
 */
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { chmodSync, rmSync, statSync } from 'node:fs'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { type Datastore, DatastoreError, type Watch } from '../datastore.js'
import { MemoryStore } from '../memory.js'
import {
  type Answer,
  type EmbeddedAddress,
  isRequest,
  type Reply,
  type Request,
  readLines,
  writeLine,
} from './protocol.js'

export interface EmbeddedServerOptions {
  readonly listen: EmbeddedAddress
  /** The store to share; a new one by default. */
  readonly store?: MemoryStore
}

export interface EmbeddedServer {
  readonly store: MemoryStore
  /** Where clients connect; with the real port when 0 was asked for. */
  readonly address: EmbeddedAddress
  close(): Promise<void>
}

/** A request is at most one value of 1.5 MB, escaped. */
const REQUEST_LIMIT = 16 * 1024 * 1024
/** A client that leaves this much unread is cut off; it comes back and resumes, or lists anew. */
const BACKLOG_LIMIT = 256 * 1024 * 1024

export async function serveEmbedded({
  listen,
  store = new MemoryStore(),
}: EmbeddedServerOptions): Promise<EmbeddedServer> {
  const name = randomUUID()
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
    new Session(socket, store.connect(), name)
  })
  await ('path' in listen ? listenOnPath(server, listen.path) : listenOnPort(server, listen))
  const bound = server.address()
  const address =
    'path' in listen || bound === null || typeof bound === 'string' ? listen : { ...listen, port: bound.port }
  return {
    store,
    address,
    async close() {
      const closed = once(server, 'close')
      server.close()
      for (const socket of sockets) socket.destroy()
      await closed
    },
  }
}

async function listenOnPort(
  server: Server,
  { host = '127.0.0.1', port }: { host?: string; port: number },
): Promise<void> {
  if (!['127.0.0.1', '::1', 'localhost'].includes(host)) {
    throw new DatastoreError(
      `the embedded datastore has no authentication and listens on loopback only, not on ${host}`,
      false,
    )
  }
  server.listen(port, host)
  await once(server, 'listening')
}

/** Takes over the path from a server that died without cleaning up, never from one that lives. */
async function listenOnPath(server: Server, path: string): Promise<void> {
  if (statSync(path, { throwIfNoEntry: false })?.isSocket()) {
    const probe = connect(path)
    const alive = await new Promise<boolean>((resolve) => {
      probe.once('connect', () => resolve(true)).once('error', () => resolve(false))
    })
    probe.destroy()
    if (alive) throw new DatastoreError(`another embedded datastore serves ${path}`, false)
    rmSync(path)
  }
  server.listen(path)
  await once(server, 'listening')
  chmodSync(path, 0o600)
}

class Session {
  readonly #socket: Socket
  readonly #datastore: Datastore
  readonly #watches = new Map<number, Watch>()

  constructor(socket: Socket, datastore: Datastore, name: string) {
    this.#socket = socket
    this.#datastore = datastore
    socket.setNoDelay(true)
    socket.on('error', () => socket.destroy())
    socket.on('close', () => void datastore.close())
    this.#send({ hello: name })
    readLines(socket, REQUEST_LIMIT, (message) => {
      if (isRequest(message)) this.#serve(message)
      else socket.destroy()
    })
  }

  #serve(request: Request): void {
    if (request.op === 'watch') this.#watch(request.id, request.prefix, request.from)
    else if (request.op === 'unwatch') this.#watches.get(request.watch)?.close()
    else {
      this.#answer(request).then(
        (answer) => this.#send({ id: request.id, answer }),
        (error: Error) => {
          const retriable = error instanceof DatastoreError && error.retriable
          this.#send({ id: request.id, error: error.message, retriable })
        },
      )
    }
  }

  async #answer(request: Exclude<Request, { op: 'watch' | 'unwatch' }>): Promise<Answer> {
    switch (request.op) {
      case 'get':
        return (await this.#datastore.get(request.key)) ?? null
      case 'list':
        return this.#datastore.list(request.prefix)
      case 'create':
        return this.#datastore.create(request.key, request.value)
      case 'update':
        return this.#datastore.update(request.key, request.value, request.revision)
      case 'delete':
        return this.#datastore.delete(request.key, request.revision)
    }
  }

  #watch(id: number, prefix: string, from: number): void {
    const watch = this.#datastore.watch(prefix, from, {
      events: (events, revision) => this.#send({ id, events, revision }),
      end: (end) => {
        this.#watches.delete(id)
        this.#send({ id, end })
      },
    })
    this.#watches.set(id, watch)
  }

  #send(reply: Reply): void {
    if (this.#socket.destroyed) return
    writeLine(this.#socket, reply)
    if (this.#socket.writableLength > BACKLOG_LIMIT) this.#socket.destroy()
  }
}
