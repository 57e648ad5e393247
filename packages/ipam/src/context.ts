/**
 * What every step is given: the store and the time. IPAM remembers nothing between calls; whatever it needs to know it
 * reads, and whatever it changes it changes by compare-and-swap on the revision it read (calico.md 7).
 */
import type { Conflict, Datastore, WriteResult } from '@starling/datastore'

export interface IpamContext {
  readonly datastore: Datastore
  /** Milliseconds since 1970. */
  readonly now: () => number
}

/** Calico's own bound: after so many lost races something other than bad luck is going on. */
export const RETRIES = 100

export type IpamErrorCode =
  /** Every block is taken, or none is allowed. */
  | 'no-free-block'
  | 'no-pool'
  | 'block-limit'
  | 'auto-allocate-off'
  | 'strict-affinity'
  | 'not-empty'
  | 'wrong-owner'
  | 'sequence-changed'
  | 'not-found'
  | 'address-in-use'
  | 'contention'
  | 'locked'
  | 'invalid-data'

/** A refusal that the caller can act on; trouble with the store itself stays a `DatastoreError`. */
export class IpamError extends Error {
  readonly code: IpamErrorCode
  constructor(code: IpamErrorCode, message: string) {
    super(message)
    this.name = 'IpamError'
    this.code = code
  }
}

export function isConflict(result: WriteResult): result is Conflict {
  return 'conflict' in result
}

/** Runs a step until it was not overtaken; `undefined` from the step means "somebody was faster, look again". */
export async function retrying<T>(what: string, step: () => Promise<T | undefined>): Promise<T> {
  for (let attempt = 0; attempt < RETRIES; attempt++) {
    const result = await step()
    if (result !== undefined) return result
  }
  throw new IpamError('contention', `${what}: overtaken ${RETRIES} times in a row`)
}
