/**
 * The kernel's interfaces for a speaker with link-local peers. A subpath entry, because it speaks netlink: a reflector,
 * whose bundle holds no kernel code at all, is built without it.
 */
export { type HostInterfaceEntry, hostInterfaces } from './host-interfaces.js'
export { LinkWatch } from './link-watch.js'
