/**
 * Text from outside to a canonical prefix, or a clear refusal.
 *
 * The engine asks for canonical prefix text. Host bits are cut rather than refused, because people paste addresses with
 * their mask; the length is bounded before anything looks at the text.
 */
import type { FamilyName } from '@starling/engine'
import { Prefix } from '@starling/inet'

export interface ParsedPrefix {
  readonly family: FamilyName
  /** Canonical text. */
  readonly text: string
}

const LONGEST = 49

/** `10.244.1.0/26`, `10.244.1.7` (host route), `fd00::/64`; undefined for anything else. */
export function parsePrefix(text: string): ParsedPrefix | undefined {
  const prefix = text.length > LONGEST ? undefined : Prefix.parseOrHost(text)
  return prefix === undefined ? undefined : { family: prefix.family, text: prefix.toString() }
}
