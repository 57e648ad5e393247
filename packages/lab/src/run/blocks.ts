/**
 * Blocks and pod addresses in the datastore, as any Calico component would handle them. Reading: affinity keys whose state
 * is confirmed (calico.md 1.9); an empty value is old data and means confirmed. Writing: what the CNI plugin does for a
 * pod, and a claim on behalf of nodes whose daemon is not ours.
 */
import type { Datastore } from '@starling/datastore'
import { assignAddress, claimBlock, IpamError } from '@starling/ipam'
import { IPAM_PREFIX, parseKey } from '@starling/resources'

/** Node name to its blocks, in key order. */
export async function confirmedBlocks(datastore: Datastore): Promise<Map<string, string[]>> {
  const { entries } = await datastore.list(`${IPAM_PREFIX}host/`)
  const blocks = new Map<string, string[]>()
  for (const { key, value } of entries) {
    const name = parseKey(key)
    if (name?.type !== 'affinity' || !isConfirmed(value)) continue
    blocks.set(name.owner, [...(blocks.get(name.owner) ?? []), name.cidr])
  }
  return blocks
}

function isConfirmed(value: string): boolean {
  try {
    const state = value === '' ? '' : (JSON.parse(value) as { state?: string }).state
    return state === undefined || state === '' || state === 'confirmed'
  } catch {
    return false
  }
}

const context = (datastore: Datastore) => ({ datastore, now: Date.now })

/** A block for a node that cannot claim one itself (BIRD). */
export async function claimFor(datastore: Datastore, node: string, family: 4 | 6): Promise<string> {
  return (await claimBlock(context(datastore), { node, family: `ipv${family}` })).cidr
}

/** Books a pod's address, so that the block is not empty and nobody else gets it. It may be booked already. */
export async function bookAddress(datastore: Datastore, node: string, pod: string, address: string): Promise<void> {
  const attributes = { namespace: 'default', node, pod }
  try {
    await assignAddress(context(datastore), address, { node, handle: `k8s-pod-network.${pod}`, attributes })
  } catch (error) {
    if (!(error instanceof IpamError && error.code === 'address-in-use')) throw error
  }
}
