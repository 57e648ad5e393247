/** A terminal that remembers, for the tests of this package. */
import type { Io } from './io.js'

export interface Recording {
  readonly io: Io
  readonly out: () => string
  readonly err: () => string
}

export function recordingIo(more: Partial<Io> = {}): Recording {
  let out = ''
  let err = ''
  const io: Io = {
    write(text) {
      out += text
    },
    error(text) {
      err += text
    },
    terminal: false,
    columns: 200,
    rows: 40,
    env: {},
    signal: new AbortController().signal,
    ...more,
  }
  return { io, out: () => out, err: () => err }
}
