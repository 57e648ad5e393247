/** The framer: any chunking gives the same messages, bad headers end in the NOTIFICATION of RFC 4271 section 6.1. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Framer } from './framer.js'
import { GOOD, message, octets, PREFIX, update } from './testing/build.js'
import { hexOf } from './text.js'

const STREAM = [message(4, ''), update(GOOD, PREFIX), message(4, ''), update([]), message(3, '0602')]
const BYTES = octets(STREAM.join(''))

function frames(framer: Framer): string[] {
  const list: string[] = []
  while (framer.next()) list.push(hexOf(framer.buffer.subarray(framer.start, framer.end)))
  return list
}

/** As Node's Buffer: a Uint8Array whose slice shares its memory. */
class Sharing extends Uint8Array {
  override slice(start?: number, end?: number): Uint8Array<ArrayBuffer> {
    return this.subarray(start, end) as Uint8Array<ArrayBuffer>
  }
}

describe('whoever keeps a slice of a message', () => {
  it('keeps it, also when the chunk came in a Buffer that the socket fills anew', () => {
    const framer = new Framer()
    const chunk = new Sharing(BYTES)
    framer.push(chunk)
    framer.next()
    const kept = framer.buffer.slice(framer.start, framer.end)
    chunk.fill(0)
    expect(hexOf(kept)).toBe(STREAM[0])
  })
})

describe('chunking', () => {
  it.each(Array.from({ length: BYTES.length }, (_, n) => n + 1))('chunks of %d octets', (size) => {
    const framer = new Framer()
    const list: string[] = []
    for (let at = 0; at < BYTES.length; at += size) {
      framer.push(BYTES.slice(at, at + size))
      list.push(...frames(framer))
    }
    expect(list).toEqual(STREAM)
    expect(framer.pending).toBe(0)
  })

  it('random cuts give the same messages', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(BYTES.length), { maxLength: 12 }), (cuts) => {
        const framer = new Framer()
        const edges = [0, ...cuts.sort((a, b) => a - b), BYTES.length]
        const list = edges.slice(1).flatMap((edge, i) => {
          framer.push(BYTES.subarray(edges[i], edge))
          return frames(framer)
        })
        expect(list).toEqual(STREAM)
      }),
    )
  })

  it('a whole message is a view of its chunk', () => {
    const framer = new Framer()
    framer.push(BYTES)
    expect(framer.next()).toBe(true)
    expect(framer.buffer).toBe(BYTES)
    expect([framer.start, framer.end, framer.type]).toEqual([0, 19, 4])
  })

  it('pushing before all was taken loses nothing', () => {
    const framer = new Framer()
    framer.push(BYTES.subarray(0, 40))
    framer.push(BYTES.subarray(40, 41))
    framer.push(BYTES.subarray(41))
    expect(frames(framer)).toEqual(STREAM)
  })

  it('keeps no more than one message', () => {
    const framer = new Framer()
    const long = octets(message(2, '00'.repeat(4096 - 19)))
    for (let at = 0; at < long.length - 1; at += 100) {
      framer.push(long.subarray(at, Math.min(at + 100, long.length - 1)))
      expect(framer.next()).toBe(false)
      expect(framer.pending).toBeLessThan(4096)
    }
  })
})

describe('bad headers', () => {
  const header = (length: string, type: string, marker = 'ff'.repeat(16)) => `${marker}${length}${type}`
  it.each([
    ['a marker with a zero octet', header('0013', '04', `${'ff'.repeat(15)}00`), 4096, '1/1', ''],
    ['length 18', header('0012', '04'), 4096, '1/2', '0012'],
    ['length 0', header('0000', '02'), 4096, '1/2', '0000'],
    ['length 4097', header('1001', '02'), 4096, '1/2', '1001'],
    ['a KEEPALIVE of 20', header('0014', '04'), 4096, '1/2', '0014'],
    ['an UPDATE of 22', header('0016', '02'), 4096, '1/2', '0016'],
    ['an OPEN of 28', header('001c', '01'), 4096, '1/2', '001c'],
    ['a NOTIFICATION of 20', header('0014', '03'), 4096, '1/2', '0014'],
    ['a ROUTE-REFRESH of 22', header('0016', '05'), 4096, '1/2', '0016'],
    ['an OPEN of 4097 with extended messages', header('1001', '01'), 65535, '1/2', '1001'],
    ['a KEEPALIVE of 5000 with extended messages', header('1388', '04'), 65535, '1/2', '1388'],
    ['type 0', header('0013', '00'), 4096, '1/3', '00'],
    ['type 6', header('0013', '06'), 4096, '1/3', '06'],
    ['type 255', header('0013', 'ff'), 4096, '1/3', 'ff'],
  ])('%s', (_, hex, maximum, codes, data) => {
    for (const size of [1, 18, 19, 40]) {
      const framer = new Framer()
      framer.setMaximum(maximum)
      const bytes = octets(hex)
      for (let at = 0; at < bytes.length; at += size) {
        framer.push(bytes.subarray(at, at + size))
        expect(framer.next()).toBe(false)
      }
      expect(`${framer.error?.code}/${framer.error?.subcode}`).toBe(codes)
      expect(hexOf(framer.error?.data ?? octets('ee'))).toBe(data)
      framer.push(octets(message(4, '')))
      expect(framer.next()).toBe(false)
    }
  })

  it('an extended message passes once it was agreed on', () => {
    const long = octets(message(2, '00'.repeat(60000)))
    const framer = new Framer()
    framer.setMaximum(65535)
    framer.push(long)
    expect(framer.next()).toBe(true)
    expect(framer.end - framer.start).toBe(60019)
  })
})
