/**
 * Giving equal parts of a new plan the identity they had in the plan before.
 *
 * A plan is built whole each time, so every object in it would be new, and the engine, which compares what it has with
 * what it gets, would walk every policy of 10,000 sessions. So what sessions share (policies, timers, families) is found
 * again by its text, and a session none of whose members changed is the very object of before: one comparison. The
 * values of a plan never depend on this.
 */
import type { PeerConfig } from '@starling/engine'
import type { PlannedPeer } from './types.js'

export type SharedParts = ReadonlyMap<string, object>

export class Interner {
  readonly #before: SharedParts | undefined
  readonly #parts = new Map<string, object>()

  constructor(before: SharedParts | undefined) {
    this.#before = before
  }

  get parts(): SharedParts {
    return this.#parts
  }

  /** The same value as the object it was before, if it was. */
  keep<T extends object>(value: T): T {
    const text = JSON.stringify(value)
    const kept = (this.#parts.get(text) ?? this.#before?.get(text) ?? value) as T
    this.#parts.set(text, kept)
    return kept
  }
}

/** The old session where nothing differs. Shared parts have been interned, so identity tells; a why is small. */
export function keepPeer(old: PlannedPeer | undefined, peer: PlannedPeer): PlannedPeer {
  if (old === undefined || old.reachableBy !== peer.reachableBy || old.remoteClusterId !== peer.remoteClusterId)
    return peer
  if (old.sourceAddress !== peer.sourceAddress || !sameTexts(old.filters, peer.filters)) return peer
  if (!sameTexts(old.shadowed, peer.shadowed) || JSON.stringify(old.bfd) !== JSON.stringify(peer.bfd)) return peer
  return sameConfig(old.config, peer.config) ? old : peer
}

function sameTexts(a: readonly string[], b: readonly string[]): boolean {
  return a === b || (a.length === b.length && a.every((text, i) => text === b[i]))
}

function sameConfig(old: PeerConfig, next: PeerConfig): boolean {
  for (const member in next) {
    if (member === 'why') continue
    if (old[member as keyof PeerConfig] !== next[member as keyof PeerConfig]) return false
  }
  const a = old.why
  const b = next.why
  return a === b || (a.resource === b.resource && a.field === b.field && a.rule === b.rule)
}
