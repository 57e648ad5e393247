/**
 * The node-to-node mesh (calico.md 2.3): every other node without a cluster id, while the mesh is on and we are no
 * reflector ourselves.
 *
 * A mesh of 5,000 nodes is 10,000 sessions, and a change concerns one of them. So the sessions of each node are kept
 * with its view, which never changes: as long as what all of them are made from is the same, they are taken over without
 * being looked at, and what is left is a map to fill.
 */
import { type FamilyName, type PeerKey, peerKey, type Why } from '@starling/engine'
import type { NodeView } from '../nodes.js'
import { listenPortOf } from '../settings.js'
import type { PlannedPeer, PlanProblem } from '../types.js'
import type { Candidate } from './candidate.js'
import { type CandidateInput, type Chosen, FAMILIES, NOBODY, shadowing } from './candidates.js'
import { buildSession } from './session.js'
import type { Basis, TemplateBuilder } from './template.js'

/** What every session of the mesh is made from, and the sessions made from it. */
export interface MeshMemo {
  readonly basis: Readonly<Record<FamilyName, Basis | undefined>>
  readonly own: Readonly<Record<FamilyName, string | undefined>>
  readonly asNumber: number
  readonly why: Why
  readonly sessions: ReadonlyMap<NodeView, Sessions>
}

interface Sessions {
  /** As configured; 0 where nothing names one. */
  readonly port: number
  readonly peers: readonly PlannedPeer[]
  /** False where an explicit peering took one, or none could be made: looked at again each time. */
  readonly whole: boolean
}

const MESH_ON: Why = {
  resource: 'BGPConfiguration/default',
  field: 'spec.nodeToNodeMeshEnabled',
  rule: 'mesh: every node without a cluster id',
}
const MESH_BUILT_IN: Why = { resource: 'built-in', rule: 'mesh: on unless BGPConfiguration/default turns it off' }

export interface MeshInput extends CandidateInput {
  readonly templates: TemplateBuilder
  /** Explicit sessions stand before the mesh; they learn whom they shadow. */
  readonly explicit: Map<PeerKey, Chosen>
  readonly previous: MeshMemo | undefined
  readonly before: (address: string, port: number) => PlannedPeer | undefined
  readonly problems: PlanProblem[]
}

/** Undefined where there is no mesh. */
export function planMesh(input: MeshInput): MeshMemo | undefined {
  const { settings, identity, node, state, templates, explicit, before, problems } = input
  if (!settings.mesh || node.clusterId !== undefined) return undefined
  tellOfOwnAs(input)
  const why = settings.global?.nodeToNodeMeshEnabled === true ? MESH_ON : MESH_BUILT_IN
  const basisOf = (family: FamilyName): Basis | undefined =>
    node[family] === undefined
      ? undefined
      : templates.of({ peer: undefined, family, explicit: false, localWorkload: false, linkLocal: false })
  const shared = {
    basis: { ipv4: basisOf('ipv4'), ipv6: basisOf('ipv6') },
    own: { ipv4: node.ipv4?.address, ipv6: node.ipv6?.address },
    asNumber: identity.asNumber,
    why,
  }
  const known = input.previous !== undefined && sameMesh(input.previous, shared) ? input.previous.sessions : undefined
  if (known !== undefined && unchanged(input, known)) return input.previous
  const sessions = new Map<NodeView, Sessions>()
  const addresses = new Set([...explicit.values()].map(({ candidate }) => candidate.address))
  for (const other of state.nodes.all) {
    if (other === node || other.clusterId !== undefined) continue
    const port = listenPortOf(settings, other.name) ?? 0
    const kept = known?.get(other)
    if (kept?.whole === true && kept.port === port && !contested(other, addresses)) {
      sessions.set(other, kept)
      continue
    }
    const peers: PlannedPeer[] = []
    const candidates = candidatesFor(other, port, shared)
    for (const candidate of candidates) {
      const key = peerKey(candidate.address, port)
      const winner = explicit.get(key)
      if (winner === undefined) {
        const peer = buildSession({ candidate, shadowed: NOBODY }, templates, before, problems)
        if (peer !== undefined) peers.push(peer)
      } else explicit.set(key, shadowing(winner, candidate))
    }
    sessions.set(other, { port, peers, whole: peers.length === candidates.length })
  }
  return { ...shared, sessions }
}

/**
 * The reference gives a neighbour without an AS of its own *our* AS (calico.md 2.3), and it presents the global one: where
 * the two differ, neither side ever gets past the OPEN.
 */
function tellOfOwnAs({ state, settings, node, problems }: MeshInput): void {
  const { asNumber, name } = node
  if (asNumber === undefined || asNumber === settings.globalAs) return
  const silent = state.nodes.all.filter((other) => {
    const shared = FAMILIES.some((family) => node[family] !== undefined && other[family] !== undefined)
    return shared && other !== node && other.clusterId === undefined && other.asNumber === undefined
  })
  const [first] = silent
  if (first === undefined) return
  const whom = silent.length === 1 ? `Node/${first.name}` : `Node/${first.name} and ${silent.length - 1} more`
  const message = `the mesh expects this AS of nodes that name none, and they speak as ${settings.globalAs}: no session with ${whom} comes up until they name their AS (calico.md 2.3)`
  problems.push({ severity: 'warning', resource: `Node/${name}`, field: 'spec.bgp.asNumber', message })
}

/** Most changes are none of the mesh: then there is nothing to make, and nothing to throw away afterwards. */
function unchanged({ state, settings, node, explicit }: MeshInput, known: ReadonlyMap<NodeView, Sessions>): boolean {
  const addresses = new Set([...explicit.values()].map(({ candidate }) => candidate.address))
  let found = 0
  for (const other of state.nodes.all) {
    if (other === node || other.clusterId !== undefined) continue
    const kept = known.get(other)
    if (kept === undefined || !kept.whole || contested(other, addresses)) return false
    if (kept.port !== (listenPortOf(settings, other.name) ?? 0)) return false
    found++
  }
  return found === known.size
}

type Shared = Omit<MeshMemo, 'sessions'>

const sameMesh = (a: Shared, b: Shared): boolean =>
  a.why === b.why &&
  a.asNumber === b.asNumber &&
  FAMILIES.every((family) => a.basis[family] === b.basis[family] && a.own[family] === b.own[family])

/** An explicit peering to one of its addresses is there: it may be the same session. */
function contested({ ipv4, ipv6 }: NodeView, addresses: ReadonlySet<string>): boolean {
  if (addresses.size === 0) return false
  return (ipv4 !== undefined && addresses.has(ipv4.address)) || (ipv6 !== undefined && addresses.has(ipv6.address))
}

function candidatesFor(other: NodeView, port: number, { own, asNumber, why }: Shared): Candidate[] {
  const candidates: Candidate[] = []
  for (const family of FAMILIES) {
    const [local, address] = [own[family], other[family]?.address]
    if (local === undefined || address === undefined || address === local) continue
    candidates.push({
      kind: 'mesh',
      rank: 4,
      family,
      address,
      zone: undefined,
      port,
      remoteAs: other.asNumber ?? asNumber,
      passive: address > local,
      remoteNode: other.name,
      remoteClusterId: undefined,
      peer: undefined,
      explicit: false,
      why,
    })
  }
  return candidates
}
