/**
 * One answer, four forms: `-o table|wide|json|yaml`. Programs get the daemon's own JSON, people get a table.
 */
import { stringify } from 'yaml'
import type { Io } from '../io.js'
import { type ColourChoice, type Painter, painterFor } from './text.js'

export const FORMATS = ['table', 'wide', 'json', 'yaml'] as const
export type Format = (typeof FORMATS)[number]

export interface OutputOptions {
  readonly output: Format
  readonly color: ColourChoice
  readonly headers: boolean
}

export interface Style {
  readonly wide: boolean
  readonly headings: boolean
  readonly paint: Painter
  /** Of the terminal; absent where the text goes elsewhere. */
  readonly width?: number
}

/** Answers with text: `json` and `yaml` from the value, otherwise what `forPeople` makes of it. */
export function render(value: unknown, options: OutputOptions, io: Io, forPeople: (style: Style) => string): string {
  if (options.output === 'json') return `${JSON.stringify(value, undefined, 2)}\n`
  if (options.output === 'yaml') return stringify(value, { lineWidth: 0 })
  return forPeople({
    wide: options.output === 'wide',
    headings: options.headers,
    paint: painterFor(options.color, io.terminal, io.env),
    ...(io.terminal && { width: io.columns }),
  })
}
