/**
 * Pod blocks for a node that runs without Calico's CNI (`--claim-block`): one per family, claimed once, kept for ever.
 *
 * Runs until the node has its blocks: they are claimed by compare-and-swap exactly as Calico's IPAM would (calico.md 7.1),
 * so that both can share a pool, and described to the standard CNI plugins when a file is named. A refusal (no pool
 * yet, all blocks taken) is told once per different text and tried again. Tunnel addresses, which Calico's own allocator
 * would claim (calico.md 4.7), are claimed here too, each time the pools change their encapsulation.
 */
import { mkdir, rename, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { Datastore } from '@starling/datastore'
import type { FamilyName } from '@starling/engine'
import type { Plan } from '@starling/intent'
import { cniConfList, ensureNodeBlock, ensureTunnelAddresses, IpamError, type NodeBlock } from '@starling/ipam'

const RETRY_MS = 2_000

export interface BlockKeeperOptions {
  readonly datastore: Datastore
  readonly node: string
  /** Path of the CNI configuration list to write. */
  readonly cniConf?: string
  claimed(cidr: string): void
  failed(text: string): void
}

export class BlockKeeper {
  readonly #options: BlockKeeperOptions
  readonly #held = new Map<FamilyName, NodeBlock>()
  #families: readonly FamilyName[] = []
  /** Pools with their encapsulation, as far as tunnel addresses depend on them: wanted, and done. */
  #pools = ''
  #tunnelsFor = ''
  #busy = false
  #stopped = false
  #lastFailure = ''
  #timer: NodeJS.Timeout | undefined

  constructor(options: BlockKeeperOptions) {
    this.#options = options
  }

  /** The plan knows which families the node has; one whose Node resource is not there yet has none and claims nothing. */
  planned({ identity, kernel }: Plan): void {
    this.#pools = kernel.pools.map(({ cidr, encapsulation }) => `${cidr} ${encapsulation}`).join('\n')
    this.#families = [
      ...(identity.ipv4 === undefined ? [] : (['ipv4'] as const)),
      ...(identity.ipv6 === undefined ? [] : (['ipv6'] as const)),
    ]
    this.#kick()
  }

  stop(): void {
    this.#stopped = true
    clearTimeout(this.#timer)
  }

  #kick(): void {
    const missing = this.#families.filter((family) => !this.#held.has(family))
    const tunnels = this.#families.length > 0 && this.#pools !== this.#tunnelsFor
    if (this.#busy || this.#stopped || (missing.length === 0 && !tunnels)) return
    this.#busy = true
    clearTimeout(this.#timer)
    this.#claim(missing)
      .catch((error: unknown) => this.#fail(error instanceof Error ? error.message : String(error)))
      .finally(() => {
        this.#busy = false
      })
  }

  async #claim(families: readonly FamilyName[]): Promise<void> {
    const { datastore, node, cniConf, claimed } = this.#options
    for (const family of families) {
      try {
        const block = await ensureNodeBlock({ datastore, now: Date.now }, { node, family })
        this.#held.set(family, block)
        claimed(block.cidr)
      } catch (error) {
        // A cluster without IPv6 pools is an ordinary cluster.
        if (family === 'ipv6' && error instanceof IpamError && error.code === 'no-pool') continue
        throw error
      }
    }
    if (cniConf !== undefined && families.length > 0) {
      await replaceFile(cniConf, cniConfList([...this.#held.values()]))
    }
    while (this.#tunnelsFor !== this.#pools) {
      const pools = this.#pools
      await ensureTunnelAddresses({ datastore, now: Date.now }, node)
      this.#tunnelsFor = pools
    }
    this.#lastFailure = ''
  }

  #fail(text: string): void {
    if (this.#stopped) return
    if (text !== this.#lastFailure) this.#options.failed(`no pod block or tunnel address yet: ${text}; trying again`)
    this.#lastFailure = text
    this.#timer = setTimeout(() => this.#kick(), RETRY_MS)
    this.#timer.unref()
  }
}

/** Written beside and renamed, so that the container runtime never reads half a file. */
async function replaceFile(path: string, text: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true })
  await writeFile(`${path}.new`, text)
  await rename(`${path}.new`, path)
}
