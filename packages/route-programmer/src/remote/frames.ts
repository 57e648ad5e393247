/** Frames on a stream: a 4-byte big-endian length, then that many bytes of JSON. Any chunking of the stream is fine. */

import type { Socket } from 'node:net'
import { FRAME_LIMIT, WireError } from './wire.js'

export function sendFrame(socket: Socket, value: unknown): boolean {
  const text = JSON.stringify(value)
  const frame = Buffer.allocUnsafe(4 + Buffer.byteLength(text))
  frame.writeUInt32BE(frame.length - 4, 0)
  frame.write(text, 4)
  return socket.write(frame)
}

/** Calls back with each value; throws WireError for what is no frame. */
export class FrameReader {
  private chunks: Buffer[] = []
  private size = 0

  push(chunk: Buffer, frame: (value: unknown) => void): void {
    this.chunks.push(chunk)
    this.size += chunk.length
    for (;;) {
      if (this.size < 4) return
      const head = this.joined()
      const length = head.readUInt32BE(0)
      if (length > FRAME_LIMIT) throw new WireError(`a frame of ${length} bytes`)
      if (this.size < 4 + length) return
      this.chunks = [head.subarray(4 + length)]
      this.size -= 4 + length
      let value: unknown
      try {
        value = JSON.parse(head.toString('utf8', 4, 4 + length))
      } catch {
        throw new WireError('a frame that is no JSON')
      }
      frame(value)
    }
  }

  private joined(): Buffer {
    const first = this.chunks.length === 1 ? (this.chunks[0] as Buffer) : Buffer.concat(this.chunks)
    this.chunks = [first]
    return first
  }
}
