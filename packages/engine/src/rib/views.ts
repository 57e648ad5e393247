/**
 * Read-only views over the tables: paged, bounded, built per request.
 *
 * A page walks prefixes in the order of their ids from the cursor on; a longest match probes the interner once per
 * length. `exported` shows what one peer's group advertises.
 */
import { Prefix } from '@starling/inet'
import { LIMITS } from '../config/limits.js'
import type { GroupView, PeerFamilyView, RoutePage, RouteQuery, RouteView } from '../view.js'
import type { PeerSlot } from './contract.js'
import type { FamilyRib } from './family.js'
import { RowFlag } from './paths.js'
import type { PeerState } from './peers.js'
import type { TablesReading } from './reading.js'
import { attributeView, routeView, rowName } from './route-view.js'

const BOTH = [0, 1] as const

export function familyViews(tables: TablesReading, slot: PeerSlot): readonly PeerFamilyView[] {
  const peer = tables.states[slot]
  if (peer === undefined) return []
  return BOTH.filter((family) => peer.session.families[family]).map((family) => {
    const follower = peer.followers[family]
    const group = follower === undefined ? undefined : tables.membership[family].groupOf(follower)
    const own = group?.rib.bySource[peer.source] ?? 0
    return {
      family: family === 0 ? 'ipv4' : 'ipv6',
      received: peer.received[family],
      accepted: peer.accepted[family],
      preferred: peer.preferred[family],
      sent: group === undefined ? 0 : group.rib.count - own,
      stale: staleCount(tables.families[family], peer),
      addPathReceive: peer.session.addPathReceive[family],
      addPathSend: peer.session.addPathSend[family] > 0,
      endOfRibReceived: peer.endOfRibReceived[family],
      endOfRibSent: follower?.endOfRibSent ?? false,
    }
  })
}

/** Only a peer that lost a session or began a refresh can have any: others are not walked. */
function staleCount(rib: FamilyRib, peer: PeerState): number {
  if (peer.epoch[rib.index] === 0) return 0
  let count = 0
  for (let row = peer.head[rib.index]; row !== 0; row = rib.paths.nextInPeer[row]) {
    if ((rib.paths.flags[row] & RowFlag.zombie) === 0 && peer.isStale(rib.index, rib.paths.epoch[row])) count++
  }
  return count
}

export function groupViews(tables: TablesReading): readonly GroupView[] {
  return tables.families.flatMap((rib) =>
    [...rib.groups.values()].map((group) => ({
      id: group.id,
      members: group.followers.map((follower) => tables.host.nameOf(follower.slot)),
      prefixes: group.rib.count,
      logBytes: group.log.end - group.log.start,
      lagging: group.followers
        .filter((follower) => follower.lagging)
        .map((follower) => tables.host.nameOf(follower.slot)),
    })),
  )
}

export function routes(tables: TablesReading, query: RouteQuery): RoutePage {
  const limit = Math.max(1, Math.min(query.limit, LIMITS.routePage))
  const match = query.match === undefined ? undefined : Prefix.parseOrHost(query.match.prefix)
  if (query.match !== undefined && match === undefined) return { routes: [] }
  const peer = query.peer === undefined ? undefined : findPeer(tables, query.peer)
  if (query.peer !== undefined && peer === undefined) return { routes: [] }
  const out: RouteView[] = []
  for (const rib of tables.families) {
    const family = rib.index === 0 ? 'ipv4' : 'ipv6'
    if ((query.family !== undefined && query.family !== family) || (match !== undefined && match.family !== family)) {
      continue
    }
    if (match !== undefined && query.match?.kind !== 'in') {
      const id = query.match?.kind === 'for' ? longestMatch(rib, match, query, peer) : lookup(rib, match)
      if (id !== 0) out.push(...viewsOf(tables, rib, id, query, peer))
      continue
    }
    const [at, first] = cursorOf(query.cursor, rib.index)
    if (at > rib.index) continue
    const end = Math.min(rib.table.limit, first + LIMITS.routeScan)
    for (let id = first; id < end; id++) {
      if (!rib.table.isLive(id) || (match !== undefined && !inside(rib, id, match))) continue
      out.push(...viewsOf(tables, rib, id, query, peer))
      // A page ends with a whole prefix: it may be longer by the paths of one.
      if (out.length >= limit) return { routes: out, next: `${rib.index}:${id + 1}` }
    }
    // Looked at enough for one time: the caller asks again, and others get their turn between.
    if (end < rib.table.limit) return { routes: out, next: `${rib.index}:${end}` }
  }
  return { routes: out }
}

function cursorOf(cursor: string | undefined, index: number): [family: number, first: number] {
  const parts = /^([01]):([0-9]{1,10})$/.exec(cursor ?? '')
  // Not one of ours: behind everything, so that nobody walks in circles.
  if (parts === null) return cursor === undefined ? [0, 1] : [2, 1]
  const family = Number(parts[1])
  return [family, family === index ? Math.max(1, Number(parts[2])) : 1]
}

export function findPeer(tables: TablesReading, key: string): PeerState | undefined {
  return tables.states.find((peer) => peer !== undefined && peer.session.config.key === key)
}

export function lookup(rib: FamilyRib, prefix: Prefix): number {
  return rib.table.find(prefix.bytes, 0, prefix.length)
}

function longestMatch(rib: FamilyRib, prefix: Prefix, query: RouteQuery, peer: PeerState | undefined): number {
  for (let length = prefix.length; length >= 0; length--) {
    const id = rib.table.find(prefix.bytes, 0, length)
    if (id !== 0 && id < rib.prefixes.head.length && shows(rib, id, query, peer)) return id
  }
  return 0
}

function shows(rib: FamilyRib, id: number, query: RouteQuery, peer: PeerState | undefined): boolean {
  if (query.view === 'best' && peer === undefined) return rib.prefixes.best[id] !== 0
  for (let row = rib.prefixes.head[id]; row !== 0; row = rib.paths.nextInPrefix[row]) {
    if ((rib.paths.flags[row] & RowFlag.zombie) === 0) return true
  }
  return false
}

function inside(rib: FamilyRib, id: number, outer: Prefix): boolean {
  if (rib.table.lengths[id] < outer.length) return false
  rib.table.writeAddress(id, scratch, 0)
  return outer.containsAddress(outer.bytes.length === 4 ? scratch4 : scratch)
}
const scratch = new Uint8Array(16)
const scratch4 = scratch.subarray(0, 4)

function viewsOf(
  tables: TablesReading,
  rib: FamilyRib,
  id: number,
  query: RouteQuery,
  peer: PeerState | undefined,
): RouteView[] {
  if (query.view === 'exported') return exported(tables, rib, id, peer)
  const { paths, prefixes } = rib
  const out: RouteView[] = []
  for (let row = prefixes.head[id] ?? 0; row !== 0; row = paths.nextInPrefix[row]) {
    if (paths.flags[row] & RowFlag.zombie || paths.attrIn[row] === 0) continue
    if (peer !== undefined && paths.source[row] !== peer.source) continue
    if (query.view === 'best' && prefixes.best[id] !== row) continue
    if (query.view === 'filtered' && paths.attr[row] !== 0) continue
    if (query.view === 'accepted' && paths.attr[row] === 0) continue
    if (query.view === 'received' && paths.source[row] === 0) continue
    out.push(routeView(tables, rib, row))
  }
  return out
}

/** What a peer's group advertises of a prefix, as the peer is told it. */
function exported(tables: TablesReading, rib: FamilyRib, id: number, peer: PeerState | undefined): RouteView[] {
  const follower = peer?.followers[rib.index]
  const group = follower === undefined ? undefined : tables.membership[rib.index].groupOf(follower)
  if (group === undefined || peer === undefined) return []
  const out: RouteView[] = []
  for (let row = rib.prefixes.head[id] ?? 0; row !== 0; row = rib.paths.nextInPrefix[row]) {
    if (group.addPath === 0 && rib.prefixes.best[id] !== row) continue
    const entry = group.addPath > 0 ? row : id
    const attr = entry < group.rib.limit ? group.rib.attr[entry] : 0
    if (attr === 0 || group.rib.source[entry] === peer.source) continue
    const { nextHop: _, localPref: __, med: ___, ...view } = routeView(tables, rib, row)
    out.push({ ...view, ...attributeView(rib, attr), from: rowName(tables, rib, row) })
  }
  return out
}
