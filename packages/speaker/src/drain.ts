/**
 * Drain as configuration: nothing in the engine knows about it.
 *
 * First every exported route carries GRACEFUL_SHUTDOWN (RFC 8326; LOCAL_PREF 0 towards iBGP, where nobody else may act
 * on the community), then nothing is exported, then the sessions end. Everyone has moved away before a packet is lost.
 */
import type { EngineConfig, PeerConfig, PolicyTerm, Why } from '@starling/engine'

/** Time for the others to choose and install another path. */
export const DRAIN_TIME = 5_000

const WHY: Why = { resource: 'command', rule: 'drain: this node is being taken out of service' }
const GRACEFUL_SHUTDOWN = '65535:0'

const MARK: readonly PolicyTerm[] = [
  { why: WHY, conditions: [], actions: [{ kind: 'add-community', value: GRACEFUL_SHUTDOWN }] },
  {
    why: WHY,
    conditions: [{ kind: 'peer-type', is: 'ibgp' }],
    actions: [{ kind: 'set-local-pref', value: 0 }],
  },
]

const NOTHING: readonly PolicyTerm[] = [{ why: WHY, conditions: [], actions: [], verdict: 'reject' }]

function withExport(config: EngineConfig, first: readonly PolicyTerm[]): EngineConfig {
  const change = <T extends Pick<PeerConfig, 'exportPolicy'>>(peer: T): T => ({
    ...peer,
    exportPolicy: [...first, ...peer.exportPolicy],
  })
  return {
    ...config,
    peers: new Map([...config.peers].map(([key, peer]) => [key, change(peer)])),
    dynamicNeighbors: config.dynamicNeighbors.map((range) => ({ ...range, template: change(range.template) })),
  }
}

export function drained(config: EngineConfig): EngineConfig {
  return withExport(config, MARK)
}

export function withdrawn(config: EngineConfig): EngineConfig {
  return withExport(config, NOTHING)
}

/** `leaving`: routes are marked; `drained`: nothing is exported, the sessions stay up. */
export type DrainStage = 'none' | 'leaving' | 'drained'

export const DRAIN_STAGES: Readonly<Record<DrainStage, (config: EngineConfig) => EngineConfig>> = {
  none: (config) => config,
  leaving: drained,
  drained: withdrawn,
}
