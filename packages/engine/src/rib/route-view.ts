/**
 * One row of the path slab as the view people see. Built per request; nothing here is kept.
 */
import {
  AttributeBlock,
  AttributeCode,
  decodeAsPath,
  formatIPv4,
  ORIGINS,
  printAsPath,
  printCommunity,
  printExtendedCommunity,
  printLargeCommunity,
} from '@starling/bgp-packet'
import { isMultipath } from '../decision/select.js'
import { compare, STEPS } from '../decision/steps.js'
import type { RouteView } from '../view.js'
import type { AttrId } from './attributes.js'
import { type FamilyRib, sameAsPath } from './family.js'
import { RowFlag, type RowId } from './paths.js'
import { LOCAL_SOURCE } from './peer-columns.js'
import type { TablesReading } from './reading.js'

const block = new AttributeBlock()

export interface AttributeView {
  readonly nextHop?: string
  readonly origin: RouteView['origin']
  readonly asPath: string
  readonly localPref?: number
  readonly med?: number
  readonly communities: readonly string[]
  readonly originatorId?: string
  readonly clusterList: readonly string[]
}

export function attributeView(rib: FamilyRib, attr: AttrId): AttributeView {
  const { store } = rib
  store.read(attr, block)
  const { buffer } = block
  const numbers = (code: number): number[] => {
    const list: number[] = []
    if (!block.has(code)) return list
    for (let at = block.start(code); at + 4 <= block.end(code); at += 4) {
      list.push(((buffer[at] << 24) | (buffer[at + 1] << 16) | (buffer[at + 2] << 8) | buffer[at + 3]) >>> 0)
    }
    return list
  }
  const large = numbers(AttributeCode.largeCommunities)
  const communities = numbers(AttributeCode.communities).map(printCommunity)
  for (let i = 0; i + 3 <= large.length; i += 3) {
    communities.push(printLargeCommunity({ global: large[i], local1: large[i + 1], local2: large[i + 2] }))
  }
  const extended = numbers(AttributeCode.extendedCommunities)
  for (let i = 0; i + 2 <= extended.length; i += 2) {
    communities.push(printExtendedCommunity({ high: extended[i], low: extended[i + 1] }))
  }
  const path = decodeAsPath(buffer, block.start(AttributeCode.asPath), block.end(AttributeCode.asPath), 4)
  const nextHop = store.nextHops.text(store.nextHop[attr])
  const clusters = numbers(AttributeCode.clusterList)
  return {
    ...(nextHop !== undefined && { nextHop }),
    origin: ORIGINS[store.origins[attr]] ?? 'INCOMPLETE',
    asPath: printAsPath(path),
    ...(block.has(AttributeCode.localPref) && { localPref: store.localPrefs[attr] }),
    ...(block.has(AttributeCode.med) && { med: store.meds[attr] }),
    communities,
    ...(block.has(AttributeCode.originatorId) && { originatorId: formatIPv4(store.originators[attr]) }),
    clusterList: clusters.map(formatIPv4),
  }
}

export function rowName(tables: TablesReading, rib: FamilyRib, row: RowId): string {
  const source = rib.paths.source[row]
  if (source === LOCAL_SOURCE) return rib.locals.get(row)?.label ?? 'local'
  return tables.host.nameOf(source - 1)
}

export function routeView(tables: TablesReading, rib: FamilyRib, row: RowId): RouteView {
  const { paths, prefixes, table, peers } = rib
  const source = paths.source[row]
  const peer = source === LOCAL_SOURCE ? undefined : tables.states[source - 1]
  const local = rib.locals.get(row)
  const prefix = paths.prefix[row]
  const best = prefixes.best[prefix]
  const attr = paths.attr[row]
  const isBest = best === row
  return {
    prefix: table.text(prefix),
    family: rib.index === 0 ? 'ipv4' : 'ipv6',
    source: local?.source ?? 'bgp',
    from: rowName(tables, rib, row),
    ...(peer !== undefined && { peer: peer.session.config.key }),
    ...(peer?.session.addPathReceive[rib.index] && { pathId: paths.pathId[row] }),
    best: isBest,
    multipath: isBest || (paths.flags[row] & RowFlag.multi) !== 0,
    stale: peer?.isStale(rib.index, paths.epoch[row]) ?? false,
    eligible: attr !== 0 && peers.usable[rib.index][source] === 1 && (source === 0 || reachable(rib, attr)),
    reason: isBest ? '' : whyNot(tables, rib, row, best),
    ...attributeView(rib, attr !== 0 ? attr : paths.attrIn[row]),
    ...(local?.metric !== undefined && { metric: local.metric }),
    preference: rib.store.preferences[attr !== 0 ? attr : paths.attrIn[row]],
    since: paths.since[row] * 1000,
  }
}

function reachable(rib: FamilyRib, attr: AttrId): boolean {
  return rib.store.nextHops.reachable(rib.store.nextHop[attr])
}

const NOT_UNICAST = 'not a prefix for unicast routing (multicast, loopback or link-local space): ignored'

/** Why a row is not the best one, in words. */
function whyNot(tables: TablesReading, rib: FamilyRib, row: RowId, best: RowId): string {
  const { paths, peers } = rib
  const source = paths.source[row]
  const attr = paths.attr[row]
  if (attr === 0) {
    const peer = tables.states[source - 1]
    if (peer === undefined) return 'import policy'
    if (!rib.table.isUnicast(paths.prefix[row])) return NOT_UNICAST
    rib.setEditPrefix(paths.prefix[row])
    const again = peer.profile.evaluate(tables.edit, rib.index, paths.attrIn[row])
    rib.store.dropIfUnused(again)
    return peer.profile.reason || 'import policy'
  }
  if (peers.usable[rib.index][source] === 0) return 'peer lost'
  if (source !== 0 && !reachable(rib, attr)) return 'next hop unreachable'
  if (best === 0) return 'not decided yet'
  const step = compare(rib.context, best, row, true)
  const where = STEPS[Math.abs(step)]
  const tie = isMultipath(rib.context, rib.options, best, row, (a, b) => sameAsPath(rib.store, a, b))
  if (tie && paths.flags[row] & RowFlag.multi) return `multipath with ${rowName(tables, rib, best)}`
  return `lost at ${where} to ${rowName(tables, rib, best)}`
}
