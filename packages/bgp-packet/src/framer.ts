/**
 * Whole messages out of a byte stream, for any chunking from one octet up.
 *
 * First station of the road: the transport pushes a chunk, the engine calls `next()` until it answers false. A message
 * that lies whole in a chunk is a view of that chunk; only a message that straddles chunks is copied, into a buffer
 * that never exceeds the negotiated maximum. The header is judged as soon as its 19 octets are there (RFC 4271
 * section 6.1), so a bad length can neither stall the stream nor make it loop.
 *
 *   framer.push(chunk)
 *   while (framer.next()) use(framer.buffer, framer.start, framer.end, framer.type)
 *   if (framer.error) send a NOTIFICATION and close
 *
 * A message is valid until the following call of `next()`. After an error the framer stays in error.
 */

import { HEADER_LENGTH, MARKER_LENGTH, MAX_EXTENDED_MESSAGE, MAX_MESSAGE, MessageType } from './constants.js'
import { HeaderError, NotificationCode, type NotificationError } from './message/notification.js'
import { NO_DATA } from './verdict.js'

/** Shortest legal message by type: RFC 4271 sections 4.2 to 4.5, RFC 2918 section 3. */
const MINIMUM = [0, 29, 23, 21, 19, 23]

/** Judges the 19 header octets at `at` (which must be there): the message length, or the error to answer with. */
export function judgeHeader(buffer: Uint8Array, at: number, maximum: number): number | NotificationError {
  for (let i = 0; i < MARKER_LENGTH; i++) {
    if (buffer[at + i] !== 255) {
      return headerError(HeaderError.connectionNotSynchronized, NO_DATA, `marker octet ${i} is not 255`)
    }
  }
  const length = (buffer[at + 16] << 8) | buffer[at + 17]
  const type = buffer[at + 18]
  const known = type >= MessageType.open && type <= MessageType.routeRefresh
  // RFC 8654 section 4: the extended maximum is not for OPEN and KEEPALIVE.
  const limit = type === MessageType.open ? MAX_MESSAGE : type === MessageType.keepalive ? HEADER_LENGTH : maximum
  if (length < HEADER_LENGTH || length > limit || (known && length < MINIMUM[type])) {
    const data = buffer.slice(at + 16, at + 18)
    return headerError(HeaderError.badMessageLength, data, `length ${length} is not allowed for message type ${type}`)
  }
  if (!known) return headerError(HeaderError.badMessageType, Uint8Array.of(type), `message type ${type} is unknown`)
  return length
}

function headerError(subcode: number, data: Uint8Array, reason: string): NotificationError {
  return { code: NotificationCode.messageHeader, subcode, data, reason, rule: 'RFC 4271 6.1' }
}

const EMPTY = new Uint8Array(0)

/**
 * The same octets as a plain Uint8Array. Node's Buffer is a Uint8Array whose `slice` does not copy: what we believe to
 * have kept would change with the next read of the socket.
 */
export function plain(bytes: Uint8Array): Uint8Array {
  return bytes.constructor === Uint8Array ? bytes : new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

export class Framer {
  /** The current message: octets `start` (its marker) to `end` of `buffer`. */
  buffer: Uint8Array = EMPTY
  start = 0
  end = 0
  type = 0
  error: NotificationError | undefined = undefined

  #maximum = MAX_MESSAGE
  #chunk: Uint8Array = EMPTY
  #position = 0
  #tail: Uint8Array = EMPTY
  #tailLength = 0

  /** The negotiated maximum: 4096, or 65535 with extended messages on both sides (RFC 8654). */
  setMaximum(octets: number): void {
    this.#maximum = Math.min(MAX_EXTENDED_MESSAGE, Math.max(MAX_MESSAGE, octets))
  }

  /** Octets of an incomplete message kept back so far. */
  get pending(): number {
    return this.#tailLength + this.#chunk.length - this.#position
  }

  /** A copy of the octets of an incomplete message kept back so far. */
  residue(): Uint8Array {
    const rest = this.#chunk.subarray(this.#position)
    const octets = new Uint8Array(this.#tailLength + rest.length)
    octets.set(this.#tail.subarray(0, this.#tailLength), 0)
    octets.set(rest, this.#tailLength)
    return octets
  }

  /** Takes the next chunk. What an earlier chunk still holds is kept before it (a copy: drain first to avoid it). */
  push(bytes: Uint8Array): void {
    if (this.error !== undefined) return
    const chunk = plain(bytes)
    if (this.#position < this.#chunk.length) {
      const rest = this.#chunk.subarray(this.#position)
      const joined = new Uint8Array(rest.length + chunk.length)
      joined.set(rest, 0)
      joined.set(chunk, rest.length)
      this.#chunk = joined
    } else {
      this.#chunk = chunk
    }
    this.#position = 0
  }

  /** Moves to the next whole message; false when there is none (or there is an error). */
  next(): boolean {
    if (this.error !== undefined) return false
    if (this.#tailLength > 0) return this.#nextFromTail()
    const chunk = this.#chunk
    const at = this.#position
    const available = chunk.length - at
    if (available >= HEADER_LENGTH) {
      const length = judgeHeader(chunk, at, this.#maximum)
      if (typeof length !== 'number') return this.#fail(length)
      if (length <= available) {
        this.#position = at + length
        this.buffer = chunk
        this.start = at
        this.end = at + length
        this.type = chunk[at + 18]
        return true
      }
      this.#keep(length)
    } else if (available > 0) {
      this.#keep(HEADER_LENGTH)
    }
    // A drained chunk is let go, so that an idle session pins no read buffer.
    this.#chunk = EMPTY
    this.#position = 0
    return false
  }

  #nextFromTail(): boolean {
    if (!this.#fill(HEADER_LENGTH)) return false
    const length = judgeHeader(this.#tail, 0, this.#maximum)
    if (typeof length !== 'number') return this.#fail(length)
    if (!this.#fill(length)) return false
    this.#tailLength = 0
    this.buffer = this.#tail
    this.start = 0
    this.end = length
    this.type = this.#tail[18]
    return true
  }

  /** Copies from the chunk until the tail holds `size` octets; false when the chunk ends before. */
  #fill(size: number): boolean {
    const missing = size - this.#tailLength
    if (missing <= 0) return true
    this.#reserve(size)
    const take = Math.min(missing, this.#chunk.length - this.#position)
    this.#tail.set(this.#chunk.subarray(this.#position, this.#position + take), this.#tailLength)
    this.#position += take
    this.#tailLength += take
    if (take === missing) return true
    this.#chunk = EMPTY
    this.#position = 0
    return false
  }

  /** Moves the rest of the chunk, the beginning of a message of `size` octets, into the tail. */
  #keep(size: number): void {
    this.#reserve(size)
    this.#fill(Math.min(size, this.#chunk.length - this.#position))
  }

  #reserve(size: number): void {
    if (this.#tail.length >= size) return
    let capacity = 64
    while (capacity < size) capacity *= 2
    const grown = new Uint8Array(capacity)
    grown.set(this.#tail.subarray(0, this.#tailLength))
    this.#tail = grown
  }

  #fail(error: NotificationError): boolean {
    this.error = error
    this.#chunk = EMPTY
    this.#tail = EMPTY
    this.#tailLength = 0
    this.#position = 0
    return false
  }
}
