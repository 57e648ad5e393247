/**
 * The two families of the tables and their numbers on the wire.
 */
import { Afi, Safi } from '@starling/bgp-packet'
import { FAMILIES, type FamilyName } from '../config/types.js'
import type { FamilyIndex } from '../rib/contract.js'

export const BOTH_FAMILIES: readonly FamilyIndex[] = [0, 1]
export const AFI_OF: readonly number[] = [Afi.ipv4, Afi.ipv6]

export function familyNameOf(family: FamilyIndex): FamilyName {
  return FAMILIES[family]
}

/** Undefined for everything the tables do not hold. */
export function familyIndexOf(afi: number, safi: number): FamilyIndex | undefined {
  if (safi !== Safi.unicast) return undefined
  if (afi === Afi.ipv4) return 0
  return afi === Afi.ipv6 ? 1 : undefined
}
