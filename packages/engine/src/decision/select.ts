/**
 * Phase 2 for one prefix: from candidates to best path, multipath set and, for ADD-PATH, an order of all.
 *
 * One candidate is the common case and costs nothing. With MEDs of several neighbouring ASes a pairwise walk depends on
 * the order of arrival, so with `deterministicMed` the RFC's own words are followed: each step removes candidates from
 * the set (RFC 4271 section 9.1.2.2 c compares within one neighbouring AS), and the result depends on the set alone.
 */
import { SetFlag } from '../rib/attributes.js'
import { compare, type DecisionContext, Step } from './steps.js'

export interface SelectOptions {
  deterministicMed: boolean
  maximumPaths: number
  multipathRelax: boolean
}

/** Best of `rows[0..count)`, or 0. Rows must be eligible; an unresolvable best is no route. */
export function selectBest(context: DecisionContext, options: SelectOptions, rows: Uint32Array, count: number): number {
  if (count === 0) return 0
  let best = rows[0]
  if (count > 1) {
    if (options.deterministicMed && !context.alwaysCompareMed && anyMed(context, rows, count)) {
      best = eliminate(context, rows, count)
    } else {
      for (let i = 1; i < count; i++) if (compare(context, best, rows[i], true) < 0) best = rows[i]
    }
  }
  return resolvable(context, best) ? best : 0
}

/** Sorts `rows[0..count)` best first: the order in which ADD-PATH spends its N paths. */
export function rankRows(context: DecisionContext, options: SelectOptions, rows: Uint32Array, count: number): number {
  let ranked = 0
  while (ranked < count) {
    const rest = rows.subarray(ranked, count)
    const best = selectBest(context, options, rest, rest.length)
    if (best === 0) return ranked
    const at = rest.indexOf(best)
    rest[at] = rest[0]
    rest[0] = best
    ranked++
  }
  return ranked
}

/** May `row` carry traffic beside `best`? They tie up to the router-id step, and their AS_PATHs match (or relax). */
export function isMultipath(
  context: DecisionContext,
  options: SelectOptions,
  best: number,
  row: number,
  samePath: (a: number, b: number) => boolean,
): boolean {
  const { paths } = context
  if (paths.source[best] === 0 || paths.source[row] === 0) return false
  const step = Math.abs(compare(context, best, row, true))
  if (step !== 0 && step < Step.routerId) return false
  if (!resolvable(context, row)) return false
  return options.multipathRelax || samePath(paths.attr[best], paths.attr[row])
}

export function resolvable(context: DecisionContext, row: number): boolean {
  const { paths, store } = context
  return paths.source[row] === 0 || store.nextHops.reachable(store.nextHop[paths.attr[row]])
}

function anyMed(context: DecisionContext, rows: Uint32Array, count: number): boolean {
  const { paths, store } = context
  for (let i = 0; i < count; i++) if (store.flags[paths.attr[rows[i]]] & SetFlag.med) return true
  return false
}

/** Steps before MED, then the lowest MED of each neighbouring AS, then the steps behind. */
function eliminate(context: DecisionContext, rows: Uint32Array, count: number): number {
  const { paths, store } = context
  let leader = rows[0]
  for (let i = 1; i < count; i++) {
    const step = compare(context, leader, rows[i], false)
    if (step < 0 && -step < Step.med) leader = rows[i]
  }
  let best = 0
  for (let i = 0; i < count; i++) {
    const row = rows[i]
    const step = Math.abs(compare(context, leader, row, false))
    if (step !== 0 && step < Step.med) continue
    if (beatenByMed(context, rows, count, leader, row)) continue
    if (best === 0 || compare(context, best, row, false) < 0) best = row
  }
  return best === 0 ? leader : best

  function beatenByMed(inner: DecisionContext, all: Uint32Array, size: number, first: number, row: number): boolean {
    const set = paths.attr[row]
    for (let i = 0; i < size; i++) {
      const rival = paths.attr[all[i]]
      if (store.neighbors[rival] !== store.neighbors[set] || store.meds[rival] >= store.meds[set]) continue
      const step = Math.abs(compare(inner, first, all[i], false))
      if (step === 0 || step > Step.med) return true
    }
    return false
  }
}
