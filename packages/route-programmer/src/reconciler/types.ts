/**
 * What the reconciler takes, tells and shows. Everything here is data for the host, the API and `starling show kernel`.
 */

import type { WriteOutcome } from '../driver.js'
import type { DesiredRoute, Destination, KernelRoute } from '../routes.js'

export interface ReconcilerOptions {
  /** Tables we own routes in; the main table when absent. */
  readonly tables?: readonly number[]
  /** Interfaces whose routes are not offered, as shell globs (`kube-ipvs*`). */
  readonly ignoredInterfaces?: readonly string[]
  /** Milliseconds after the first read when deletions start even without `allowDeletes`. */
  readonly deleteDeadline?: number
  /** Milliseconds between verification reads. */
  readonly verifyInterval?: number
  /** Seed of the key hash: peers choose prefixes, so it should be random. */
  readonly seed?: number
}

/** A connected or foreign route, offered to others. */
export interface ObservedRoute {
  readonly removed: boolean
  readonly route: KernelRoute
  /** Name of the first interface; empty for blackholes. */
  readonly device: string
}

export interface NextHopState {
  readonly reachable: boolean
  /** Interior cost: metric of the route that leads there. */
  readonly metric: number
  readonly ifindex: number
  /** Why not, when unreachable. */
  readonly reason: string
}

export interface Conflict {
  readonly destination: Destination
  readonly table: number
  readonly metric: number
  /** Who holds the key. */
  readonly holder: KernelRoute
  /** `10.65.0.0/26 metric 1024 is held by a route of protocol static (4) via eth0`. */
  readonly text: string
}

/** Callbacks of the reconciler; none may call back into it. */
export interface ReconcilerListener {
  /** `device` as it was tracked: a link-local gateway is another one behind every interface. */
  nextHopChanged?(gateway: Uint8Array, state: NextHopState, device: string | undefined): void
  observed?(routes: readonly ObservedRoute[]): void
  conflict?(conflict: Conflict): void
  /** A link of this name came, went or changed, or one of its addresses did. */
  deviceChanged?(name: string): void
  /** A write failed for the first time with this text. */
  failed?(destination: Destination, text: string, outcome: WriteOutcome): void
  /** Another program removed or changed a route that was in place, and it is put right. Once per run of interference. */
  repaired?(destination: Destination, removed: boolean): void
}

export type RouteState =
  | 'installed'
  | 'pending'
  /** No next hop resolves; what the kernel has is left as it is. */
  | 'unresolved'
  /** A foreign route holds the key. */
  | 'conflict'
  | 'failed'
  /** Ours from before, wanted by nobody, kept until deletions are allowed. */
  | 'held'
  | 'deleting'

/** One line of `starling show kernel`. */
export interface RouteRow {
  /** Its place in the order of rows: where a page can go on. */
  readonly slot: number
  readonly destination: Destination
  readonly table: number
  readonly metric: number
  readonly state: RouteState
  readonly desired?: Pick<DesiredRoute, 'kind' | 'nextHops' | 'sourceAddress' | 'mtu' | 'why'>
  readonly actual?: KernelRoute
  /** Reason of `unresolved`, `conflict` or `failed`. */
  readonly reason?: string
  readonly errno?: number
  readonly attempts?: number
  /** How often it was put right in the current run of interference; 0 when nobody interferes. */
  readonly repairs: number
}

export interface ReconcilerCounters {
  added: number
  replaced: number
  deleted: number
  failures: number
  /** Routes put back after another program or the kernel changed them. */
  repairs: number
  conflicts: number
  reads: number
  gaps: number
  batches: number
}

export function newCounters(): ReconcilerCounters {
  return {
    added: 0,
    replaced: 0,
    deleted: 0,
    failures: 0,
    repairs: 0,
    conflicts: 0,
    reads: 0,
    gaps: 0,
    batches: 0,
  }
}
