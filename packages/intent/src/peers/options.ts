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
import type { PlanProblem } from '../types.js'

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

/** Where options come from, the strongest first. */
interface Layer {
  readonly from: string
  /** Of equals the first name counts, which is nothing anybody wants to rely on. */
  readonly rank: 'annotation' | 'named' | 'selected' | 'mesh'
  readonly options: MergedOptions
}

export class OptionsIndex {
  readonly #resources: readonly PeerOptionsResource[]
  readonly #merged = new Map<BgpPeerResource | undefined, MergedOptions>()
  readonly #problems: PlanProblem[]

  constructor(state: ClusterState, node: NodeView, problems: PlanProblem[]) {
    this.#problems = problems
    this.#resources = state
      .all('StarlingPeerOptions')
      .filter(({ spec }) => spec.nodeSelector === undefined || state.nodes.selects(spec.nodeSelector, node))
  }

  /** Those whose nodeSelector takes this node, by name. */
  get resources(): readonly PeerOptionsResource[] {
    return this.#resources
  }

  /** What a resource says about the sessions it makes itself. */
  own({ metadata, spec }: PeerOptionsResource): MergedOptions {
    return merge([layer(metadata.name, 'named', spec)], () => undefined)
  }

  /** Without a BGPPeer: of the mesh. */
  of(peer: BgpPeerResource | undefined): MergedOptions {
    let merged = this.#merged.get(peer)
    if (merged === undefined) {
      const whose = peer === undefined ? 'the mesh' : `BGPPeer '${peer.metadata.name}'`
      merged = merge(this.#applying(peer), (winner, loser, field) => {
        const message = `${winner.from} says otherwise for ${whose} and counts: the first name in alphabetical order wins`
        this.#problems.push({ severity: 'warning', resource: loser.from, field: `spec.${field}`, message })
      })
      this.#merged.set(peer, merged)
    }
    return merged
  }

  /** Field by field, whose word it is: `StarlingPeerOptions/tors` to `bfd, holdTime`. */
  sources(peer: BgpPeerResource | undefined): Readonly<Record<string, string>> {
    const taken = new Set<string>()
    const sources: Record<string, string> = {}
    for (const { from, options } of this.#applying(peer)) {
      const fields = fieldsOf(options).filter((field) => !taken.has(field))
      for (const field of fields) taken.add(field)
      if (fields.length > 0) sources[from] = fields.sort().join(', ')
    }
    return sources
  }

  #applying(peer: BgpPeerResource | undefined): readonly Layer[] {
    if (peer === undefined)
      return this.#resources
        .filter(({ spec }) => spec.mesh)
        .map(({ metadata, spec }) => layer(metadata.name, 'mesh', spec))
    const { name, labels, annotations } = peer.metadata
    const named = this.#resources.filter(({ spec }) => spec.peers.includes(name))
    const selected = this.#resources.filter(
      (each) =>
        !named.includes(each) && each.spec.peerSelector !== undefined && selects(each.spec.peerSelector, labels),
    )
    return [
      { from: `BGPPeer/${name} annotations`, rank: 'annotation', options: readAnnotations(annotations).options },
      ...named.map(({ metadata, spec }) => layer(metadata.name, 'named', spec)),
      ...selected.map(({ metadata, spec }) => layer(metadata.name, 'selected', spec)),
    ]
  }
}

const layer = (name: string, rank: Layer['rank'], options: MergedOptions): Layer => ({
  from: `StarlingPeerOptions/${name}`,
  rank,
  options,
})

const fieldsOf = (options: MergedOptions): (keyof MergedOptions)[] =>
  (Object.keys(options) as (keyof MergedOptions)[]).filter(
    (field) => options[field] !== undefined && !CHOOSING.has(field),
  )

function selects(text: string, labels: Readonly<Record<string, string>>): boolean {
  try {
    return matches(parseSelector(text), labels)
  } catch {
    return false
  }
}

/** First come, first served; `conflict` hears of equals that want different things. */
function merge(
  layers: readonly Layer[],
  conflict: (winner: Layer, loser: Layer, field: string) => void,
): MergedOptions {
  const merged: Record<string, unknown> = {}
  const winners = new Map<string, Layer>()
  for (const each of layers)
    for (const field of fieldsOf(each.options)) {
      const winner = winners.get(field)
      if (winner === undefined) {
        winners.set(field, each)
        merged[field] = each.options[field]
      } else if (winner.rank === each.rank && JSON.stringify(merged[field]) !== JSON.stringify(each.options[field])) {
        conflict(winner, each, field)
      }
    }
  return merged
}
