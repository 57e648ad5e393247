/**
 * Phase 2 for one prefix: from candidates to best path, multipath set and, for ADD-PATH, an order of all.
 *
 * One candidate is the common case and costs nothing. With MEDs of several neighbouring ASes a pairwise walk depends on
 * the order of arrival, so with `deterministicMed` the RFC's own words are followed: each step removes candidates from
 * the set (RFC 4271 section 9.1.2.2 c compares within one neighbouring AS), and the result depends on the set alone.
 */
import { SetFlag } from '../rib/attributes.js'
import { RowFlag } from '../rib/paths.js'
import { compare, type DecisionContext, Step } from './steps.js'

export interface SelectOptions {
  deterministicMed: boolean
  maximumPaths: number
  multipathRelax: boolean
}

/**
 * Best of `rows[0..count)`, or 0. Rows must be eligible; an unresolvable best is no route. `last` is the best path of the
 * decision before: where the order of paths is total, only what changed since has to be compared with it, so that one of a
 * thousand nodes announcing a service anew costs one comparison.
 */
export function selectBest(
  context: DecisionContext,
  options: SelectOptions,
  rows: Uint32Array,
  count: number,
  last = 0,
): number {
  if (count === 0) return 0
  let best = rows[0]
  if (count > 1) {
    const total = context.alwaysCompareMed || !anyMed(context, rows, count)
    if (!total && options.deterministicMed) best = eliminate(context, rows, count)
    else best = maximum(context, rows, count, total ? last : 0)
  }
  return resolvable(context, best) ? best : 0
}

function maximum(context: DecisionContext, rows: Uint32Array, count: number, last: number): number {
  const { flags } = context.paths
  let known = false
  if (last !== 0 && (flags[last] & RowFlag.changed) === 0) {
    for (let i = 0; i < count && !known; i++) known = rows[i] === last
  }
  let best = known ? last : rows[0]
  for (let i = known ? 0 : 1; i < count; i++) {
    const row = rows[i]
    if (known && (flags[row] & RowFlag.changed) === 0) continue
    if (row !== best && compare(context, best, row, true) < 0) best = row
  }
  return best
}

/** Brings the `wanted` best of `rows[0..count)` to the front, in order: what ADD-PATH spends its N paths on. */
export function rankRows(
  context: DecisionContext,
  options: SelectOptions,
  rows: Uint32Array,
  count: number,
  wanted: number,
): number {
  // All of them: nobody asks for an order.
  if (wanted >= count) return keepResolvable(context, rows, count)
  let ranked = 0
  while (ranked < wanted) {
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

function keepResolvable(context: DecisionContext, rows: Uint32Array, count: number): number {
  let kept = 0
  for (let i = 0; i < count; i++) {
    const row = rows[i]
    if (!resolvable(context, row)) continue
    rows[i] = rows[kept]
    rows[kept++] = row
  }
  return kept
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

const NOBODY: readonly number[] = []

/**
 * The multipath set: the best path and the best of those that may carry traffic beside it, at most `maximumPaths`.
 * `settled`: none of the present members (flag `multi`) changed, so only they and what changed can be in it.
 */
export function multipathOf(
  context: DecisionContext,
  options: SelectOptions,
  rows: Uint32Array,
  count: number,
  best: number,
  settled: boolean,
  samePath: (a: number, b: number) => boolean,
): readonly number[] {
  if (best === 0) return NOBODY
  const { flags } = context.paths
  const others: number[] = []
  const room = options.maximumPaths - 1
  for (let i = 0; i < count; i++) {
    const row = rows[i]
    if (row === best || (settled && (flags[row] & (RowFlag.multi | RowFlag.changed)) === 0)) continue
    if (!isMultipath(context, options, best, row, samePath)) continue
    let low = 0
    let high = others.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (compare(context, others[middle], row, true) > 0) low = middle + 1
      else high = middle
    }
    if (low >= room) continue
    if (others.length === room) others.pop()
    others.splice(low, 0, row)
  }
  others.push(best)
  return others
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

/** Lowest MED of each neighbouring AS; scratch of {@link eliminate}. */
const lowest = new Map<number, number>()

/** Steps before MED, then the lowest MED of each neighbouring AS, then the steps behind. */
function eliminate(context: DecisionContext, rows: Uint32Array, count: number): number {
  const { paths, store } = context
  let leader = rows[0]
  for (let i = 1; i < count; i++) {
    const step = compare(context, leader, rows[i], false)
    if (step < 0 && -step < Step.med) leader = rows[i]
  }
  const tied = (row: number): boolean => {
    const step = Math.abs(compare(context, leader, row, false))
    return step === 0 || step > Step.med
  }
  lowest.clear()
  for (let i = 0; i < count; i++) {
    if (!tied(rows[i])) continue
    const set = paths.attr[rows[i]]
    const known = lowest.get(store.neighbors[set])
    if (known === undefined || store.meds[set] < known) lowest.set(store.neighbors[set], store.meds[set])
  }
  let best = 0
  for (let i = 0; i < count; i++) {
    const row = rows[i]
    const set = paths.attr[row]
    if (!tied(row) || store.meds[set] !== lowest.get(store.neighbors[set])) continue
    if (best === 0 || compare(context, best, row, false) < 0) best = row
  }
  return best === 0 ? leader : best
}
