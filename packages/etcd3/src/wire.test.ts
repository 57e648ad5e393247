import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { prefixEnd } from './messages.js'
import { decode, descriptor, encode, WireError } from './wire.js'

const inner = descriptor([1, 'text', 'string'])
const table = descriptor(
  [1, 'int', 'int'],
  [2, 'text', 'string'],
  [3, 'inner', inner],
  [4, 'many', inner, 'repeated'],
  [5, 'flag', 'bool'],
  [6, 'id', 'id'],
  [17, 'names', 'string', 'repeated'],
)
const empty = { int: 0, text: '', inner: undefined, many: [], flag: false, id: '0', names: [] }
const hex = (text: string) => Buffer.from(text.replaceAll(' ', ''), 'hex')

describe('protocol-buffer bytes', () => {
  // The first two are the examples of https://protobuf.dev/programming-guides/encoding (150; "testing"; a nested message).
  const vectors: [string, string, Record<string, unknown>][] = [
    ['the integer 150', '08 96 01', { int: 150 }],
    ['the string "testing"', '12 07 74 65 73 74 69 6e 67', { text: 'testing' }],
    ['a nested message', '1a 03 0a 01 78', { inner: { text: 'x' } }],
    ['a nested message without content', '1a 00', { inner: { text: '' } }],
    ['repeated messages, an empty one among them', '22 00 22 03 0a 01 79', { many: [{ text: '' }, { text: 'y' }] }],
    ['true', '28 01', { flag: true }],
    ['a negative integer in ten bytes', '08 ff ff ff ff ff ff ff ff ff 01', { int: -1 }],
    ['an id of 64 bits', '30 ff ff ff ff ff ff ff ff ff 01', { id: '18446744073709551615' }],
    ['a field number above 15', '8a 01 01 61 8a 01 00', { names: ['a', ''] }],
    ['2^53 - 1', '08 ff ff ff ff ff ff ff 0f', { int: Number.MAX_SAFE_INTEGER }],
  ]
  it.each(vectors)('decode and encode %s', (_, bytes, message) => {
    expect(decode(table, hex(bytes))).toEqual({ ...empty, ...message })
    expect(encode(table, message).toString('hex')).toBe(hex(bytes).toString('hex'))
  })

  it('pass over fields nobody described, of every wire type', () => {
    const unknown = '50 05  59 0102030405060708  62 02 6162  6d 01020304  08 07'
    expect(decode(table, hex(unknown))).toEqual({ ...empty, int: 7 })
  })

  it.each([
    ['ends inside a varint', '08 96'],
    ['has a length beyond its end', '12 07 74'],
    ['has a fixed field beyond its end', '59 01'],
    ['has an integer beyond 2^53', '08 80 80 80 80 80 80 80 10'],
    ['has a varint of eleven bytes', '30 ff ff ff ff ff ff ff ff ff ff 01'],
    ['has the wrong wire type', '0a 01 61'],
    ['has a group', '53'],
  ])('are refused when the message %s', (_, bytes) => {
    expect(() => decode(table, hex(bytes))).toThrow(WireError)
  })

  it('survive the way there and back', () => {
    const message = fc.record({
      int: fc.maxSafeInteger(),
      text: fc.string({ unit: 'grapheme' }),
      inner: fc.option(fc.record({ text: fc.string() }), { nil: undefined }),
      many: fc.array(fc.record({ text: fc.string() })),
      flag: fc.boolean(),
      id: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }).map(String),
      names: fc.array(fc.string()),
    })
    fc.assert(fc.property(message, (value) => void expect(decode(table, encode(table, value))).toEqual(value)))
  })

  it('of any kind end in a message or a WireError', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
        try {
          decode(table, Buffer.from(bytes))
        } catch (error) {
          expect(error).toBeInstanceOf(WireError)
        }
      }),
    )
  })
})

describe('the end of a prefix', () => {
  it.each([
    ['/calico/', '/calico0'],
    ['a', 'b'],
    ['', '\0'],
  ])('of %j is %j', (prefix, end) => expect(prefixEnd(prefix)).toEqual(Buffer.from(end)))

  it('raises the last byte that can be raised', () => {
    expect(prefixEnd('é').toString('hex')).toBe('c3aa')
    expect(prefixEnd('a\u007f').toString('hex')).toBe('6180')
  })
})
