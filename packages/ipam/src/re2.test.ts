import { describe, expect, test } from 'vitest'
import { parseMethod } from './autodetect.js'
import { goPattern } from './re2.js'

function matches(pattern: string, text: string): boolean {
  const found = goPattern(pattern)
  if ('error' in found) throw new Error(found.error)
  return found.test(text)
}

/** Verdicts of Go 1.26's regexp package. */
describe("Go's patterns mean here what they mean in Go", () => {
  const rows: readonly [pattern: string, matched: readonly string[], unmatched: readonly string[]][] = [
    ['eth', ['eth0', 'veth1'], ['ETH0', '']],
    ['^(eth|ens).*$', ['eth0', 'ens3'], ['enp3s0']],
    ['(?i)ETH\\d', ['eth0', 'ETH0', 'eTh9'], ['ethx']],
    ['e(?i)TH(?-i)x', ['ethx', 'eTHx'], ['Ethx', 'ethX']],
    ['(?i:E)th', ['eth', 'Eth'], ['eTH']],
    ['(?i)[^a-c]', ['d', 'D'], ['a', 'B']],
    ['(?i)k', ['K', 'k'], ['c']],
    ['\\Aeth\\z', ['eth'], ['eth0', 'veth', 'Aethz']],
    ['^en[op]', ['eno1', 'enp0s31f6'], ['ens3']],
    ['^\\pL+$', ['eth', 'Äpfel', 'ß'], ['eth0', '_']],
    ['^\\p{Lu}\\P{Lu}$', ['Ab', 'A1'], ['AB', 'ab']],
    ['\\p{Greek}', ['σ'], ['s']],
    ['\\p{^Greek}', ['s'], ['σ']],
    ['[\\pL\\d]{3}', ['a1b'], ['a-b']],
    ['^[[:alpha:]]+[[:digit:]]$', ['eth0'], ['eth', 'eth-0']],
    ['^[[:^alpha:]]$', ['0', 'é'], ['a']],
    ['\\Qbond0.1\\E', ['bond0.100'], ['bond0x1']],
    ['bond0.1', ['bond0x1'], ['bond1']],
    ['(?P<name>eth)(?<more>\\d)', ['eth0'], ['eth']],
    ['[]a]', [']', 'a'], ['b']],
    ['[^]a]', ['b'], [']']],
    ['[a\\-z]', ['-', 'z'], ['b']],
    ['a{,2}', ['a{,2}'], ['aa']],
    ['^a{2}$', ['aa'], ['a', 'aaa']],
    ['{', ['{'], ['a']],
    ['a]', ['a]'], ['a']],
    ['\\x41\\x{62}\\103', ['AbC'], ['abc']],
    ['a.b', ['axb'], ['a\nb']],
    ['(?s)a.b', ['a\nb'], ['ab']],
    ['b$', ['b'], ['b\nc']],
    ['(?m)^b$', ['a\nb\nc', 'b'], ['ab']],
    ['\\s', [' ', '\t'], ['\u00a0', '\v']],
    ['^*x', ['x', 'ax'], ['a']],
    ['(?U)^a*?$', ['aa', ''], ['b']],
    ['x(?i)*y', ['y', 'xxY'], ['x']],
    ['', ['', 'eth0'], []],
  ]
  test.each(rows)('%s', (pattern, matched, unmatched) => {
    expect(matched.filter((text) => !matches(pattern, text))).toEqual([])
    expect(unmatched.filter((text) => matches(pattern, text))).toEqual([])
  })
})

/** Its messages, but for a few where two things are wrong at once. */
test.each([
  ['(?=eth)', 'invalid or unsupported Perl syntax: (?='],
  ['(?!eth)', 'invalid or unsupported Perl syntax: (?!'],
  ['(?<!v)eth', 'invalid or unsupported Perl syntax: (?<!'],
  ['(?x)eth', 'invalid or unsupported Perl syntax: (?x'],
  ['(e)\\1', 'invalid escape sequence: \\1'],
  ['eth\\Z', 'invalid escape sequence: \\Z'],
  ['\\y', 'invalid escape sequence: \\y'],
  ['eth\\', 'trailing backslash at end of expression: '],
  ['eth++', 'invalid nested repetition operator: ++'],
  ['eth**', 'invalid nested repetition operator: **'],
  ['a{2}{3}', 'invalid nested repetition operator: {2}{3}'],
  ['*eth', 'missing argument to repetition operator: *'],
  ['a|+', 'missing argument to repetition operator: +'],
  ['a{1001}', 'invalid repeat count: {1001}'],
  ['a{3,1}', 'invalid repeat count: {3,1}'],
  ['a{1,0}', 'invalid repeat count: {1,0}'],
  ['[a', 'missing closing ]: [a'],
  ['[z-a]', 'invalid character class range: z-a'],
  ['[[:letter:]]', 'invalid character class range: [:letter:]'],
  ['\\p{Klingon}', 'invalid character class range: \\p{Klingon}'],
  ['\\p{Emoji}', 'invalid character class range: \\p{Emoji}'],
  ['(eth', 'missing closing ): (eth'],
  ['eth)', 'unexpected ): eth)'],
])('%s is refused: %s', (pattern, error) => {
  expect(goPattern(pattern)).toEqual({ error })
})

test('the method names the pattern and what is wrong with it', () => {
  expect(parseMethod('interface=eth.*,(?!cali).*')).toEqual({
    error: 'interface: (?!cali).* is not a regular expression of Go: invalid or unsupported Perl syntax: (?!',
  })
})
