/**
 * One peering as people see it (`view.ts`). Built per request from live state; nothing here is kept.
 */
import { formatIPv4, printCapability } from '@starling/bgp-packet'
import { PATIENCE } from '../config/limits.js'
import type { MessageCounts, PeerFamilyView, PeerView } from '../view.js'
import type { PeerHost } from './host.js'
import { sessionNotes } from './notes.js'
import type { Peer } from './peer.js'
import { silenceHint } from './reasons.js'

/** Index = message type of RFC 4271 section 4.1. */
function messageCounts(counts: Uint32Array): MessageCounts {
  const [, open, update, notification, keepalive, routeRefresh] = counts
  const total = counts.reduce((sum, each) => sum + each, 0)
  return { open, update, notification, keepalive, routeRefresh, total }
}

function idleFamilies(peer: Peer): PeerFamilyView[] {
  return peer.config.families.map(({ family }) => ({
    family,
    received: 0,
    accepted: 0,
    preferred: 0,
    sent: 0,
    stale: 0,
    addPathReceive: false,
    addPathSend: false,
    endOfRibReceived: false,
    endOfRibSent: false,
  }))
}

/** Why it is not Established, in words; empty when it is. */
export function reasonOf(peer: Peer, now: number): string {
  if (peer.state === 'Established') return ''
  const blocked = peer.blocked(now)
  if (blocked !== undefined) return blocked
  const unsigned = peer.state === 'Active' || peer.state === 'Connect' || peer.state === 'Idle'
  const mismatch = unsigned ? peer.signatures.mismatch(peer.config, now) : undefined
  if (mismatch !== undefined) return mismatch
  const silent = silence(peer, now)
  if (silent !== undefined) return silent
  if (peer.failure.text !== '') return peer.failure.text
  const { config } = peer
  if (peer.state === 'Active' || config.passive) return `waiting for ${config.remoteAddress} to connect`
  if (peer.state === 'Connect') return `connecting to ${config.remoteAddress} port ${config.remotePort}`
  if (peer.state === 'Idle') return 'about to start'
  if (peer.state === 'OpenConfirm') return 'waiting for its first KEEPALIVE'
  return `connected, waiting for its OPEN${silenceHint(config, 'OpenSent')}`
}

/** Connected, and then nothing: what is happening now tells more than how the attempt before ended. */
function silence({ state, config, incoming, outgoing }: Peer, now: number): string | undefined {
  if (state !== 'OpenSent' && state !== 'OpenConfirm') return undefined
  const connection = [incoming, outgoing].find((each) => each?.state === state)
  if (now - (connection?.lastReceived ?? now) < PATIENCE) return undefined
  const what = state === 'OpenSent' ? 'connected, but the peer sends no OPEN' : 'the peer does not answer our OPEN'
  return `${what}${silenceHint(config, state)}`
}

function nextRetry(peer: Peer): number | undefined {
  if (peer.state === 'Established') return undefined
  const waiting = Math.min(
    peer.outgoing.state === 'Active' ? peer.outgoing.connectRetryAt : peer.idleUntil,
    peer.hold.limit.deadline,
  )
  return Number.isFinite(waiting) ? waiting : undefined
}

function configuredAs(peer: Peer): number | undefined {
  const { remoteAs, localAs } = peer.config
  if (typeof remoteAs === 'number') return remoteAs
  return remoteAs === 'internal' ? localAs : undefined
}

export function peerView(peer: Peer, host: PeerHost<Peer>): PeerView {
  const { config, current } = peer
  const negotiated = current?.negotiated
  const remoteAs = negotiated?.remoteAs ?? configuredAs(peer)
  const group = current !== undefined ? host.tables.group(peer.slot) : undefined
  const retry = nextRetry(peer)
  const localAddress = current?.endpoints?.localAddress ?? config.localAddress
  const type =
    remoteAs === undefined
      ? config.remoteAs === 'external'
        ? 'external'
        : 'unknown'
      : remoteAs === config.localAs
        ? 'internal'
        : 'external'
  const staleUntil = peer.helper.staleUntil
  return {
    key: peer.key,
    name: config.name,
    kind: config.kind,
    description: config.description,
    why: config.why,
    remoteAddress: config.remoteAddress,
    remotePort: config.remotePort,
    ...(config.interface !== undefined && { interface: config.interface }),
    ...(localAddress !== undefined && { localAddress }),
    remoteAs,
    localAs: config.localAs,
    type,
    ...(negotiated !== undefined && { remoteRouterId: formatIPv4(negotiated.remoteRouterId) }),
    state: peer.state,
    reason: reasonOf(peer, host.now),
    notes: sessionNotes(peer),
    since: peer.since,
    passive: config.passive,
    enabled: config.enabled && peer.hold.adminDown === undefined,
    routeReflectorClient: config.routeReflectorClient,
    families: peer.slot >= 0 ? host.tables.familyViews(peer.slot) : idleFamilies(peer),
    holdTime: negotiated?.holdTime ?? 0,
    keepaliveTime: negotiated?.keepaliveTime ?? 0,
    configuredHoldTime: config.timers.holdTime,
    ...timersLeft(peer, host.now),
    capabilities: {
      advertised: (negotiated?.capabilities.advertised ?? []).map(printCapability),
      received: (negotiated?.capabilities.received ?? []).map(printCapability),
    },
    messagesReceived: messageCounts(peer.messagesReceived),
    messagesSent: messageCounts(peer.messagesSent),
    established: peer.established,
    flaps: peer.flaps,
    ...(peer.lastError !== undefined && { lastError: peer.lastError }),
    ...(retry !== undefined && { nextRetry: retry }),
    badUpdates: { ...peer.badUpdates },
    gracefulRestart: {
      peerCapable: negotiated?.restart !== undefined,
      ...(staleUntil !== undefined && { staleUntil }),
      waitingForEndOfRib: host.deferral.waitsFor(peer.key),
    },
    group: group?.id,
    lagging: group?.lagging ?? false,
    outputQueueBytes: group?.queuedBytes ?? 0,
  }
}

/** Whole milliseconds as seconds; a deadline that is due already shows as 0. */
function timersLeft({ current }: Peer, now: number): Pick<PeerView, 'holdTimeLeft' | 'keepaliveTimeLeft'> {
  if (current === undefined || current.holdTime === 0) return {}
  const seconds = (at: number) => Math.max(0, at - now) / 1000
  return {
    holdTimeLeft: Math.min(current.holdTime / 1000, seconds(current.lastReceived + current.holdTime)),
    ...(Number.isFinite(current.keepaliveAt) && { keepaliveTimeLeft: seconds(current.keepaliveAt) }),
  }
}
