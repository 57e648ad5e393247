import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Labels, matches, parseSelector, printSelector, type Selector, SelectorError } from '../index.js'

const labels: Labels = { rack: 'r1', role: 'worker', 'route-reflector': 'true', 'k8s.io/os': 'linux', empty: '' }

describe('a selector selects', () => {
  const rows: [selector: string, selected: boolean, why: string][] = [
    ['', true, 'empty selects everything'],
    ['   ', true, 'blank selects everything'],
    ['all()', true, 'all'],
    ['all( )', true, 'space inside a call'],
    ['global()', true, 'global'],
    ["rack == 'r1'", true, 'single quotes'],
    ['rack == "r1"', true, 'double quotes'],
    ["rack=='r1'", true, 'no spaces'],
    ["rack == 'r2'", false, 'another value'],
    ["rack != 'r2'", true, 'another value, negated'],
    ["missing != 'x'", true, '!= holds when the label is missing'],
    ["missing == ''", false, 'missing is not empty'],
    ["empty == ''", true, 'empty is a value'],
    ["rack in {'r1','r2'}", true, 'in a set'],
    ["rack in { 'r3' }", false, 'not in a set'],
    ["rack in {'r1', }", true, 'a comma at the end of a set'],
    ['rack in {}', false, 'the empty set'],
    ["missing in {'a'}", false, 'missing is in no set'],
    ["missing not in {'a'}", true, 'not in holds when the label is missing'],
    ["rack not in {'r1'}", false, 'not in'],
    ['has(rack)', true, 'has'],
    ['has(missing)', false, 'has not'],
    ['has(constructor)', false, 'names of built-in members are no labels'],
    ["toString != 'x'", true, 'nor their values'],
    ["role contains 'ork'", true, 'contains'],
    ["role starts with 'wor'", true, 'starts with'],
    ["role ends with 'ker'", true, 'ends with'],
    ["role starts with 'ker'", false, 'starts with another'],
    ["missing contains ''", false, 'a missing label contains nothing'],
    ["!has(rack) || role == 'worker'", true, '! binds tighter than ||'],
    ['has(missing) && has(rack) || has(role)', true, '&& binds tighter than ||'],
    ['has(missing) && (has(rack) || has(role))', false, 'parentheses'],
    ['!!has(rack)', true, 'double negation'],
    ["route-reflector == 'true'", true, 'a label with a dash'],
    ["k8s.io/os == 'linux'", true, 'a label with dots and a slash'],
    ["has == 'x' || has(has)", false, 'a label may be called has'],
    ["in in {'a'}", false, 'a label may be called in'],
  ]
  test.each(rows)('%s -> %s (%s)', (text, selected) => {
    expect(matches(parseSelector(text), labels)).toBe(selected)
  })
})

describe('a bad selector is refused with the position', () => {
  const rows: [selector: string, position: number, message: string][] = [
    ['rack = "r1"', 5, "unexpected character '='"],
    ['rack ==', 7, 'expected a quoted string, found end of selector'],
    ['rack == r1', 8, "expected a quoted string, found 'r1'"],
    ['rack == "r1', 8, 'unterminated string'],
    ["rack in {'a' 'b'}", 13, "expected '}', found 'b'"],
    ['(has(a)', 7, "expected ')', found end of selector"],
    ['has(a) has(b)', 7, "expected '&&' or '||', found 'has'"],
    ['any()', 0, "unknown function 'any'"],
    ['has()', 4, "expected a label, found ')'"],
    ["a starts 'b'", 9, "expected 'with', found 'b'"],
    ['a not {}', 6, "expected 'in', found '{'"],
    ['&& a', 0, "expected a label, a function or a parenthesis, found '&&'"],
    ['a', 1, 'expected an operator, found end of selector'],
    ['a == "x" "=="', 9, "expected '&&' or '||', found '=='"],
  ]
  test.each(rows)('%s at %i: %s', (text, position, message) => {
    let caught: unknown
    try {
      parseSelector(text)
    } catch (error) {
      caught = error
    }
    expect(caught).toBeInstanceOf(SelectorError)
    expect((caught as SelectorError).position).toBe(position)
    expect((caught as SelectorError).message).toContain(message)
  })

  test('nesting is bounded, so hostile text costs an error and no stack', () => {
    expect(() => parseSelector(`${'!'.repeat(100_000)}all()`)).toThrow('too deeply nested')
    expect(() => parseSelector('('.repeat(100_000))).toThrow('too deeply nested')
  })
})

test.each([
  ["b=='1'&&a!='2'", '(b == "1" && a != "2")'],
  ["a in {'z','b','b'}", 'a in {"b", "z"}'],
  ["!a == 'x'", '!a == "x"'],
  ['a contains \'say "hi"\'', 'a contains \'say "hi"\''],
  ['', 'all()'],
])('%s prints as %s', (text, canonical) => {
  expect(printSelector(parseSelector(text))).toBe(canonical)
})

const label = fc.stringMatching(/^[a-zA-Z0-9_./-]{1,8}$/)
const value = fc.stringMatching(/^[a-z"]{0,3}$/)
const tree: fc.Arbitrary<Selector> = fc.letrec<{ tree: Selector }>((tie) => ({
  tree: fc.oneof(
    { depthSize: 'small', maxDepth: 4 },
    fc.record({ op: fc.constantFrom('==', '!=', 'contains', 'starts with', 'ends with'), label, value }),
    fc.record({ op: fc.constantFrom('in', 'not in'), label, values: fc.array(value, { maxLength: 3 }) }),
    fc.record({ op: fc.constant('has' as const), label }),
    fc.record({ op: fc.constantFrom('all' as const, 'global' as const) }),
    fc.record({ op: fc.constant('!' as const), operand: tie('tree') }),
    fc.record({
      op: fc.constantFrom('&&' as const, '||' as const),
      operands: fc.array(tie('tree'), { minLength: 2, maxLength: 3 }),
    }),
  ) as fc.Arbitrary<Selector>,
})).tree

test('canonical text is a fixed point and means the same', () => {
  fc.assert(
    fc.property(tree, fc.dictionary(label, value), (selector, some) => {
      const text = printSelector(selector)
      const again = parseSelector(text)
      expect(printSelector(again)).toBe(text)
      expect(matches(again, some)).toBe(matches(selector, some))
    }),
  )
})

test('any text parses or is refused, nothing else', () => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      try {
        parseSelector(text)
      } catch (error) {
        expect(error).toBeInstanceOf(SelectorError)
      }
    }),
  )
})
