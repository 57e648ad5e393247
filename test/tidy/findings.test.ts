/** What `npm test` ends with when something failed: every step by name, and in each the files and tests. */
import { expect, test } from 'vitest'
import { lastWords, ofCompiler, ofLint, ofTests } from '../../scripts/findings.mjs'

const place = { root: '/clone', skips: true, code: 1 }
const assertion = (status: string, title: string, ...failureMessages: string[]) => ({
  status,
  ancestorTitles: ['a lab'],
  title,
  failureMessages,
})

test('formatter and linter: file, line and rule', () => {
  const report = [
    {
      description: 'Formatter would have printed the following content:',
      check_name: 'format',
      location: { path: 'packages/a.ts', lines: { begin: 1 } },
    },
    {
      description: 'Unexpected any.',
      check_name: 'lint/suspicious/noExplicitAny',
      location: { path: 'packages/b.ts', lines: { begin: 7 } },
    },
  ]
  expect(ofLint(JSON.stringify(report))).toEqual([
    'packages/a.ts:1 format',
    'packages/b.ts:7 lint/suspicious/noExplicitAny: Unexpected any.',
  ])
  expect(ofLint('')).toEqual([])
})

test('compiler: its error lines, with and without colours', () => {
  const plain = 'packages/a.ts(3,7): error TS2322: Type "x".'
  const colourful = '\u001b[96mpackages/a.ts\u001b[0m:3:7 - \u001b[91merror\u001b[0m TS2322: Type "x".'
  expect(ofCompiler(`${plain}\n${colourful}\n\n3 const a = 1\n`)).toEqual([
    plain,
    'packages/a.ts:3:7 - error TS2322: Type "x".',
  ])
})

test('tests: what failed, what was skipped where that is a failure, files that did not load, and a run that broke off', () => {
  const report = {
    testResults: [
      {
        name: '/clone/test/a.test.ts',
        status: 'failed',
        assertionResults: [
          assertion('passed', 'starts'),
          assertion('failed', 'stops', 'AssertionError: expected 1 to be 2\n    at ...'),
          assertion('pending', 'rests'),
        ],
      },
      {
        name: '/clone/test/c.test.ts',
        status: 'failed',
        message: 'bird is not installed',
        assertionResults: [assertion('skipped', 'peers')],
      },
      { name: '/clone/test/b.test.ts', status: 'failed', message: 'Cannot find x\nat y', assertionResults: [] },
    ],
  }
  const failed = 'test/a.test.ts > a lab > stops: AssertionError: expected 1 to be 2'
  const broken = ['test/c.test.ts: bird is not installed', 'test/b.test.ts: Cannot find x']
  expect(ofTests(report, place)).toEqual([failed, 'test/a.test.ts > a lab > rests: pending', ...broken])
  expect(ofTests(report, { ...place, skips: false })).toEqual([failed, ...broken])
  expect(ofTests({ testResults: [] }, place)).toEqual([expect.stringContaining('outside of tests')])
  expect(ofTests({ testResults: [] }, { ...place, code: 0 })).toEqual([])
  expect(ofTests(undefined, place)).toEqual(['ended with exit code 1 and without a report'])
})

test('the last words name every step, and of many findings the first', () => {
  const steps = [
    { title: 'Format and lint (biome)', lines: ['a.ts:1 format'] },
    { title: 'unit (20)', lines: Array.from({ length: 20 }, (_, at) => `test ${at} ${'x'.repeat(300)}`) },
  ]
  const words = lastWords(steps)
  expect(words.slice(0, 3)).toEqual(['✗ Format and lint (biome)', '    a.ts:1 format', '✗ unit (20)'])
  expect(words.slice(-2)).toEqual(['    and 12 more', 'failed: Format and lint (biome); unit (20)'])
  expect(Math.max(...words.map((line) => line.length))).toBeLessThan(210)
  expect(lastWords([])).toEqual([])
})
