/**
 * What a peer's SYNs and SYN-ACKs show of its signatures (RFC 2385, RFC 5925), and when that explains why there is no
 * session: TCP drops what is signed wrongly in silence. Anybody can forge a SYN: it explains, it decides nothing.
 */
import type { PeerConfig } from '../config/types.js'

/** How a segment is signed: not at all, with TCP MD5 (RFC 2385) or with TCP-AO (RFC 5925). */
export type Signature = 'none' | 'md5' | 'ao'

/** Older evidence says nothing about today: routers dial anew every two minutes at least. */
const EVIDENCE_AGE = 300_000
/** A SYN of a connection that is just about to be there is no evidence yet, and one that comes to us after it neither. */
const EVIDENCE_SETTLES = 1_000

export class PeerSignatures {
  #signature: Signature | undefined
  /** The first and the last of those that led to no connection. */
  #since = 0
  #at = 0
  #taken = Number.NEGATIVE_INFINITY

  /** A SYN or SYN-ACK of the peer has arrived; whether TCP took it is another question. */
  seen(signature: Signature, now: number): void {
    if (now - this.#taken < EVIDENCE_SETTLES) return
    if (this.#signature !== signature) this.#since = now
    this.#signature = signature
    this.#at = now
  }

  /** A connection is there: TCP took the peer's segments and the peer took ours, so the signatures fit. */
  taken(now: number): void {
    this.#signature = undefined
    this.#taken = now
  }

  /** A mismatch that the packets themselves show, although no connection can tell of it. */
  mismatch({ remoteAddress, password }: PeerConfig, now: number): string | undefined {
    const signature = this.#signature
    if (signature === undefined || now - this.#at > EVIDENCE_AGE || now - this.#since < EVIDENCE_SETTLES)
      return undefined
    if (signature === 'ao') return `${remoteAddress} signs its packets with TCP-AO, which is unsupported here: use MD5`
    if (password === undefined) {
      if (signature === 'none') return undefined
      return `${remoteAddress} signs its packets with TCP MD5: a password is set there, none here`
    }
    return signature === 'md5'
      ? `the TCP MD5 passwords differ: ${remoteAddress} signs its packets, but not with the password configured here`
      : `${remoteAddress} does not sign its packets: a TCP MD5 password is set here, none there for our address`
  }
}
