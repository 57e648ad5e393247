/**
 * Why a session is not up, in words an engineer can act on: the cause and what to look at (ux.md section 8).
 *
 * The environment speaks in errno names, the peer in NOTIFICATIONs; this file turns both into sentences. Peer text is
 * quoted raw: whoever shows it escapes it.
 */
import { CeaseError, NotificationCode, OpenError } from '@starling/bgp-packet'
import type { PeerConfig } from '../config/types.js'
import type { NotificationInfo, SessionState } from '../events.js'
import { ROLE_PARTNER } from './roles.js'

const ERRNO_HINTS: readonly [errno: string, words: (peer: PeerConfig) => string][] = [
  [
    'ECONNREFUSED',
    (p) => `connection refused: nothing accepts BGP at ${where(p)}; is it running, and not passive only?`,
  ],
  ['EHOSTUNREACH', (p) => `no route to host: ${p.remoteAddress} does not answer ARP or ND, or a firewall rejects us`],
  ['ENETUNREACH', (p) => `network unreachable: this machine has no route to ${p.remoteAddress}`],
  ['EADDRNOTAVAIL', (p) => `local address ${p.localAddress ?? ''} is not on this machine (yet)`],
  ['EADDRINUSE', (p) => `local address ${p.localAddress ?? ''} has no free port`],
  ['ENODEV', (p) => `interface ${p.interface ?? ''} does not exist (yet)`],
  ['EACCES', () => 'not permitted: a local firewall or missing privilege refuses the connection'],
  ['EPERM', () => 'not permitted: a local firewall or missing privilege refuses the connection'],
  ['EMFILE', () => 'this process has no file descriptor left (ulimit -n)'],
  ['ENOMEM', () => 'no kernel memory for the socket; with many MD5 keys raise net.core.optmem_max'],
]

function where(peer: PeerConfig): string {
  return `${peer.remoteAddress} port ${peer.remotePort}`
}

/** A dial that did not succeed; `error` is an errno name or a text that contains one. */
export function dialReason(peer: PeerConfig, error: string): string {
  if (error.includes('ETIMEDOUT')) return noAnswer(peer)
  const hint = ERRNO_HINTS.find(([errno]) => error.includes(errno))
  return hint === undefined ? error : hint[1](peer)
}

function noAnswer(peer: PeerConfig): string {
  const base = `no answer from ${where(peer)}`
  if (peer.password !== undefined) {
    return `${base}: the TCP MD5 password probably differs on the two sides, or is not set there`
  }
  if (peer.ttlSecurity > 0) {
    return `${base}: TTL security may drop the packets (is it set there, and are at most ${peer.ttlSecurity} hops between?)`
  }
  return `${base}: a firewall drops the packets, the host is down, or it expects a TCP MD5 password or TTL security`
}

/** The TCP connection went away under a session. */
export function lossReason(peer: PeerConfig, error: string, wasEstablished: boolean): string {
  if (error.includes('ECONNRESET')) return 'connection reset by the peer'
  if (error.includes('ETIMEDOUT')) return `connection timed out: ${peer.remoteAddress} stopped acknowledging`
  if (error !== '' && error !== 'closed') return dialReason(peer, error)
  if (wasEstablished) return 'the peer closed the connection'
  return `the peer closed the connection before the session was up: is ${peer.localAddress ?? 'our address'} configured there?`
}

const RECEIVED: readonly [code: number, subcode: number, words: (peer: PeerConfig) => string][] = [
  [
    NotificationCode.openMessage,
    OpenError.badPeerAs,
    (p) => `the peer expects another AS than our ${p.localAs}: compare remote-as there with ours`,
  ],
  [
    NotificationCode.openMessage,
    OpenError.badBgpIdentifier,
    () => 'it does not accept our router id: the same as its own? Every router of an AS needs one of its own',
  ],
  [
    NotificationCode.openMessage,
    OpenError.unacceptableHoldTime,
    (p) =>
      `it does not accept a hold time of ${p.timers.holdTime} s: take a longer one here, or lower its minimum there`,
  ],
  [
    NotificationCode.openMessage,
    OpenError.roleMismatch,
    (p) =>
      p.role === undefined
        ? 'it wants a BGP role of us (RFC 9234), and none is set here'
        : `BGP roles do not fit: ours is ${p.role}, its must be ${ROLE_PARTNER[p.role]}`,
  ],
  [
    NotificationCode.openMessage,
    OpenError.unsupportedCapability,
    (p) =>
      `it misses a capability; we offer ${p.families.map(({ family }) => family).join(' and ')}: compare the families on both sides`,
  ],
  [NotificationCode.cease, CeaseError.administrativeShutdown, () => 'the peer is administratively shut down'],
  [NotificationCode.cease, CeaseError.peerDeconfigured, () => 'the peer removed us from its configuration'],
  [NotificationCode.cease, CeaseError.connectionRejected, () => 'the peer rejects connections from us'],
  [NotificationCode.cease, CeaseError.maximumPrefixes, () => 'the peer counts too many prefixes from us'],
  [NotificationCode.holdTimerExpired, 0, () => "the peer's hold timer expired: our packets do not reach it in time"],
]

/** A connected peer that says nothing more: whose packets get lost, as far as the state can tell. */
export function silenceHint(peer: PeerConfig, state: 'OpenSent' | 'OpenConfirm'): string {
  if (state === 'OpenSent') {
    return peer.ttlSecurity > 0 ? ' (TTL security may drop its packets: is it set there, too?)' : ''
  }
  const ttl =
    peer.ttlSecurity > 0
      ? `are there more than ${peer.ttlSecurity} hops between`
      : 'is TTL security set there and not here'
  return `: its packets reach us, ours do not seem to reach it (${ttl}, or does a firewall or the MTU stop them?)`
}

/**
 * What the hold timer waited for. A peer that fell silent with the KEEPALIVE that brought the session up may never have
 * heard ours: its first octets were read before the socket got its least TTL, and everything later was dropped.
 */
export function silence(peer: PeerConfig, state: SessionState, mute: boolean, seconds: number): string {
  if (state === 'OpenSent') return `no OPEN from the peer for ${seconds} s${silenceHint(peer, state)}`
  if (state === 'OpenConfirm') return `no answer to our OPEN from the peer for ${seconds} s${silenceHint(peer, state)}`
  const since = mute ? `, none since the session came up${silenceHint(peer, 'OpenConfirm')}` : ''
  return `no message from the peer for ${seconds} s${since}`
}

/** What a NOTIFICATION of the peer means for the one who reads `show peers`. */
export function receivedReason(peer: PeerConfig, info: NotificationInfo): string {
  const row = RECEIVED.find(([code, subcode]) => code === info.code && subcode === info.subcode)
  const words = row === undefined ? '' : ` (${row[2](peer)})`
  const text = info.text === undefined ? '' : `: "${info.text}"`
  return `peer said: ${info.name}${text}${words}`
}
