/**
 * One TCP connection: outbox with back-pressure, read budget, orderly end.
 *
 * A single piece leaves as it is; small pieces of one turn are copied into one buffer and leave in one write; large ones
 * are shared views. "Blocked" means the kernel did not take everything, so that whoever owns a buffer knows it is still in
 * use: Node's own boolean is about its high-water mark, which is another question (hot-path.md trap 2).
 * While nothing waits in the stream, a write goes straight to the kernel (`direct.ts`); what it does not take, and every
 * error, is left to the stream.
 */
import type { Socket } from 'node:net'
import { DirectWriter } from './direct.js'
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
  readonly #direct: DirectWriter
  /** The turn's only piece so far. */
  #single: Uint8Array | undefined
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
    this.#direct = new DirectWriter(socket)
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

  /** Take bytes; false = no more until `drained`. They leave with {@link flush}, and must not change before. */
  send(bytes: Uint8Array): boolean {
    if (this.#ended) return false
    if (this.#single === undefined && this.#smallLength === 0 && this.#pieces.length === 0) {
      this.#single = bytes
    } else {
      this.#spread()
      this.#add(bytes)
    }
    if (this.#pieceBytes >= WRITE_LIMIT) this.flush()
    return !this.blocked
  }

  /** The first piece joins the others. */
  #spread(): void {
    const single = this.#single
    if (single === undefined) return
    this.#single = undefined
    this.#add(single)
  }

  #add(bytes: Uint8Array): void {
    if (bytes.length > COPY_LIMIT) {
      this.#keepSmall()
      this.#keep(bytes)
      return
    }
    if (this.#smallLength + bytes.length > COPY_LIMIT) this.#keepSmall()
    this.#append(bytes)
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
    const single = this.#single
    if (single !== undefined) {
      this.#single = undefined
      this.#write(single)
      return
    }
    this.#keepSmall()
    const pieces = this.#pieces
    if (pieces.length === 0) return
    if (pieces.length === 1) this.#write(pieces[0] ?? EMPTY)
    else this.#writeAll(pieces)
    pieces.length = 0
    this.#pieceBytes = 0
  }

  #write(bytes: Uint8Array): void {
    const taken = this.blocked ? 0 : this.#direct.write(bytes, false)
    if (taken === bytes.length) return
    const { socket } = this
    if (!socket.destroyed) this.#check(socket.write(taken === 0 ? bytes : bytes.subarray(taken)))
  }

  #writeAll(pieces: readonly Uint8Array[]): void {
    const { socket } = this
    if (socket.destroyed) return
    let first = 0
    let taken = 0
    while (first < pieces.length && !this.blocked) {
      const piece = pieces[first] ?? EMPTY
      taken = this.#direct.write(piece, first < pieces.length - 1)
      if (taken < piece.length) break
      first++
      taken = 0
    }
    if (first === pieces.length) return
    socket.cork()
    let free = socket.write((pieces[first] ?? EMPTY).subarray(taken))
    for (let i = first + 1; i < pieces.length; i++) free = socket.write(pieces[i] ?? EMPTY)
    socket.uncork()
    this.#check(free)
  }

  #check(free: boolean): void {
    if (this.socket.writableLength === 0 || this.blocked) return
    this.blocked = true
    // Below the high-water mark no 'drain' will come: an empty write reports when its turn has come.
    if (free) this.socket.write(EMPTY, this.#onDrained)
  }

  get queued(): number {
    return this.socket.writableLength + this.#pieceBytes + this.#smallLength + (this.#single?.length ?? 0)
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
