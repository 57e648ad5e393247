/**
 * The counts in vitest's JSON reports, and which files deserve a second try (docs/decisions/0007-second-try.md).
 * Plain Node, no dependencies, no effects.
 */

/** More failed files than these are no accident of one moment. */
const FEW = 3

/** Counts of one run. A file that broke while loading counts as a failure, and so does an error outside of tests. */
export function tally(report, code) {
  const counts = { passed: 0, failed: 0, skipped: 0 }
  for (const file of report?.testResults ?? []) count(file, counts)
  if (code !== 0 && counts.failed === 0) counts.failed = 1
  return counts
}

/** Files to run once more: few, and nothing failed outside of files. */
export function worthAnotherTry(report, code) {
  if (code === 0) return []
  const failed = (report?.testResults ?? []).filter(({ status }) => status === 'failed').map(({ name }) => name)
  return failed.length <= FEW ? failed : []
}

/** The first run with what failed in it replaced by the second try. */
export function merged(first, second) {
  const again = new Set(second.testResults.map(({ name }) => name))
  const kept = first.testResults.filter(({ name, status }) => status !== 'failed' || !again.has(name))
  return { testResults: [...kept, ...second.testResults] }
}

function count({ status, assertionResults }, counts) {
  if (status === 'failed' && !assertionResults.some((test) => test.status === 'failed')) counts.failed++
  for (const test of assertionResults) {
    if (test.status === 'passed') counts.passed++
    else if (test.status === 'failed') counts.failed++
    else counts.skipped++
  }
}
