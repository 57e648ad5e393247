/**
 * A cursor over a caller's buffer for everything that is encoded.
 *
 * Writing past the limit does nothing but set `overflow`: the encoder answers "does not fit" as a value and the caller
 * rolls back to a position it remembers. So no encoder throws, and none can write outside the room it was given.
 */

export class ByteWriter {
  buffer: Uint8Array
  at: number
  limit: number
  overflow = false

  constructor(buffer: Uint8Array = new Uint8Array(4096), at = 0, limit = buffer.length) {
    this.buffer = buffer
    this.at = at
    this.limit = limit
  }

  /** Starts again on another buffer. */
  reset(buffer: Uint8Array, at = 0, limit = buffer.length): void {
    this.buffer = buffer
    this.at = at
    this.limit = limit
    this.overflow = false
  }

  /** True if `octets` more fit; otherwise marks the overflow. */
  room(octets: number): boolean {
    if (this.at + octets <= this.limit) return true
    this.overflow = true
    return false
  }

  /** Goes back to a remembered position and forgets the overflow. */
  rollback(at: number): void {
    this.at = at
    this.overflow = false
  }

  u8(value: number): void {
    if (this.room(1)) this.buffer[this.at++] = value
  }

  u16(value: number): void {
    if (!this.room(2)) return
    this.buffer[this.at++] = value >>> 8
    this.buffer[this.at++] = value
  }

  u32(value: number): void {
    if (!this.room(4)) return
    this.buffer[this.at++] = value >>> 24
    this.buffer[this.at++] = value >>> 16
    this.buffer[this.at++] = value >>> 8
    this.buffer[this.at++] = value
  }

  bytes(source: Uint8Array, start = 0, end = source.length): void {
    if (!this.room(end - start)) return
    for (let i = start; i < end; i++) this.buffer[this.at++] = source[i]
  }

  /** Overwrites two octets written before. */
  patch16(at: number, value: number): void {
    this.buffer[at] = value >>> 8
    this.buffer[at + 1] = value
  }

  /** A copy of what was written since `from`. */
  copy(from = 0): Uint8Array {
    return this.buffer.slice(from, this.at)
  }
}
