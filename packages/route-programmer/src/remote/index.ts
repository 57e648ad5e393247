/** Privilege separation: the driver for the unprivileged side and the server for the privileged one. */

export { ClaimRefused, RemoteDriver } from './remote-driver.js'
export type { ProgrammerServer, ProgrammerServerOptions } from './server.js'
export { serveProgrammer } from './server.js'
