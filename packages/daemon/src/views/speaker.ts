/**
 * A speaker as the ports see it: the engine's views, and what graceful restart still waits for.
 */
import type { HealthFacts } from '@starling/api'
import { isUnnumbered, type PeerView } from '@starling/engine'
import type { Speaker } from '@starling/speaker'
import { bfdView } from '../bfd.js'
import { now } from '../clock.js'
import type { SpeakerViews } from '../daemon-ports.js'
import { recordSession } from '../record/session.js'
import { EngineTap } from '../record/tap.js'

export function speakerViews(speaker: Speaker): SpeakerViews {
  const { engine } = speaker
  const tap = new EngineTap(engine)
  return {
    peers: () =>
      engine.peers().map((peer) => {
        const session = speaker.bfd.view(peer.key)
        const discovery = isUnnumbered(peer) ? speaker.discovery.view(peer.interface ?? '') : undefined
        if (session === undefined && discovery === undefined) return peer
        return {
          ...peer,
          ...(session !== undefined && { bfd: bfdView(session) }),
          ...(discovery !== undefined && { discovery }),
        }
      }),
    bfd: () => speaker.bfd.statistics,
    drainStage: () => speaker.drainStage,
    drain: (time) => speaker.drain(time),
    undrain: () => speaker.undrain(),
    routes: (query) => engine.routes(query),
    explain: (prefix, to) => engine.explain(prefix, to),
    groups: () => engine.groups(),
    memory: () => engine.memory(),
    tables: () => engine.sizes(),
    admin: (peer, action, options) => speaker.admin(peer, action, options),
    record: (key, listener, from) => {
      const address = engine.peer(key)?.remoteAddress
      const peer = address === undefined ? undefined : engine.peerConfig(address)
      return peer === undefined ? undefined : recordSession({ engine, tap, now: now() }, peer, listener, from)
    },
    recovery: () => recovery(engine.peers(), engine.deferral.active, engine.deferral.deadline()),
  }
}

function recovery(peers: readonly PeerView[], recovering: boolean, until: number): HealthFacts['graceful'] {
  if (!recovering) return { recovering: false, waitingFor: [] }
  const waitingFor = peers.filter(({ gracefulRestart }) => gracefulRestart.waitingForEndOfRib).map(({ name }) => name)
  return { recovering, until, waitingFor }
}
