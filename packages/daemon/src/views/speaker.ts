/**
 * A speaker as the ports see it: the engine's views, and what graceful restart still waits for.
 */
import type { HealthFacts } from '@starling/api'
import type { PeerView } from '@starling/engine'
import type { Speaker } from '@starling/speaker'
import type { SpeakerViews } from '../daemon-ports.js'

export function speakerViews(speaker: Speaker): SpeakerViews {
  const { engine } = speaker
  return {
    peers: () => engine.peers(),
    routes: (query) => engine.routes(query),
    explain: (prefix, to) => engine.explain(prefix, to),
    groups: () => engine.groups(),
    memory: () => engine.memory(),
    tables: () => engine.sizes(),
    admin: (peer, action, options) => speaker.admin(peer, action, options),
    recovery: () => recovery(engine.peers(), engine.deferral.active, engine.deferral.deadline()),
  }
}

function recovery(peers: readonly PeerView[], recovering: boolean, until: number): HealthFacts['graceful'] {
  if (!recovering) return { recovering: false, waitingFor: [] }
  const waitingFor = peers.filter(({ gracefulRestart }) => gracefulRestart.waitingForEndOfRib).map(({ name }) => name)
  return { recovering, until, waitingFor }
}
