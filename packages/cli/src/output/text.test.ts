import { describe, expect, test } from 'vitest'
import { clip, coloured, visibleWidth } from './text.js'

describe('clip', () => {
  test.each([
    ['short', 10, 'short'],
    ['exact', 5, 'exact'],
    ['too long', 3, 'too'],
    ['', 3, ''],
    ['äöü€', 2, 'äö'],
  ])('%j to %i columns', (text, columns, expected) => expect(clip(text, columns)).toBe(expected))

  test('colours take no room and do not run on', () => {
    const line = `ab${coloured('cdef', 'red')}gh`
    expect(clip(line, 8)).toBe(line)
    expect(clip(line, 4)).toBe('ab\u001b[31mcd\u001b[0m')
    expect(visibleWidth(clip(line, 4))).toBe(4)
  })
})
