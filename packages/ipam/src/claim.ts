/**
 * Finding a block for a node: its own first, then a free one, then an empty one that another node does not use
 * (calico.md 7.1).
 */
import { Prefix } from '@starling/inet'
import { decodeEntry, type Family, resourceKey } from '@starling/resources'
import { claimAffinity, releaseAffinity } from './affinity.js'
import type { Block } from './block.js'
import { type IpamContext, IpamError } from './context.js'
import { candidates, eligiblePools, fnv1, isDeselected, noPoolMessage, type Pool, type PoolUse } from './pools.js'
import {
  hostOwner,
  listAffinities,
  listBlocks,
  listPools,
  listReservations,
  nodeOf,
  readConfig,
  readNode,
  type StoredAffinity,
  type StoredBlock,
} from './store.js'

/** An empty block of another node may be taken when it was claimed longer ago than this. */
export const RECLAIM_AGE = 60_000
/** Blocks per node where neither the request nor the configuration says. */
export const DEFAULT_BLOCK_LIMIT = 20

export interface ClaimRequest {
  readonly node: string
  readonly family: Family
  readonly use?: PoolUse
  /** Only these pools, by name or CIDR. */
  readonly pools?: readonly string[]
  /** The smaller of this and the configuration's limit counts. */
  readonly maxBlocks?: number
  /** Labels of the node; read from its Node resource when absent. */
  readonly labels?: Readonly<Record<string, string>>
}

/** What is claimed while the datastore is moved elsewhere is lost, and claimed again by another (calico.md 1.13). */
async function refuseWhileLocked({ datastore }: IpamContext): Promise<void> {
  const entry = await datastore.get(resourceKey('ClusterInformation', 'default'))
  const decoded = entry === undefined ? undefined : decodeEntry(entry.key, entry.value)
  if (
    decoded?.ok !== true ||
    decoded.value.kind !== 'ClusterInformation' ||
    decoded.value.spec.datastoreReady !== false
  )
    return
  throw new IpamError('locked', 'the datastore is locked (ClusterInformation/default spec.datastoreReady is false)')
}

/** Everything one attempt needs to know, read once. */
export interface Survey {
  readonly pools: readonly Pool[]
  /** Why there is no pool; undefined where there is one. */
  readonly noPool: string | undefined
  readonly reservations: readonly Prefix[]
  readonly blocks: ReadonlyMap<string, StoredBlock>
  readonly broken: ReadonlySet<string>
  readonly strictAffinity: boolean
  readonly autoAllocate: boolean
  readonly cooldownSeconds: number
  readonly blockLimit: number
  /** The node's labels are known, and the pool of this block does not take them any more. */
  readonly deselected: (block: Prefix) => boolean
}

export async function survey(context: IpamContext, request: ClaimRequest): Promise<Survey> {
  const { node, family, use, pools: wanted } = request
  await refuseWhileLocked(context)
  const [config, resources, reservations, { blocks, broken }] = await Promise.all([
    readConfig(context),
    listPools(context),
    listReservations(context),
    listBlocks(context, family),
  ])
  const known = request.labels ?? (await readNode(context, node))?.metadata.labels
  const labels = known ?? {}
  const query = {
    family,
    labels,
    ...(use === undefined ? {} : { use }),
    ...(wanted === undefined ? {} : { pools: wanted }),
  }
  const pools = eligiblePools(resources, query)
  const limits = [request.maxBlocks, config.maxBlocksPerHost].filter((limit) => limit !== undefined && limit > 0)
  return {
    pools,
    noPool: pools.length === 0 ? noPoolMessage(resources, node, query) : undefined,
    reservations,
    blocks,
    broken,
    strictAffinity: config.strict_affinity,
    autoAllocate: config.auto_allocate_blocks,
    cooldownSeconds: config.ipCooldownSeconds,
    blockLimit: limits.length === 0 ? DEFAULT_BLOCK_LIMIT : Math.min(...(limits as number[])),
    deselected: (block) => known !== undefined && isDeselected(resources, block, known),
  }
}

/** A new block for the node (or one whose claim was interrupted); an {@link IpamError} says why there is none. */
export async function claimBlock(context: IpamContext, request: ClaimRequest): Promise<Block> {
  const view = await survey(context, request)
  if (!view.autoAllocate) throw new IpamError('auto-allocate-off', 'the IPAM configuration forbids claiming blocks')
  if (view.noPool !== undefined) throw new IpamError('no-pool', view.noPool)
  await releaseStrays(context, request, view)
  const affinities = await listAffinities(context, request.node, request.family)
  const finished = await finishClaims(context, request, view, affinities)
  if (finished !== undefined) return finished
  if (affinities.length >= view.blockLimit) {
    const { node, family } = request
    throw new IpamError(
      'block-limit',
      `${node} has ${affinities.length} ${family} blocks, the limit is ${view.blockLimit}`,
    )
  }
  const claimed = (await claimFree(context, request, view, affinities)) ?? (await reclaimEmpty(context, request, view))
  if (claimed !== undefined) return claimed
  throw new IpamError('no-free-block', `every block of ${view.pools.map(({ name }) => name).join(', ')} is taken`)
}

/** What a crash left half done comes first: the block is ours already, or the affinity that claims it must go. */
async function finishClaims(
  context: IpamContext,
  { node }: ClaimRequest,
  view: Survey,
  affinities: readonly StoredAffinity[],
): Promise<Block | undefined> {
  for (const { cidr, state } of affinities) {
    const prefix = Prefix.parse(cidr)
    const offered = prefix !== undefined && view.pools.some((pool) => pool.prefix.contains(prefix))
    if (state !== 'pending' || !offered || view.broken.has(cidr)) continue
    const outcome = await claimAffinity(context, node, prefix)
    if (outcome.claimed) return outcome.block
  }
  return undefined
}

/** A single address as block leaves no room for chance by name: then the time decides where to begin. */
const seedFor = (pool: Pool, node: string, now: number): number =>
  pool.blockSize === pool.prefix.bits ? Math.floor(now) >>> 0 : fnv1(node)

async function claimFree(
  context: IpamContext,
  { node }: ClaimRequest,
  view: Survey,
  affinities: readonly StoredAffinity[],
): Promise<Block | undefined> {
  const confirmed = new Set(affinities.filter(({ state }) => state === 'confirmed').map(({ cidr }) => cidr))
  // A block may say that it is ours where no affinity does, or one that is on its way out.
  const isLost = ({ block }: StoredBlock): boolean =>
    block.affinity === hostOwner(node) && block.free.length > 0 && !confirmed.has(block.cidr)
  for (const pool of view.pools) {
    for (const prefix of candidates(pool, seedFor(pool, node, context.now()), view.reservations)) {
      const cidr = prefix.toString()
      const existing = view.blocks.get(cidr)
      if ((existing !== undefined && !isLost(existing)) || view.broken.has(cidr)) continue
      const outcome = await claimAffinity(context, node, prefix)
      if (outcome.claimed) return outcome.block
    }
  }
  return undefined
}

async function reclaimEmpty(context: IpamContext, { node }: ClaimRequest, view: Survey): Promise<Block | undefined> {
  for (const { block } of view.blocks.values()) {
    const owner = nodeOf(block.affinity)
    const inPool = view.pools.some(
      (pool) => pool.prefix.contains(block.prefix) && pool.blockSize === block.prefix.length,
    )
    const old = block.claimedAt === undefined || context.now() - block.claimedAt > RECLAIM_AGE
    if (owner === undefined || owner === node || !inPool || !old || !block.isEmpty) continue
    try {
      await releaseAffinity(context, owner, block.cidr, { mustBeEmpty: true, sequence: block.sequence })
    } catch (error) {
      // It is in use after all, or somebody else was faster: leave it to them.
      if (error instanceof IpamError) continue
      throw error
    }
    const outcome = await claimAffinity(context, node, block.prefix)
    if (outcome.claimed) return outcome.block
  }
  return undefined
}

/** The node's own confirmed blocks, those with free addresses first. */
export async function ownBlocks(context: IpamContext, node: string, family: Family): Promise<readonly StoredBlock[]> {
  const affinities = await listAffinities(context, node, family)
  const { blocks } = await listBlocks(context, family)
  return affinities
    .filter(({ state }) => state === 'confirmed')
    .flatMap(({ cidr }) => blocks.get(cidr) ?? [])
    .filter(({ block }) => block.affinity === hostOwner(node))
    .sort((a, b) => Math.sign(b.block.free.length) - Math.sign(a.block.free.length))
}

/** Gives back empty blocks of the node that its pools no longer offer it (calico.md 7.1 step 2). */
export async function releaseStrayBlocks(context: IpamContext, request: ClaimRequest): Promise<readonly string[]> {
  return releaseStrays(context, request, await survey(context, request))
}

async function releaseStrays(
  context: IpamContext,
  { node, family }: ClaimRequest,
  view: Survey,
): Promise<readonly string[]> {
  const released: string[] = []
  const own = [...view.blocks.values()].filter(({ block }) => block.affinity === hostOwner(node))
  for (const { block } of own) {
    if (block.prefix.family !== family || !block.isEmpty || !view.deselected(block.prefix)) continue
    try {
      await releaseAffinity(context, node, block.cidr, { mustBeEmpty: true, sequence: block.sequence })
      released.push(block.cidr)
    } catch (error) {
      // In use since, or somebody else's by now.
      if (!(error instanceof IpamError)) throw error
    }
  }
  return released
}
