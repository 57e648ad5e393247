/**
 * Claiming and releasing one block, step by step, so that a crash or a race after any step leaves something the next
 * caller can finish (calico.md 7.1 steps 5 and 6, 7.4).
 *
 * The order is the safety: the affinity says "pending" before the block exists and "pendingDeletion" before it goes, so
 * nobody ever announces a block that is not its own. A block that is found already ours is written again before the
 * affinity is confirmed: whoever was about to delete it then holds a revision that is no longer true.
 */
import type { Prefix } from '@starling/inet'
import { Block } from './block.js'
import { type IpamContext, IpamError, retrying } from './context.js'
import {
  createBlock,
  deleteAffinity,
  deleteBlock,
  hostOwner,
  markHost,
  readAffinity,
  readBlock,
  updateBlock,
  writeAffinity,
} from './store.js'

/** `taken`: the block belongs to somebody else; look for another. */
export type ClaimOutcome =
  | { readonly claimed: true; readonly block: Block }
  | { readonly claimed: false; readonly owner: string | undefined }

export async function claimAffinity(context: IpamContext, node: string, prefix: Prefix): Promise<ClaimOutcome> {
  await markHost(context, node)
  return retrying(`claim ${prefix.toString()} for ${node}`, () => claimOnce(context, node, prefix))
}

async function claimOnce(context: IpamContext, node: string, prefix: Prefix): Promise<ClaimOutcome | undefined> {
  const cidr = prefix.toString()
  const owner = hostOwner(node)
  const affinity = await readAffinity(context, node, cidr)
  const existing = await readBlock(context, cidr)
  if (affinity?.state === 'confirmed' && existing?.block.affinity === owner) {
    return { claimed: true, block: existing.block }
  }
  if (existing !== undefined && existing.block.affinity !== owner) {
    // A left-over affinity of ours (crash, lost race) claims what another owns.
    if (affinity !== undefined) await deleteAffinity(context, node, cidr, affinity.revision)
    return { claimed: false, owner: existing.block.affinity }
  }
  const pending = await writeAffinity(context, node, cidr, 'pending', affinity?.revision ?? 0)
  if (pending === undefined) return undefined
  const block = existing === undefined ? Block.create(prefix, owner, context.now()) : existing.block.touched()
  const written =
    existing === undefined ? await createBlock(context, block) : await updateBlock(context, block, existing.revision)
  if (!written) return undefined
  if ((await writeAffinity(context, node, cidr, 'confirmed', pending)) === undefined) return undefined
  return { claimed: true, block }
}

export interface ReleaseOptions {
  /** Refuse when an address is in use. */
  readonly mustBeEmpty?: boolean
  /** Refuse when the block has changed since. */
  readonly sequence?: bigint
}

/** Gives a block up: an empty one is deleted, one in use stays without an owner. */
export async function releaseAffinity(
  context: IpamContext,
  node: string,
  cidr: string,
  options: ReleaseOptions = {},
): Promise<void> {
  await retrying(`release ${cidr} of ${node}`, async () =>
    (await releaseOnce(context, node, cidr, options)) ? true : undefined,
  )
}

async function releaseOnce(
  context: IpamContext,
  node: string,
  cidr: string,
  { mustBeEmpty = false, sequence }: ReleaseOptions,
): Promise<boolean> {
  const affinity = await readAffinity(context, node, cidr)
  const stored = await readBlock(context, cidr)
  if (affinity === undefined && stored?.block.affinity !== hostOwner(node)) {
    throw new IpamError('not-found', `${node} has no affinity for ${cidr}`)
  }
  if (stored === undefined) {
    return affinity === undefined || deleteAffinity(context, node, cidr, affinity.revision)
  }
  const { block, revision } = stored
  if (block.affinity !== hostOwner(node)) {
    if (affinity !== undefined) await deleteAffinity(context, node, cidr, affinity.revision)
    // What a crash left after the block had gone to nobody is finished by now; somebody else's block is a conflict.
    if (block.affinity === undefined) return true
    throw new IpamError('wrong-owner', `${cidr} belongs to ${block.affinity}, not to ${node}`)
  }
  if (sequence !== undefined && block.sequence !== sequence) {
    throw new IpamError('sequence-changed', `${cidr} changed while it was looked at`)
  }
  if (mustBeEmpty && !block.isEmpty) throw new IpamError('not-empty', `${cidr} is in use`)

  const leaving = await writeAffinity(context, node, cidr, 'pendingDeletion', affinity?.revision ?? 0)
  if (leaving === undefined) return false
  const gone = block.isEmpty
    ? await deleteBlock(context, cidr, revision)
    : await updateBlock(context, block.withAffinity(undefined, context.now()), revision)
  if (!gone) return false
  return deleteAffinity(context, node, cidr, leaving)
}
