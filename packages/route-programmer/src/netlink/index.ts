/** The drivers for the Linux kernel; they need NET_ADMIN to write and nothing to read. */

export { systemClock } from './clock.js'
export { NetlinkDriver } from './netlink-driver.js'
export { NetlinkTunnelDriver } from './netlink-tunnel-driver.js'
export { WorkerNetlinkDriver } from './worker-driver.js'
