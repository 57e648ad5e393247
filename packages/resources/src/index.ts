/**
 * The door of resources: Calico's data as typed values, and back without loss.
 *
 *   decodeEntry(key, value)       a stored value, typed and defaulted, or problems with the path of the bad field
 *   mapDocument(document)         a document as calicoctl prints it, to the entry that Calico would store
 *   patchValue(value, patch)      a stored value changed in place, unknown fields and exact numbers kept
 *   parseSelector, matches        the selector language
 *   checkDocuments(documents)     what `starling check` says
 */
export { ANNOTATION_PREFIX, type AnnotationOptions, readAnnotations } from './annotations.js'
export { type CheckedDocument, type CheckProblem, checkDocuments } from './check.js'
export * from './decode.js'
export { flattenDocument, type Mapped, mapDocument, toDocument } from './document.js'
export { isJsonObject, type JsonObject, type JsonValue, parseJson, stringifyJson } from './json.js'
export * from './keys.js'
export { type Finding, findingToProblem, lint } from './lint.js'
export { type NewResource, newResourceValue, type Patch, patchValue, rfc3339Seconds } from './rewrite.js'
export type { BgpConfigurationResource, BgpPeerResource, ProgramClusterRoutes } from './schema/bgp.js'
export type {
  CalicoNodeStatusResource,
  ClusterInformationResource,
  FelixConfigurationResource,
} from './schema/cluster.js'
export { type Metadata, type SecretSource, selectorFault } from './schema/common.js'
export type { BgpFilterResource, FilterRule } from './schema/filter.js'
export { type IpPoolResource, type IpReservationResource, poolEncapsulation } from './schema/ip.js'
export {
  AFFINITY_STATES,
  type AffinityState,
  type BlockValue,
  DEFAULT_IPAM_CONFIG,
  type HandleValue,
  type IpamConfigValue,
} from './schema/ipam.js'
export type {
  EndpointSliceResource,
  KubernetesNodeResource,
  SecretResource,
  ServiceResource,
} from './schema/kubernetes.js'
export type { NodeResource } from './schema/node.js'
export type {
  BfdOptions,
  ListenRange,
  PeerOptions,
  PeerOptionsResource,
  UnnumberedInterface,
} from './schema/peer-options.js'
export { type Labels, matches, printSelector, type Selector } from './selector/ast.js'
export { parseSelector, SelectorError } from './selector/parse.js'
export { keepUnknownFields } from './unknown.js'
export {
  type Address,
  type Cidr,
  type Endpoint,
  type Family,
  isSingleAddress,
  parseAddress,
  parseCidr,
  parseEndpoint,
} from './values/address.js'
export { parseAsNumber } from './values/asn.js'
export { decodeBase64Text } from './values/base64.js'
export { type CommunityKind, parseCommunity } from './values/community.js'
export { formatDuration, parseDuration } from './values/duration.js'
