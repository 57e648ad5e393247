/**
 * Which pools a node may take from, and which blocks of a pool come in question, in which order (calico.md 7.1).
 */
import { Prefix } from '@starling/inet'
import {
  type Family,
  type IpPoolResource,
  matches,
  parseSelector,
  printSelector,
  SelectorError,
} from '@starling/resources'

export type PoolUse = 'Workload' | 'Tunnel'

export interface PoolQuery {
  readonly family: Family
  readonly labels: Readonly<Record<string, string>>
  readonly use?: PoolUse
  /** Only these pools, by name or CIDR. To name a pool is what one of mode `Manual`, or for some namespaces, waits for. */
  readonly pools?: readonly string[]
}

export interface Pool {
  readonly name: string
  readonly prefix: Prefix
  readonly blockSize: number
  readonly resource: IpPoolResource
}

/** A selector that does not parse selects nothing (calico.md 1.15); an absent one selects all. */
function selects(selector: string | undefined, labels: Readonly<Record<string, string>>): boolean {
  if (selector === undefined) return true
  try {
    return matches(parseSelector(selector), labels)
  } catch (error) {
    if (error instanceof SelectorError) return false
    throw error
  }
}

export function poolOf(resource: IpPoolResource): Pool | undefined {
  const prefix = Prefix.parse(resource.spec.cidr.network)
  const { blockSize } = resource.spec
  if (prefix === undefined || blockSize < prefix.length || blockSize > prefix.bits) return undefined
  return { name: resource.metadata.name, prefix, blockSize, resource }
}

/** Eligible pools in order of their names, so that two nodes that ask the same get the same answer. */
export function eligiblePools(resources: readonly IpPoolResource[], query: PoolQuery): readonly Pool[] {
  return resources
    .filter((resource) => isMeant(resource, query) && whyNot(resource, query) === undefined)
    .flatMap((resource) => poolOf(resource) ?? [])
    .sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0))
}

function isMeant({ metadata, spec }: IpPoolResource, { family, pools }: PoolQuery): boolean {
  return pools === undefined ? spec.cidr.family === family : isNamed({ metadata, spec }, pools)
}

const isNamed = ({ metadata, spec }: Pick<IpPoolResource, 'metadata' | 'spec'>, pools: readonly string[]): boolean =>
  pools.includes(metadata.name) || pools.includes(spec.cidr.network)

/** What keeps the pool from being taken from; undefined when nothing does. */
function whyNot(resource: IpPoolResource, { family, labels, use = 'Workload', pools }: PoolQuery): string | undefined {
  const { spec } = resource
  if (spec.cidr.family !== family) return `is an ${spec.cidr.family === 'ipv4' ? 'IPv4' : 'IPv6'} pool`
  if (poolOf(resource) === undefined) return 'is smaller than one of its blocks'
  if (spec.disabled) return 'is disabled'
  if (!(spec.allowedUses as readonly string[]).includes(use)) return `is not for use as ${use} (allowedUses)`
  if (!selects(spec.nodeSelector, labels)) return 'has a nodeSelector that does not select the node'
  if (pools !== undefined) return undefined
  if (spec.assignmentMode !== 'Automatic') return 'is taken from only by name (assignmentMode Manual)'
  // A node's block serves the pods of every namespace; a tunnel address is nobody's.
  if (use === 'Workload' && !isForAll(spec.namespaceSelector))
    return 'is for some namespaces only, and taken from only by name'
  return undefined
}

/** Around the block there are pools, and none of them selects the node any more (calico.md 7.1 step 2). */
export function isDeselected(
  resources: readonly IpPoolResource[],
  block: Prefix,
  labels: Readonly<Record<string, string>>,
): boolean {
  const around = resources.filter((resource) => poolOf(resource)?.prefix.contains(block) === true)
  return around.length > 0 && around.every(({ spec }) => !selects(spec.nodeSelector, labels))
}

function isForAll(selector: string | undefined): boolean {
  if (selector === undefined) return true
  try {
    return ['all()', 'global()'].includes(printSelector(parseSelector(selector)))
  } catch (error) {
    if (error instanceof SelectorError) return false
    throw error
  }
}

/** Why {@link eligiblePools} has none, for people. */
export function noPoolMessage(resources: readonly IpPoolResource[], node: string, query: PoolQuery): string {
  const meant = resources.filter((resource) => isMeant(resource, query))
  const reasons = meant.map((resource) => `IPPool ${resource.metadata.name} ${whyNot(resource, query)}`).sort()
  const unknown = query.pools?.filter((pool) => !meant.some((resource) => isNamed(resource, [pool]))) ?? []
  const all = [...unknown.map((pool) => `there is no IPPool ${pool}`), ...reasons]
  if (all.length === 0) all.push('there is none')
  const shown =
    all.length > REASONS_TOLD ? [...all.slice(0, REASONS_TOLD), `and ${all.length - REASONS_TOLD} more`] : all
  return `no ${query.family} pool for ${node}: ${shown.join('; ')}`
}
const REASONS_TOLD = 5

/** 32-bit FNV-1, as Calico seeds its walk: nodes begin at different places, so they rarely race for one block. */
export function fnv1(text: string): number {
  let hash = 0x811c9dc5
  for (const byte of utf8(text)) hash = (Math.imul(hash, 0x01000193) ^ byte) >>> 0
  return hash
}

function* utf8(text: string): Generator<number> {
  for (const character of text) {
    const point = character.codePointAt(0) ?? 0
    if (point < 0x80) yield point
    else if (point < 0x800) yield* [0xc0 | (point >> 6), 0x80 | (point & 63)]
    else if (point < 0x10000) yield* [0xe0 | (point >> 12), 0x80 | ((point >> 6) & 63), 0x80 | (point & 63)]
    else yield* [0xf0 | (point >> 18), 0x80 | ((point >> 12) & 63), 0x80 | ((point >> 6) & 63), 0x80 | (point & 63)]
  }
}

/**
 * The blocks of a pool from a start that depends on `seed`, once round. Lazy: an IPv6 pool has more blocks than anybody
 * will ever look at. Whole reservations are stepped over in one go, for the same reason.
 */
export function* candidates(pool: Pool, seed: number, reservations: readonly Prefix[]): Generator<Prefix> {
  const count = pool.prefix.subnetCount(pool.blockSize)
  // Spread the 32 bits over the pool whatever its size.
  const start = (BigInt(seed) * 0x9e3779b97f4a7c15n) % count
  for (let step = 0n; step < count; step++) {
    const block = pool.prefix.subnetAt(pool.blockSize, (start + step) % count)
    if (block === undefined) return
    const whole = reservations.find((reservation) => reservation.contains(block))
    if (whole !== undefined) {
      const skip = blocksLeft(whole, block) - 1n
      step += skip > 0n ? skip : 0n
    } else if (!whollyReserved(block, reservations)) {
      yield block
    }
  }
}

/** Blocks of this size from `block` to the end of the reservation around it. */
function blocksLeft(reservation: Prefix, block: Prefix): bigint {
  const inside = reservation.indexOf(block.bytes) ?? 0n
  return (reservation.size - inside) / block.size
}

/** Several small reservations may together leave nothing. Blocks have at most a few thousand addresses. */
function whollyReserved(block: Prefix, reservations: readonly Prefix[]): boolean {
  const inside = reservations.filter((reservation) => block.contains(reservation))
  const reserved = inside.reduce((sum, reservation) => sum + reservation.size, 0n)
  if (reserved < block.size) return false
  for (let i = 0n; i < block.size; i++) {
    const address = block.addressAt(i)
    if (address !== undefined && !inside.some((reservation) => reservation.containsAddress(address))) return false
  }
  return true
}

export function isReserved(address: Uint8Array, reservations: readonly Prefix[]): boolean {
  return reservations.some((reservation) => reservation.containsAddress(address))
}
