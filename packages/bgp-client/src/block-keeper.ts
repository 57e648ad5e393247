/**
 * A pod block for a node that runs without Calico's CNI (`--claim-block`): claimed once, kept for ever.
 *
 * Runs after each plan: as long as the node owns no block that routes could be announced for, it claims one by
 * compare-and-swap exactly as Calico's IPAM would (calico.md 7.1), so that both can share a pool. A refusal (no pool
 * yet, all blocks taken) is told once per different text and tried again.
 */
import type { Datastore } from '@starling/datastore'
import type { Plan } from '@starling/intent'
import { claimBlock } from '@starling/ipam'

const RETRY_MS = 2_000

export interface BlockKeeperOptions {
  readonly datastore: Datastore
  readonly node: string
  claimed(cidr: string): void
  failed(text: string): void
}

export class BlockKeeper {
  readonly #options: BlockKeeperOptions
  #busy = false
  #stopped = false
  #owned = false
  #lastFailure = ''
  #timer: NodeJS.Timeout | undefined

  constructor(options: BlockKeeperOptions) {
    this.#options = options
  }

  /** The plan says which blocks are ours; a node that does not exist yet must not claim. */
  planned(plan: Plan): void {
    this.#owned = plan.localRoutes.some(({ source, target }) => source === 'static' && target.kind === 'blackhole')
    const exists = plan.identity.ipv4 !== undefined || plan.identity.ipv6 !== undefined
    if (exists) this.#kick()
  }

  stop(): void {
    this.#stopped = true
    clearTimeout(this.#timer)
  }

  #kick(): void {
    if (this.#busy || this.#stopped || this.#owned) return
    this.#busy = true
    clearTimeout(this.#timer)
    this.#claim()
      .catch((error: unknown) => this.#fail(error instanceof Error ? error.message : String(error)))
      .finally(() => {
        this.#busy = false
      })
  }

  async #claim(): Promise<void> {
    const { datastore, node, claimed } = this.#options
    const outcome = await claimBlock(datastore, { node, now: Date.now(), random: Math.random })
    if ('cidr' in outcome) {
      this.#owned = true
      this.#lastFailure = ''
      claimed(outcome.cidr)
    } else {
      this.#fail(outcome.problem)
    }
  }

  #fail(text: string): void {
    if (this.#stopped) return
    if (text !== this.#lastFailure) this.#options.failed(`no pod block: ${text}; trying again`)
    this.#lastFailure = text
    this.#timer = setTimeout(() => this.#kick(), RETRY_MS)
    this.#timer.unref()
  }
}
