/**
 * A recording of one session, as JSON lines: who we were to this peer, then everything the engine was told about the
 * connection, then (as `event`) what it made of it, so that a replay can be compared.
 *
 * A session that is up already begins with the octets that would have made it, up to a line `live`.
 *
 * Secrets never enter: the TCP key is not in the configuration that is written, and keys are no part of the bytes.
 */
import type { AdminAction, Endpoints, EngineConfig, EngineEvent, PeerConfig, PeerKey } from '@starling/engine'

export const FORMAT = 1

/** Everything of the engine's configuration, with this peer alone. */
export type RecordedConfig = Omit<EngineConfig, 'peers' | 'dynamicNeighbors'> & {
  readonly peer: Omit<PeerConfig, 'password'>
}

export type RecordedLine =
  | { readonly at: number; readonly input: 'start'; readonly format: typeof FORMAT; readonly config: RecordedConfig }
  | {
      readonly at: number
      readonly input: 'incoming' | 'opened'
      readonly connection: number
      readonly endpoints: Endpoints
    }
  | { readonly at: number; readonly input: 'received'; readonly connection: number; readonly bytes: string }
  | { readonly at: number; readonly input: 'closed'; readonly connection: number; readonly reason: string }
  | { readonly at: number; readonly input: 'writable'; readonly connection: number }
  | { readonly at: number; readonly input: 'tick' }
  | { readonly at: number; readonly input: 'bfd'; readonly up: boolean }
  | { readonly at: number; readonly input: 'admin'; readonly action: AdminAction; readonly reason: string }
  /** What came before was put together from a session that was up already: its verdicts were not witnessed. */
  | { readonly at: number; readonly output: 'live' }
  | { readonly at: number; readonly output: 'event'; readonly event: RecordedEvent }
  | { readonly at: number; readonly output: 'end'; readonly reason: string }

export type RecordedEvent = { readonly type: EngineEvent['type'] } & Readonly<Record<string, unknown>>

/** Verdicts on what the peer said; not those that depend on timers of the dial, on other peers or on the kernel. */
const COMPARED: ReadonlySet<EngineEvent['type']> = new Set([
  'notification-sent',
  'notification-received',
  'bad-update',
  'end-of-rib',
  'prefix-limit',
  'session-state',
])

/** CEASE subcode (RFC 4486) of the connection that lost; it is not the one that is replayed. */
const COLLISION = 7

/** Undefined: not part of a recording. */
export function recordedEvent(event: EngineEvent, peer: PeerKey): RecordedEvent | undefined {
  if (!COMPARED.has(event.type) || !('peer' in event) || event.peer !== peer) return undefined
  if ('notification' in event && event.notification.code === 6 && event.notification.subcode === COLLISION)
    return undefined
  if (event.type === 'end-of-rib' && event.direction === 'sent') return undefined
  if (event.type === 'session-state' && event.to !== 'Established' && event.from !== 'Established') return undefined
  return JSON.parse(toLine(event)) as RecordedEvent
}

export function recordedConfig(config: EngineConfig, peer: PeerConfig): RecordedConfig {
  const { peers: _peers, dynamicNeighbors: _ranges, ...speaker } = config
  const { password: _password, ...open } = peer
  return { ...speaker, peer: open }
}

/** The engine that is played to: this peer alone, which is always the one that connects. */
export function replayConfig({ peer, ...speaker }: RecordedConfig): EngineConfig {
  const passive: PeerConfig = { ...peer, passive: true }
  return {
    ...speaker,
    peers: new Map([[peer.key, passive]]),
    dynamicNeighbors: [],
    nextHopResolution: 'assumed',
  }
}

const INFINITE = '\u221e'

/** JSON has no infinity and no bytes. */
export const toLine = (value: unknown): string =>
  JSON.stringify(value, (_key, item: unknown) => {
    if (item === Number.POSITIVE_INFINITY) return INFINITE
    return item instanceof Uint8Array ? Buffer.from(item).toString('hex') : item
  })

/** Throws with words on text that is no recording. */
export function fromLines(text: string): RecordedLine[] {
  const lines = text
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line, i) => {
      try {
        return JSON.parse(line, (_key, item: unknown) => (item === INFINITE ? Number.POSITIVE_INFINITY : item))
      } catch {
        throw new Error(`line ${i + 1} is not JSON`)
      }
    }) as RecordedLine[]
  const [first] = lines
  if (first === undefined || !('input' in first) || first.input !== 'start') {
    throw new Error('no recording: the first line is not its start')
  }
  if (first.format !== FORMAT) throw new Error(`a recording of format ${first.format}; this version reads ${FORMAT}`)
  return lines
}
