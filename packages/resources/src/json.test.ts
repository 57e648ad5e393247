import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type JsonValue, parseJson, patchValue, rfc3339Seconds, stringifyJson } from './index.js'

const block =
  '{"cidr":"10.244.200.4/30","affinity":"host:worker-1","allocations":[0,null,null,1],"unallocated":[1,2],' +
  '"sequenceNumber":1785575560123456792,"sequenceNumberForAllocation":{"0":1785575560123456789},"deleted":false}'

test('64-bit sequence numbers survive reading and writing', () => {
  const value = parseJson(block) as { sequenceNumber: bigint }
  expect(value.sequenceNumber).toBe(1785575560123456792n)
  expect(stringifyJson(value as never)).toBe(block)
})

test.each([
  ['{"a":"<b> & \u2028"}', '{"a":"\\u003cb\\u003e \\u0026 \\u2028"}'],
  ['{"a":1.0}', '{"a":1.0}'],
  ['{"a":1e30,"b":0.1}', '{"a":1e30,"b":0.1}'],
  ['{"a":18446744073709551615}', '{"a":18446744073709551615}'],
  ['[9007199254740993,-9007199254740993]', '[9007199254740993,-9007199254740993]'],
  ['{"a":null,"b":[null,{}]}', '{"a":null,"b":[null,{}]}'],
])('%s is written back as %s', (text, written) => {
  expect(stringifyJson(parseJson(text))).toBe(written)
})

test('what JSON.stringify writes comes back byte for byte, Go escapes aside', () => {
  fc.assert(
    fc.property(fc.jsonValue({ noUnicodeString: false } as never), (value) => {
      const text = JSON.stringify(value)
      const written = stringifyJson(parseJson(text))
      expect(parseJson(written)).toEqual(parseJson(text))
      expect(written).not.toMatch(/[<>&\u2028\u2029]/)
    }),
  )
})

test('a patch keeps unknown fields, their order and exact numbers', () => {
  const before = '{"future":{"x":12345678901234567890},"spec":{"b":1,"a":2,"gone":true},"status":{}}'
  expect(patchValue(before, { spec: { a: 3, gone: null, c: 'new' } as Record<string, JsonValue> })).toBe(
    '{"future":{"x":12345678901234567890},"spec":{"b":1,"a":3,"c":"new"},"status":{}}',
  )
  expect(patchValue(before, {})).toBe(before)
})

test.each([
  [0, '1970-01-01T00:00:00Z'],
  [951782400_000, '2000-02-29T00:00:00Z'],
  [1785575551_999, '2026-08-01T09:12:31Z'],
  [4102444800_000, '2100-01-01T00:00:00Z'],
])('%i ms is %s', (now, text) => {
  expect(rfc3339Seconds(now)).toBe(text)
})
