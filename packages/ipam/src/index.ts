export {
  type Assigned,
  type AssignRequest,
  assignAddress,
  assignAddresses,
  type ReleaseAddressOptions,
  releaseAddress,
  releaseByHandle,
} from './addresses.js'
export { type ClaimOutcome, claimAffinity, type ReleaseOptions, releaseAffinity } from './affinity.js'
export { type Allocation, type Attributes, Block } from './block.js'
export { type ClaimRequest, claimBlock, ownBlocks, RECLAIM_AGE, releaseStrayBlocks } from './claim.js'
export { type IpamContext, IpamError, type IpamErrorCode } from './context.js'
export {
  type CniOptions,
  cniConfList,
  ensureNodeBlock,
  hostLocalHandle,
  type NodeBlock,
  releaseNodeBlock,
} from './node-block.js'
