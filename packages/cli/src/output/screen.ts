/**
 * Pictures that stand still on a terminal: redrawn in place, never scrolled, and what was on the terminal before stays
 * in its history.
 */
import type { Io } from '../io.js'
import { clip } from './text.js'

const HOME = '\u001b[H'
const CLEAR_LINE = '\u001b[K'
const CLEAR_BELOW = '\u001b[J'

/** No line longer than the screen, none below it; what is left of the picture before is wiped. */
export function fit(text: string, { rows, columns }: Pick<Io, 'rows' | 'columns'>): string {
  const all = text.trimEnd().split('\n')
  const room = Math.max(1, rows - 1)
  const lines = all.length <= room ? all : [...all.slice(0, room - 1), `... ${all.length - room + 1} more lines`]
  return `${HOME}${lines.map((line) => `${clip(line, columns)}${CLEAR_LINE}\n`).join('')}${CLEAR_BELOW}`
}
