/** Tables and screen as text. */
import { expect, test } from 'vitest'
import { cut, Screen, squeeze, wrap } from './screen.js'
import { duration, grid } from './tables.js'

const ESC = '\u001b'

test('columns are as wide as their widest cell, and colours take no room', () => {
  const red = `${ESC}[31mno${ESC}[0m`
  expect(
    grid(
      ['A', 'STATE', 'C'],
      [
        ['one', red, 'x'],
        ['twenty', 'Established', ''],
      ],
      { color: false },
    ),
  ).toEqual(['A       STATE        C', `one     ${red}           x`, 'twenty  Established'])
})

test('durations keep one unit', () => {
  expect([3.4, 119, 600, 7199, 9000].map(duration)).toEqual(['3 s', '119 s', '10 min', '120 min', '2.5 h'])
})

test('cut counts visible characters and keeps the codes that end a colour', () => {
  expect(cut(`ab${ESC}[31mcdef${ESC}[0mgh`, 4)).toBe(`ab${ESC}[31mcd${ESC}[0m`)
})

test('wrap breaks between words and leaves a word that is too long whole', () => {
  expect(wrap('one two three extraordinary', 8)).toEqual(['one two', 'three', 'extraordinary'])
})

test('a screen goes up as many lines as it drew, and starts anew below when left', () => {
  const written: string[] = []
  const screen = new Screen({ write: (text) => void written.push(text), columns: 80, rows: 24 })
  screen.draw(['one', 'two'])
  screen.draw(['three'])
  screen.leave()
  screen.draw(['four'])
  expect(written.map((text) => (text.startsWith(ESC) ? text.slice(0, 4) : text.slice(0, 3)))).toEqual([
    'one',
    `${ESC}[2A`,
    'fou',
  ])
})

test('a terminal of another size gets a clean page: what stood there has wrapped', () => {
  const written: string[] = []
  const terminal = { write: (text: string) => void written.push(text), columns: 80, rows: 24 }
  const screen = new Screen(terminal)
  screen.draw(['one', 'two'])
  terminal.columns = 60
  screen.draw(['three'])
  expect(written[1]).toMatch(new RegExp(`^${ESC}\\[H${ESC}\\[2Jthree`))
})

test.each([
  [10, ['title', '', 'a', 'b', '', 'foot']],
  [7, ['title', '', 'a', 'b', '', 'foot']],
  [6, ['title', '', 'a', 'b', 'foot']],
  [5, ['title', 'a', 'b', 'foot']],
  [4, ['title', 'and 2 lines more than this terminal is high', 'foot']],
])('in %i rows the block stays shorter than the terminal', (rows, lines) => {
  expect(squeeze(['title', '', 'a', 'b', ''], ['foot'], rows)).toEqual(lines)
})
