/**
 * Who this node would speak to, by every rule that could ask for it (calico.md 2.3, 2.4, 2.13).
 *
 * Several rules may ask for the same session: same address, same port. One wins, by rank and then by name, and what the
 * reference leaves to the iteration order of a map is decided here: global over node over reverse over local workload
 * over mesh, and among equals the BGPPeer whose name comes first.
 */
import { type FamilyName, type PeerKey, peerKey, type Why } from '@starling/engine'
import { type BgpPeerResource, parseCidr } from '@starling/resources'
import type { NodeView } from '../nodes.js'
import { listenPortOf, type Settings } from '../settings.js'
import type { ClusterState } from '../state.js'
import type { Identity, PlanProblem, WorkloadFile } from '../types.js'
import type { Candidate } from './candidate.js'
import type { OptionsIndex } from './options.js'
import { RANK_NAMES, Shadows } from './shadows.js'

export interface CandidateInput {
  readonly state: ClusterState
  readonly settings: Settings
  readonly identity: Identity
  readonly node: NodeView
  readonly workloads: readonly WorkloadFile[]
  readonly problems: PlanProblem[]
}

export interface Chosen {
  readonly candidate: Candidate
  /** Those that asked for the same session and lost. */
  readonly shadowed: readonly string[]
}

export const FAMILIES: readonly FamilyName[] = ['ipv4', 'ipv6']

/** Sessions that a BGPPeer asks for, winners by identity. The mesh takes what they leave (`mesh.ts`). */
export function chooseSessions(input: CandidateInput, options: OptionsIndex): Map<PeerKey, Chosen> {
  const shadows = new Shadows()
  const chosen = new Map<PeerKey, Chosen>()
  const own = new Set([input.node.ipv4?.address, input.node.ipv6?.address])
  const ranked = [...explicitPeers(input), ...reversePeers(input), ...workloadPeers(input)]
  // Stable: candidates of one rank come sorted by BGPPeer name already.
  ranked.sort((a, b) => a.rank - b.rank)
  const consider = (candidate: Candidate): void => {
    if (own.has(candidate.address)) return
    const key = peerKey(candidate.address, candidate.port)
    const winner = chosen.get(key)
    if (winner === undefined) chosen.set(key, { candidate, shadowed: NOBODY })
    else if (winner.candidate.peer !== candidate.peer || winner.candidate.rank !== candidate.rank) {
      chosen.set(key, shadowing(winner, candidate))
      shadows.note(winner.candidate, candidate, options)
    }
  }
  ranked.forEach(consider)
  input.problems.push(...shadows.problems)
  return chosen
}

/** One more that asked for the session and did not get it. */
export function shadowing({ candidate, shadowed }: Chosen, loser: Candidate): Chosen {
  return { candidate, shadowed: [...shadowed, `${loser.why.resource} (${RANK_NAMES[loser.rank]})`] }
}

export const NOBODY: readonly string[] = []

/** True when the BGPPeer's local side includes the node. Where both are set the selector counts, as in the reference. */
export function isLocalSide(state: ClusterState, { spec }: BgpPeerResource, node: NodeView): boolean {
  if (spec.nodeSelector !== undefined) return state.nodes.selects(spec.nodeSelector, node)
  return spec.node === undefined || spec.node === node.name
}

const isGlobal = ({ spec }: BgpPeerResource): boolean => spec.node === undefined && spec.nodeSelector === undefined

/** 2.4, global and node pass. */
function explicitPeers(input: CandidateInput): Candidate[] {
  const { state, node } = input
  const candidates: Candidate[] = []
  for (const peer of state.all('BGPPeer')) {
    const { peerIP, peerSelector, localWorkloadSelector } = peer.spec
    if (localWorkloadSelector !== undefined || !isLocalSide(state, peer, node)) continue
    if (peerSelector !== undefined) {
      const why = whyOf(peer, 'spec.peerSelector', 'peerSelector selects it')
      for (const other of state.nodes.selected(peerSelector))
        for (const family of FAMILIES) addNode(input, candidates, peer, other, family, why)
    } else if (peerIP !== undefined) {
      const candidate = byAddress(input, peer)
      if (candidate !== undefined) candidates.push(candidate)
    }
  }
  return candidates
}

function byAddress(input: CandidateInput, peer: BgpPeerResource): Candidate | undefined {
  const { state, settings, node } = input
  const endpoint = peer.spec.peerIP
  if (endpoint === undefined) return undefined
  const { family, text, zone } = endpoint
  const own = node[family]
  // A link-local session runs between interfaces; it needs no node address of its family.
  if (own === undefined && zone === undefined) return undefined
  const known = state.nodes.withAddress(endpoint.address)
  const asNumber = peer.spec.asNumber ?? 0
  const knownAs = known === undefined ? undefined : (known.asNumber ?? settings.globalAs)
  const sameAs = asNumber === 0 || knownAs === asNumber
  const port = endpoint.port ?? (known !== undefined && sameAs ? listenPortOf(settings, known.name) : undefined) ?? 0
  const global = isGlobal(peer)
  return {
    kind: global ? 'global' : 'node',
    rank: global ? 0 : 1,
    family,
    address: text,
    zone,
    port,
    remoteAs: asNumber !== 0 ? asNumber : (knownAs ?? 0),
    passive: global && known !== undefined && own !== undefined && endpoint.address > own.address,
    remoteNode: known?.name,
    remoteClusterId: undefined,
    peer,
    explicit: true,
    why: whyOf(peer, 'spec.peerIP', global ? 'global: every node' : localRule(peer)),
  }
}

function localRule({ spec }: BgpPeerResource): string {
  return spec.nodeSelector === undefined ? `node ${spec.node}` : `nodeSelector ${spec.nodeSelector}`
}

const whyOf = ({ metadata }: BgpPeerResource, field: string, rule: string): Why => ({
  resource: `BGPPeer/${metadata.name}`,
  field,
  rule,
})

/** A session with another node of the cluster, as `peerSelector` and the reverse pass make it. */
function addNode(
  { settings, node }: CandidateInput,
  candidates: Candidate[],
  peer: BgpPeerResource,
  other: NodeView,
  family: FamilyName,
  why: Why,
  reverse = false,
): void {
  const address = other[family]?.address
  if (address === undefined || node[family] === undefined || other.name === node.name) return
  const global = isGlobal(peer) && !reverse
  candidates.push({
    kind: global ? 'global' : 'node',
    rank: reverse ? 2 : global ? 0 : 1,
    family,
    address,
    zone: undefined,
    port: listenPortOf(settings, other.name) ?? 0,
    remoteAs: other.asNumber ?? settings.globalAs,
    passive: false,
    remoteNode: other.name,
    remoteClusterId: other.clusterId,
    peer,
    explicit: false,
    why,
  })
}

/** 2.4, reverse pass: where we are the remote side, every node of the local side is a peer of ours. */
function reversePeers(input: CandidateInput): Candidate[] {
  const { state, node } = input
  const candidates: Candidate[] = []
  for (const peer of state.all('BGPPeer')) {
    const { spec } = peer
    if (spec.reversePeering === 'Manual' || spec.localWorkloadSelector !== undefined) continue
    const families = remoteSideFamilies(input, peer)
    if (families.length === 0) continue
    const locals =
      spec.nodeSelector !== undefined
        ? state.nodes.selected(spec.nodeSelector)
        : spec.node === undefined
          ? state.nodes.all
          : [state.nodes.get(spec.node)]
    const rule = `reverse: ${spec.peerSelector === undefined ? 'its peerIP is' : 'its peerSelector selects'} ${node.name}`
    const why = whyOf(peer, 'spec.reversePeering', rule)
    for (const other of locals)
      if (other !== undefined) for (const family of families) addNode(input, candidates, peer, other, family, why, true)
  }
  return candidates
}

/** The families in which the BGPPeer's remote side is this node. */
function remoteSideFamilies(
  { state, settings, node }: CandidateInput,
  { spec }: BgpPeerResource,
): readonly FamilyName[] {
  if (spec.peerSelector !== undefined) return state.nodes.selects(spec.peerSelector, node) ? FAMILIES : []
  if (spec.peerIP === undefined) return []
  const { family, address, port } = spec.peerIP
  if (node[family]?.address !== address) return []
  const wanted = spec.asNumber === undefined || spec.asNumber === 0 ? settings.globalAs : spec.asNumber
  if ((node.asNumber ?? settings.globalAs) !== wanted) return []
  if (port !== undefined && port !== (listenPortOf(settings, node.name) ?? 179)) return []
  return [family]
}

/** 2.13: workloads on this node that Felix wrote a file for. */
function workloadPeers({ state, node, workloads }: CandidateInput): Candidate[] {
  const candidates: Candidate[] = []
  if (workloads.length === 0) return candidates
  const files = [...workloads].sort((a, b) => (a.ifaceName < b.ifaceName ? -1 : 1))
  for (const peer of state.all('BGPPeer')) {
    if (peer.spec.localWorkloadSelector === undefined || !isLocalSide(state, peer, node)) continue
    for (const file of files) {
      if (file.bgpPeerName !== peer.metadata.name) continue
      for (const net of [file.ipv4Nets?.[0], file.ipv6Nets?.[0]]) {
        const cidr = net === undefined ? undefined : parseCidr(net)
        if (cidr === undefined || node[cidr.family] === undefined) continue
        candidates.push({
          kind: 'local-workload',
          rank: 3,
          family: cidr.family,
          address: cidr.address,
          zone: undefined,
          port: 0,
          remoteAs: peer.spec.asNumber ?? 0,
          passive: true,
          remoteNode: undefined,
          remoteClusterId: undefined,
          peer,
          explicit: false,
          why: whyOf(peer, 'spec.localWorkloadSelector', `workload behind ${file.ifaceName}`),
        })
      }
    }
  }
  return candidates
}
