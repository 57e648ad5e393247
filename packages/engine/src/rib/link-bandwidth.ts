/**
 * Weights of a multipath set from the link bandwidth extended community (draft-ietf-idr-link-bandwidth): type 0x40
 * (non-transitive, the draft's) or 0x00 (transitive, what several vendors send), subtype 0x04, the AS that set it, then
 * octets per second as an IEEE 754 single.
 *
 * Bandwidth counts only when every path of the set has one; otherwise all are equal, as with FRR. The kernel takes small
 * integers (1 to 256), so ratios are turned into the smallest integers that are right within a percent.
 */
import { AttributeCode } from '@starling/bgp-packet'
import { attributeRange } from '../policy/import.js'
import { type AttrId, type AttributeStore, isLinkBandwidth, SetFlag } from './attributes.js'

const MAXIMUM_WEIGHT = 256
/** Denominators tried for exact ratios: 10G beside 25G is 2 to 5. */
const DENOMINATORS = 16
const TOLERANCE = 0.01

const float = new DataView(new ArrayBuffer(4))

/** Octets per second; 0 when the set says none, or nothing usable (zero, negative, not a number, infinite). */
export function linkBandwidth(store: AttributeStore, attr: AttrId): number {
  if ((store.flags[attr] & SetFlag.linkBandwidth) === 0) return 0
  const chunk = store.chunk(attr)
  const [start, end] = attributeRange(chunk, store.offset(attr), store.lengths[attr], AttributeCode.extendedCommunities)
  for (let at = start; at + 8 <= end; at += 8) {
    if (!isLinkBandwidth(chunk, at)) continue
    for (let i = 0; i < 4; i++) float.setUint8(i, chunk[at + 4 + i])
    const value = float.getFloat32(0)
    return Number.isFinite(value) && value > 0 ? value : 0
  }
  return 0
}

/** Weights 1 to 256 in the ratio of the bandwidths; all 1 as soon as one of them is unknown. */
export function weightsOf(bandwidths: readonly number[]): number[] {
  if (bandwidths.length < 2 || bandwidths.includes(0)) return bandwidths.map(() => 1)
  const least = Math.min(...bandwidths)
  const most = Math.max(...bandwidths)
  for (let factor = 1; factor <= DENOMINATORS && (most / least) * factor <= MAXIMUM_WEIGHT; factor++) {
    const exact = bandwidths.map((value) => (value / least) * factor)
    if (exact.every((value) => Math.abs(value - Math.round(value)) <= value * TOLERANCE)) return exact.map(Math.round)
  }
  return bandwidths.map((value) => Math.max(1, Math.round((value / most) * MAXIMUM_WEIGHT)))
}
