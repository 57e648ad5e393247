/**
 * An UPDATE as plain values: what tests, tools and the looking glass read and write.
 *
 * Prefixes are text ("10.0.0.0/8"), because that is what people compare; the engine never comes here. Attributes that have
 * no row in the table keep their octets and flags. A family that is not IPv4 or IPv6 unicast keeps its NLRI as octets.
 */

import type { AttributeValues } from '../attributes/table.js'

export interface Prefix {
  readonly prefix: string
  /** RFC 7911; absent when the session does not use path identifiers. */
  readonly pathId?: number
}

export interface MpReach {
  readonly afi: number
  readonly safi: number
  /** Address text; hexadecimal for next hops of families carried opaque. */
  readonly nextHop: string
  /** The second address of a 32-octet next hop (RFC 2545 section 3). */
  readonly linkLocal?: string
  readonly nlri: readonly Prefix[]
  /** NLRI of a family carried opaque. */
  readonly opaque?: Uint8Array
}

export interface MpUnreach {
  readonly afi: number
  readonly safi: number
  readonly withdrawn: readonly Prefix[]
  readonly opaque?: Uint8Array
}

export interface UnknownAttribute {
  readonly code: number
  readonly flags: number
  readonly value: Uint8Array
}

export interface UpdateAttributes extends AttributeValues {
  readonly mpReach?: MpReach
  readonly mpUnreach?: MpUnreach
  /** Attributes without a row in the table, by ascending code. */
  readonly unknown?: readonly UnknownAttribute[]
  /** Codes of known attributes that came with the Partial bit. */
  readonly partial?: readonly number[]
}

export interface Update {
  readonly type: 'UPDATE'
  readonly withdrawn: readonly Prefix[]
  readonly attributes: UpdateAttributes
  readonly nlri: readonly Prefix[]
  /** The message is nothing but the End-of-RIB marker of this family (RFC 4724 section 2). */
  readonly endOfRib?: { readonly afi: number; readonly safi: number }
}
