/**
 * Broken invariants in words: what every simulated test asks for at its end.
 *
 * Counts every reference to every attribute set and compares; checks both list structures of the path slab, the counters
 * of peers, and that nothing dead is linked. Meant for tests and debugging: it looks at everything.
 */
import type { FamilyRib } from './family.js'
import { RowFlag } from './paths.js'
import { PrefixFlag } from './prefixes.js'
import type { TablesReading } from './reading.js'

export function audit(tables: TablesReading): string[] {
  const problems: string[] = []
  const references = new Map<number, number>()
  const count = (attr: number) => {
    if (attr !== 0) references.set(attr, (references.get(attr) ?? 0) + 1)
  }
  for (const rib of tables.families) {
    auditRows(rib, problems, count)
    auditPeers(tables, rib, problems)
    for (const group of rib.groups.values()) {
      let advertised = 0
      for (let entry = 1; entry < group.rib.limit; entry++) {
        count(group.rib.attr[entry])
        if (group.rib.attr[entry] === 0) continue
        advertised++
        const prefix = group.addPath > 0 ? rib.paths.prefix[entry] : entry
        if (!rib.table.isLive(prefix)) problems.push(`group ${group.id} advertises entry ${entry} of no prefix`)
      }
      if (advertised !== group.rib.count)
        problems.push(`group ${group.id} counts ${group.rib.count}, has ${advertised}`)
    }
  }
  const dissolving = tables.membership.some((membership) => membership.dissolving)
  if (!dissolving) {
    for (const attr of tables.store.live()) {
      const expected = references.get(attr) ?? 0
      const actual = tables.store.refs[attr]
      if (expected !== actual) problems.push(`attribute set ${attr} has ${actual} references, ${expected} holders`)
      references.delete(attr)
    }
    for (const attr of references.keys()) problems.push(`attribute set ${attr} is held but free`)
  }
  return problems
}

function auditRows(rib: FamilyRib, problems: string[], count: (attr: number) => void): void {
  const { paths, prefixes, table } = rib
  const linked = new Set<number>()
  for (let prefix = 1; prefix < table.limit; prefix++) {
    if (!table.isLive(prefix)) continue
    const best = prefixes.best[prefix]
    let found = best === 0
    for (let row = prefixes.head[prefix]; row !== 0; row = paths.nextInPrefix[row]) {
      if (linked.has(row)) {
        problems.push(`row ${row} is linked twice`)
        break
      }
      linked.add(row)
      if (row === best) found = true
      if (paths.prefix[row] !== prefix) problems.push(`row ${row} is linked to prefix ${prefix} but names another`)
    }
    if (!found) problems.push(`best row ${best} of ${table.text(prefix)} is not among its paths`)
    const idle = prefixes.head[prefix] === 0 && (prefixes.flags[prefix] & ~PrefixFlag.listed) === 0
    if (idle) problems.push(`prefix ${table.text(prefix)} has no path and nothing holds it`)
  }
  for (let row = 1; row < paths.limit; row++) {
    if (paths.prefix[row] === 0) continue
    count(paths.attrIn[row])
    count(paths.attr[row])
    if (!linked.has(row)) problems.push(`row ${row} is in use but not linked`)
  }
  if (linked.size !== paths.size) problems.push(`path slab counts ${paths.size} rows, ${linked.size} are linked`)
}

function auditPeers(tables: TablesReading, rib: FamilyRib, problems: string[]): void {
  for (const peer of tables.states) {
    if (peer === undefined) continue
    let live = 0
    let accepted = 0
    for (let row = peer.head[rib.index]; row !== 0; row = rib.paths.nextInPeer[row]) {
      if (rib.paths.source[row] !== peer.source) problems.push(`row ${row} is in the list of another peer`)
      if (rib.paths.flags[row] & RowFlag.zombie) continue
      live++
      if (rib.paths.attr[row] !== 0) accepted++
    }
    const { config } = peer.session
    if (live !== peer.received[rib.index]) {
      problems.push(`${config.name} counts ${peer.received[rib.index]} routes, has ${live}`)
    }
    if (accepted !== peer.accepted[rib.index]) {
      problems.push(`${config.name} counts ${peer.accepted[rib.index]} accepted routes, has ${accepted}`)
    }
  }
}
