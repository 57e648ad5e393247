/** What `starling show kernel` says of routes of a former life. */
import { expect, test } from 'vitest'
import { leftoverWords, sparing } from './kernel-views.js'

test.each([
  [false, Number.POSITIVE_INFINITY, 'ours from before, kept until BGP begins'],
  [false, 287_400, 'ours from before, kept until peers have answered, 287 s at most'],
  [false, 100, 'ours from before, kept until peers have answered, 0 s at most'],
  [true, Number.POSITIVE_INFINITY, 'ours from before, wanted by nobody now'],
])('deletions allowed %s, deadline %s: %s', (deletesAllowed, deleteDeadline, words) => {
  expect(leftoverWords({ deletesAllowed, deleteDeadline }, 500)).toBe(words)
})

test.each([
  [1000, [1, 2, 3]],
  [500_000, [1, 1, 2]],
])('a table of %i rows that keeps changing is counted %j times when three ask in 1.2 s', (size, answers) => {
  let [time, counts] = [0, 0]
  const count = sparing(
    () => ++counts,
    { tables: { slots: { index: { size } } } },
    () => time,
  )
  const given = [0, 900, 1200].map((at) => {
    time = at
    return count()
  })
  expect(given).toEqual(answers)
})
