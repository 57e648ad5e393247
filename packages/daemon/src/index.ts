/** What the node agent and the reflector share. */
export { now, toEpoch } from './clock.js'
export { ClusterFollower, type ClusterOptions } from './cluster.js'
export { type DaemonParts, type KernelViews, RunningDaemon, type SpeakerViews } from './daemon-ports.js'
export { type Daemon, runUntilSignal } from './lifecycle.js'
export { type Environment, openDatastore } from './open-datastore.js'
export { VERSION } from './version.js'
export { dotted } from './views/cluster.js'
export { speakerViews } from './views/speaker.js'
