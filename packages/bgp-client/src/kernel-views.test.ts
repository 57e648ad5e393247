/** What `starling show kernel` says of routes of a former life. */
import { expect, test } from 'vitest'
import { leftoverWords } from './kernel-views.js'

test.each([
  [false, Number.POSITIVE_INFINITY, 'ours from before, kept until BGP begins'],
  [false, 287_400, 'ours from before, kept until peers have answered, 287 s at most'],
  [false, 100, 'ours from before, kept until peers have answered, 0 s at most'],
  [true, Number.POSITIVE_INFINITY, 'ours from before, wanted by nobody now'],
])('deletions allowed %s, deadline %s: %s', (deletesAllowed, deleteDeadline, words) => {
  expect(leftoverWords({ deletesAllowed, deleteDeadline }, 500)).toBe(words)
})
