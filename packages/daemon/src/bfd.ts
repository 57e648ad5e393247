/**
 * BFD between the plan and the speaker: which peers want it, and how a session looks to people.
 */
import type { BfdView, PeerKey } from '@starling/engine'
import type { Plan, PlannedPeer } from '@starling/intent'
import { BFD_DIAGNOSTICS, type BfdPeer, type BfdSessionView } from '@starling/speaker'

/** Every enabled peer with BFD, by the key of its BGP session. */
export function bfdPeers(plan: Pick<Plan, 'peers'>): ReadonlyMap<PeerKey, BfdPeer> {
  const wanted = new Map<PeerKey, BfdPeer>()
  for (const [key, peer] of plan.peers) {
    const bfd = bfdPeer(peer)
    if (bfd !== undefined) wanted.set(key, bfd)
  }
  return wanted
}

function bfdPeer({ config, bfd, bfdKey }: PlannedPeer): BfdPeer | undefined {
  if (bfd === undefined || !config.enabled || config.heldDown !== undefined) return undefined
  const { minimumInterval, multiplier, passive, multihop, authentication } = bfd
  return {
    remoteAddress: config.remoteAddress,
    interval: minimumInterval,
    multiplier,
    passive,
    ...(config.localAddress !== undefined && { localAddress: config.localAddress }),
    ...(config.interface !== undefined && { interface: config.interface }),
    ...(multihop !== undefined && { multihop }),
    ...(authentication !== undefined &&
      bfdKey !== undefined && {
        authentication: { type: authentication.type, keyId: authentication.keyId, key: bfdKey },
      }),
  }
}

export function bfdView(session: BfdSessionView): BfdView {
  const words = (code: number): string => BFD_DIAGNOSTICS[code] ?? `diagnostic ${code}`
  const discarded = session.lastDiscard === '' ? '' : `last packet discarded: ${session.lastDiscard}`
  return {
    state: session.state,
    since: session.since,
    remoteState: session.remoteState,
    diagnostic: words(session.diagnostic),
    remoteDiagnostic: words(session.remoteDiagnostic),
    multihop: session.multihop,
    transmitInterval: session.transmitInterval,
    detectionTime: session.detectionTime,
    packetsReceived: session.packetsReceived,
    packetsSent: session.packetsSent,
    packetsDiscarded: session.packetsDiscarded,
    downs: session.downs,
    problem: session.problem !== '' ? session.problem : session.state === 'Up' ? '' : discarded,
  }
}
