/**
 * The text/event-stream format (HTML Living Standard, section 9.2.6), as far as our API uses it, from chunks to frames.
 *
 * Own parser instead of EventSource for two reasons: comment lines must count as a sign of life, and reconnecting
 * needs a back-off that grows.
 */

export interface Frame {
  readonly id: string
  readonly event: string
  readonly data: string
}

/** Longest unfinished line kept; a server that sends more without a line end is not ours. */
const LONGEST = 1 << 20

export class FrameReader {
  #rest = ''
  #id = ''
  #event = ''
  #data: string[] = []

  /** Frames that end in this chunk. */
  push(chunk: string): Frame[] {
    const frames: Frame[] = []
    const lines = (this.#rest + chunk).split('\n')
    this.#rest = lines.pop() ?? ''
    if (this.#rest.length > LONGEST) throw new Error('endless line in the event stream')
    for (const line of lines) {
      const frame = this.#line(line.endsWith('\r') ? line.slice(0, -1) : line)
      if (frame !== undefined) frames.push(frame)
    }
    return frames
  }

  #line(line: string): Frame | undefined {
    if (line === '') {
      const frame = { id: this.#id, event: this.#event, data: this.#data.join('\n') }
      const empty = this.#data.length === 0
      this.#event = ''
      this.#data = []
      return empty ? undefined : frame
    }
    const colon = line.indexOf(':')
    const field = colon < 0 ? line : line.slice(0, colon)
    const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '')
    if (field === 'id') this.#id = value
    else if (field === 'event') this.#event = value
    else if (field === 'data') this.#data.push(value)
    return undefined
  }
}
