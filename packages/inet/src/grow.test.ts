import { describe, expect, it } from 'vitest'
import { growU8, growU16, growU32, nextCapacity } from './grow.js'

describe('growth of columns', () => {
  it('keeps what a column held, whatever its size', () => {
    for (const grow of [growU8, growU16, growU32] as const) {
      let column = grow(new Uint8Array([0, 1, 2]) as never, 64) as Uint8Array
      for (const needed of [65, 1025, 16385, 4194305]) {
        column = grow(column as never, nextCapacity(needed)) as Uint8Array
        expect(column.length).toBeGreaterThanOrEqual(needed)
        expect([...column.subarray(0, 4)]).toEqual([0, 1, 2, 0])
        expect(column[column.length - 1]).toBe(0)
      }
    }
  })

  it('reserves large columns where the garbage collector does not count them', () => {
    expect(growU32(new Uint32Array(4), 16384).buffer).toBeInstanceOf(ArrayBuffer)
    expect(growU32(new Uint32Array(4), nextCapacity(16385)).buffer).toBeInstanceOf(SharedArrayBuffer)
  })
})
