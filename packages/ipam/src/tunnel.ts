/**
 * Tunnel addresses (calico.md 4.7): for each encapsulation that a pool enables, the Node names an address that IPAM has
 * assigned to it. Kept while it is still ours in a suitable pool, replaced otherwise, taken back when the encapsulation
 * is gone.
 */
import type { Datastore } from '@starling/datastore'
import {
  decodeEntry,
  type Family,
  type NodeResource,
  type Patch,
  patchValue,
  poolEncapsulation,
  resourceKey,
} from '@starling/resources'
import { addressBytes } from './address.js'
import { assignAddresses, releaseAddress, releaseByHandle } from './addresses.js'
import { type IpamContext, IpamError, isConflict, retrying } from './context.js'
import { eligiblePools, type Pool } from './pools.js'
import { listPools, readBlock } from './store.js'

export interface TunnelKind {
  readonly kind: 'ipip' | 'vxlan' | 'vxlan-v6' | 'wireguard' | 'wireguard-v6'
  readonly family: Family
  readonly handle: (node: string) => string
  /** The `type` attribute of the assignment. */
  readonly type: string
  readonly read: (node: NodeResource) => string | undefined
  readonly write: (address: string | null) => Patch
  readonly wanted: (pool: Pool, node: NodeResource) => boolean
}

const encapsulation = (pool: Pool): string => poolEncapsulation(pool.resource.spec)

export const TUNNELS: readonly TunnelKind[] = [
  {
    kind: 'ipip',
    family: 'ipv4',
    handle: (node) => `ipip-tunnel-addr-${node}`,
    type: 'ipipTunnelAddress',
    read: ({ spec }) => spec.bgp?.ipv4IPIPTunnelAddr,
    write: (address) => ({ bgp: { ipv4IPIPTunnelAddr: address } }),
    wanted: (pool) => encapsulation(pool) === 'ipip',
  },
  {
    kind: 'vxlan',
    family: 'ipv4',
    handle: (node) => `vxlan-tunnel-addr-${node}`,
    type: 'vxlanTunnelAddress',
    read: ({ spec }) => spec.ipv4VXLANTunnelAddr,
    write: (address) => ({ ipv4VXLANTunnelAddr: address }),
    wanted: (pool) => encapsulation(pool) === 'vxlan',
  },
  {
    kind: 'vxlan-v6',
    family: 'ipv6',
    handle: (node) => `vxlan-v6-tunnel-addr-${node}`,
    type: 'vxlanV6TunnelAddress',
    read: ({ spec }) => spec.ipv6VXLANTunnelAddr,
    write: (address) => ({ ipv6VXLANTunnelAddr: address }),
    wanted: (pool) => encapsulation(pool) === 'vxlan',
  },
  {
    kind: 'wireguard',
    family: 'ipv4',
    handle: (node) => `wireguard-tunnel-addr-${node}`,
    type: 'wireguardTunnelAddress',
    read: ({ spec }) => spec.wireguard?.interfaceIPv4Address,
    write: (address) => ({ wireguard: { interfaceIPv4Address: address } }),
    wanted: (_pool, node) => node.status?.wireguardPublicKey !== undefined,
  },
  {
    kind: 'wireguard-v6',
    family: 'ipv6',
    handle: (node) => `wireguard-v6-tunnel-addr-${node}`,
    type: 'wireguardV6TunnelAddress',
    read: ({ spec }) => spec.wireguard?.interfaceIPv6Address,
    write: (address) => ({ wireguard: { interfaceIPv6Address: address } }),
    wanted: (_pool, node) => node.status?.wireguardPublicKeyV6 !== undefined,
  },
]

export interface TunnelChange {
  readonly kind: TunnelKind['kind']
  readonly before: string | undefined
  readonly after: string | undefined
}

/** Brings the Node's tunnel addresses in order; answers what changed. */
export async function ensureTunnelAddresses(context: IpamContext, name: string): Promise<readonly TunnelChange[]> {
  const changes: TunnelChange[] = []
  for (const tunnel of TUNNELS) {
    const change = await ensureTunnel(context, name, tunnel)
    if (change !== undefined) changes.push(change)
  }
  return changes
}

async function ensureTunnel(context: IpamContext, name: string, tunnel: TunnelKind): Promise<TunnelChange | undefined> {
  const node = await readNodeEntry(context.datastore, name)
  const before = tunnel.read(node.value)
  const pools = eligiblePools(await listPools(context), {
    family: tunnel.family,
    labels: node.value.metadata.labels,
    use: 'Tunnel',
  }).filter((pool) => tunnel.wanted(pool, node.value))

  if (before !== undefined && pools.length > 0 && (await stillOurs(context, before, tunnel.handle(name), pools)))
    return undefined
  if (before !== undefined) await releaseIfOurs(context, before, tunnel.handle(name))
  if (pools.length === 0) {
    if (before === undefined) return undefined
    await writeNode(context.datastore, name, tunnel.write(null))
    return { kind: tunnel.kind, before, after: undefined }
  }
  // What an earlier attempt assigned and never wrote to the Node.
  await releaseByHandle(context, tunnel.handle(name))
  const [assigned] = await assignAddresses(context, {
    node: name,
    family: tunnel.family,
    labels: node.value.metadata.labels,
    use: 'Tunnel',
    pools: pools.map((pool) => pool.name),
    count: 1,
    handle: tunnel.handle(name),
    attributes: { node: name, type: tunnel.type },
  })
  if (assigned === undefined)
    throw new IpamError('no-free-block', `no address left for the ${tunnel.kind} tunnel of ${name}`)
  await writeNode(context.datastore, name, tunnel.write(assigned.address))
  return { kind: tunnel.kind, before, after: assigned.address }
}

export interface HeldTunnelAddress {
  readonly kind: TunnelKind['kind']
  readonly address: string
}

/**
 * Gives back what `ensureTunnelAddresses` took, for a node that leaves; answers what there was. A dry run only answers.
 * WireGuard addresses stay: its devices are Felix's, and so is their end.
 */
export async function releaseTunnelAddresses(
  context: IpamContext,
  name: string,
  dryRun = false,
): Promise<readonly HeldTunnelAddress[]> {
  const held: HeldTunnelAddress[] = []
  for (const tunnel of TUNNELS) {
    if (tunnel.kind.startsWith('wireguard')) continue
    const address = tunnel.read((await readNodeEntry(context.datastore, name)).value)
    if (address !== undefined) held.push({ kind: tunnel.kind, address })
    if (dryRun) continue
    // First the Node: nobody may send to an address that is free already.
    if (address !== undefined) await writeNode(context.datastore, name, tunnel.write(null))
    await releaseByHandle(context, tunnel.handle(name))
  }
  return held
}

async function stillOurs(
  context: IpamContext,
  address: string,
  handle: string,
  pools: readonly Pool[],
): Promise<boolean> {
  const bytes = addressBytes(address)
  const pool = bytes === undefined ? undefined : pools.find(({ prefix }) => prefix.containsAddress(bytes))
  if (bytes === undefined || pool === undefined) return false
  const index = (pool.prefix.indexOf(bytes) ?? 0n) >> BigInt(pool.prefix.bits - pool.blockSize)
  const cidr = pool.prefix.subnetAt(pool.blockSize, index)?.toString()
  const stored = cidr === undefined ? undefined : await readBlock(context, cidr)
  return stored?.block.allocations().some((item) => item.address === address && item.handle === handle) ?? false
}

/** Somebody else may hold it by now; that is theirs to keep. */
async function releaseIfOurs(context: IpamContext, address: string, handle: string): Promise<void> {
  await releaseAddress(context, address, { handle }).catch((error: unknown) => {
    if (!(error instanceof IpamError)) throw error
  })
}

async function readNodeEntry(datastore: Datastore, name: string) {
  const entry = await datastore.get(resourceKey('Node', name))
  const decoded = entry === undefined ? undefined : decodeEntry(entry.key, entry.value)
  if (entry === undefined || decoded?.ok !== true || decoded.value.kind !== 'Node') {
    throw new IpamError('not-found', `there is no readable Node ${name}`)
  }
  return { entry, value: decoded.value }
}

async function writeNode(datastore: Datastore, name: string, spec: Patch): Promise<void> {
  await retrying(`write Node ${name}`, async () => {
    const { entry } = await readNodeEntry(datastore, name)
    const result = await datastore.update(entry.key, patchValue(entry.value, { spec }), entry.revision)
    return isConflict(result) ? undefined : true
  })
}
