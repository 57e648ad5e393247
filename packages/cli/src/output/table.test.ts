import { describe, expect, test } from 'vitest'
import { fit } from './screen.js'
import { type Column, table } from './table.js'
import { counted } from './text.js'

interface Row {
  readonly name: string
  readonly count: number
  readonly info: string
}
const COLUMNS: readonly Column<Row>[] = [
  { heading: 'NAME', value: ({ name }) => name },
  { heading: 'COUNT', value: ({ count }) => count, spare: 1 },
  { heading: 'TWICE', value: ({ count }) => 2 * count, spare: 2 },
  { heading: 'INFO', value: ({ info }) => info, words: true },
]
const ROWS: readonly Row[] = [
  { name: 'Mesh_10_0_0_12', count: 7, info: '' },
  { name: 'Mesh_10_0_0_13', count: 12, info: 'no route to host: nobody answers there' },
]
const lines = (width?: number, wide = false): string[] =>
  table(ROWS, COLUMNS, { wide, ...(width === undefined ? {} : { width }) })
    .trimEnd()
    .split('\n')

describe('a table', () => {
  test('is whole where nobody minds, where there is room, and where everything was asked for', () => {
    const whole = [
      'NAME            COUNT  TWICE  INFO',
      'Mesh_10_0_0_12      7     14  -',
      'Mesh_10_0_0_13     12     24  no route to host: nobody answers there',
    ]
    expect(lines()).toEqual(whole)
    expect(lines(80)).toEqual(whole)
    expect(lines(20, true)).toEqual(whole)
  })

  test('on a narrow terminal the words go beneath the row, then columns that can be spared go', () => {
    expect(lines(40)).toEqual([
      'NAME            COUNT  TWICE',
      'Mesh_10_0_0_12      7     14',
      'Mesh_10_0_0_13     12     24',
      '    no route to host: nobody answers',
      '    there',
    ])
    expect(lines(24).slice(0, 2)).toEqual(['NAME            COUNT', 'Mesh_10_0_0_12      7'])
    expect(lines(10)[0]).toBe('NAME')
  })
})

test('a picture on a terminal ends where the screen does and leaves the history alone', () => {
  const screen = fit('one\ntwo\nthree\nfour\n', { rows: 4, columns: 3 })
  expect(screen).toBe('\u001b[Hone\u001b[K\ntwo\u001b[K\n...\u001b[K\n\u001b[J')
  expect(screen).not.toContain('\u001b[3J')
})

test.each([
  [0, '0 flaps'],
  [1, '1 flap'],
  [2, '2 flaps'],
])('%i is %s', (count, text) => expect(counted(count, 'flap')).toBe(text))
