/** The door of IPAM: blocks and addresses as compare-and-swap steps, and what a node says about itself at its start. */
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
export {
  type AddressWish,
  addressWish,
  detectAddress,
  type HostInterface,
  type Method,
  parseMethod,
  type Surroundings,
  withMask,
} from './autodetect.js'
export { type Allocation, type Attributes, Block } from './block.js'
export { type ClaimRequest, claimBlock, ownBlocks, RECLAIM_AGE, releaseStrayBlocks } from './claim.js'
export { type IpamContext, IpamError, type IpamErrorCode } from './context.js'
export { createDefaultResources } from './defaults.js'
export {
  DEFAULT_NODENAME_FILE,
  type Environment,
  type EnvironmentProblem,
  type NodeEnvironment,
  type NodeSurroundings,
  nodeName,
  nodeOptionsFromEnv,
} from './environment.js'
export type { IpamFault } from './leaks.js'
export {
  type CniOptions,
  cniConfList,
  ensureNodeBlock,
  hostLocalHandle,
  type NodeBlock,
  releaseNodeBlock,
} from './node-block.js'
export { type Borrowed, checkIpam, type IpamReport, showIpam, type Usage } from './report.js'
export {
  createDefaultPools,
  type PoolDefaults,
  type Registration,
  registerNode,
  type StartupContext,
} from './startup.js'
export {
  ensureTunnelAddresses,
  type HeldTunnelAddress,
  releaseTunnelAddresses,
  TUNNELS,
  type TunnelChange,
  type TunnelKind,
} from './tunnel.js'
