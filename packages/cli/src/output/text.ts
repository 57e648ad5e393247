/**
 * Ages, numbers and colours for people.
 */

const STEPS: readonly (readonly [seconds: number, unit: string])[] = [
  [86_400, 'd'],
  [3600, 'h'],
  [60, 'm'],
  [1, 's'],
]

/** `42s`, `3m20s`, `5h12m`, `17d3h`: two units, like kubectl. */
export function age(seconds: number | undefined): string {
  if (seconds === undefined || !Number.isFinite(seconds)) return '-'
  const whole = Math.max(0, Math.floor(seconds))
  for (const [i, [size, unit]] of STEPS.entries()) {
    if (whole < size && size > 1) continue
    const main = Math.floor(whole / size)
    const next = STEPS[i + 1]
    const rest = next === undefined ? 0 : Math.floor((whole % size) / next[0])
    // Above two units of the larger the smaller says nothing new, except where it is minutes of hours.
    return next === undefined || rest === 0 ? `${main}${unit}` : `${main}${unit}${rest}${next[1]}`
  }
  return '0s'
}

/** `1 flap`, `2 flaps`. */
export const counted = (count: number, word: string): string => `${count} ${word}${count === 1 ? '' : 's'}`

export type Colour = 'red' | 'green' | 'yellow' | 'blue' | 'grey' | 'bold'

const CODES: Readonly<Record<Colour, string>> = {
  red: '31',
  green: '32',
  yellow: '33',
  blue: '34',
  grey: '90',
  bold: '1',
}

export type Painter = (text: string, colour: Colour) => string

export const plain: Painter = (text) => text
export const coloured: Painter = (text, colour) => `\u001b[${CODES[colour]}m${text}\u001b[0m`

export type ColourChoice = 'auto' | 'always' | 'never'

/** Colour only on terminals, and never against NO_COLOR (no-color.org). */
export function painterFor(
  choice: ColourChoice,
  terminal: boolean,
  env: Readonly<Record<string, string | undefined>>,
): Painter {
  if (choice !== 'auto') return choice === 'always' ? coloured : plain
  const refused = env['NO_COLOR'] !== undefined && env['NO_COLOR'] !== ''
  return terminal && !refused && env['TERM'] !== 'dumb' ? coloured : plain
}

const SGR = new RegExp(`${String.fromCharCode(27)}\\[[0-9;]*m`, 'g')

/** Width on the terminal: colours take no room. */
export function visibleWidth(text: string): number {
  return [...text.replace(SGR, '')].length
}

const PIECE = new RegExp(`${String.fromCharCode(27)}\\[[0-9;]*m|.`, 'gu')

/** The first `columns` characters that show; a colour that was on ends there. */
export function clip(line: string, columns: number): string {
  let shown = 0
  let out = ''
  for (const [piece] of line.matchAll(PIECE)) {
    const colour = piece.startsWith('\u001b')
    if (!colour && ++shown > columns) return out.includes('\u001b') ? `${out}\u001b[0m` : out
    out += piece
  }
  return out
}

/** Words in lines of at most `columns`, each behind `indent`; a word that is longer has a line of its own. */
export function wrapped(text: string, columns: number, indent: string): string {
  const lines: string[] = []
  for (const word of text.split(' ')) {
    const last = lines.at(-1)
    if (last !== undefined && last.length + 1 + word.length <= columns) lines[lines.length - 1] = `${last} ${word}`
    else lines.push(indent + word)
  }
  return lines.map((line) => `${line}\n`).join('')
}

/** Control characters of a stranger's text never reach the terminal, even if a daemon let them pass. */
export function harmless(text: string): string {
  return text.replace(
    /[\u0000-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}
