/**
 * BFD between the plan and the speaker: which peers want it, and how a session looks to people.
 */
import type { BfdView, PeerConfig, PeerKey } from '@starling/engine'
import type { Plan, PlannedPeer } from '@starling/intent'
import { BFD_DIAGNOSTICS, type BfdPeer, type BfdRanges, type BfdSessionView } from '@starling/speaker'

type BfdTemplate = Omit<BfdPeer, 'remoteAddress'>

/** Every enabled peer with BFD, by the key of its BGP session. */
export function bfdPeers(plan: Pick<Plan, 'peers'>): ReadonlyMap<PeerKey, BfdPeer> {
  const wanted = new Map<PeerKey, BfdPeer>()
  for (const [key, peer] of plan.peers) {
    const bfd = bfdPeer(peer)
    if (bfd !== undefined) wanted.set(key, bfd)
  }
  return wanted
}

/** Every enabled range with BFD. */
export function bfdRanges(plan: Pick<Plan, 'ranges'>): BfdRanges {
  const wanted = new Map<string, BfdTemplate>()
  for (const { neighbors, bfd, bfdKey } of plan.ranges) {
    const template = bfdTemplate(neighbors.template, bfd, bfdKey)
    // As the engine does, the first of two equal ranges.
    if (template !== undefined && !wanted.has(neighbors.range)) wanted.set(neighbors.range, template)
  }
  return wanted
}

function bfdPeer({ config, bfd, bfdKey }: PlannedPeer): BfdPeer | undefined {
  const template = bfdTemplate(config, bfd, bfdKey)
  return template === undefined ? undefined : { remoteAddress: config.remoteAddress, ...template }
}

function bfdTemplate(
  config: Pick<PeerConfig, 'enabled' | 'heldDown' | 'localAddress' | 'interface'>,
  bfd: PlannedPeer['bfd'],
  bfdKey: string | undefined,
): BfdTemplate | undefined {
  if (bfd === undefined || !config.enabled || config.heldDown !== undefined) return undefined
  const { minimumInterval, multiplier, passive, multihop, authentication } = bfd
  return {
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
