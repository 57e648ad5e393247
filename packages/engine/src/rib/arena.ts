/**
 * Bytes of attribute sets: blocks of 16-octet units inside large chunks, with a free list per size.
 *
 * A million routes have some hundred thousand attribute sets of about a hundred octets; an object for each would cost
 * more than the octets. A handle is a u32 (chunk, unit); 0 means "none". Chunks are never given back: their free blocks
 * serve the next sets.
 */
import { growU32, nextCapacity } from '@starling/inet'

const UNIT_BITS = 4
const CHUNK_UNITS = 65536
const FIRST_UNITS = 1024

export class ByteArena {
  readonly chunks: Uint8Array[] = [new Uint8Array(FIRST_UNITS << UNIT_BITS)]
  /** First free block by size in units; its first four octets hold the next. */
  #free = new Uint32Array(64)
  #chunk = 0
  #unit = 1
  #units = FIRST_UNITS

  /** Octets of all chunks. */
  get bytes(): number {
    let sum = 0
    for (const chunk of this.chunks) sum += chunk.length
    return sum
  }

  allocate(size: number): number {
    const units = (size + 15) >>> UNIT_BITS
    const free = units < this.#free.length ? this.#free[units] : 0
    if (free !== 0) {
      const chunk = this.chunks[free >>> 16]
      const at = this.offset(free)
      const next = ((chunk[at] << 24) | (chunk[at + 1] << 16) | (chunk[at + 2] << 8) | chunk[at + 3]) >>> 0
      this.#free[units] = next
      return free
    }
    if (this.#unit + units > this.#units) {
      this.chunks.push(new Uint8Array(CHUNK_UNITS << UNIT_BITS))
      this.#chunk = this.chunks.length - 1
      this.#unit = 0
      this.#units = CHUNK_UNITS
    }
    const handle = ((this.#chunk << 16) | this.#unit) >>> 0
    this.#unit += units
    return handle
  }

  release(handle: number, size: number): void {
    const units = (size + 15) >>> UNIT_BITS
    if (units === 0) return
    const chunk = this.chunks[handle >>> 16]
    const at = this.offset(handle)
    if (units >= this.#free.length) this.#free = growU32(this.#free, nextCapacity(units + 1))
    const next = this.#free[units]
    chunk[at] = next >>> 24
    chunk[at + 1] = next >>> 16
    chunk[at + 2] = next >>> 8
    chunk[at + 3] = next
    this.#free[units] = handle
  }

  chunk(handle: number): Uint8Array {
    return this.chunks[handle >>> 16]
  }

  offset(handle: number): number {
    return (handle & 0xffff) << UNIT_BITS
  }
}
