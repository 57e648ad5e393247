/** The counts `npm test` ends with, and what it tries a second time. */
import { describe, expect, it } from 'vitest'
import { merged, type Report, tally, worthAnotherTry } from '../../scripts/reports.mjs'

type File = Report['testResults'][number]

function file(name: string, tests: Record<string, string>, message?: string): File {
  const assertionResults = Object.entries(tests).map(([fullName, status]) => ({
    status,
    fullName,
    ...(status === 'failed' && { failureMessages: ['Error: not in time'] }),
  }))
  const failed = message !== undefined || assertionResults.some(({ status }) => status === 'failed')
  return { name, status: failed ? 'failed' : 'passed', assertionResults, ...(message !== undefined && { message }) }
}

const good = file('good', { one: 'passed', two: 'passed' })
const bad = file('bad', { one: 'passed', two: 'failed' })
const broken = file('broken', {}, 'cannot find module')
const reportOf = (...testResults: File[]): Report => ({ testResults })

it.each<[string, Report | undefined, number, [passed: number, failed: number, skipped: number]]>([
  ['everything passed', reportOf(good), 0, [2, 0, 0]],
  ['one failed', reportOf(good, bad), 1, [3, 1, 0]],
  ['a file that did not load is a failure', reportOf(good, broken), 1, [2, 1, 0]],
  ['an error outside of tests is a failure', reportOf(good), 1, [2, 1, 0]],
  ['no report is a failure', undefined, 1, [0, 1, 0]],
  ['skipped and still to write', reportOf(file('x', { a: 'skipped', b: 'todo' })), 0, [0, 0, 2]],
])('%s', (_, report, code, [passed, failed, skipped]) => {
  expect(tally(report, code)).toEqual({ passed, failed, skipped })
})

describe('a second try', () => {
  it('is for the files that failed', () => {
    expect(worthAnotherTry(reportOf(good, bad, broken), 1)).toEqual(['bad', 'broken'])
  })

  it.each<[string, Report | undefined, number]>([
    ['nothing failed', reportOf(good), 0],
    ['something failed outside of files', reportOf(good), 1],
    ['there is no report', undefined, 1],
    ['many files failed', reportOf(...['a', 'b', 'c', 'd'].map((name) => file(name, { x: 'failed' }))), 1],
  ])('is not made when %s', (_, report, code) => {
    expect(worthAnotherTry(report, code)).toEqual([])
  })

  it('takes the place of the first, and a failure that stays is one', () => {
    const first = reportOf(good, bad, broken)
    const second = reportOf(file('bad', { one: 'passed', two: 'passed' }), broken)
    expect(tally(merged(first, second), 1)).toEqual({ passed: 4, failed: 1, skipped: 0 })
  })

  it('that forgets a file leaves its failure', () => {
    expect(tally(merged(reportOf(bad), reportOf()), 0)).toEqual({ passed: 1, failed: 1, skipped: 0 })
  })
})
