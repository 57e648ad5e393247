/**
 * The steps of a migration as data: what each writes, and which sessions must be Established before it. A step never waits
 * for its own effect: the next one demands it, and so does the end. A run that was interrupted anywhere therefore goes on
 * correctly by planning anew from what stands in the datastore.
 */
import type { Entry } from '@starling/datastore'
import { type JsonObject, newResourceValue, type Patch, patchValue } from '@starling/resources'
import type { Entries, Member } from './cluster.js'

export type Write =
  | { readonly key: string; readonly resource: string; readonly change: string; readonly patch: Patch }
  | { readonly key: string; readonly resource: string; readonly change: string; readonly create: NewDocument }
  | { readonly key: string; readonly resource: string; readonly change: string; readonly remove: true }

export interface NewDocument {
  readonly kind: string
  readonly name: string
  readonly annotations: Readonly<Record<string, string>>
  readonly spec: JsonObject
}

/** Sessions that must be Established. */
export type Demand =
  /** Each client with at least so many of these, in each of its families; these among themselves. */
  | { readonly with: readonly Member[]; readonly least: number; readonly clients: readonly Member[] }
  /** Each of these with every other. */
  | { readonly mesh: readonly Member[] }

export interface Step {
  readonly id: string
  readonly title: string
  readonly writes: readonly Write[]
  readonly before?: Demand
  /** Nothing may be in doubt: answers must be fresh and hold for a while. */
  readonly decisive: boolean
  /**
   * This node's sessions change from mesh to reflector (or back) while nobody else carries the routes to its blocks. Speakers
   * that know a peering by its address do not notice; BIRD knows it by its name and resets it.
   */
  readonly gap?: Member
}

export interface Migration {
  readonly direction: 'reflectors' | 'mesh'
  readonly reflectors: readonly Member[]
  readonly clients: readonly Member[]
  /** Any of these and nothing is begun. */
  readonly refusals: readonly string[]
  readonly warnings: readonly string[]
  /** Those still to be done. */
  readonly steps: readonly Step[]
  /** What must be so when all is done. */
  readonly after: Demand
}

export interface Stamp {
  readonly uid: string
  readonly now: number
}

/** The value to be stored; undefined: the key goes. */
export function storedValue(write: Write, current: string | undefined, { uid, now }: Stamp): string | undefined {
  if ('remove' in write) return undefined
  if ('patch' in write) return patchValue(current ?? '', write.patch)
  return newResourceValue({ ...write.create, uid, now })
}

const NO_STAMP: Stamp = { uid: '', now: 0 }

/** The entries as they will be: for judging a plan before anything is written. */
export function afterSteps(entries: Entries, steps: readonly Step[]): Entries {
  const next = new Map<string, Entry>(entries)
  for (const write of steps.flatMap(({ writes }) => writes)) {
    const value = storedValue(write, next.get(write.key)?.value, NO_STAMP)
    if (value === undefined) next.delete(write.key)
    else next.set(write.key, { key: write.key, value, revision: next.get(write.key)?.revision ?? 0 })
  }
  return next
}
