/**
 * Records one session to its end: the inputs of its connections, the timers that fell due meanwhile, and what the engine
 * said of it. A session that is up begins with what would have made it; otherwise the next connection is waited for. Ends
 * by itself with the session.
 */
import type { RecordFrom, RecordListener } from '@starling/api'
import type { ConnectionId, Endpoints, Engine, PeerConfig, PeerKey } from '@starling/engine'
import { type RecordedLine, recordedConfig, recordedEvent, toLine } from './lines.js'
import type { EngineTap, TapListener } from './tap.js'

/** The result ends it without a word. */
export function recordSession(
  { engine, tap, now }: { readonly engine: Engine; readonly tap: EngineTap; readonly now: number },
  peer: PeerConfig,
  listener: RecordListener,
  from: RecordFrom = 'now',
): () => void {
  const open = new Set<ConnectionId>()
  const leaving = new Set<ConnectionId>()
  let spoken = false
  let ended = false
  const write = (line: RecordedLine): void => listener.line(toLine(line))
  const stop = tap.listen(inputs())
  write({ at: now, input: 'start', format: 1, config: recordedConfig(engine.config, peer) })
  past()
  return stop

  function past(): void {
    const evidence = from === 'now' ? engine.evidence(peer.key) : undefined
    if (evidence === undefined) return
    const { connection, endpoints, lastReceived: at, messages, residue } = evidence
    open.add(connection)
    spoken = true
    write({ at, input: 'incoming', connection, endpoints })
    for (const message of messages)
      write({ at, input: 'received', connection, bytes: Buffer.from(message).toString('hex') })
    write({ at, output: 'live' })
    if (residue.length > 0) write({ at, input: 'received', connection, bytes: Buffer.from(residue).toString('hex') })
  }

  function inputs(): TapListener {
    const begun = (input: 'incoming' | 'opened') => (connection: ConnectionId, endpoints: Endpoints, at: number) => {
      settle()
      if (ended || engine.peerConfig(endpoints.remoteAddress)?.key !== peer.key) return
      open.add(connection)
      write({ at, input, connection, endpoints })
    }
    const over = (connection: ConnectionId, reason: string, at: number): void => {
      if (!isOpen(connection)) return
      write({ at, input: 'closed', connection, reason })
      gone(connection)
    }
    const isOpen = (connection: ConnectionId): boolean => {
      settle()
      return open.has(connection)
    }
    const mine = (key: PeerKey): boolean => {
      settle()
      return key === peer.key && open.size > 0
    }
    return {
      incoming: begun('incoming'),
      opened: begun('opened'),
      received: (connection, bytes, at) => {
        if (!isOpen(connection)) return
        spoken = true
        write({ at, input: 'received', connection, bytes: Buffer.from(bytes).toString('hex') })
      },
      closed: over,
      failed: over,
      writable: (connection, at) => {
        if (isOpen(connection)) write({ at, input: 'writable', connection })
      },
      tick: (at) => {
        if (mine(peer.key) && at >= engine.nextDeadline()) write({ at, input: 'tick' })
      },
      bfdChanged: (key, up, at) => {
        if (mine(key)) write({ at, input: 'bfd', up })
      },
      admin: (key, action, { reason = '' }, at) => {
        if (mine(key)) write({ at, input: 'admin', action, reason })
      },
      event: (event) => {
        const recorded = open.size > 0 ? recordedEvent(event, peer.key) : undefined
        if (recorded !== undefined) write({ at: engine.now, output: 'event', event: recorded })
      },
      close: gone,
    }
  }

  /** The last words about a session come within the input that ends it: it counts as over after that. */
  function gone(connection: ConnectionId): void {
    if (!open.has(connection)) return
    leaving.add(connection)
    queueMicrotask(settle)
  }

  function settle(): void {
    if (leaving.size === 0 || ended) return
    for (const connection of leaving) open.delete(connection)
    leaving.clear()
    if (open.size > 0 || !spoken) return
    ended = true
    stop()
    write({ at: engine.now, output: 'end', reason: 'the session ended' })
    listener.ended('the session ended')
  }
}
