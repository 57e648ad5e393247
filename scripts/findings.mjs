/**
 * What failed, one line each, out of what the tools say: the last lines of `npm test` name every failed step, file and
 * test, since the end is all that many build servers show. Plain Node, no dependencies, no effects.
 */
import { relative } from 'node:path'
import { stripVTControlCharacters } from 'node:util'

/** Lines of one step before "and N more". */
const MOST = 8
const WIDTH = 200

/** biome's `--reporter=gitlab`: an array, or nothing when it could not even begin. */
export function ofLint(text) {
  return parsed(text, []).map(
    ({ location, check_name, description }) =>
      `${location.path}:${location.lines.begin} ${check_name === 'format' ? 'format' : `${check_name}: ${description}`}`,
  )
}

/** The lines of tsc that are errors, colours off. */
export function ofCompiler(text) {
  return stripVTControlCharacters(text)
    .split('\n')
    .filter((line) => /\berror TS\d+/.test(line))
}

/** vitest's JSON report; `skips` too where a skip is a failure. Undefined: it ended before it could write one. */
export function ofTests(report, { root, skips, code }) {
  if (report === undefined) return [`ended with exit code ${code} and without a report`]
  const lines = report.testResults.flatMap(({ name, status, message, assertionResults }) => {
    const file = relative(root, name)
    // A file that broke while loading or in a hook has no test that failed, and those that it has were not run.
    if (status === 'failed' && !assertionResults.some((test) => test.status === 'failed'))
      return [`${file}: ${firstLine(message)}`]
    return assertionResults.flatMap(({ status, ancestorTitles, title, failureMessages }) => {
      const test = [file, ...ancestorTitles, title].join(' > ')
      if (status === 'failed') return [`${test}: ${firstLine(failureMessages?.[0])}`]
      return skips && ['skipped', 'pending', 'todo'].includes(status) ? [`${test}: ${status}`] : []
    })
  })
  if (lines.length > 0 || code === 0) return lines
  return [`exit code ${code} though no test failed: an error outside of tests, named in the output of this step`]
}

/** `steps`: title and lines of each that failed. What the run ends with, before its totals. */
export function lastWords(steps) {
  if (steps.length === 0) return []
  const details = steps.flatMap(({ title, lines }) => [
    `✗ ${title}`,
    ...lines.slice(0, MOST).map((line) => `    ${line.length > WIDTH ? `${line.slice(0, WIDTH)}…` : line}`),
    ...(lines.length > MOST ? [`    and ${lines.length - MOST} more`] : []),
  ])
  return [...details, `failed: ${steps.map(({ title }) => title).join('; ')}`]
}

const firstLine = (text) => (text ?? '').split('\n')[0]

function parsed(text, otherwise) {
  try {
    return JSON.parse(text)
  } catch {
    return otherwise
  }
}
