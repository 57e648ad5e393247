/**
 * Prefixes on the wire (RFC 4271 section 4.3, RFC 7911 section 3): the syntax check and the walker.
 *
 * Both run once per prefix of a full table, so neither makes an object. `checkNlri` proves that a range can be walked;
 * after that `NlriCursor` walks it. Host bits beyond the prefix length are masked off: RFC 4271 calls them irrelevant
 * and RFC 7606 does not call them an error.
 *
 *   cursor.open(buffer, start, end, 4, addPath)
 *   while (cursor.next()) use(cursor.word0, cursor.length, cursor.pathId)
 */

/**
 * Number of prefixes in [start, end), or -1 - offset of the first prefix that cannot be read: longer than `maxBits`, or
 * running over the end (RFC 7606 section 5.3).
 */
export function checkNlri(buffer: Uint8Array, start: number, end: number, maxBits: number, addPath: boolean): number {
  let count = 0
  let at = start
  const skip = addPath ? 4 : 0
  while (at < end) {
    const lengthAt = at + skip
    if (lengthAt >= end) return -1 - at
    const bits = buffer[lengthAt]
    if (bits > maxBits) return -1 - at
    const next = lengthAt + 1 + ((bits + 7) >>> 3)
    if (next > end) return -1 - at
    at = next
    count++
  }
  return count
}

const EMPTY = new Uint8Array(0)

/** Walks a range that `checkNlri` accepted. The fields describe the prefix that `next()` moved to. */
export class NlriCursor {
  /** Path identifier (RFC 7911), 0 without ADD-PATH. */
  pathId = 0
  /** Prefix length in bits. */
  length = 0
  /** The masked address as big-endian 32-bit words, unsigned; IPv4 has word0 alone. */
  word0 = 0
  word1 = 0
  word2 = 0
  word3 = 0
  /** Where the current prefix begins (its path identifier, if any) and ends. */
  offset = 0
  nextOffset = 0

  #buffer: Uint8Array = EMPTY
  #end = 0
  #ipv6 = false
  #addPath = false

  open(buffer: Uint8Array, start: number, end: number, version: 4 | 6, addPath: boolean): void {
    this.#buffer = buffer
    this.#end = Math.min(end, buffer.length)
    this.#ipv6 = version === 6
    this.#addPath = addPath
    this.nextOffset = start
  }

  next(): boolean {
    const buffer = this.#buffer
    let at = this.nextOffset
    const end = this.#end
    if (at >= end) return false
    this.offset = at
    if (this.#addPath) {
      // `+ 4 >= end` guards callers that skipped checkNlri: the walk ends, it does not run over.
      if (at + 4 >= end) return this.#stop()
      this.pathId = ((buffer[at] << 24) | (buffer[at + 1] << 16) | (buffer[at + 2] << 8) | buffer[at + 3]) >>> 0
      at += 4
    } else {
      this.pathId = 0
    }
    const bits = buffer[at++]
    const octets = (bits + 7) >>> 3
    if (at + octets > end || bits > (this.#ipv6 ? 128 : 32)) return this.#stop()
    this.length = bits
    this.nextOffset = at + octets
    if (this.#ipv6) {
      this.#readIPv6(buffer, at, bits)
      return true
    }
    let word = 0
    if (octets === 3) word = (buffer[at] << 24) | (buffer[at + 1] << 16) | (buffer[at + 2] << 8)
    else if (octets === 4) word = (buffer[at] << 24) | (buffer[at + 1] << 16) | (buffer[at + 2] << 8) | buffer[at + 3]
    else if (octets === 2) word = (buffer[at] << 24) | (buffer[at + 1] << 16)
    else if (octets === 1) word = buffer[at] << 24
    // A shift by 32 is a shift by 0 in JavaScript: length 0 has no octets, so word is 0 anyway.
    this.word0 = (word & (-1 << (32 - bits))) >>> 0
    return true
  }

  #stop(): boolean {
    this.nextOffset = this.#end
    return false
  }

  #readIPv6(buffer: Uint8Array, at: number, bits: number): void {
    this.word0 = bits === 0 ? 0 : readWord(buffer, at, bits)
    this.word1 = bits <= 32 ? 0 : readWord(buffer, at + 4, bits - 32)
    this.word2 = bits <= 64 ? 0 : readWord(buffer, at + 8, bits - 64)
    this.word3 = bits <= 96 ? 0 : readWord(buffer, at + 12, bits - 96)
  }
}

/** The word at `at` of which the first `bits` bits (at least one) count; never reads octets beyond them. */
function readWord(buffer: Uint8Array, at: number, bits: number): number {
  if (bits >= 32) return ((buffer[at] << 24) | (buffer[at + 1] << 16) | (buffer[at + 2] << 8) | buffer[at + 3]) >>> 0
  let word = buffer[at] << 24
  if (bits > 8) word |= buffer[at + 1] << 16
  if (bits > 16) word |= buffer[at + 2] << 8
  if (bits > 24) word |= buffer[at + 3]
  return (word & (-1 << (32 - bits))) >>> 0
}
