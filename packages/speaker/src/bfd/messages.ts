/**
 * What the main thread and the BFD worker say to each other. Plain data: it crosses by structured clone.
 */
import type { BfdAuthentication } from './authentication.js'
import type { BfdState } from './packet.js'

/** One wanted session between two addresses; several BGP peers may stand behind it. */
export interface BfdTarget {
  /** Identity: its addresses, device and kind. */
  readonly key: string
  readonly remoteAddress: string
  readonly localAddress?: string
  /** SO_BINDTODEVICE: an interface or a VRF. */
  readonly interface?: string
  /** RFC 5883 instead of RFC 5881. */
  readonly multihop: boolean
  /** Milliseconds. */
  readonly interval: number
  readonly multiplier: number
  readonly passive: boolean
  readonly authentication?: BfdAuthentication
}

/** What there is to know of a session. All times are milliseconds. */
export interface BfdSessionReport {
  readonly key: string
  readonly state: BfdState
  readonly diagnostic: number
  readonly remoteState: BfdState
  readonly remoteDiagnostic: number
  readonly localDiscriminator: number
  readonly remoteDiscriminator: number
  /** For how long it has been in this state. */
  readonly age: number
  readonly transmitInterval: number
  readonly detectionTime: number
  readonly packetsReceived: number
  readonly packetsSent: number
  /** Discarded, and why the last one was. */
  readonly packetsDiscarded: number
  readonly lastDiscard: string
  /** Times it left Up. */
  readonly downs: number
  /** It cannot send: no route, no such device. */
  readonly problem: string
}

/** How late the worker's timers were since the last report, milliseconds. */
export interface Lateness {
  readonly p50: number
  readonly p99: number
  readonly maximum: number
}

export type ToWorker =
  | { readonly type: 'set'; readonly targets: readonly BfdTarget[] }
  /** Tells every peer AdminDown, then ends. */
  | { readonly type: 'stop' }

export type FromWorker =
  | { readonly type: 'changed'; readonly from: BfdState; readonly session: BfdSessionReport }
  | {
      readonly type: 'report'
      readonly sessions: readonly BfdSessionReport[]
      readonly lateness: Lateness
      /** Packets that belong to no session. */
      readonly strangers: number
    }
  | { readonly type: 'problem'; readonly text: string }
  | { readonly type: 'stopped' }
