/**
 * One TCP connection: outbox with back-pressure, read budget, orderly end.
 *
 * Small pieces of one turn are copied into one buffer and leave in one write; large ones are shared views and leave as
 * they are. "Blocked" means the kernel did not take everything, so that whoever owns a buffer knows it is still in use:
 * Node's own boolean is about its high-water mark, which is another question (hot-path.md trap 2).
 */
import type { Socket } from 'node:net'
import { COPY_LIMIT, LINGER, READ_BUDGET, WRITE_LIMIT } from './limits.js'

export interface ConnectionEvents {
  received(bytes: Uint8Array): void
  /** Everything was taken by the kernel. */
  drained(): void
  closed(reason: string): void
}

const EMPTY = Buffer.alloc(0)

export class TcpConnection {
  readonly socket: Socket
  blocked = false
  /** Read too much this turn; `resume` is called when work was done. */
  paused = false
  /** In the speaker's list of those to flush at the end of the turn. */
  listed = false
  readonly #events: ConnectionEvents
  #small: Buffer | undefined
  #smallLength = 0
  /** Large views of this turn, and the small ones before each: they leave in one writev. */
  readonly #pieces: Uint8Array[] = []
  #pieceBytes = 0
  #read = 0
  #ended = false
  #reason = ''

  constructor(socket: Socket, events: ConnectionEvents) {
    this.socket = socket
    this.#events = events
    socket.on('data', this.#onData)
    socket.on('drain', this.#onDrained)
    socket.on('error', (error: NodeJS.ErrnoException) => {
      this.#reason = error.code ?? error.message
    })
    socket.on('close', () => {
      if (this.#ended) return
      this.#ended = true
      this.#events.closed(this.#reason)
    })
  }

  readonly #onData = (bytes: Buffer): void => {
    if (this.#ended) return
    this.#read += bytes.length
    if (this.#read >= READ_BUDGET) this.pause()
    this.#events.received(bytes)
  }

  /** No more until {@link resume}: TCP holds the peer back. */
  pause(): void {
    if (this.paused) return
    this.paused = true
    this.socket.pause()
  }

  /** Work was done: the budget begins again. */
  resume(): void {
    this.#read = 0
    if (!this.paused) return
    this.paused = false
    this.socket.resume()
  }

  readonly #onDrained = (): void => {
    if (this.#ended || !this.blocked || this.socket.writableLength > 0) return
    this.blocked = false
    this.#events.drained()
  }

  /** Take bytes; false = no more until `drained`. Small ones are copied and leave with {@link flush}. */
  send(bytes: Uint8Array): boolean {
    if (this.#ended) return false
    if (bytes.length > COPY_LIMIT) {
      this.#keepSmall()
      this.#keep(bytes)
    } else {
      if (this.#smallLength + bytes.length > COPY_LIMIT) this.#keepSmall()
      this.#append(bytes)
    }
    if (this.#pieceBytes >= WRITE_LIMIT) this.flush()
    return !this.blocked
  }

  #append(bytes: Uint8Array): void {
    const used = this.#smallLength
    if (this.#small === undefined) {
      this.#small = Buffer.allocUnsafe(bytes.length)
    } else if (this.#small.length < used + bytes.length) {
      const grown = Buffer.allocUnsafe(COPY_LIMIT)
      grown.set(this.#small.subarray(0, used))
      this.#small = grown
    }
    this.#small.set(bytes, used)
    this.#smallLength = used + bytes.length
  }

  #keep(bytes: Uint8Array): void {
    this.#pieces.push(bytes)
    this.#pieceBytes += bytes.length
  }

  #keepSmall(): void {
    const small = this.#small
    if (small === undefined) return
    this.#keep(small.subarray(0, this.#smallLength))
    this.#small = undefined
    this.#smallLength = 0
  }

  /** End of a turn: what was collected leaves, in one system call. */
  flush(): void {
    this.#keepSmall()
    const { socket } = this
    const pieces = this.#pieces
    if (pieces.length === 0) return
    if (!socket.destroyed) {
      if (pieces.length > 1) socket.cork()
      let free = true
      for (let i = 0; i < pieces.length; i++) free = socket.write(pieces[i] ?? EMPTY)
      if (pieces.length > 1) socket.uncork()
      this.#check(free)
    }
    pieces.length = 0
    this.#pieceBytes = 0
  }

  #check(free: boolean): void {
    if (this.socket.writableLength === 0 || this.blocked) return
    this.blocked = true
    // Below the high-water mark no 'drain' will come: an empty write reports when its turn has come.
    if (free) this.socket.write(EMPTY, this.#onDrained)
  }

  get queued(): number {
    return this.socket.writableLength + this.#pieceBytes + this.#smallLength
  }

  /** The owner lets go: nothing is reported any more. `flush` lets the last words out and waits for the peer's end. */
  close(how: 'flush' | 'abort'): void {
    if (this.#ended) return
    if (how === 'abort') {
      this.#ended = true
      this.socket.destroy()
      return
    }
    this.flush()
    this.#ended = true
    this.socket.resume()
    this.socket.end()
    const timer = setTimeout(() => this.socket.destroy(), LINGER)
    timer.unref()
    this.socket.once('close', () => clearTimeout(timer))
  }
}
