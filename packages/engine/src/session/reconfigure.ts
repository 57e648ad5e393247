/**
 * Applying a new configuration to running peerings: additions first, then changes, removals last (design section 6).
 *
 * Every peer gets the smallest sufficient effect of `config/impact.ts`; who had to be reset, and for which field, is
 * part of the answer and an event, because a needless reset is the complaint this project exists for (user-asks).
 */
import { CeaseError } from '@starling/bgp-packet'
import { changedFields, effectOf, type FieldChange } from '../config/impact.js'
import type { EngineConfig, PeerConfig, PeerKey } from '../config/types.js'
import { cease } from './cause.js'
import { type Directory, dynamicPeerConfig } from './directory.js'
import type { PeerHost } from './host.js'
import { NO_OMISSIONS } from './open.js'
import { sessionParameters } from './parameters.js'
import { Peer } from './peer.js'

export interface PeerChange {
  readonly peer: PeerKey
  readonly changes: readonly FieldChange[]
}

export interface Reset {
  readonly peer: PeerKey
  /** Of PeerConfig, or `routerId`. */
  readonly field: string
  readonly impact: string
}

/** What `Engine.configure` did. */
export interface Reconfiguration {
  readonly added: readonly PeerKey[]
  readonly changed: readonly PeerChange[]
  readonly removed: readonly PeerKey[]
  readonly reset: readonly Reset[]
}

interface Work {
  readonly added: PeerKey[]
  readonly changed: PeerChange[]
  readonly removed: PeerKey[]
  readonly reset: Reset[]
}

/** `startAt` undefined: it is started by the connection it comes with. */
export function addPeer(
  config: PeerConfig,
  host: PeerHost<Peer>,
  directory: Directory,
  startAt: number | undefined,
): Peer {
  const peer = new Peer(config, host)
  directory.add(peer)
  host.event({ type: 'peer-added', peer: peer.key, name: config.name })
  if (startAt !== undefined) peer.schedule(startAt, 0)
  return peer
}

export function removePeer(peer: Peer, host: PeerHost<Peer>, directory: Directory, reason: string, now: number): void {
  peer.stop(cease(reason, CeaseError.peerDeconfigured, { final: true }), now)
  directory.remove(peer)
  host.deferral.gone(peer.key)
  host.event({ type: 'peer-removed', peer: peer.key, name: peer.config.name })
}

/** The configuration a known peer should have now; undefined = it is no longer wanted. */
function wanted(peer: Peer, next: EngineConfig, directory: Directory): PeerConfig | undefined {
  const configured = next.peers.get(peer.key)
  if (configured !== undefined || peer.config.kind !== 'dynamic') return configured
  const range = directory.range(peer.config.remoteAddress)
  return range === undefined ? undefined : dynamicPeerConfig(range, peer.config.remoteAddress)
}

export function reconfigure(
  before: EngineConfig,
  next: EngineConfig,
  host: PeerHost<Peer>,
  directory: Directory,
  now: number,
): Reconfiguration {
  const work: Work = { added: [], changed: [], removed: [], reset: [] }
  directory.setRanges(next.dynamicNeighbors)
  const known = [...directory.peers.values()]
  for (const config of next.peers.values()) {
    if (directory.peers.has(config.key)) continue
    addPeer(config, host, directory, now)
    work.added.push(config.key)
  }
  const newIdentity = before.routerId !== next.routerId
  const gone: Peer[] = []
  for (const peer of known) {
    const config = wanted(peer, next, directory)
    if (config === undefined) gone.push(peer)
    // A plan keeps the parts that did not change: most peers are the very same value.
    else if (config !== peer.config || newIdentity) changePeer(peer, config, newIdentity, host, directory, work, now)
  }
  for (const peer of gone) {
    removePeer(peer, host, directory, 'removed from the configuration', now)
    work.removed.push(peer.key)
  }
  directory.recount()
  return work
}

function changePeer(
  peer: Peer,
  config: PeerConfig,
  newIdentity: boolean,
  host: PeerHost<Peer>,
  directory: Directory,
  work: Work,
  now: number,
): void {
  const changes = changedFields(peer.config, config)
  if (changes.length > 0) work.changed.push({ peer: peer.key, changes })
  else if (!newIdentity) return
  const current = peer.current
  if (limitsOf(peer.config) !== limitsOf(config)) peer.hold.limit.end()
  const effect = effectOf(changes, config, current?.negotiated?.remoteAs)
  if (peer.config.remoteAddress === config.remoteAddress) peer.config = config
  else directory.move(peer, config)
  if (changes.length > 0) peer.omissions = NO_OMISSIONS
  if (peer.settle(now)) return
  const field = newIdentity ? 'routerId' : effect.reset?.field
  if (field !== undefined) {
    const impact = newIdentity ? 'renegotiate' : (effect.reset?.impact ?? 'renegotiate')
    resetPeer(peer, { peer: peer.key, field, impact }, host, work, now)
    return
  }
  if (current?.negotiated === undefined || current.endpoints === undefined || peer.parameters === undefined) return
  peer.parameters = sessionParameters(config, current.negotiated, current.endpoints, peer.parameters.localAddresses)
  if (effect.import || effect.export) {
    host.tables.peerReconfigured(peer.slot, peer.parameters, { import: effect.import, export: effect.export }, now)
  }
}

/** Another limit is an operator's answer to the one that was reached. */
function limitsOf({ families }: PeerConfig): string {
  return JSON.stringify(families.map(({ family, importLimit, exportLimit }) => [family, importLimit, exportLimit]))
}

/** CEASE/6 and a new start at once; one that was not speaking yet simply starts with the new values. */
function resetPeer(peer: Peer, reset: Reset, host: PeerHost<Peer>, work: Work, now: number): void {
  const spoke = peer.state === 'OpenSent' || peer.state === 'OpenConfirm' || peer.state === 'Established'
  if (spoke) {
    work.reset.push(reset)
    host.event({ type: 'session-reset', name: peer.config.name, ...reset })
  }
  peer.stop(cease(`configuration changed: ${reset.field}`, CeaseError.otherConfigurationChange), now)
  peer.backoff.clear()
  peer.failure.clear()
  peer.schedule(now, 0)
}
