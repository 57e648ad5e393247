/**
 * The road of a changed key, driven: datastore to snapshot to cluster state to plan, each time the whole plan.
 *
 * Plans are computed when in sync and only then; while the datastore is away the last plan stays in force. A plan that
 * throws is our own defect: it is reported, the last good plan stays, and the next change tries again. While the datastore is
 * locked for a migration the last plan stays as well, whatever is moved in or out (calico.md 1.13).
 */
import { type Datastore, type Snapshot, Syncer, type SyncStatus } from '@starling/datastore'
import { systemClock } from '@starling/datastore/clock'
import { ClusterState, isLocked, LOCKED, type Plan, type PlanOptions, plan } from '@starling/intent'
import { IPAM_PREFIX, kindPrefix, STARLING_PREFIX } from '@starling/resources'
import { now } from './clock.js'

/**
 * What is followed. Workload endpoints and handles are one per pod and no plan needs them; block contents only serve
 * `show blocks` and are left out where memory counts.
 */
const FOLLOWED = [
  ...(
    [
      'Node',
      'BGPConfiguration',
      'BGPPeer',
      'BGPFilter',
      'IPPool',
      'IPReservation',
      'CalicoNodeStatus',
      'ClusterInformation',
      'FelixConfiguration',
    ] as const
  ).map(kindPrefix),
  `${IPAM_PREFIX}host/`,
  STARLING_PREFIX,
]
const BLOCKS = `${IPAM_PREFIX}assignment/`

export interface ClusterOptions {
  readonly datastore: Datastore
  readonly node: string
  readonly followBlocks: boolean
  /** Read anew for each plan: secrets and workload files change beside the datastore. */
  planOptions(): PlanOptions
  planned(plan: Plan): void
  /** Each new snapshot, before its plan. */
  snapshot?(snapshot: Snapshot, changed: ReadonlySet<string>): void
  status(status: SyncStatus, detail: string): void
  failed(error: Error): void
}

export class ClusterFollower {
  readonly state = new ClusterState()
  readonly #options: ClusterOptions
  readonly #syncer: Syncer
  #status: SyncStatus = 'waiting'
  #detail = ''
  #since: number = now()
  #plan: Plan | undefined
  #paused = false

  constructor(options: ClusterOptions) {
    this.#options = options
    this.#syncer = new Syncer({
      datastore: options.datastore,
      prefixes: options.followBlocks ? [...FOLLOWED, BLOCKS] : FOLLOWED,
      clock: systemClock,
      random: Math.random,
      listener: {
        snapshot: (snapshot, changed) => {
          this.state.update(snapshot, changed)
          options.snapshot?.(snapshot, changed)
          this.replan()
        },
        status: (status, detail) => {
          if (status !== this.#status) this.#since = now()
          this.#status = status
          // How much was read is news once; the numbers of now are the snapshot's.
          this.#detail = status === 'in-sync' ? '' : detail
          options.status(status, detail)
        },
      },
    })
  }

  start(): void {
    this.#syncer.start()
  }

  stop(): void {
    this.#syncer.stop()
  }

  get snapshot(): Snapshot {
    return this.#syncer.snapshot
  }

  /** The newest plan; absent before the first in-sync. */
  get plan(): Plan | undefined {
    return this.#plan
  }

  get sync(): { readonly status: SyncStatus; readonly detail: string; readonly since: number } {
    return { status: this.#status, detail: this.#detail, since: this.#since }
  }

  /** Something a plan depends on beside the datastore has changed. */
  replan(): void {
    if (this.#syncer.snapshot.revision === 0) return
    const locked = isLocked(this.state)
    // A daemon that starts meanwhile has no plan to keep: what stands there is better than no routes.
    if (locked && this.#plan !== undefined) {
      if (!this.#paused) this.#options.planned({ ...this.#plan, problems: [...this.#plan.problems, LOCKED] })
      this.#paused = true
      return
    }
    this.#paused = locked
    try {
      // With the plan before, unchanged peers stay the same objects and the engine passes over them by identity.
      const options = this.#options.planOptions()
      this.#plan = plan(
        this.state,
        this.#options.node,
        this.#plan === undefined ? options : { ...options, previous: this.#plan },
      )
    } catch (error) {
      this.#options.failed(error instanceof Error ? error : new Error(String(error)))
      return
    }
    this.#options.planned(this.#plan)
  }
}
