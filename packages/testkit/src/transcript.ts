/**
 * What went over the wires, as JSON lines: a failing run can be read, and one node's inputs played to another engine.
 */

export interface TranscriptLine {
  readonly at: number
  readonly node: string
  readonly connection: number
  readonly direction: 'received' | 'sent'
  /** Lower-case hexadecimal. */
  readonly bytes: string
}

function hex(bytes: Uint8Array): string {
  let text = ''
  for (const byte of bytes) text += byte.toString(16).padStart(2, '0')
  return text
}

export class Transcript {
  readonly lines: TranscriptLine[] = []

  received(at: number, node: string, connection: number, bytes: Uint8Array): void {
    this.lines.push({ at, node, connection, direction: 'received', bytes: hex(bytes) })
  }

  sent(at: number, node: string, connection: number, bytes: Uint8Array): void {
    this.lines.push({ at, node, connection, direction: 'sent', bytes: hex(bytes) })
  }

  toText(): string {
    return this.lines.map((line) => JSON.stringify(line)).join('\n')
  }

  static parse(text: string): TranscriptLine[] {
    return text
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as TranscriptLine)
  }
}

/** The octets of a line. */
export function transcriptBytes(line: TranscriptLine): Uint8Array {
  const bytes = new Uint8Array(line.bytes.length / 2)
  for (let i = 0; i < bytes.length; i++) bytes[i] = Number.parseInt(line.bytes.slice(2 * i, 2 * i + 2), 16)
  return bytes
}
