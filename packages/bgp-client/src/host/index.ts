/** What is done to a host without speaking BGP: the privileged half alone, and taking everything away again. */
import { capabilities } from '@starling/sys'

export { type HostInterfaceEntry, hostInterfaces } from '@starling/speaker/links'
export { kernelWriter } from '../kernel-claim.js'
export { type CleanupOptions, type CleanupReport, cleanupHost, DEFAULT_CNI_CONF } from './cleanup.js'
export { type ProgrammerProcessOptions, runProgrammer } from './programmer.js'

export const mayWriteRoutes = (): boolean => capabilities().netAdmin
