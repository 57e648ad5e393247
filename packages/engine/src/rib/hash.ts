/**
 * Seeded hash of octets for the attribute store: four octets a step.
 *
 * The seed comes from outside, so a peer cannot choose attribute blocks that share a bucket.
 */
export function hashBytes(seed: number, buffer: Uint8Array, start: number, end: number): number {
  let h = seed
  let at = start
  const whole = end - 3
  while (at < whole) {
    const word = buffer[at] | (buffer[at + 1] << 8) | (buffer[at + 2] << 16) | (buffer[at + 3] << 24)
    h = Math.imul(h ^ word, 0x9e3779b1)
    h ^= h >>> 15
    at += 4
  }
  let tail = 0
  while (at < end) tail = (tail << 8) | buffer[at++]
  h = Math.imul(h ^ tail ^ (end - start), 0x85ebca6b)
  h ^= h >>> 13
  return h
}

export function hashNumber(hash: number, value: number): number {
  const h = Math.imul(hash ^ value, 0xc2b2ae35)
  return h ^ (h >>> 16)
}
