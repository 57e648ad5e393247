/**
 * Which StarlingPeerOptions apply to a session, merged field by field.
 *
 * An annotation on the BGPPeer wins over a resource that names the peer, that over one that selects it by label; among
 * equals the first name in alphabetical order wins. Mesh sessions take the resources with `mesh: true`.
 */

import type { BgpPeerResource } from '@starling/resources'
import {
  matches,
  type PeerOptions,
  type PeerOptionsResource,
  parseSelector,
  readAnnotations,
} from '@starling/resources'
import type { NodeView } from '../nodes.js'
import type { ClusterState } from '../state.js'

export type MergedOptions = Partial<PeerOptions>

/** Spec members that choose sessions instead of describing them. */
const CHOOSING: ReadonlySet<string> = new Set([
  'peers',
  'peerSelector',
  'mesh',
  'nodeSelector',
  'listenRanges',
  'unnumbered',
])

export class OptionsIndex {
  readonly #resources: readonly PeerOptionsResource[]
  readonly #merged = new Map<BgpPeerResource | undefined, MergedOptions>()

  constructor(state: ClusterState, node: NodeView) {
    this.#resources = state
      .all('StarlingPeerOptions')
      .filter(({ spec }) => spec.nodeSelector === undefined || state.nodes.selects(spec.nodeSelector, node))
  }

  /** Those whose nodeSelector takes this node, by name. */
  get resources(): readonly PeerOptionsResource[] {
    return this.#resources
  }

  /** What a resource says about the sessions it makes itself. */
  own({ spec }: PeerOptionsResource): MergedOptions {
    return merge([spec])
  }

  /** Without a BGPPeer: of the mesh. */
  of(peer: BgpPeerResource | undefined): MergedOptions {
    let merged = this.#merged.get(peer)
    if (merged === undefined) {
      merged = merge(this.#applying(peer))
      this.#merged.set(peer, merged)
    }
    return merged
  }

  #applying(peer: BgpPeerResource | undefined): readonly MergedOptions[] {
    if (peer === undefined) return this.#resources.filter(({ spec }) => spec.mesh).map(({ spec }) => spec)
    const { name, labels, annotations } = peer.metadata
    const named = this.#resources.filter(({ spec }) => spec.peers.includes(name))
    const selected = this.#resources.filter(
      ({ spec }) => spec.peerSelector !== undefined && selects(spec.peerSelector, labels),
    )
    return [readAnnotations(annotations).options, ...[...named, ...selected].map(({ spec }) => spec)]
  }
}

function selects(text: string, labels: Readonly<Record<string, string>>): boolean {
  try {
    return matches(parseSelector(text), labels)
  } catch {
    return false
  }
}

/** First come, first served. */
function merge(layers: readonly MergedOptions[]): MergedOptions {
  const merged: Record<string, unknown> = {}
  for (const layer of layers)
    for (const [field, value] of Object.entries(layer))
      if (value !== undefined && !CHOOSING.has(field) && merged[field] === undefined) merged[field] = value
  return merged
}
