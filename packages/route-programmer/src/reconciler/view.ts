/**
 * `starling show kernel`: desired, actual and what stands between them, one row per key. Reads the reconciler, never
 * reaches into its decisions; rows are made one by one so that half a million of them need not exist at once.
 */

import type { Destination, KernelRoute } from '../routes.js'
import type { KeyIndex } from './key-index.js'
import type { Reconciler } from './reconciler.js'
import { conflictText } from './text.js'
import type { RouteRow, RouteState } from './types.js'

/** `for`: what covers it, the longest first. `in`: what it covers. */
export interface RowPlace {
  readonly kind: 'exact' | 'in' | 'for'
  readonly destination: Destination
}

/** Rows by slot from `first` on; `wanted` filters by state, `place` by destination, before a row is built. */
export function* routeRows(
  reconciler: Reconciler,
  wanted?: (state: RouteState) => boolean,
  first?: number,
  place?: RowPlace,
): Generator<RouteRow> {
  for (const slot of slotsAt(reconciler.tables.slots.index, first, place)) {
    const state = stateOf(reconciler, slot)
    if (state === undefined || wanted?.(state) === false) continue
    yield rowOf(reconciler, slot, state)
  }
}

/** One destination costs a probe, and what covers it one per length, whatever the size of the table. */
function* slotsAt(index: KeyIndex, first: number | undefined, place: RowPlace | undefined): Generator<number> {
  if (place === undefined || place.kind === 'in') {
    for (let slot = first ?? 0; slot < index.size; slot++) {
      if (place === undefined || index.isInside(slot, place.destination)) yield slot
    }
    return
  }
  const { destination } = place
  const found: number[] = []
  const address = Uint8Array.from(destination.address)
  for (let length = destination.length; length >= (place.kind === 'for' ? 0 : destination.length); length--) {
    if (length < destination.length) address[length >> 3] = (address[length >> 3] ?? 0) & (0xff << (8 - (length & 7)))
    found.push(...index.findEverywhere({ ...destination, address, length }))
  }
  yield* first === undefined ? found : found.slice(Math.max(0, found.indexOf(first)))
}

/** What stands between desired and actual for a row. */
function stateOf(reconciler: Reconciler, slot: number): RouteState | undefined {
  if (!reconciler.tables.slots.live(slot)) return undefined
  const action = reconciler.decide(slot)
  if (action === 'none') return 'installed'
  if (action === 'delete') return 'deleting'
  if (action !== 'add' && action !== 'replace' && action !== 'thin') return action
  return reconciler.failures.has(slot) ? 'failed' : 'pending'
}

function rowOf(reconciler: Reconciler, slot: number, state: RouteState): RouteRow {
  const { tables, failures } = reconciler
  const { slots, wishes } = tables
  const { table } = slots.index.laneOf(slot)
  const metric = slots.index.metricOf(slot)
  const wish = slots.wish[slot] === 0 ? undefined : wishes.get(slots.wish[slot] as number)
  const actual = tables.routeOf(slot, slots.actual[slot] as number)
  const failure = failures.get(slot)
  const holder = state === 'conflict' ? tables.foreign.under(tables.bareRoute(slot))[0] : undefined
  const reason =
    holder === undefined ? (state === 'unresolved' ? wish?.reason : failure?.text) : heldBy(reconciler, holder)
  return {
    slot,
    destination: slots.index.destination(slot),
    table,
    metric,
    state,
    ...(wish !== undefined && { desired: { ...wish.route, why: tables.whyOf(slot) } }),
    ...((holder ?? actual) !== undefined && { actual: holder ?? actual }),
    ...(reason !== undefined && { reason }),
    ...(failure !== undefined && { attempts: failure.attempts, errno: failure.errno }),
    repairs: reconciler.repairsOf(slot),
  }
}

function heldBy(reconciler: Reconciler, holder: KernelRoute): string {
  return conflictText(holder, reconciler.links.get(holder.nextHops[0]?.ifindex ?? 0)?.name ?? '')
}

type StateCounts = Readonly<Record<RouteState, number>>
const counted = new WeakMap<Reconciler, { readonly version: number; readonly counts: StateCounts }>()

/** Rows per state: the gauges of the metrics page. The table is walked only when something may have changed since. */
export function countStates(reconciler: Reconciler): StateCounts {
  const last = counted.get(reconciler)
  const { version } = reconciler
  if (last?.version === version) return last.counts
  const counts = walkStates(reconciler)
  counted.set(reconciler, { version, counts })
  return counts
}

function walkStates(reconciler: Reconciler): StateCounts {
  const counts = {
    installed: 0,
    pending: 0,
    unresolved: 0,
    conflict: 0,
    failed: 0,
    held: 0,
    deleting: 0,
  }
  const { slots } = reconciler.tables
  for (let slot = 0; slot < slots.index.size; slot++) {
    const state = stateOf(reconciler, slot)
    if (state !== undefined) counts[state]++
  }
  return counts
}
