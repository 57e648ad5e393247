/**
 * A block of lines that is drawn over itself: the live table. Lines are cut to the terminal's width, because a wrapped
 * line would break the count of lines to go up. Not for pipes.
 */
export class Screen {
  readonly #write: (text: string) => void
  readonly #columns: () => number
  #drawn = 0

  constructor(write: (text: string) => void, columns: () => number) {
    this.#write = write
    this.#columns = columns
  }

  draw(lines: readonly string[]): void {
    const up = this.#drawn > 0 ? `\u001b[${this.#drawn}A` : ''
    const width = this.#columns()
    // Erase to the end of each line and, at the end, everything below: the block may shrink.
    const text = lines.map((line) => `${cut(line, width)}\u001b[K\n`).join('')
    this.#write(`${up}${text}\u001b[J`)
    this.#drawn = lines.length
  }

  /** What was drawn stays; the next block begins below. */
  leave(): void {
    this.#drawn = 0
  }
}

/** Cuts visible characters only and closes colours that were open. */
export function cut(line: string, width: number): string {
  let room = width
  let out = ''
  for (const part of line.split(/(\u001b\[\d+m)/)) {
    if (part.startsWith('\u001b')) out += part
    else {
      out += part.slice(0, room)
      room -= Math.min(room, part.length)
    }
  }
  return out
}

/** Plain text broken between words. */
export function wrap(text: string, width: number): string[] {
  const lines: string[] = []
  for (const word of text.split(' ')) {
    const line = lines.at(-1)
    if (line !== undefined && line.length + 1 + word.length <= width) lines[lines.length - 1] = `${line} ${word}`
    else lines.push(word)
  }
  return lines
}
