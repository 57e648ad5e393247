/**
 * `ipam show` and `ipam check`: how full the pools are, and whether the books agree with themselves.
 */
import { comparePrefixes, Prefix } from '@starling/inet'
import { decodeEntry, type Family, IPAM_PREFIX } from '@starling/resources'
import { Block } from './block.js'
import type { IpamContext } from './context.js'
import { type IpamFault, leakFaults } from './leaks.js'
import { isReserved, poolOf } from './pools.js'
import { listBlocks, listPools, listReservations, nodeOf } from './store.js'

export interface Usage {
  readonly grouping: 'IP Pool' | 'Block'
  readonly name: string
  readonly cidr: string
  readonly owner: string | undefined
  readonly total: bigint
  readonly inUse: bigint
  readonly reserved: bigint
  readonly free: bigint
}

export interface Borrowed {
  readonly address: string
  readonly borrower: string
  readonly block: string
  readonly owner: string | undefined
  readonly handle: string | undefined
}

export interface IpamReport {
  readonly usage: readonly Usage[]
  readonly borrowed: readonly Borrowed[]
}

const FAMILIES: readonly Family[] = ['ipv4', 'ipv6']

export async function showIpam(context: IpamContext): Promise<IpamReport> {
  const reservations = await listReservations(context)
  const usage: Usage[] = []
  const borrowed: Borrowed[] = []
  for (const family of FAMILIES) {
    const { blocks } = await listBlocks(context, family)
    const all = [...blocks.values()].map(({ block }) => block)
    const pools = (await listPools(context)).flatMap((resource) => poolOf(resource) ?? [])
    for (const pool of pools.filter(({ prefix }) => prefix.family === family)) {
      const inside = all.filter((block) => pool.prefix.contains(block.prefix)).sort(byPrefix)
      const blockUsage = inside.map((block) => usageOf(block, reservations))
      const inUse = blockUsage.reduce((sum, item) => sum + item.inUse, 0n)
      const reserved = reservedWithin(pool.prefix, reservations)
      const { size: total } = pool.prefix
      const free = total - inUse - reserved
      usage.push({
        grouping: 'IP Pool',
        name: pool.name,
        cidr: pool.prefix.toString(),
        owner: undefined,
        total,
        inUse,
        reserved,
        free: free < 0n ? 0n : free,
      })
      usage.push(...blockUsage)
    }
    borrowed.push(...all.flatMap(borrowedOf))
  }
  return { usage, borrowed }
}

const byPrefix = (a: Block, b: Block): number => comparePrefixes(a.prefix, b.prefix)

function usageOf(block: Block, reservations: readonly Prefix[]): Usage {
  const inUse = block.allocations().length
  const reserved = block.free.filter((ordinal) => {
    const address = block.prefix.addressAt(ordinal)
    return address !== undefined && isReserved(address, reservations)
  }).length
  return {
    grouping: 'Block',
    name: '',
    cidr: block.cidr,
    owner: block.affinity,
    total: BigInt(block.size),
    inUse: BigInt(inUse),
    reserved: BigInt(reserved),
    free: BigInt(block.size - inUse - reserved),
  }
}

/** Reservations may lie in one another: the outer ones count. */
function reservedWithin(pool: Prefix, reservations: readonly Prefix[]): bigint {
  const inside = reservations.filter((item) => pool.overlaps(item)).map((item) => (item.contains(pool) ? pool : item))
  const outer = inside.filter(
    (item, i) => !inside.some((other, j) => other.contains(item) && (!item.contains(other) || j < i)),
  )
  return outer.reduce((sum, item) => sum + item.size, 0n)
}

/** Attributes without `node` cannot be told apart (calico.md 6.4). */
function borrowedOf(block: Block): Borrowed[] {
  const owner = nodeOf(block.affinity)
  return block.allocations().flatMap(({ address, attributes, handle }): Borrowed[] => {
    const borrower = attributes['node']
    if (borrower === undefined || borrower === owner) return []
    return [{ address, borrower, block: block.cidr, owner: block.affinity, handle }]
  })
}

/** Everything under IPAM's prefix looked at once; an empty answer means that the books agree. */
export async function checkIpam(context: IpamContext): Promise<readonly IpamFault[]> {
  const faults: IpamFault[] = []
  const blocks = new Map<string, Block>()
  const affinities: { key: string; owner: string; cidr: string; state: string }[] = []
  const handles = new Map<string, { key: string; counts: Readonly<Record<string, number>> }>()
  for (const { key, value } of (await context.datastore.list(IPAM_PREFIX)).entries) {
    const decoded = decodeEntry(key, value)
    if (decoded === undefined) continue
    if (!decoded.ok) {
      faults.push(
        ...decoded.problems.map((problem) => ({ key, problem: `${problem.field ?? 'value'}: ${problem.message}` })),
      )
      continue
    }
    const item = decoded.value
    if (item.kind === 'IPAMBlock') {
      const block = Block.parse(value)
      blocks.set(block.cidr, block)
      faults.push(...blockFaults(key, block))
    } else if (item.kind === 'IPAMAffinity') {
      affinities.push({ key, owner: `${item.affinityType}:${item.owner}`, cidr: item.cidr.network, state: item.state })
    } else if (item.kind === 'IPAMHandle') handles.set(item.id, { key, counts: item.value.block })
  }
  const pools = (await listPools(context)).flatMap((resource) => poolOf(resource) ?? [])
  for (const { key, owner, cidr, state } of affinities) {
    const block = blocks.get(cidr)
    if (block === undefined) faults.push({ key, problem: `${state} affinity without a block` })
    else if (block.affinity !== owner)
      faults.push({ key, problem: `${state} affinity, but the block belongs to ${block.affinity ?? 'nobody'}` })
    else if (state !== 'confirmed')
      faults.push({ key, problem: `affinity is ${state}: a claim or release was interrupted` })
  }
  for (const block of blocks.values()) {
    const key = `block ${block.cidr}`
    const owner = block.affinity
    if (owner !== undefined && !affinities.some((item) => item.owner === owner && item.cidr === block.cidr)) {
      faults.push({ key, problem: `belongs to ${owner}, who has no affinity for it` })
    }
    if (!pools.some((pool) => pool.prefix.contains(block.prefix))) faults.push({ key, problem: 'lies in no pool' })
  }
  const leaks = await leakFaults(context, blocks.values())
  return [...faults, ...overlapFaults(blocks), ...handleFaults(blocks, handles), ...leaks]
}

function blockFaults(key: string, block: Block): IpamFault[] {
  const held = block.allocations()
  const free = block.free
  const faults: IpamFault[] = []
  const fault = (problem: string): void => {
    faults.push({ key, problem })
  }
  if (BigInt(block.size) !== block.prefix.size) fault(`${block.size} allocations for ${block.prefix.size} addresses`)
  if (new Set(free).size !== free.length) fault('an address is free twice')
  if (held.some(({ ordinal }) => free.includes(ordinal))) fault('an address is both free and in use')
  if (held.length + new Set(free).size !== block.size)
    fault(`${held.length} in use and ${free.length} free of ${block.size}`)
  for (const { address, handle } of held) if (handle === undefined) fault(`${address} is in use without a handle`)
  return faults
}

function overlapFaults(blocks: ReadonlyMap<string, Block>): IpamFault[] {
  const sorted = [...blocks.values()].sort((a, b) => a.prefix.length - b.prefix.length)
  return sorted.flatMap((block) => {
    // Only an outer block can contain this one: try its supernets rather than every pair.
    for (let length = block.prefix.length - 1; length >= 8; length--) {
      const outer = block.prefix.supernet(length)?.toString()
      if (outer !== undefined && blocks.has(outer))
        return [{ key: `block ${block.cidr}`, problem: `lies inside block ${outer}` }]
    }
    return []
  })
}

function handleFaults(
  blocks: ReadonlyMap<string, Block>,
  handles: ReadonlyMap<string, { key: string; counts: Readonly<Record<string, number>> }>,
): IpamFault[] {
  const actual = new Map<string, Map<string, number>>()
  for (const block of blocks.values()) {
    for (const { handle, releasedAt } of block.allocations()) {
      if (handle === undefined || releasedAt !== undefined) continue
      const counts = actual.get(handle) ?? new Map<string, number>()
      counts.set(block.cidr, (counts.get(block.cidr) ?? 0) + 1)
      actual.set(handle, counts)
    }
  }
  const faults: IpamFault[] = []
  for (const [handle, counts] of actual) {
    const booked = handles.get(handle)
    for (const [cidr, count] of counts) {
      const said = booked?.counts[cidr] ?? 0
      if (said !== count)
        faults.push({
          key: booked?.key ?? `handle ${handle}`,
          problem: `counts ${said} in ${cidr}, there are ${count}`,
        })
    }
  }
  for (const [handle, { key, counts }] of handles) {
    for (const [cidr, said] of Object.entries(counts)) {
      const network = Prefix.parse(cidr)?.toString() ?? cidr
      if (actual.get(handle)?.get(network) === undefined)
        faults.push({ key, problem: `counts ${said} in ${cidr}, there are none` })
    }
  }
  return faults
}
