/**
 * The decision process: named, ordered steps, beside the words of the RFC.
 *
 * RFC 4271 section 9.1.1 computes a degree of preference, 9.1.2.2 breaks ties; calico.md 3.4 gives the order users of
 * the BIRD fork know, which is the RFC's with two steps in front:
 *
 *   preference          higher wins: direct 240, static 200, BGP 100, kernel 10 (an elevated BGP route: 200)
 *   resolvable          RFC 4271 9.1.2.1: "the route SHOULD be excluded ... if its next hop is not resolvable"
 *   long-lived-stale    RFC 9494 4.3: "treated as the least preferred"
 *   local-pref          RFC 4271 9.1.1: the degree of preference; higher wins
 *   as-path-length      9.1.2.2 a: "not tied for having the smallest number of AS numbers"; a set counts 1
 *   origin              9.1.2.2 b: "not tied for having the lowest Origin number"
 *   med                 9.1.2.2 c: "less-preferred MULTI_EXIT_DISC", between routes of one neighbouring AS
 *   ebgp-over-ibgp      9.1.2.2 d: "If at least one of the candidate routes was received via EBGP, remove ... IBGP"
 *   igp-metric          9.1.2.2 e: "less-preferred interior cost"
 *   router-id           9.1.2.2 f: lowest BGP Identifier, ORIGINATOR_ID in its place (RFC 4456 section 9)
 *   cluster-list-length RFC 4456 section 9: shorter wins
 *   neighbor-address    9.1.2.2 g: lowest peer address
 *   path-id             RFC 7911: several paths of one neighbour; lowest identifier
 *
 * Resolvability excludes at the top of the list in effect, as an unresolvable path never wins over a resolvable one of
 * the same preference; `select.ts` drops a best path that is not resolvable.
 */
import { type AttributeStore, SetFlag } from '../rib/attributes.js'
import { type PathTable, RowFlag } from '../rib/paths.js'
import type { PeerColumns } from '../rib/peer-columns.js'

export const STEPS = [
  'only path',
  'preference',
  'resolvable',
  'long-lived-stale',
  'local-pref',
  'as-path-length',
  'origin',
  'med',
  'ebgp-over-ibgp',
  'igp-metric',
  'router-id',
  'cluster-list-length',
  'neighbor-address',
  'path-id',
] as const

export const Step = {
  preference: 1,
  resolvable: 2,
  longLivedStale: 3,
  localPref: 4,
  asPathLength: 5,
  origin: 6,
  med: 7,
  ebgpOverIbgp: 8,
  igpMetric: 9,
  routerId: 10,
  clusterListLength: 11,
  neighborAddress: 12,
  pathId: 13,
} as const

export interface DecisionContext {
  readonly store: AttributeStore
  readonly paths: PathTable
  readonly peers: PeerColumns
  defaultLocalPref: number
  alwaysCompareMed: boolean
}

/** The step at which the two differ: positive when row `a` wins, negative when `b` does, 0 when nothing tells them apart. */
export function compare(context: DecisionContext, a: number, b: number, withMed: boolean): number {
  const { store, paths, peers } = context
  const x = paths.attr[a]
  const y = paths.attr[b]
  const sourceA = paths.source[a]
  const sourceB = paths.source[b]
  const flagsX = store.flags[x]
  const flagsY = store.flags[y]

  const preference = store.preferences[x] - store.preferences[y]
  if (preference !== 0) return preference > 0 ? Step.preference : -Step.preference

  const { nextHops } = store
  const hopX = sourceA === 0 ? 0 : store.nextHop[x]
  const hopY = sourceB === 0 ? 0 : store.nextHop[y]
  if (hopX !== hopY) {
    const reachable = Number(nextHops.reachable(hopX)) - Number(nextHops.reachable(hopY))
    if (reachable !== 0) return reachable > 0 ? Step.resolvable : -Step.resolvable
  }

  const staleX = flagsX & SetFlag.llgrStale || paths.flags[a] & RowFlag.longLived ? 1 : 0
  const staleY = flagsY & SetFlag.llgrStale || paths.flags[b] & RowFlag.longLived ? 1 : 0
  if (staleX !== staleY) return staleX < staleY ? Step.longLivedStale : -Step.longLivedStale

  const localPrefX = flagsX & SetFlag.localPref ? store.localPrefs[x] : context.defaultLocalPref
  const localPrefY = flagsY & SetFlag.localPref ? store.localPrefs[y] : context.defaultLocalPref
  if (localPrefX !== localPrefY) return localPrefX > localPrefY ? Step.localPref : -Step.localPref

  const length = store.pathLengths[x] - store.pathLengths[y]
  if (length !== 0) return length < 0 ? Step.asPathLength : -Step.asPathLength

  const origin = store.origins[x] - store.origins[y]
  if (origin !== 0) return origin < 0 ? Step.origin : -Step.origin

  if (withMed && (context.alwaysCompareMed || store.neighbors[x] === store.neighbors[y])) {
    // RFC 4271 9.1.2.2 c: "routes without MULTI_EXIT_DISC ... lowest possible value": the column holds 0 for them.
    const med = store.meds[x] - store.meds[y]
    if (med !== 0) return med < 0 ? Step.med : -Step.med
  }

  const external = peers.external[sourceA] - peers.external[sourceB]
  if (external !== 0) return external > 0 ? Step.ebgpOverIbgp : -Step.ebgpOverIbgp

  if (hopX !== hopY) {
    const metric = nextHops.metric(hopX) - nextHops.metric(hopY)
    if (metric !== 0) return metric < 0 ? Step.igpMetric : -Step.igpMetric
  }

  const idA = flagsX & SetFlag.originator ? store.originators[x] : peers.routerId[sourceA]
  const idB = flagsY & SetFlag.originator ? store.originators[y] : peers.routerId[sourceB]
  if (idA !== idB) return idA < idB ? Step.routerId : -Step.routerId

  const clusters = store.clusterCounts[x] - store.clusterCounts[y]
  if (clusters !== 0) return clusters < 0 ? Step.clusterListLength : -Step.clusterListLength

  if (sourceA !== sourceB) {
    const address = compareBytes(peers.address[sourceA], peers.address[sourceB])
    if (address !== 0) return address < 0 ? Step.neighborAddress : -Step.neighborAddress
  }

  const pathId = paths.pathId[a] - paths.pathId[b]
  if (pathId !== 0) return pathId < 0 ? Step.pathId : -Step.pathId
  return 0
}

function compareBytes(a: Uint8Array, b: Uint8Array): number {
  if (a.length !== b.length) return a.length - b.length
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return a[i] - b[i]
  return 0
}
