/**
 * Big-endian reads for decoders that have already proved their bounds.
 *
 * Unlike Buffer's methods these cannot throw: an octet beyond the end reads as zero, so a bounds bug here would give a wrong
 * number, which the tests see, and never an exception out of a decoder, which the peer would.
 */

export function u16(buffer: Uint8Array, at: number): number {
  return (buffer[at] << 8) | buffer[at + 1]
}

export function u32(buffer: Uint8Array, at: number): number {
  return ((buffer[at] << 24) | (buffer[at + 1] << 16) | (buffer[at + 2] << 8) | buffer[at + 3]) >>> 0
}
