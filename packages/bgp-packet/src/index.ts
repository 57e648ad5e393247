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
export { capabilityToJson, printCapability } from './capability/print.js'
export { CAPABILITIES, capabilityCode, capabilityName } from './capability/table.js'
export * from './capability/values.js'
export * from './constants.js'
export { type DecodeRequest, decodedToJson, decodeLine, parseLine } from './decode/line.js'
export { decodeTree } from './decode/tree.js'
export { Framer, judgeHeader } from './framer.js'
export { KEEPALIVE, newMessage, writeHeader } from './message/header.js'
export {
  type Decoded,
  type DecodeOptions,
  decodeMessage,
  encodeMessage,
  type Keepalive,
  type Message,
  messageToJson,
  messageTypeName,
} from './message/message.js'
export * from './message/notification.js'
export { decodeOpen, encodeOpen, type Open, openAsn } from './message/open.js'
export * from './message/route-refresh.js'
export * from './mrt/attributes.js'
export { printMrt } from './mrt/print.js'
export { MAX_MRT_RECORD, MrtReader, MrtType } from './mrt/reader.js'
export * from './mrt/records.js'
export * from './mrt/writer.js'
export { hexOf, parseHex, printable } from './text.js'
export { AttributeBlock, CANONICAL_CONTEXT, canonicalBlock } from './update/block.js'
export { DEFAULT_CONTEXT, type UpdateContext, updateContext } from './update/context.js'
export {
  attributeValues,
  cursorPrefix,
  type DecodedUpdate,
  decodeUpdate,
  installable,
  messageOffset,
  readPrefixes,
} from './update/decode.js'
export * from './update/encode.js'
export {
  encodeUpdate,
  type PackOptions,
  packUpdates,
  packWithdrawals,
  writeAttributes,
} from './update/encode-values.js'
export { checkNlri, NlriCursor } from './update/nlri.js'
export {
  ATTRIBUTE_FIELDS,
  attributesToJson,
  parseAttributes,
  prefixToJson,
  printAttributes,
  printPrefix,
  updateToJson,
} from './update/print.js'
export { MpRange, UpdateScan, verdictOf } from './update/scan.js'
export type * from './update/values.js'
export { type Fault, isFault, NO_DATA, strongest, VERDICT_NAMES, Verdict, type VerdictName } from './verdict.js'
export { ByteWriter } from './writer.js'
