/**
 * IPAM's keys as typed reads and writes. Every write says which revision it replaces; "somebody was faster" is an
 * answer, not an exception.
 */
import type { Entry, Revision } from '@starling/datastore'
import { Prefix } from '@starling/inet'
import {
  type AffinityState,
  affinityKey,
  affinityPrefix,
  blockKey,
  DEFAULT_IPAM_CONFIG,
  decodeEntry,
  type Family,
  handleKey,
  IPAM_CONFIG_KEY,
  IPAM_PREFIX,
  type IpamConfigValue,
  type IpPoolResource,
  ipamHostKey,
  isJsonObject,
  type JsonObject,
  kindPrefix,
  type NodeResource,
  parseJson,
  parseKey,
  resourceKey,
  stringifyJson,
} from '@starling/resources'
import { Block } from './block.js'
import { type IpamContext, IpamError, isConflict } from './context.js'

export interface StoredBlock {
  readonly block: Block
  readonly revision: Revision
}

export interface StoredAffinity {
  readonly cidr: string
  readonly state: AffinityState
  readonly revision: Revision
}

const HOST = 'host:'
export const hostOwner = (node: string): string => HOST + node
/** The node of `host:worker-1`; undefined for other kinds of owner. */
export const nodeOf = (owner: string | undefined): string | undefined =>
  owner?.startsWith(HOST) === true ? owner.slice(HOST.length) : undefined

export async function readBlock({ datastore }: IpamContext, cidr: string): Promise<StoredBlock | undefined> {
  const entry = await datastore.get(blockKey(cidr))
  return entry === undefined ? undefined : stored(entry)
}

function stored(entry: Entry): StoredBlock {
  try {
    return { block: Block.parse(entry.value), revision: entry.revision }
  } catch {
    throw new IpamError('invalid-data', `${entry.key} does not hold an IPAM block`)
  }
}

/** Blocks of a family by CIDR; those that cannot be read are named in `broken` and count as taken. */
export async function listBlocks(
  { datastore }: IpamContext,
  family: Family,
): Promise<{ blocks: Map<string, StoredBlock>; broken: Set<string> }> {
  const { entries } = await datastore.list(`${IPAM_PREFIX}assignment/${family}/block/`)
  const blocks = new Map<string, StoredBlock>()
  const broken = new Set<string>()
  for (const entry of entries) {
    const name = parseKey(entry.key)
    if (name?.type !== 'block') continue
    const cidr = Prefix.parse(name.cidr)?.toString() ?? name.cidr
    try {
      blocks.set(cidr, stored(entry))
    } catch {
      broken.add(cidr)
    }
  }
  return { blocks, broken }
}

/** False: somebody was faster. */
export async function createBlock({ datastore }: IpamContext, block: Block): Promise<boolean> {
  return !isConflict(await datastore.create(blockKey(block.cidr), block.toString()))
}

export async function updateBlock({ datastore }: IpamContext, block: Block, revision: Revision): Promise<boolean> {
  return !isConflict(await datastore.update(blockKey(block.cidr), block.toString(), revision))
}

export async function deleteBlock({ datastore }: IpamContext, cidr: string, revision: Revision): Promise<boolean> {
  return !isConflict(await datastore.delete(blockKey(cidr), revision))
}

const affinityValue = (state: AffinityState): string => stringifyJson({ state, deleted: false })

function affinityOf(entry: Entry): StoredAffinity | undefined {
  const decoded = decodeEntry(entry.key, entry.value)
  if (decoded?.ok !== true || decoded.value.kind !== 'IPAMAffinity') return undefined
  return { cidr: decoded.value.cidr.network, state: decoded.value.state, revision: entry.revision }
}

export async function readAffinity(
  { datastore }: IpamContext,
  node: string,
  cidr: string,
): Promise<StoredAffinity | undefined> {
  const entry = await datastore.get(affinityKey(node, cidr))
  if (entry === undefined) return undefined
  // A value that cannot be read is rewritten like one that is not confirmed.
  return affinityOf(entry) ?? { cidr, state: 'pending', revision: entry.revision }
}

export async function listAffinities(
  { datastore }: IpamContext,
  node: string,
  family: Family,
): Promise<readonly StoredAffinity[]> {
  const { entries } = await datastore.list(affinityPrefix(node, family))
  return entries.flatMap((entry) => affinityOf(entry) ?? [])
}

/** The new revision, or undefined when somebody was faster. */
export async function writeAffinity(
  { datastore }: IpamContext,
  node: string,
  cidr: string,
  state: AffinityState,
  revision: Revision,
): Promise<Revision | undefined> {
  const key = affinityKey(node, cidr)
  const value = affinityValue(state)
  const result = revision === 0 ? await datastore.create(key, value) : await datastore.update(key, value, revision)
  return isConflict(result) ? undefined : result.entry.revision
}

export async function deleteAffinity(
  { datastore }: IpamContext,
  node: string,
  cidr: string,
  revision: Revision,
): Promise<boolean> {
  return !isConflict(await datastore.delete(affinityKey(node, cidr), revision))
}

/** The empty key that says that a node has IPAM data at all. */
export async function markHost({ datastore }: IpamContext, node: string): Promise<void> {
  await datastore.create(ipamHostKey(node), '')
}

export async function readConfig({ datastore }: IpamContext): Promise<IpamConfigValue> {
  const entry = await datastore.get(IPAM_CONFIG_KEY)
  if (entry === undefined) return DEFAULT_IPAM_CONFIG
  const decoded = decodeEntry(entry.key, entry.value)
  if (decoded?.ok !== true || decoded.value.kind !== 'IPAMConfig') {
    throw new IpamError('invalid-data', `${IPAM_CONFIG_KEY} cannot be read`)
  }
  return decoded.value.value
}

export async function listPools({ datastore }: IpamContext): Promise<readonly IpPoolResource[]> {
  const { entries } = await datastore.list(kindPrefix('IPPool'))
  return entries.flatMap((entry) => {
    const decoded = decodeEntry(entry.key, entry.value)
    return decoded?.ok === true && decoded.value.kind === 'IPPool' ? [decoded.value] : []
  })
}

/** Addresses that nobody may be given. A reservation that cannot be read stops everything: silence could hand them out. */
export async function listReservations({ datastore }: IpamContext): Promise<readonly Prefix[]> {
  const { entries } = await datastore.list(kindPrefix('IPReservation'))
  return entries.flatMap((entry) => {
    const decoded = decodeEntry(entry.key, entry.value)
    if (decoded?.ok !== true || decoded.value.kind !== 'IPReservation') {
      throw new IpamError('invalid-data', `${entry.key} cannot be read`)
    }
    return decoded.value.spec.reservedCIDRs.flatMap((cidr) => Prefix.parse(cidr.network) ?? [])
  })
}

export async function readNode({ datastore }: IpamContext, name: string): Promise<NodeResource | undefined> {
  const entry = await datastore.get(resourceKey('Node', name))
  if (entry === undefined) return undefined
  const decoded = decodeEntry(entry.key, entry.value)
  return decoded?.ok === true && decoded.value.kind === 'Node' ? decoded.value : undefined
}

/** Counts of a handle by block, changed by `delta`; zero removes the block, and the last one the handle. */
export async function changeHandle(
  { datastore }: IpamContext,
  handle: string,
  cidr: string,
  delta: number,
): Promise<boolean> {
  const key = handleKey(handle)
  const entry = await datastore.get(key)
  if (entry === undefined) {
    if (delta <= 0) return true
    return !isConflict(await datastore.create(key, stringifyJson({ block: { [cidr]: delta }, deleted: false })))
  }
  const parsed = parseJson(entry.value)
  const raw: JsonObject = isJsonObject(parsed) ? parsed : {}
  const counts: JsonObject = isJsonObject(raw['block']) ? { ...raw['block'] } : {}
  const before = typeof counts[cidr] === 'number' ? counts[cidr] : 0
  const after = before + delta
  if (after > 0) counts[cidr] = after
  else delete counts[cidr]
  if (Object.keys(counts).length === 0) return !isConflict(await datastore.delete(key, entry.revision))
  return !isConflict(await datastore.update(key, stringifyJson({ ...raw, block: counts }), entry.revision))
}

/** Blocks in which a handle holds addresses. */
export async function handleBlocks({ datastore }: IpamContext, handle: string): Promise<readonly string[]> {
  const entry = await datastore.get(handleKey(handle))
  if (entry === undefined) return []
  const decoded = decodeEntry(entry.key, entry.value)
  if (decoded?.ok !== true || decoded.value.kind !== 'IPAMHandle') return []
  return Object.keys(decoded.value.value.block)
}
