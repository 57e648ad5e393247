/**
 * Small writes without the stream: `send` on the descriptor of a socket whose outbox is empty.
 *
 * A reflector's day is small: one changed route, one message of some ten octets, hundreds of receivers. `socket.write`
 * costs 2.3 us more than `send` for each of them (docs/performance.md), a third of the whole. The stream stays the owner
 * of the socket: this is called only while nothing waits in it, what the kernel does not take goes through it, and so
 * does every failure, so that errors arrive where they always do. Without native calls there is nothing to gain, and
 * nothing is tried.
 */
import type { Socket } from 'node:net'
import { hasNative, MSG, send } from '@starling/sys'

/** The descriptor of a net.Socket has no documented name; it has been this one since Node 0.x (node.md section 3). */
interface Handle {
  readonly fd?: number
}

const FLAGS = MSG.DONTWAIT | MSG.NOSIGNAL
/** The kernel waits for the next piece before it sends a segment that is not full. */
const MORE_FLAGS = FLAGS | MSG.MORE

export class DirectWriter {
  readonly #socket: { readonly _handle?: Handle | null }
  readonly #handle: Handle | undefined
  readonly #descriptor: number

  constructor(socket: Socket) {
    this.#socket = socket as unknown as { readonly _handle?: Handle | null }
    this.#handle = this.#socket._handle ?? undefined
    this.#descriptor = hasNative() ? (this.#handle?.fd ?? -1) : -1
  }

  /** How many octets the kernel took: 0 when it took none for whatever reason. Call only while the stream is empty. */
  write(bytes: Uint8Array, more: boolean): number {
    // A closed socket has lost its handle, and its number may be somebody else's by now.
    if (this.#descriptor < 0 || this.#socket._handle !== this.#handle) return 0
    const sent = send(this.#descriptor, bytes, bytes.length, more ? MORE_FLAGS : FLAGS)
    return Math.max(sent, 0)
  }
}
