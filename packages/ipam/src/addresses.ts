/**
 * Single addresses: assigned from own blocks, borrowed where that is allowed, released by address or handle
 * (calico.md 7.2, 7.3, 7.5).
 *
 * The handle is counted before the block is written and counted down again when the write is lost: a crash in between
 * leaves a count that is too high, which `check` finds, and never an address that nobody can release.
 */
import { Prefix } from '@starling/inet'
import { addressBytes } from './address.js'
import type { Attributes, Block } from './block.js'
import { type ClaimRequest, claimBlock, ownBlocks, type Survey, survey } from './claim.js'
import { type IpamContext, IpamError, retrying } from './context.js'
import { isReserved, poolOf } from './pools.js'
import {
  changeHandle,
  handleBlocks,
  hostOwner,
  listBlocks,
  listPools,
  readBlock,
  readConfig,
  type StoredBlock,
  updateBlock,
} from './store.js'

export interface AssignRequest extends ClaimRequest {
  readonly count: number
  /** Lower case, as Calico's CNI writes it: `k8s-pod-network.<container id>`. */
  readonly handle: string
  readonly attributes: Attributes
}

export interface Assigned {
  readonly address: string
  readonly block: string
  readonly borrowed: boolean
}

/** As many of `count` addresses as there are; fewer only when every way is exhausted. */
export async function assignAddresses(context: IpamContext, request: AssignRequest): Promise<readonly Assigned[]> {
  const view = await survey(context, request)
  const assigned: Assigned[] = []
  const missing = (): number => request.count - assigned.length

  for (const { block } of await ownBlocks(context, request.node, request.family)) {
    if (missing() === 0) return assigned
    if (!view.pools.some((pool) => pool.prefix.contains(block.prefix))) continue
    assigned.push(...(await assignFrom(context, block.cidr, missing(), request, view, false)))
  }
  while (missing() > 0) {
    const block = await claimBlock(context, request).catch((error: unknown) => {
      if (error instanceof IpamError && error.code !== 'contention') return undefined
      throw error
    })
    if (block === undefined) break
    assigned.push(...(await assignFrom(context, block.cidr, missing(), request, view, false)))
  }
  if (missing() > 0 && !view.strictAffinity) assigned.push(...(await borrow(context, missing(), request, view)))
  return assigned
}

async function borrow(context: IpamContext, count: number, request: AssignRequest, view: Survey): Promise<Assigned[]> {
  const borrowed: Assigned[] = []
  for (const { block } of view.blocks.values()) {
    if (borrowed.length === count) break
    const own = block.affinity === hostOwner(request.node)
    if (own || !view.pools.some((pool) => pool.prefix.contains(block.prefix))) continue
    borrowed.push(...(await assignFrom(context, block.cidr, count - borrowed.length, request, view, true)))
  }
  return borrowed
}

/** Free ordinals in the order in which they became free, without reserved ones. */
function takeable(block: Block, count: number, reservations: readonly Prefix[]): readonly number[] {
  const taken: number[] = []
  for (const ordinal of block.free) {
    if (taken.length === count) break
    const address = block.prefix.addressAt(ordinal)
    if (address !== undefined && !isReserved(address, reservations)) taken.push(ordinal)
  }
  return taken
}

/** A loaded block with what a cooldown has set free by now. */
function collected({ block }: StoredBlock, context: IpamContext, cooldownSeconds: number): Block {
  const ordinals = block.cooled(context.now(), cooldownSeconds)
  return ordinals.length === 0 ? block : block.release(ordinals, context.now())
}

async function assignFrom(
  context: IpamContext,
  cidr: string,
  count: number,
  request: AssignRequest,
  view: Survey,
  borrowing: boolean,
): Promise<readonly Assigned[]> {
  return retrying(`assign from ${cidr}`, async () => {
    const stored = await readBlock(context, cidr)
    // It went away, or it is no longer ours: the caller looks elsewhere.
    if (stored === undefined || (!borrowing && stored.block.affinity !== hostOwner(request.node))) return []
    const block = collected(stored, context, view.cooldownSeconds)
    const ordinals = takeable(block, count, view.reservations)
    if (ordinals.length === 0) return []
    const written = await writeAssignment(context, stored, block, ordinals, request)
    if (!written) return undefined
    return ordinals.map((ordinal) => ({ address: block.addressOf(ordinal), block: cidr, borrowed: borrowing }))
  })
}

async function writeAssignment(
  context: IpamContext,
  stored: StoredBlock,
  block: Block,
  ordinals: readonly number[],
  { handle, attributes }: Pick<AssignRequest, 'handle' | 'attributes'>,
): Promise<boolean> {
  await countHandle(context, handle, block.cidr, ordinals.length)
  const written = await updateBlock(context, block.assign(ordinals, handle, attributes), stored.revision)
  if (!written) await countHandle(context, handle, block.cidr, -ordinals.length)
  return written
}

async function countHandle(context: IpamContext, handle: string, cidr: string, delta: number): Promise<void> {
  await retrying(`count handle ${handle}`, async () =>
    (await changeHandle(context, handle, cidr, delta)) ? true : undefined,
  )
}

/** One given address, from whatever block it lies in; the block is not claimed for it. */
export async function assignAddress(
  context: IpamContext,
  address: string,
  request: Pick<AssignRequest, 'node' | 'handle' | 'attributes'>,
): Promise<Assigned> {
  return retrying(`assign ${address}`, async () => {
    const found = await findBlock(context, address)
    if (found === undefined) throw new IpamError('not-found', `${address} lies in no block`)
    const { stored, ordinal } = found
    const owner = stored.block.affinity
    const borrowed = owner !== hostOwner(request.node)
    if (borrowed && (await readConfig(context)).strict_affinity) {
      throw new IpamError('strict-affinity', `${address} lies in a block of ${owner ?? 'nobody'}`)
    }
    if (!stored.block.free.includes(ordinal)) throw new IpamError('address-in-use', `${address} is in use`)
    const written = await writeAssignment(context, stored, stored.block, [ordinal], request)
    return written ? { address, block: stored.block.cidr, borrowed } : undefined
  })
}

interface Found {
  readonly stored: StoredBlock
  readonly ordinal: number
}

function bytesOf(address: string): Uint8Array {
  const bytes = addressBytes(address)
  if (bytes === undefined) throw new IpamError('invalid-data', `${address} is not an IP address`)
  return bytes
}

async function findBlock(context: IpamContext, address: string): Promise<Found | undefined> {
  const bytes = bytesOf(address)
  for (const resource of await listPools(context)) {
    const pool = poolOf(resource)
    if (pool === undefined || !pool.prefix.containsAddress(bytes)) continue
    const cidr: string | undefined = Prefix.from(bytes, pool.blockSize)?.toString()
    const stored: StoredBlock | undefined = cidr === undefined ? undefined : await readBlock(context, cidr)
    const ordinal = stored?.block.prefix.indexOf(bytes)
    if (stored !== undefined && ordinal !== undefined) return { stored, ordinal: Number(ordinal) }
  }
  return undefined
}

/** A pool that was deleted, or made anew with blocks of another size, leaves blocks behind. */
async function findAnyBlock(context: IpamContext, address: string): Promise<Found | undefined> {
  const found = await findBlock(context, address)
  if (found !== undefined) return found
  const bytes = bytesOf(address)
  for (const stored of (await listBlocks(context, bytes.length === 4 ? 'ipv4' : 'ipv6')).blocks.values()) {
    const ordinal = stored.block.prefix.indexOf(bytes)
    if (ordinal !== undefined) return { stored, ordinal: Number(ordinal) }
  }
  return undefined
}

export interface ReleaseAddressOptions {
  /** Refuse when the address was given to another handle, or again since. */
  readonly handle?: string
  readonly sequence?: bigint
}

/** False: the address was not in use. */
export async function releaseAddress(
  context: IpamContext,
  address: string,
  options: ReleaseAddressOptions = {},
): Promise<boolean> {
  const { ipCooldownSeconds } = await readConfig(context)
  return retrying(`release ${address}`, async () => {
    const found = await findAnyBlock(context, address)
    const allocation = found?.stored.block.allocations().find(({ ordinal }) => ordinal === found.ordinal)
    if (found === undefined || allocation === undefined || allocation.releasedAt !== undefined) return false
    if (options.handle !== undefined && allocation.handle !== options.handle) {
      throw new IpamError('wrong-owner', `${address} belongs to handle ${allocation.handle ?? 'none'}`)
    }
    if (options.sequence !== undefined && allocation.sequence !== options.sequence) {
      throw new IpamError('sequence-changed', `${address} was given out again`)
    }
    return writeRelease(context, found.stored, [allocation], ipCooldownSeconds)
  })
}

async function writeRelease(
  context: IpamContext,
  { block, revision }: StoredBlock,
  allocations: readonly { ordinal: number; handle: string | undefined }[],
  cooldownSeconds: number,
): Promise<true | undefined> {
  const ordinals = allocations.map(({ ordinal }) => ordinal)
  const next = block.release(ordinals, context.now(), cooldownSeconds)
  if (!(await updateBlock(context, next, revision))) return undefined
  const counts = new Map<string, number>()
  for (const { handle } of allocations) if (handle !== undefined) counts.set(handle, (counts.get(handle) ?? 0) + 1)
  for (const [handle, count] of counts) await countHandle(context, handle, block.cidr, -count)
  return true
}

/** Everything a handle holds; returns the addresses. */
export async function releaseByHandle(context: IpamContext, handle: string): Promise<readonly string[]> {
  const { ipCooldownSeconds } = await readConfig(context)
  const released: string[] = []
  for (const cidr of await handleBlocks(context, handle)) {
    const freed = await retrying(`release handle ${handle}`, async () => {
      const stored = await readBlock(context, cidr)
      const held = stored?.block.allocations().filter((item) => item.handle === handle && item.releasedAt === undefined)
      if (stored === undefined || held === undefined || held.length === 0) {
        // The count outlived the addresses: a crash between the two writes.
        await countHandle(context, handle, cidr, -Number.MAX_SAFE_INTEGER)
        return []
      }
      const done = await writeRelease(context, stored, held, ipCooldownSeconds)
      return done === undefined ? undefined : held.map(({ address }) => address)
    })
    released.push(...freed)
  }
  return released
}
