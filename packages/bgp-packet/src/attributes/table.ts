/**
 * The table of path attributes: one row per attribute, indexed by type code.
 *
 * MP_REACH_NLRI and MP_UNREACH_NLRI are not rows: they carry routes, not properties of routes, and `update/scan.ts` takes
 * them out before the others are looked at. An attribute without a row is unrecognized: RFC 4271 section 6.3 and section 9.
 */

import { aggregator, as4Aggregator } from './aggregator.js'
import { aigp } from './aigp.js'
import { as4Path, asPath } from './as-path.js'
import { communities, largeCommunities } from './communities.js'
import type { AttributeDescriptor } from './descriptor.js'
import { extendedCommunities, ipv6ExtendedCommunities } from './extended.js'
import { pmsiTunnel, prefixSid, tunnelEncapsulation } from './opaque.js'
import { atomicAggregate, clusterList, localPref, med, nextHop, origin, originatorId, otc } from './simple.js'

/** In canonical (ascending) order: the order in which the encoder writes them. */
export const DESCRIPTORS = {
  origin,
  asPath,
  nextHop,
  med,
  localPref,
  atomicAggregate,
  aggregator,
  communities,
  originatorId,
  clusterList,
  extendedCommunities,
  as4Path,
  as4Aggregator,
  pmsiTunnel,
  tunnelEncapsulation,
  ipv6ExtendedCommunities,
  aigp,
  largeCommunities,
  otc,
  prefixSid,
} as const

export type AttributeKey = keyof typeof DESCRIPTORS

type ValueOf<D> = D extends AttributeDescriptor<infer T> ? T : never

/** Decoded values by field name; an absent attribute is an absent field. */
export type AttributeValues = { [K in AttributeKey]?: ValueOf<(typeof DESCRIPTORS)[K]> }

export const DESCRIPTOR_LIST: readonly AttributeDescriptor[] = Object.values(DESCRIPTORS)

/** By type code; undefined for MP attributes and unrecognized codes. */
export const BY_CODE: readonly (AttributeDescriptor | undefined)[] = Array.from({ length: 256 }, (_, code) =>
  DESCRIPTOR_LIST.find((row) => row.code === code),
)

const OTHER_NAMES = new Map([
  [14, 'MP_REACH_NLRI'],
  [15, 'MP_UNREACH_NLRI'],
  [24, 'TRAFFIC_ENGINEERING'],
  [27, 'PE_DISTINGUISHER_LABELS'],
  [28, 'ENTROPY_LABEL_CAPABILITY'],
  [29, 'BGP_LS'],
  [33, 'BGPSEC_PATH'],
  [128, 'ATTR_SET'],
])

/** "AS_PATH", or "attribute 99". */
export function attributeName(code: number): string {
  return BY_CODE[code]?.name ?? OTHER_NAMES.get(code) ?? `attribute ${code}`
}
