/**
 * SHA-1 (FIPS 180-4), for one purpose: MAC addresses of VTEPs follow from the node's name (calico.md 4.4).
 *
 * A pure package may not reach for `node:crypto`; nothing secret passes here.
 */
const H0 = [0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0]
/** FIPS 180-4 section 4.2.1: square roots of 2, 3, 5 and 10, one for each twenty rounds. */
const K = [0x5a827999, 0x6ed9eba1, 0x8f1bbcdc, 0xca62c1d6]

const rotate = (x: number, n: number): number => (x << n) | (x >>> (32 - n))

/** Section 4.1.1: choice, parity, majority, parity. */
function mix(round: number, b: number, c: number, d: number): number {
  if (round === 0) return (b & c) ^ (~b & d)
  return round === 2 ? (b & c) ^ (b & d) ^ (c & d) : b ^ c ^ d
}

export function sha1(message: Uint8Array): Uint8Array {
  const padded = new Uint8Array((Math.floor((message.length + 8) / 64) + 1) * 64)
  padded.set(message)
  padded[message.length] = 0x80
  const view = new DataView(padded.buffer)
  view.setUint32(padded.length - 8, Math.floor(message.length / 0x2000_0000))
  view.setUint32(padded.length - 4, (message.length * 8) >>> 0)
  const state = Int32Array.from(H0)
  const w = new Int32Array(80)
  for (let block = 0; block < padded.length; block += 64) compress(state, w, view, block)
  const digest = new Uint8Array(20)
  const out = new DataView(digest.buffer)
  state.forEach((word, i) => {
    out.setInt32(i * 4, word)
  })
  return digest
}

function compress(state: Int32Array, w: Int32Array, view: DataView, at: number): void {
  for (let t = 0; t < 16; t++) w[t] = view.getInt32(at + t * 4)
  for (let t = 16; t < 80; t++) {
    w[t] = rotate((w[t - 3] as number) ^ (w[t - 8] as number) ^ (w[t - 14] as number) ^ (w[t - 16] as number), 1)
  }
  let [a, b, c, d, e] = state as unknown as [number, number, number, number, number]
  for (let t = 0; t < 80; t++) {
    const round = Math.floor(t / 20)
    const next = (rotate(a, 5) + mix(round, b, c, d) + e + (K[round] as number) + (w[t] as number)) | 0
    ;[e, d, c, b, a] = [d, c, rotate(b, 30), a, next]
  }
  for (const [i, value] of [a, b, c, d, e].entries()) state[i] = ((state[i] as number) + value) | 0
}
