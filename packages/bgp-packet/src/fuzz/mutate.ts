/**
 * Structured mutation: inputs that are wrong in interesting places.
 *
 * Blind flips rarely get past the first length check, so half of the inputs have their lengths repaired after the damage, and
 * much of the damage is done to octets that are lengths, types or flags: it lands deep in the decoders instead of at the door.
 */

import type { Random } from './random.js'

export const MAX_INPUT = 8192

/** Values that sit on the edges of the protocol's ranges. */
const EDGES = [0, 1, 2, 3, 4, 5, 7, 8, 15, 16, 17, 31, 32, 33, 64, 69, 127, 128, 129, 192, 224, 240, 253, 254, 255]

/** A buffer of fixed size that mutations work on, so that ten million of them make no garbage. */
export class Mutant {
  readonly bytes = new Uint8Array(MAX_INPUT)
  length = 0

  load(source: Uint8Array): void {
    this.length = Math.min(source.length, MAX_INPUT)
    for (let i = 0; i < this.length; i++) this.bytes[i] = source[i]
  }

  /** Opens a gap of `size` octets at `at`. */
  insert(at: number, size: number): void {
    const room = Math.min(size, MAX_INPUT - this.length)
    this.bytes.copyWithin(at + room, at, this.length)
    this.length += room
  }

  remove(at: number, size: number): void {
    const gone = Math.min(size, this.length - at)
    this.bytes.copyWithin(at, at + gone, this.length)
    this.length -= gone
  }
}

/** Offset of the path attributes of an UPDATE, or -1. */
function attributesAt(m: Mutant): number {
  if (m.length < 23 || m.bytes[18] !== 2) return -1
  const at = 21 + ((m.bytes[19] << 8) | m.bytes[20])
  return at + 2 <= m.length ? at + 2 : -1
}

/** Changes flags, code or length of one attribute header. */
function damageAttribute(m: Mutant, random: Random): void {
  let at = attributesAt(m)
  if (at < 0) return
  for (let skip = random.below(8); skip > 0; skip--) {
    if (at + 4 > m.length) return
    const next = m.bytes[at] & 16 ? at + 4 + ((m.bytes[at + 2] << 8) | m.bytes[at + 3]) : at + 3 + m.bytes[at + 2]
    if (next + 3 > m.length) break
    at = next
  }
  if (at + 3 > m.length) return
  const which = random.below(3)
  if (which === 0) m.bytes[at] ^= 1 << (4 + random.below(4))
  else if (which === 1) m.bytes[at + 1] = random.chance(4) ? random.below(256) : 1 + random.below(40)
  else m.bytes[at + 2] = EDGES[random.below(EDGES.length)]
}

function damage(m: Mutant, other: Uint8Array, random: Random): void {
  if (m.length === 0) return
  const at = random.below(m.length)
  switch (random.below(9)) {
    case 0:
      m.bytes[at] ^= 1 << random.below(8)
      return
    case 1:
      m.bytes[at] = EDGES[random.below(EDGES.length)]
      return
    case 2:
      m.bytes[at] = random.next()
      return
    case 3:
      m.remove(at, 1 + random.below(8))
      return
    case 4: {
      const size = 1 + random.below(8)
      m.insert(at, size)
      for (let i = 0; i < size && at + i < m.length; i++) m.bytes[at + i] = random.next()
      return
    }
    case 5: {
      // A piece of the same message again: duplicated attributes, prefixes, capabilities.
      const size = Math.min(1 + random.below(48), m.length - at)
      m.insert(at, size)
      m.bytes.copyWithin(at, at + size, Math.min(at + 2 * size, m.length))
      return
    }
    case 6: {
      // A piece of another message.
      if (other.length === 0) return
      const from = random.below(other.length)
      const size = Math.min(1 + random.below(64), other.length - from)
      m.insert(at, size)
      for (let i = 0; i < size && at + i < m.length; i++) m.bytes[at + i] = other[from + i]
      return
    }
    case 7:
      m.length = at
      return
    default:
      damageAttribute(m, random)
  }
}

/** Sets the lengths that enclose what was damaged: of the message, of the attributes, of the OPEN's parameters. */
function repair(m: Mutant, random: Random): void {
  if (m.length < 19) return
  m.bytes[16] = m.length >>> 8
  m.bytes[17] = m.length
  for (let i = 0; i < 16; i++) m.bytes[i] = 255
  if (m.bytes[18] === 1 && m.length >= 29 && m.bytes[29] !== 255) m.bytes[28] = m.length - 29
  const at = attributesAt(m)
  if (at < 0 || random.chance(2)) return
  // Whole attributes as far as they go; the rest counts as NLRI.
  let end = at
  while (end + 3 <= m.length) {
    const wide = (m.bytes[end] & 16) !== 0
    const next = wide ? end + 4 + ((m.bytes[end + 2] << 8) | m.bytes[end + 3]) : end + 3 + m.bytes[end + 2]
    if (next > m.length || m.bytes[end + 1] > 40) break
    end = next
  }
  m.bytes[at - 2] = (end - at) >>> 8
  m.bytes[at - 1] = end - at
}

/** A new input from two old ones. */
export function mutate(m: Mutant, seed: Uint8Array, other: Uint8Array, random: Random): void {
  m.load(seed)
  for (let n = random.below(4) + (random.chance(16) ? 0 : 1); n > 0; n--) damage(m, other, random)
  if (random.chance(2)) repair(m, random)
}
