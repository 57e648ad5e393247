/**
 * What the engine reports: typed, with stable codes, meant for logs, metrics, the event stream and the time line.
 *
 * Peer-supplied text in an event (shutdown messages, host names) is raw: whoever shows it escapes it.
 */
import type { FamilyName, PeerKey } from './config/types.js'

export type SessionState = 'Idle' | 'Connect' | 'Active' | 'OpenSent' | 'OpenConfirm' | 'Established'

export interface NotificationInfo {
  readonly code: number
  readonly subcode: number
  /** `Cease/Administrative Shutdown`. */
  readonly name: string
  /** RFC 9003 text, raw. */
  readonly text?: string
  readonly data: Uint8Array
}

export type EngineEvent =
  | {
      readonly type: 'session-state'
      readonly peer: PeerKey
      readonly name: string
      readonly from: SessionState
      readonly to: SessionState
      readonly reason: string
    }
  | {
      readonly type: 'notification-sent' | 'notification-received'
      readonly peer: PeerKey
      readonly name: string
      readonly notification: NotificationInfo
    }
  /** A session we reset on our own accord because configuration demanded it, and which field did. */
  | {
      readonly type: 'session-reset'
      readonly peer: PeerKey
      readonly name: string
      readonly field: string
      readonly impact: string
    }
  | { readonly type: 'peer-added' | 'peer-removed'; readonly peer: PeerKey; readonly name: string }
  /** `more`: so many were refused since the last one was told (a flood is told once a second). */
  | {
      readonly type: 'connection-refused'
      readonly remoteAddress: string
      readonly reason: string
      readonly more: number
    }
  /** RFC 7606: a bad UPDATE that did not cost the session. */
  | {
      readonly type: 'bad-update'
      readonly peer: PeerKey
      readonly name: string
      readonly verdict: 'attribute-discard' | 'treat-as-withdraw' | 'session-reset'
      readonly attribute: number
      readonly rule: string
      /** The message, bounded to 4096 bytes. */
      readonly bytes: Uint8Array
    }
  | {
      readonly type: 'prefix-limit'
      readonly peer: PeerKey
      readonly name: string
      readonly family: FamilyName
      readonly count: number
      readonly limit: number
      readonly action: 'warn' | 'idle' | 'restart'
    }
  | {
      readonly type: 'end-of-rib'
      readonly peer: PeerKey
      readonly name: string
      readonly family: FamilyName
      readonly direction: 'received' | 'sent'
    }
  | {
      readonly type: 'graceful-restart'
      readonly peer: PeerKey
      readonly name: string
      readonly phase: 'stale-kept' | 'stale-expired' | 'recovered' | 'deferral-started' | 'deferral-ended'
      readonly until?: number
    }
  | { readonly type: 'lagging'; readonly peer: PeerKey; readonly name: string; readonly lagging: boolean }
