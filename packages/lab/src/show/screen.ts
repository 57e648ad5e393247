/**
 * A block of lines that is drawn over itself: the live table. Lines are cut to the terminal's width and the block to its
 * height, because a wrapped line or one that scrolled away would break the count of lines to go up. Not for pipes.
 */
export interface Terminal {
  write(text: string): void
  readonly columns: number
  readonly rows: number
}

export class Screen {
  readonly #terminal: Terminal
  #drawn = 0
  #columns = 0
  #rows = 0

  constructor(terminal: Terminal) {
    this.#terminal = terminal
  }

  draw(lines: readonly string[]): void {
    const { columns, rows } = this.#terminal
    const up = this.#drawn > 0 ? `\u001b[${this.#drawn}A` : ''
    // A terminal of another size has wrapped or moved what stands there: only a clean page is certain.
    const resized = this.#drawn > 0 && (columns !== this.#columns || rows !== this.#rows)
    // Erase to the end of each line and, at the end, everything below: the block may shrink.
    const text = lines.map((line) => `${cut(line, columns)}\u001b[K\n`).join('')
    this.#terminal.write(`${resized ? '\u001b[H\u001b[2J' : up}${text}\u001b[J`)
    this.#drawn = lines.length
    this.#columns = columns
    this.#rows = rows
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

/** `head` and `foot` in fewer lines than `rows`: blank lines go first, then the end of `head`; `foot` stays whole. */
export function squeeze(head: readonly string[], foot: readonly string[], rows: number): string[] {
  const room = rows - 1 - foot.length
  if (head.length <= room) return [...head, ...foot]
  const dense = [...head]
  for (let at = dense.length - 1; at >= 0 && dense.length > room; at--) if (dense[at] === '') dense.splice(at, 1)
  if (dense.length <= room) return [...dense, ...foot]
  const kept = dense.slice(0, Math.max(0, room - 1))
  return [...kept, `and ${dense.length - kept.length} lines more than this terminal is high`, ...foot]
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
