/**
 * What the two OPENs agreed on, as far as the meaning of an UPDATE depends on it.
 *
 * One object per session, made when the session reaches OpenConfirm and never changed: the hot path reads plain fields.
 */

export interface UpdateContext {
  /** Both sides sent the 4-octet AS capability (RFC 6793): AS_PATH and AGGREGATOR carry 4-octet numbers. */
  readonly as4: boolean
  /** The peer is in our AS (RFC 4271 section 1.1, internal peer). */
  readonly ibgp: boolean
  /** The peer is in another Member-AS of our confederation (RFC 5065). LOCAL_PREF is then legal, confed segments are. */
  readonly confederation: boolean
  /** Nobody knows whether the peer is in our confederation (files, captures): its segments are then no fault. */
  readonly confederationUnknown?: boolean
  /** The peer sends path identifiers for IPv4 unicast, IPv6 unicast (RFC 7911). */
  readonly addPathIPv4: boolean
  readonly addPathIPv6: boolean
}

export const DEFAULT_CONTEXT: UpdateContext = {
  as4: true,
  ibgp: false,
  confederation: false,
  addPathIPv4: false,
  addPathIPv6: false,
}

/** A context from the fields that differ from the default: an eBGP session with 4-octet AS numbers. */
export function updateContext(fields: Partial<UpdateContext> = {}): UpdateContext {
  return { ...DEFAULT_CONTEXT, ...fields }
}
