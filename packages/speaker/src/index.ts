/**
 * The speaker's door.
 */
export type { AuthenticationType, BfdAuthentication } from './bfd/authentication.js'
export type { BfdPeer, BfdSessionView, BfdStatistics } from './bfd/host.js'
export type { Lateness } from './bfd/messages.js'
export { DIAGNOSTICS as BFD_DIAGNOSTICS } from './bfd/packet.js'
export type { BfdPeers, BfdRanges } from './bfd/wishes.js'
export { now } from './clock.js'
export type { LinkState } from './discovery/finder.js'
export type { LinkEvents, LinkSource, LinkSourceFactory } from './discovery/link-source.js'
export { DRAIN_TIME, type DrainStage, drained, withdrawn } from './drain.js'
export type { ListenAddress } from './listener.js'
export { PortGate } from './port-gate.js'
export { Speaker } from './speaker.js'
export type { LoopDelay, SinkExtras, SpeakerNotice, SpeakerOptions, StopMode } from './types.js'
export { warmUp } from './warm-up.js'
