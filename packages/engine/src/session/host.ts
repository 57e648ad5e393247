/**
 * What a peering needs of the engine around it. `engine.ts` implements it; nothing else is reachable from `session/`.
 */
import type { EngineConfig } from '../config/types.js'
import type { EngineEvent } from '../events.js'
import type { PeerSlot, Tables } from '../rib/contract.js'
import type { ConnectionId, Sink } from '../sink.js'
import type { Connection } from './connection.js'
import type { Deferral } from './deferral.js'
import type { OpenMemo } from './open.js'

/** `P`: the peering itself, which the host only keeps and gives back. */
export interface PeerHost<P> {
  readonly sink: Sink
  readonly tables: Tables
  readonly config: EngineConfig
  readonly random: () => number
  /** Of the input being handled. */
  readonly now: number
  /** The R bit of our OPENs: we restarted and still wait for End-of-RIB (RFC 4724 section 3). */
  readonly restarting: boolean
  readonly deferral: Deferral
  readonly opens: OpenMemo
  /** A fresh id for a dial. */
  allocate(peer: P, connection: Connection): ConnectionId
  /** Route input of an accepted connection to its machine. */
  adopt(id: ConnectionId, peer: P, connection: Connection): void
  forget(id: ConnectionId): void
  acquireSlot(peer: P): PeerSlot
  /** The peer is done with the slot; it is free when the tables have said so too. */
  departSlot(slot: PeerSlot): void
  event(event: EngineEvent): void
  /** Something is due then: `nextDeadline` must not be later. */
  wake(at: number): void
}
