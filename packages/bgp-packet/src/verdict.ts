/**
 * RFC 7606 as a type: what a received message does to the routes and to the session.
 *
 * Every decode ends in one of four verdicts, ordered by strength; several faults in one message give the strongest
 * (RFC 7606 section 2). A `Fault` is made only when something is wrong: a clean message allocates none.
 * Decoders return faults, they never throw: a throw would be our bug, not the peer's.
 */

export const Verdict = { accept: 0, attributeDiscard: 1, treatAsWithdraw: 2, sessionReset: 3 } as const
export type Verdict = (typeof Verdict)[keyof typeof Verdict]
export type VerdictName = 'accept' | 'attribute-discard' | 'treat-as-withdraw' | 'session-reset'
export const VERDICT_NAMES: readonly VerdictName[] = [
  'accept',
  'attribute-discard',
  'treat-as-withdraw',
  'session-reset',
]

/** One thing wrong with a message. `code`, `subcode` and `data` are what a NOTIFICATION about it carries. */
export interface Fault {
  readonly verdict: Verdict
  readonly code: number
  readonly subcode: number
  /** Path attribute type code, when the fault lies in one. */
  readonly attribute: number | undefined
  /** Offset of the faulty octets in the buffer given to the decoder. */
  readonly offset: number
  /** The sentence's author: "RFC 7606 7.3". */
  readonly rule: string
  readonly reason: string
  /** The Data field of the NOTIFICATION: a copy, bounded by the message's length. */
  readonly data: Uint8Array
}

export const NO_DATA: Uint8Array = new Uint8Array(0)

/** The strongest fault; the first of equals, because it is the one the operator should look at. */
export function strongest(faults: readonly Fault[]): Fault | undefined {
  let best: Fault | undefined
  for (const fault of faults) if (best === undefined || fault.verdict > best.verdict) best = fault
  return best
}

/** The same fault with a stronger verdict. */
export function escalate(fault: Fault, verdict: Verdict, rule: string): Fault {
  return { ...fault, verdict, rule: `${fault.rule}, ${rule}` }
}

/** Tells a decoded value from the fault that took its place. */
export function isFault(value: object): value is Fault {
  return 'verdict' in value && 'rule' in value
}
