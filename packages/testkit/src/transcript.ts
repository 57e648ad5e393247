/**
 * Everything one simulated node was told and said, as JSON lines: a failing run can be read, and played to a fresh engine,
 * which must say the same (the habit of holo).
 */
import { type Endpoints, Engine, type EngineConfig, type Sink } from '@starling/engine'
import { seededRandom } from './random.js'

export type TranscriptLine =
  | { readonly at: number; readonly input: 'start'; readonly seed: number; readonly restarting: boolean }
  | {
      readonly at: number
      readonly input: 'incoming' | 'opened'
      readonly connection: number
      readonly endpoints: Endpoints
    }
  | { readonly at: number; readonly input: 'received'; readonly connection: number; readonly bytes: string }
  | { readonly at: number; readonly input: 'closed' | 'failed'; readonly connection: number; readonly reason: string }
  | { readonly at: number; readonly input: 'writable'; readonly connection: number }
  | { readonly at: number; readonly input: 'tick' }
  | { readonly at: number; readonly input: 'work'; readonly limit: number }
  | { readonly at: number; readonly output: 'sent'; readonly connection: number; readonly bytes: string }

/** Lower-case hexadecimal. */
export function toHex(bytes: Uint8Array): string {
  let text = ''
  for (const byte of bytes) text += byte.toString(16).padStart(2, '0')
  return text
}

export function fromHex(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length / 2)
  for (let i = 0; i < bytes.length; i++) bytes[i] = Number.parseInt(text.slice(2 * i, 2 * i + 2), 16)
  return bytes
}

export class Transcript {
  readonly lines: TranscriptLine[] = []

  add(line: TranscriptLine): void {
    this.lines.push(line)
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

const NOTHING = (): undefined => undefined

/** Play a transcript's inputs to a fresh engine; the lines it sends, to compare with those of the transcript. */
export function replay(config: EngineConfig, lines: readonly TranscriptLine[]): TranscriptLine[] {
  const said: TranscriptLine[] = []
  const [first, ...rest] = lines
  if (first === undefined || !('input' in first) || first.input !== 'start') throw new Error('no start line')
  let at = first.at
  const sink: Sink = {
    connect: NOTHING,
    close: NOTHING,
    send: (connection, bytes) => {
      said.push({ at, output: 'sent', connection, bytes: toHex(bytes) })
      return true
    },
    installRoute: NOTHING,
    removeRoute: NOTHING,
    trackNextHop: NOTHING,
    untrackNextHop: NOTHING,
    event: NOTHING,
  }
  const engine = new Engine(config, sink, { now: at, random: seededRandom(first.seed), restarting: first.restarting })
  for (const line of rest) {
    at = line.at
    if ('input' in line) play(engine, line)
  }
  return said
}

function play(engine: Engine, line: Extract<TranscriptLine, { input: string }>): void {
  const { at } = line
  if (line.input === 'incoming') engine.incoming(line.connection, line.endpoints, at)
  else if (line.input === 'opened') engine.opened(line.connection, line.endpoints, at)
  else if (line.input === 'received') engine.received(line.connection, fromHex(line.bytes), at)
  else if (line.input === 'closed') engine.closed(line.connection, line.reason, at)
  else if (line.input === 'failed') engine.failed(line.connection, line.reason, at)
  else if (line.input === 'writable') engine.writable(line.connection, at)
  else if (line.input === 'tick') engine.tick(at)
  else if (line.input === 'work') engine.work(line.limit, at)
}
