/** The driver for the Linux kernel; needs NET_ADMIN to write and nothing to read. */

export { NetlinkDriver } from './netlink-driver.js'
