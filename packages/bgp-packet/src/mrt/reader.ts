/**
 * MRT records out of a stream of chunks (RFC 6396 section 2), for files larger than memory.
 *
 * The same shape as `Framer`: push a chunk, call `next()` until it answers false. A record that lies whole in a chunk is a view of
 * it. The length of a record is bounded, because a damaged file must end in an error and not in an allocation.
 */

import { u16, u32 } from '../read.js'

export const MrtType = { tableDump: 12, tableDumpV2: 13, bgp4mp: 16, bgp4mpEt: 17 } as const

/** No real record comes near: RIB records hold one prefix with up to a few thousand peers. */
export const MAX_MRT_RECORD = 16 * 1024 * 1024

const HEADER = 12
const EMPTY = new Uint8Array(0)

export class MrtReader {
  /** Fields of the current record; the body is [start, end) of `buffer`. */
  timestamp = 0
  /** Of the extended types, else 0. */
  microseconds = 0
  type = 0
  subtype = 0
  buffer: Uint8Array = EMPTY
  start = 0
  end = 0
  /** Why reading stopped for good; undefined while all is well. */
  error: string | undefined = undefined

  #pending: Uint8Array = EMPTY
  #length = 0
  #position = 0

  push(chunk: Uint8Array): void {
    const rest = this.#length - this.#position
    if (rest === 0) {
      this.#pending = chunk
      this.#length = chunk.length
    } else {
      this.#append(chunk, rest)
    }
    this.#position = 0
  }

  /** Octets of an incomplete record: not zero at the end of a file that was cut. */
  get pending(): number {
    return this.#length - this.#position
  }

  next(): boolean {
    const available = this.#length - this.#position
    if (this.error !== undefined || available < HEADER) return false
    const buffer = this.#pending
    const at = this.#position
    const length = u32(buffer, at + 8)
    if (length > MAX_MRT_RECORD) {
      this.error = `record of ${length} octets`
      return false
    }
    if (available < HEADER + length) return false
    this.timestamp = u32(buffer, at)
    this.type = u16(buffer, at + 4)
    this.subtype = u16(buffer, at + 6)
    this.buffer = buffer
    this.start = at + HEADER
    this.end = this.start + length
    this.#position = this.end
    this.microseconds = 0
    if (this.type === MrtType.bgp4mpEt && length >= 4) {
      this.microseconds = u32(buffer, this.start)
      this.start += 4
    }
    return true
  }

  /** Joins the rest and the chunk; room is doubled, so that small chunks cost no quadratic copying. */
  #append(chunk: Uint8Array, rest: number): void {
    const size = rest + chunk.length
    const from = this.#position
    const owned = this.#pending.length >= size && this.#owned
    const target = owned ? this.#pending : new Uint8Array(Math.max(size, Math.min(2 * size, MAX_MRT_RECORD)))
    target.set(this.#pending.subarray(from, from + rest), 0)
    target.set(chunk, rest)
    this.#pending = target
    this.#length = size
    this.#owned = true
  }

  #owned = false
}
