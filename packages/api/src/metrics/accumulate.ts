/**
 * Totals over peers that never fall when a peer goes away.
 *
 * A peer's own counters vanish with it; a sum over peers would drop, and Prometheus would read that as a restart and
 * count everything again. So each scrape adds what each peer's counters grew by to sums by kind. Price: what happened
 * between the last scrape and a removal is lost. Cost: one small array per peer.
 */
import type { MessageCounts, PeerKey, PeerView } from '@starling/engine'
import type { Labels, Sample } from './sample.js'

export const MESSAGE_TYPES = ['open', 'update', 'notification', 'keepalive', 'routeRefresh'] as const

type Series = 'flaps' | 'messages' | 'badUpdates' | 'established'

interface Reading {
  readonly series: Series
  readonly labels: Labels
  readonly value: number
}

function messageReadings(direction: string, kind: string, counts: MessageCounts): Reading[] {
  return MESSAGE_TYPES.map((type) => ({
    series: 'messages',
    labels: { kind, direction, type: type === 'routeRefresh' ? 'route-refresh' : type },
    value: counts[type],
  }))
}

function readings(peer: PeerView): Reading[] {
  const { kind, badUpdates } = peer
  return [
    { series: 'flaps', labels: { kind }, value: peer.flaps },
    { series: 'established', labels: { kind }, value: peer.established },
    ...messageReadings('received', kind, peer.messagesReceived),
    ...messageReadings('sent', kind, peer.messagesSent),
    { series: 'badUpdates', labels: { kind, verdict: 'attribute-discard' }, value: badUpdates.discarded },
    { series: 'badUpdates', labels: { kind, verdict: 'treat-as-withdraw' }, value: badUpdates.withdrawn },
    { series: 'badUpdates', labels: { kind, verdict: 'session-reset' }, value: badUpdates.reset },
  ]
}

export class Accumulators {
  readonly #seen = new Map<PeerKey, readonly number[]>()
  readonly #sums = new Map<Series, Map<string, [Labels, number]>>()

  update(peers: readonly PeerView[]): void {
    const present = new Set<PeerKey>()
    for (const peer of peers) {
      present.add(peer.key)
      const now = readings(peer)
      const before = this.#seen.get(peer.key)
      now.forEach(({ series, labels, value }, i) => {
        const last = before?.[i] ?? 0
        // A smaller value means that the peer was removed and came back with fresh counters.
        this.#add(series, labels, value >= last ? value - last : value)
      })
      this.#seen.set(
        peer.key,
        now.map(({ value }) => value),
      )
    }
    for (const key of this.#seen.keys()) if (!present.has(key)) this.#seen.delete(key)
  }

  samples(series: Series): readonly Sample[] {
    return [...(this.#sums.get(series)?.values() ?? [])]
  }

  #add(series: Series, labels: Labels, growth: number): void {
    const sums = this.#sums.get(series) ?? new Map<string, [Labels, number]>()
    this.#sums.set(series, sums)
    const key = JSON.stringify(labels)
    const entry = sums.get(key)
    if (entry === undefined) sums.set(key, [labels, growth])
    else entry[1] += growth
  }
}
