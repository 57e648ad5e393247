/** `npm run audit` never says "none" when it does not know. */
import { expect, test } from 'vitest'
import { verdict } from '../../scripts/audit.mjs'

test.each([
  ['none known', { vulnerabilities: {}, metadata: { dependencies: { total: 212 } } }, 0, /No known .* 212 packages/],
  [
    'some',
    {
      vulnerabilities: {
        a: { name: 'a', severity: 'high', range: '<2', via: [{ title: 'Prototype pollution' }] },
        b: { name: 'b', severity: 'high', range: '*', via: ['a'] },
      },
    },
    1,
    /high: a <2: Prototype pollution\nhigh: b \*: through a/,
  ],
  [
    'a mirror that refuses',
    { message: '405 Method Not Allowed', error: {} },
    3,
    /does not answer .* 405(.|\n)*Nothing is known/,
  ],
] as const)('%s', (_what, answer, code, words) => {
  const judged = verdict(JSON.stringify(answer))
  expect(judged.code).toBe(code)
  expect(judged.lines.join('\n')).toMatch(words)
})

test('text that is no JSON is no answer', () => {
  expect(verdict('').code).toBe(3)
  expect(verdict('npm error network').code).toBe(3)
})
