/**
 * The door of intent: from the cluster's state to what one node does.
 *
 *   const state = ClusterState.from(snapshot)          // later: state.update(snapshot, changedKeys)
 *   const now = plan(state, 'worker-1', { previous })  // pure; everything in it carries its why
 *   kernelRoute(now.kernel, installView)               // a route for the kernel, or why not
 *
 * `evaluate` asks for one route, `diffPlans` for the difference of two plans, `planToJson` prints one.
 */
export { diffPlans, type PlanDiff, type SessionChange, type SessionEffect } from './diff.js'
export { type Answer, evaluate, findPeer, type Question, type Stage } from './evaluate.js'
export { type KernelCandidate, type KernelVerdict, kernelRoute } from './kernel.js'
export { type LooseAddress, LooseAddresses } from './loose.js'
export type { NodeView } from './nodes.js'
export { hashedRouterId } from './nodes.js'
export { protocolName } from './peers/session.js'
export { type Plan, type PlanOptions, plan } from './plan.js'
export { type PlanJson, planToJson } from './plan-json.js'
export {
  describeAction,
  describeCondition,
  evaluatePolicy,
  globMatches,
  type PolicyRoute,
  type PolicySession,
  type PolicyStep,
  type PolicyVerdict,
} from './policy/interpret.js'
export { isLocked, LOCKED, logLevelOf, type PlannedLogLevel } from './settings.js'
export { ClusterState } from './state.js'
export {
  type PlannedTunnel,
  type PlannedTunnelRoute,
  type TunnelOptions,
  type TunnelPlan,
  tunnelPlan,
  vtepMac,
} from './tunnels.js'
export * from './types.js'
