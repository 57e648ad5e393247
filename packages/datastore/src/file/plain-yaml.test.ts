/** The small parser against the library: whatever it accepts, the library reads as the same, on the same lines. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { isNode, LineCounter, parseAllDocuments, stringify } from 'yaml'
import { parsePlain } from './plain-yaml.js'

function library(text: string) {
  const lines = new LineCounter()
  const parsed = parseAllDocuments(text, { lineCounter: lines, intAsBigInt: true, prettyErrors: false, merge: true })
  const documents = Array.isArray(parsed) ? parsed : []
  const [document] = documents
  if (documents.length !== 1 || document === undefined || document.errors.length > 0) return undefined
  const numbers = (_key: string, value: unknown) => (typeof value === 'bigint' ? Number(value) : value)
  const value: unknown = JSON.parse(JSON.stringify(document.toJS(), numbers) ?? 'null')
  const lineOf = (path: readonly (string | number)[]): number | undefined => {
    const node = path.length === 0 ? document.contents : document.getIn(path, true)
    return isNode(node) && node.range ? lines.linePos(node.range[0]).line : undefined
  }
  return { value, lineOf }
}

/** Paths of all mappings that hold anything. */
function mappings(value: unknown, path: readonly (string | number)[] = []): [object, readonly (string | number)[]][] {
  if (typeof value !== 'object' || value === null) return []
  const below = Object.entries(value).flatMap(([member, item]) =>
    mappings(item, [...path, Array.isArray(value) ? Number(member) : member]),
  )
  return Array.isArray(value) || Object.keys(value).length === 0 ? below : [[value, path], ...below]
}

function agrees(text: string): boolean {
  const plain = parsePlain(text)
  if (plain === undefined) return false
  const theirs = library(text)
  expect(theirs?.value, text).toEqual(plain.value)
  for (const [mapping, path] of mappings(plain.value)) expect(plain.lineOf(mapping), text).toBe(theirs?.lineOf(path))
  return true
}

const scalar = fc.oneof(
  fc.constantFrom(
    ...['10.0.0.0/8', 'all()', 'rack == "r1"', "a in {'b', 'c'}", 'fd00::1', '64512:100', '1.10', '010', '1e3', '0x1f'],
    ...['', ' ', '-', '- a', '~', 'null', 'yes', 'True', 'a: b', 'a #b', '#a', 'a:', '!a', '&a', '*a', '<<', '|', '>-'],
    ...[
      'a\nb',
      '\u00a0',
      'ä',
      'a"b',
      "it's",
      '\\n',
      '{}',
      '[]',
      '.5',
      '1_000',
      '12:30',
      '2026-08-01T09:12:31Z',
      '%a',
      '@',
    ],
    ...[0, 1, -1, 64512, 4294967295, 1.5, -0, true, false, null],
  ),
  fc.string({ maxLength: 6 }),
)
const member = fc.oneof(
  fc.constantFrom('a', 'spec', 'kubernetes.io/os', 'b-c', '_x', 'null', 'true', '<<', '1', 'é', 'a b', '__proto__'),
  fc.string({ maxLength: 3 }),
)
const { value: tree } = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    scalar,
    fc.dictionary(member, tie('value'), { maxKeys: 4 }),
    fc.array(tie('value'), { maxLength: 4 }),
  ),
}))
const root = fc.dictionary(member, tree, { minKeys: 1, maxKeys: 4 })
const style = fc.record({ indentSeq: fc.boolean(), singleQuote: fc.boolean(), indent: fc.constantFrom(2, 4) })
const print = (
  value: unknown,
  { singleQuote, ...options }: { indentSeq: boolean; singleQuote: boolean; indent: number },
) => stringify(value, { ...options, singleQuote, aliasDuplicateObjects: false, lineWidth: 0 })

describe('the small parser', () => {
  test('means what the library means, in whatever style a value is printed', () => {
    fc.assert(
      fc.property(root, style, fc.boolean(), (value, options, marked) => {
        agrees(`${marked ? '---\n# a comment\n\n' : ''}${print(value, options)}`)
      }),
      { numRuns: 300 },
    )
  })

  const splinter = fc.constantFrom(
    ' ',
    '  ',
    '- ',
    '-',
    ':',
    ': ',
    '#',
    ' #',
    '"',
    "'",
    '\n',
    '\r\n',
    '\t',
    '{',
    '[',
    'a',
    '0',
    '&',
    '|',
    '---\n',
    '? ',
    ',',
  )
  test('accepts no text that the library refuses or reads otherwise, however it was spoilt', () => {
    fc.assert(
      fc.property(
        root,
        style,
        fc.array(fc.tuple(fc.nat(), fc.nat(3), splinter), { maxLength: 4 }),
        (value, options, cuts) => {
          let text = print(value, options)
          for (const [where, less, more] of cuts) {
            const at = where % (text.length + 1)
            text = text.slice(0, at) + more + text.slice(at + less)
          }
          if (!/^---/m.test(text.slice(1))) agrees(text)
        },
      ),
      { numRuns: 500 },
    )
  })

  const line = fc.tuple(
    fc.constantFrom('', '', '  ', '  ', '    ', ' '),
    fc.constantFrom(
      ...[
        'a:',
        'b:',
        'c: 1',
        'd: x',
        'a: x y',
        'e: "q"',
        "f: 'q'",
        'g: []',
        '- x',
        '- a: 1',
        '- b:',
        '-',
        '-   c: 2',
        '- 7',
      ],
      ...[
        '# c',
        '',
        'x',
        '- - y',
        '- {}',
        'h: z # c',
        '- "q"',
        'i: a: b',
        '-x',
        'j : 1',
        '"k": 1',
        '---',
        '- # c',
        'l: # c',
      ],
    ),
  )
  test('builds from lines what the library builds', () => {
    let accepted = 0
    fc.assert(
      fc.property(fc.array(line, { minLength: 1, maxLength: 6 }), (lines) => {
        const text = lines.map(([indent, content]) => `${indent}${content}\n`).join('')
        if (!/^---/m.test(text.slice(1)) && agrees(text)) accepted++
      }),
      { numRuns: 2000 },
    )
    expect(accepted).toBeGreaterThan(100)
  })

  test.each([
    [
      'a resource',
      'apiVersion: v1\nkind: List\nitems:\n- metadata:\n    name: a\n    labels: {}\n  spec:\n    cidr: 10.0.0.0/8\n    n: 64512\n    filters:\n      - a\n      -\n        b: "x\\ty"\n',
    ],
    ['with marks, comments and other ends of lines', "---\r\n# c\r\nspec:\r\n\r\n  a: 1   \r\n# c\r\n  b: 'it''s'\r\n"],
    ['a sequence', '- kind: a\n-   kind: b\n    x: y\n'],
  ])('reads %s', (_what, text) => {
    expect(agrees(text)).toBe(true)
  })

  test.each([
    ['an anchor', 'a: &x 1\nb: *x\n'],
    ['a flow', 'a: {b: 1}\n'],
    ['a block scalar', 'a: |\n  b\n'],
    ['a text over two lines', 'a: b\n  c\n'],
    ['a key twice', 'a: 1\na: 2\n'],
    ['a float', 'a: 1.5\n'],
    ['an integer beyond 2^53', 'a: 1785575560123456792\n'],
    ['a tab', 'a:\tb\n'],
    ['nesting beyond sense', Array.from({ length: 600 }, (_, i) => `${' '.repeat(i)}a:\n`).join('')],
  ])('leaves %s to the library', (_what, text) => {
    expect(parsePlain(text)).toBeUndefined()
  })
})
