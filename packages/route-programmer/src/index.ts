/**
 * @starling/route-programmer: what the RIB says is what the kernel does. The main entry is pure: the driver contract, the
 * reconciler, the pump that joins them, the memory driver. Kernels are reached through `./netlink` or `./remote`.
 */

export * from './cleanup.js'
export * from './driver.js'
export * from './memory/memory-driver.js'
export { MemoryTunnelDriver, type MemoryTunnelOptions } from './memory/memory-tunnels.js'
export * from './programmer.js'
export { Reconciler } from './reconciler/reconciler.js'
export { metricOf } from './reconciler/tables.js'
export { globs } from './reconciler/text.js'
export type * from './reconciler/types.js'
export { countStates, type RowPlace, routeRows } from './reconciler/view.js'
export * from './routes.js'
export { planTunnels, tunnelMtu } from './tunnels/plan.js'
export * from './tunnels/tunnel-programmer.js'
export type * from './tunnels/types.js'
