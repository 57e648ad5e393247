/**
 * UPDATE streams for the engine's benchmarks: an internet-like table and a cluster's blocks.
 *
 * Internet-like: a million prefixes of the usual lengths, about seven to an attribute set, paths of two to seven hops,
 * communities on most. Messages are what a router would send: one set each, packed.
 */
import { ByteWriter, encodeAsPath, UpdatePacker, writeAttribute, writeAttributeHeader } from '@starling/bgp-packet'

function generator(seed: number): (below: number) => number {
  let s = seed >>> 0
  return (below) => {
    s = (Math.imul(s, 1664525) + 1013904223) >>> 0
    return Math.floor((s / 4294967296) * below)
  }
}

/** Messages in one buffer, as a transport delivers them: message `n` lies from `ends[n - 1]` to `ends[n]`. */
export interface Feed {
  readonly buffer: Uint8Array
  readonly ends: Uint32Array
}

/** `prefixes` announced (or withdrawn) in all. */
export function internet(prefixes: number, withdraw = false): Feed {
  const next = generator(7)
  let ends = new Uint32Array(1024)
  let messages = 0
  const buffer = new Uint8Array(Math.max(1 << 20, prefixes * 64))
  const writer = new ByteWriter(buffer)
  const packer = new UpdatePacker(writer)
  const block = new ByteWriter(new Uint8Array(2048))
  let made = 0
  let address = 0x01000000
  while (made < prefixes) {
    block.reset(block.buffer)
    const hops = 2 + next(6)
    const asns = Array.from({ length: hops }, (_, i) => (i === 0 ? 3356 + next(8) : 1000 + next(60000)))
    writeAttribute(block, 0x40, 1, Uint8Array.of(next(10) === 0 ? 2 : 0), 0, 1)
    writeAttributeHeader(block, 0x40, 2, 2 + hops * 4)
    encodeAsPath(block, [{ type: 'sequence', asns }], 4)
    writeAttributeHeader(block, 0x40, 3, 4)
    block.u32(0x64400000 + 256 + next(8))
    if (next(3) === 0) {
      writeAttributeHeader(block, 0x80, 4, 4)
      block.u32(next(200))
    }
    writeAttributeHeader(block, 0x40, 5, 4)
    block.u32(100)
    const communities = next(12)
    if (communities > 0) {
      writeAttributeHeader(block, 0xc0, 8, communities * 4)
      for (let i = 0; i < communities; i++) block.u32((asns[0] << 16) | next(3000))
    }
    const count = Math.min(prefixes - made, 1 + Math.floor(next(14) * (next(100) / 50)))
    const attributes = block.copy()
    if (withdraw) packer.beginWithdraw(4096, false)
    else packer.beginAnnounce(4096, false, attributes)
    for (let i = 0; i < count; i++) {
      const length = [24, 24, 24, 22, 23, 20, 21, 19, 16][next(9)]
      packer.add(0, length, (address & (-1 << (32 - length))) >>> 0)
      address = (address + (1 << (32 - length)) + next(512) * 256) >>> 0
      made++
    }
    packer.finish()
    if (messages === ends.length) {
      const grown = new Uint32Array(messages * 2)
      grown.set(ends)
      ends = grown
    }
    ends[messages++] = writer.at
  }
  if (writer.overflow) throw new Error('the feed does not fit')
  return { buffer, ends: ends.subarray(0, messages) }
}
