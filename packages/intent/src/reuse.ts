/**
 * Giving equal parts of a new plan the identity they had in the plan before.
 *
 * A plan is built whole each time, so every object in it would be new, and the engine, which compares what it has with
 * what it gets, would walk every policy of 10,000 sessions. So what sessions share (policies, timers, families) is found
 * again by its text, and a session that would be made from the same makings is the very object of before: nothing to
 * build, one comparison for the engine. The values of a plan never depend on this.
 */
import type { Candidate } from './peers/candidate.js'

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

  /** A group of parts that were kept one by one: the same group as under that name before, if no member differs. */
  keepGroup<T extends object>(name: string, value: T): T {
    const old = this.#before?.get(name) as T | undefined
    const kept = old !== undefined && sameMembers(old, value) ? old : value
    this.#parts.set(name, kept)
    return kept
  }
}

function sameMembers<T extends object>(a: T, b: T): boolean {
  const members = Object.keys(b) as (keyof T)[]
  return Object.keys(a).length === members.length && members.every((member) => a[member] === b[member])
}

/** What a session is made from. The same makings give the same session. */
export interface Makings {
  readonly basis: object
  readonly candidate: Candidate
  readonly shadowed: readonly string[]
}

/** Bases are interned, so identity tells; a candidate is a few words. */
export function sameMakings(a: Makings, b: Makings): boolean {
  return (
    a.basis === b.basis &&
    sameCandidate(a.candidate, b.candidate) &&
    (a.shadowed === b.shadowed || a.shadowed.join() === b.shadowed.join())
  )
}

function sameCandidate(a: Candidate, b: Candidate): boolean {
  return (
    a.kind === b.kind &&
    a.address === b.address &&
    a.port === b.port &&
    a.remoteAs === b.remoteAs &&
    a.passive === b.passive &&
    a.remoteNode === b.remoteNode &&
    a.remoteClusterId === b.remoteClusterId &&
    (a.why === b.why || (a.why.resource === b.why.resource && a.why.field === b.why.field && a.why.rule === b.why.rule))
  )
}
