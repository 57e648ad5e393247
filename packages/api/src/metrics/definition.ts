/**
 * What a metric is, as data: name, kind, labels, help, and how to read its samples from the ports.
 *
 * Everything is read at scrape time from counters the daemon keeps anyway. A mesh must not grow with the square of its
 * nodes, so per-peer series exist for peers outside the mesh only, unless asked for (ux.md 3).
 */
import type { PeerView } from '@starling/engine'
import type { HealthVerdict } from '../health/rules.js'
import type {
  BfdSummary,
  DatastoreStatus,
  HealthFacts,
  Identity,
  KernelView,
  LoopDelay,
  MemoryView,
  TableView,
} from '../ports.js'
import type { Accumulators } from './accumulate.js'
import type { Labels, Sample } from './sample.js'

export type { Labels, Sample } from './sample.js'

/** One scrape's picture: every port asked once. */
export interface Scrape {
  readonly now: number
  toEpochSeconds(at: number): number
  readonly identity: Identity
  readonly facts: HealthFacts
  readonly ready: HealthVerdict
  readonly live: HealthVerdict
  readonly datastore: DatastoreStatus
  readonly peers: readonly PeerView[]
  /** Those that get series of their own. */
  readonly shown: readonly PeerView[]
  readonly tables: readonly TableView[]
  readonly kernel: KernelView | undefined
  readonly groups: readonly { readonly members: number; readonly lagging: number; readonly logBytes: number }[]
  readonly memory: MemoryView
  readonly loopDelay: LoopDelay
  readonly bfd: BfdSummary | undefined
  readonly accumulated: Accumulators
  readonly streams: number
}

export interface MetricDefinition {
  readonly name: string
  readonly type: 'gauge' | 'counter'
  readonly help: string
  readonly labels: readonly string[]
  readonly read: (scrape: Scrape) => Iterable<Sample>
}

/** A metric with a single value, and none when it is undefined. */
export function single(value: (scrape: Scrape) => number | undefined): MetricDefinition['read'] {
  return (scrape) => {
    const read = value(scrape)
    return read === undefined ? [] : [[{}, read]]
  }
}

/** Sums by label set; label values become one sample each. */
export function sum<T>(items: Iterable<T>, labels: (item: T) => Labels, value: (item: T) => number): readonly Sample[] {
  const sums = new Map<string, [Labels, number]>()
  for (const item of items) {
    const set = labels(item)
    const key = JSON.stringify(set)
    const entry = sums.get(key)
    if (entry === undefined) sums.set(key, [set, value(item)])
    else entry[1] += value(item)
  }
  return [...sums.values()]
}

export const flag = (value: boolean): number => (value ? 1 : 0)
