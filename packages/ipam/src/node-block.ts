/**
 * A block for a node that runs without Calico's CNI (`--claim-block`): claimed, held as a whole, and described to the
 * standard `ptp` and `host-local` plugins.
 *
 * host-local keeps its own books on the node's disk, so as far as the datastore can tell such a block would be empty:
 * another node could borrow from it, or reclaim it after a minute. So every address that may be given out is assigned to
 * one handle of the node, which keeps both away. Reserved addresses stay free and are left out of host-local's ranges.
 */
import { Prefix } from '@starling/inet'
import type { Family } from '@starling/resources'
import { addressText } from './address.js'
import { releaseByHandle } from './addresses.js'
import { releaseAffinity } from './affinity.js'
import type { Block } from './block.js'
import { type ClaimRequest, claimBlock, ownBlocks } from './claim.js'
import { type IpamContext, retrying } from './context.js'
import { isReserved } from './pools.js'
import { changeHandle, listReservations, readBlock, updateBlock } from './store.js'

export const hostLocalHandle = (node: string): string => `starling-host-local-${node}`

export interface NodeBlock {
  readonly cidr: string
  readonly family: Family
  /** First and last address of each run that host-local may use; reserved and otherwise used addresses are left out. */
  readonly ranges: readonly { readonly first: string; readonly last: string }[]
}

/** The node's block of the family: the one it has, or a new one. Safe to call at every start. */
export async function ensureNodeBlock(context: IpamContext, request: ClaimRequest): Promise<NodeBlock> {
  const handle = hostLocalHandle(request.node)
  const own = await ownBlocks(context, request.node, request.family)
  const before = own.find(({ block }) => block.allocations().some((item) => item.handle === handle))
  const cidr =
    before?.block.cidr ??
    own.find(({ block }) => block.isEmpty)?.block.cidr ??
    (await claimBlock(context, request)).cidr
  return hold(context, request.node, cidr)
}

async function hold(context: IpamContext, node: string, cidr: string): Promise<NodeBlock> {
  const handle = hostLocalHandle(node)
  const reservations = await listReservations(context)
  const block = await retrying(`hold ${cidr}`, async () => {
    const stored = await readBlock(context, cidr)
    if (stored === undefined) return undefined
    const ordinals = stored.block.free.filter((ordinal) => {
      const address = stored.block.prefix.addressAt(ordinal)
      return address !== undefined && !isReserved(address, reservations)
    })
    if (ordinals.length === 0) return stored.block
    const next = stored.block.assign(ordinals, handle, { node, type: 'hostLocal' })
    if (!(await changeHandle(context, handle, cidr, ordinals.length))) return undefined
    if (await updateBlock(context, next, stored.revision)) return next
    await changeHandle(context, handle, cidr, -ordinals.length)
    return undefined
  })
  return { cidr, family: block.prefix.family, ranges: runs(block, handle) }
}

/** Gives the block back: what the handle holds, then the affinity. */
export async function releaseNodeBlock(context: IpamContext, node: string, cidr: string): Promise<void> {
  await releaseByHandle(context, hostLocalHandle(node))
  await releaseAffinity(context, node, cidr)
}

function runs(block: Block, handle: string): readonly { first: string; last: string }[] {
  const ordinals = block
    .allocations()
    .filter((item) => item.handle === handle)
    .map(({ ordinal }) => ordinal)
  const out: { first: number; last: number }[] = []
  for (const ordinal of ordinals) {
    const open = out.at(-1)
    if (open !== undefined && open.last + 1 === ordinal) open.last = ordinal
    else out.push({ first: ordinal, last: ordinal })
  }
  return out.map(({ first, last }) => ({ first: block.addressOf(first), last: block.addressOf(last) }))
}

export interface CniOptions {
  readonly name?: string
  /** 0: the plugin's default. */
  readonly mtu?: number
  /** Where host-local keeps its books. */
  readonly dataDir?: string
  /** Source NAT for traffic that leaves the cluster: the pool's natOutgoing. */
  readonly ipMasq?: boolean
}

/** A CNI configuration list for `ptp` with `host-local`, one block per family. */
export function cniConfList(blocks: readonly NodeBlock[], options: CniOptions = {}): string {
  const { name = 'starling', mtu = 0, dataDir, ipMasq = false } = options
  const ranges = blocks.map(({ cidr, ranges: free }) => {
    const usable = free.length > 0 ? withGateway(cidr, free) : []
    return usable.map(({ first, last }) => ({
      subnet: cidr,
      rangeStart: first,
      rangeEnd: last,
      gateway: gatewayOf(cidr),
    }))
  })
  const routes = blocks.map(({ family }) => ({ dst: family === 'ipv4' ? '0.0.0.0/0' : '::/0' }))
  const ipam = { type: 'host-local', ranges, routes, ...(dataDir === undefined ? {} : { dataDir }) }
  const ptp = { type: 'ptp', ipMasq, ...(mtu > 0 ? { mtu } : {}), ipam }
  const list = {
    cniVersion: '0.4.0',
    name,
    plugins: [ptp, { type: 'portmap', snat: true, capabilities: { portMappings: true } }],
  }
  return `${JSON.stringify(list, undefined, 2)}\n`
}

/** The address after the network address: ptp puts it on the host's side of every pair. */
function gatewayOf(cidr: string): string {
  const prefix = Prefix.parse(cidr)
  const address = prefix?.addressAt(prefix.size > 2n ? 1n : 0n)
  return address === undefined ? '' : addressText(address)
}

/** host-local refuses a range that begins at the network address or ends at the broadcast address. */
function withGateway(cidr: string, free: readonly { first: string; last: string }[]) {
  const prefix = Prefix.parse(cidr)
  if (prefix === undefined || prefix.size <= 2n) return free
  const text = (index: bigint): string => {
    const address = prefix.addressAt(index)
    return address === undefined ? '' : addressText(address)
  }
  const network = text(0n)
  const second = text(1n)
  const broadcast = text(prefix.size - 1n)
  const beforeBroadcast = text(prefix.size - 2n)
  return free
    .filter(({ first, last }) => !(first === last && (first === network || first === broadcast)))
    .map(({ first, last }) => ({
      first: first === network ? second : first,
      last: last === broadcast && prefix.family === 'ipv4' ? beforeBroadcast : last,
    }))
}
