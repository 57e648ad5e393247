/**
 * Who owns which block, read from the datastore as any Calico component would (calico.md 1.9): affinity keys whose state
 * is confirmed. An empty value is old data and means confirmed.
 */
import type { Datastore } from '@starling/datastore'
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
