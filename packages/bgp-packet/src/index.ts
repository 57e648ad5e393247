/**
 * The door of the package: BGP octets to values and back (RFC 4271 and its family).
 *
 * Two roads lead through it. The engine's: `Framer`, `UpdateScan`, `NlriCursor`, `AttributeBlock`, `UpdatePacker`, all reused and
 * without an object per prefix. Everyone else's: `decodeMessage` and `encodeMessage` with plain values, JSON and text.
 */

export * from './address.js'
export * from './attributes/aggregator.js'
export * from './attributes/as-path.js'
export * from './attributes/communities.js'
export type { AttributeDescriptor, Json, Problem } from './attributes/descriptor.js'
export * from './attributes/extended.js'
export { ORIGINS, type Origin } from './attributes/simple.js'
export {
  type AttributeKey,
  type AttributeValues,
  attributeName,
  BY_CODE,
  DESCRIPTOR_LIST,
  DESCRIPTORS,
} from './attributes/table.js'
export * from './constants.js'
export { Framer, judgeHeader } from './framer.js'
export { KEEPALIVE, newMessage, writeHeader } from './message/header.js'
export * from './message/notification.js'
export { hexOf, parseHex, printable } from './text.js'
export { AttributeBlock, CANONICAL_CONTEXT, canonicalBlock } from './update/block.js'
export { DEFAULT_CONTEXT, type UpdateContext, updateContext } from './update/context.js'
export * from './update/encode.js'
export { checkNlri, NlriCursor } from './update/nlri.js'
export { MpRange, UpdateScan, verdictOf } from './update/scan.js'
export { type Fault, NO_DATA, strongest, VERDICT_NAMES, Verdict, type VerdictName } from './verdict.js'
export { ByteWriter } from './writer.js'
