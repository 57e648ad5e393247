/**
 * What a speaker is started with, and what it tells.
 */
import type { EngineConfig, EngineOptions, Sink } from '@starling/engine'
import type { BfdPeers, BfdRanges } from './bfd/wishes.js'
import type { LinkSourceFactory } from './discovery/link-source.js'
import type { ListenAddress } from './listener.js'

/** What the engine asks for that is not about connections: the kernel's and the operator's side. */
export type SinkExtras = Pick<
  Sink,
  'installs' | 'installRoute' | 'removeRoute' | 'trackNextHop' | 'untrackNextHop' | 'event'
>

/** What happened to sockets, for logs; stable words. */
export type SpeakerNotice =
  | { readonly type: 'listening'; readonly address: string; readonly port: number }
  | { readonly type: 'listen-waiting'; readonly address: string; readonly port: number; readonly reason: string }
  | { readonly type: 'key-failed'; readonly address: string; readonly peer: string; readonly reason: string }
  | { readonly type: 'connection-refused'; readonly remoteAddress: string; readonly reason: string }
  | { readonly type: 'bfd-problem'; readonly reason: string }
  | { readonly type: 'discovery-problem'; readonly reason: string }

export interface SpeakerOptions {
  readonly config: EngineConfig
  readonly listen: readonly ListenAddress[]
  /** Peers with BFD. */
  readonly bfd?: BfdPeers
  /** Ranges whose dynamic neighbours get BFD. */
  readonly bfdRanges?: BfdRanges
  readonly extras: SinkExtras
  /** The interfaces of this machine (`@starling/speaker/links`): without them no router is found behind one. */
  readonly links?: LinkSourceFactory
  readonly notice?: (notice: SpeakerNotice) => void
  /** Uniform in [0, 1); Math.random by default. */
  readonly random?: () => number
  /** We restarted, and the kernel kept forwarding: graceful restart as the restarting side. */
  readonly restarting?: boolean
  /** Connections in all, dialled and accepted; one more is closed unread. `MAX_CONNECTIONS` by default. */
  readonly maxConnections?: number
  /** Run synthetic routes through the code first (the constructor takes a third of a second): no cold start under load. */
  readonly warmUp?: boolean
  /** Other tables than the engine's own, for tests. */
  readonly tables?: EngineOptions['tables']
}

export type StopMode = 'restart' | 'shutdown' | 'drain'

export interface LoopDelay {
  /** Milliseconds. */
  readonly p50: number
  readonly p99: number
  readonly maximum: number
}
