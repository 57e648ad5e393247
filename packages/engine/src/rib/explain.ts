/**
 * The road of one prefix through the speaker: its paths, the step that decided between them, and who is told what.
 *
 * Everything is computed afresh from the tables with the very functions that decide and export, so the answer cannot
 * differ from what happens.
 */
import { Prefix } from '@starling/inet'
import { compare, STEPS } from '../decision/steps.js'
import type { OutGroup } from '../out/group.js'
import type { Explanation } from '../view.js'
import type { PeerSlot } from './contract.js'
import type { FamilyRib } from './family.js'
import { RowFlag, type RowId } from './paths.js'
import { LOCAL_SOURCE } from './peer-columns.js'
import type { PeerState } from './peers.js'
import type { TablesReading } from './reading.js'
import { routeView, rowName } from './route-view.js'

export function explain(tables: TablesReading, text: string, toSlot: PeerSlot | undefined): Explanation {
  const prefix = Prefix.parseOrHost(text)
  if (prefix === undefined) return { prefix: text, paths: [], decision: [], exports: [] }
  const rib = tables.families[prefix.family === 'ipv4' ? 0 : 1]
  const id = rib.table.find(prefix.bytes, 0, prefix.length)
  const best = id === 0 ? 0 : rib.prefixes.best[id]
  // The best first, what policy rejected last.
  const rank = (row: RowId) => (row === best ? 0 : rib.paths.attr[row] !== 0 ? 1 : 2)
  const rows = id === 0 ? [] : liveRows(rib, id).sort((a, b) => rank(a) - rank(b))
  const decision: Explanation['decision'][number][] = []
  if (rows.length === 1 && best !== 0) {
    decision.push({ step: STEPS[0], winner: rowName(tables, rib, best), loser: '', detail: 'no other path' })
  }
  for (const row of rows) {
    if (best === 0 || row === best || rib.paths.attr[row] === 0) continue
    const step = Math.abs(compare(rib.context, best, row, true))
    const winner = rowName(tables, rib, best)
    decision.push({ step: STEPS[step], winner, loser: rowName(tables, rib, row), detail: detail(rib, step, best, row) })
  }
  const peers = tables.states.filter((peer): peer is PeerState => peer !== undefined)
  const asked = toSlot === undefined ? peers : peers.filter((peer) => peer.slot === toSlot)
  return {
    prefix: String(prefix),
    paths: rows.map((row) => routeView(tables, rib, row)),
    decision,
    exports: asked.map((peer) => exportOf(tables, rib, id, best, peer, toSlot !== undefined)),
  }
}

/** Paths that are listed where one peer is asked about: a thousand nodes may announce one address. */
const EXPLAINED_PATHS = 256

function liveRows(rib: FamilyRib, id: number): RowId[] {
  const rows: RowId[] = []
  for (let row = rib.prefixes.head[id] ?? 0; row !== 0; row = rib.paths.nextInPrefix[row]) {
    if ((rib.paths.flags[row] & RowFlag.zombie) === 0) rows.push(row)
  }
  return rows
}

function detail(rib: FamilyRib, step: number, best: RowId, row: RowId): string {
  const { store, paths } = rib
  const a = paths.attr[best]
  const b = paths.attr[row]
  const pair = (column: ArrayLike<number>) => `${column[a]} against ${column[b]}`
  switch (STEPS[step]) {
    case 'preference':
      return pair(store.preferences)
    case 'local-pref':
      return pair(store.localPrefs)
    case 'as-path-length':
      return pair(store.pathLengths)
    case 'origin':
      return pair(store.origins)
    case 'med':
      return pair(store.meds)
    case 'igp-metric':
      return `${store.nextHops.metric(store.nextHop[a])} against ${store.nextHops.metric(store.nextHop[b])}`
    case 'cluster-list-length':
      return pair(store.clusterCounts)
    default:
      return ''
  }
}

function exportOf(
  tables: TablesReading,
  rib: FamilyRib,
  id: number,
  best: RowId,
  peer: PeerState,
  list: boolean,
): Explanation['exports'][number] {
  const { key, name } = peer.session.config
  const not = (reason: string) => ({ peer: key, name, sent: false, reason })
  const follower = peer.followers[rib.index]
  const group = follower === undefined ? undefined : tables.membership[rib.index].groupOf(follower)
  if (!peer.established) return not('session not Established')
  if (group === undefined || follower === undefined) return not('family not negotiated')
  if (best === 0) return not('no best path')
  const all = group.addPath > 0 ? pathsTold(rib, id, group, peer) : undefined
  // The best of us if it is among them, otherwise the first.
  const row = all === undefined || all.includes(best) ? best : (all[0] ?? best)
  if (rib.paths.source[row] === peer.source) return not('split horizon')
  const attr = evaluate(rib, group, row)
  const { reason } = group.profile
  if (attr === 0) return not(reason)
  const entry = group.addPath > 0 ? row : id
  const told = entry < group.rib.limit && group.rib.attr[entry] === attr
  const nextHop = rib.store.nextHops.text(rib.store.nextHop[attr])
  rib.store.dropIfUnused(attr)
  if (!told) return not('waiting to be sent')
  const waiting = follower.upToDate ? '' : follower.lagging ? 'lagging: on its way' : 'on its way'
  return {
    peer: key,
    name,
    sent: true,
    reason: waiting,
    ...(nextHop !== undefined && { nextHop }),
    ...(all !== undefined && { pathCount: all.length }),
    ...(all !== undefined &&
      list && { paths: all.slice(0, EXPLAINED_PATHS).map((each) => pathTold(tables, rib, group, each)) }),
  }
}

/** With ADD-PATH a peer is told many paths: all that its group advertises but its own. */
function pathsTold(rib: FamilyRib, id: number, group: OutGroup, peer: PeerState): readonly RowId[] {
  return liveRows(rib, id).filter((row) => rib.paths.source[row] !== peer.source && (group.rib.attr[row] ?? 0) !== 0)
}

function pathTold(tables: TablesReading, rib: FamilyRib, group: OutGroup, row: RowId) {
  const nextHop = rib.store.nextHops.text(rib.store.nextHop[group.rib.attr[row]])
  return { pathId: row, from: rowName(tables, rib, row), ...(nextHop !== undefined && { nextHop }) }
}

function evaluate(rib: FamilyRib, group: OutGroup, row: RowId): number {
  const { paths } = rib
  rib.setEditPrefix(paths.prefix[row])
  const source = paths.source[row]
  const local = source === LOCAL_SOURCE ? rib.locals.get(row) : undefined
  return group.profile.evaluate(rib.edit, paths.attr[row], rib.sourceKind(source), local)
}
