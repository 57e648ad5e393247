/**
 * What keeps a peering down on purpose, in the order in which people are told: an administrator, the configuration, a
 * prefix limit that was reached, BFD that is not up yet (strict mode, RFC 5882). `peer.ts` asks before every start and
 * obeys when the answer changes; nothing here touches a connection.
 */
import { CeaseError } from '@starling/bgp-packet'
import type { PeerConfig } from '../config/types.js'
import { type Cause, cease } from './cause.js'
import { LimitHold } from './limit-hold.js'

const BFD_AWAITED = 'waits for BFD to come up (strict mode)'
/** RFC 9384: the path is dead, so the routes go at once, and the peer learns why when it can. */
export const BFD_DOWN = cease('BFD went down: the path to the peer is broken', CeaseError.bfdDown, { final: true })

export class Hold {
  /** `admin disable`, with its text; survives reconfiguration, not a restart of the process. */
  adminDown: { readonly reason: string } | undefined
  readonly limit = new LimitHold()
  #bfdUp = false
  /** Either side said AdminDown: strict mode does not wait for BFD then (RFC 5882 section 4.1). */
  #bfdExcused = false

  /** A reason not to speak to this peer at all, in words. An Established session does not wait for BFD any more. */
  reason(config: PeerConfig, established: boolean, now: number): string | undefined {
    if (this.adminDown !== undefined || !config.enabled) {
      const text = this.#text(config)
      return text === '' ? 'administratively down' : `administratively down: ${text}`
    }
    if (config.heldDown !== undefined) return config.heldDown
    const limited = this.limit.blocked(now)
    if (limited !== undefined) return limited
    return config.bfdStrict && !this.#bfdUp && !this.#bfdExcused && !established ? BFD_AWAITED : undefined
  }

  /** How a session ends that may not go on for this reason. */
  cause(config: PeerConfig, reason: string): Cause {
    const held = config.enabled && this.adminDown === undefined
    const subcode = held ? CeaseError.otherConfigurationChange : CeaseError.administrativeShutdown
    return cease(reason, subcode, { text: this.#text(config), final: true })
  }

  #text(config: PeerConfig): string {
    return this.adminDown?.reason ?? config.shutdownMessage ?? ''
  }

  /**
   * What BFD says now. `administrative`: somebody switched it off; that says nothing about the path (RFC 5882 section
   * 3.2). True when the path broke that was there before.
   */
  bfd(up: boolean, administrative: boolean): boolean {
    const broke = this.#bfdUp && !up && !administrative
    this.#bfdUp = up
    this.#bfdExcused = !up && administrative
    return broke
  }
}
