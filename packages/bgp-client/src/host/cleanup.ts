/**
 * `starling cleanup`: takes away what Starling leaves on a host on purpose when it stops: routes of protocol 12, the
 * address of `tunl0`, the CNI configuration; and, where a datastore is named, the tunnel addresses it holds in IPAM. VXLAN devices only where asked, because they are Felix's in most clusters.
 * Reports each thing, done or not; a dry run reports the same and touches nothing.
 */
import { readFile, rm } from 'node:fs/promises'
import { formatAddress } from '@starling/bgp-packet/address'
import type { Datastore } from '@starling/datastore'
import { releaseTunnelAddresses } from '@starling/ipam'
import {
  cleanupRoutes,
  type FibDriver,
  type KernelRoute,
  PROTOCOL_BIRD,
  planTunnels,
  TABLE_MAIN,
  type TunnelDriver,
  type TunnelOperation,
} from '@starling/route-programmer'

export const DEFAULT_CNI_CONF = '/etc/cni/net.d/10-starling.conflist'
const VXLAN_DEVICES = ['vxlan.calico', 'vxlan-v6.calico']

export interface CleanupOptions {
  readonly dryRun: boolean
  readonly cniConf: string
  /** VXLAN devices as well. */
  readonly vxlan: boolean
  readonly tables?: readonly number[]
  /** Whose tunnel addresses to give back in IPAM; absent: the datastore is not touched. */
  readonly addresses?: { readonly datastore: Datastore; readonly node: string }
  /** The kernel; the real one when absent. */
  readonly routes?: FibDriver
  readonly tunnels?: TunnelDriver
}

export interface CleanupReport {
  readonly removed: readonly string[]
  readonly failed: readonly { readonly what: string; readonly why: string }[]
}

export async function cleanupHost(options: CleanupOptions): Promise<CleanupReport> {
  const removed: string[] = []
  const failed: { what: string; why: string }[] = []
  await routes(options, removed, failed)
  await tunnels(options, removed, failed)
  await cni(options, removed, failed)
  await addresses(options, removed, failed)
  return { removed, failed }
}

type Failed = { what: string; why: string }[]

async function routes(
  { dryRun, tables = [TABLE_MAIN], ...options }: CleanupOptions,
  removed: string[],
  failed: Failed,
) {
  const { NetlinkDriver } = await import('@starling/route-programmer/netlink')
  const driver = options.routes ?? new NetlinkDriver()
  try {
    const state = await driver.read()
    const names = new Map(state.links.map(({ index, name }) => [index, name]))
    const words = (route: KernelRoute) => routeText(route, (index) => names.get(index) ?? `if${index}`)
    if (dryRun) {
      const ours = state.routes.filter(({ protocol, table }) => protocol === PROTOCOL_BIRD && tables.includes(table))
      removed.push(...ours.map(words))
      return
    }
    const result = await cleanupRoutes(driver, tables)
    removed.push(...result.removed.map(words))
    failed.push(...result.failed.map(({ route, text }) => ({ what: words(route), why: text })))
  } finally {
    await driver.close()
  }
}

async function tunnels({ dryRun, vxlan, ...options }: CleanupOptions, removed: string[], failed: Failed) {
  const { NetlinkTunnelDriver } = await import('@starling/route-programmer/netlink')
  const driver = options.tunnels ?? new NetlinkTunnelDriver()
  try {
    const owned = ['tunl0', ...(vxlan ? VXLAN_DEVICES : [])]
    const operations = planTunnels([], await driver.read(owned), owned)
    const outcomes = dryRun ? [] : await driver.apply(operations)
    for (const [i, operation] of operations.entries()) {
      const { errno = 0, name, text = '' } = outcomes[i] ?? {}
      if (errno === 0) removed.push(operationText(operation))
      else failed.push({ what: operationText(operation), why: `${name ?? `errno ${errno}`} ${text}`.trim() })
    }
  } finally {
    await driver.close()
  }
}

async function addresses({ dryRun, addresses }: CleanupOptions, removed: string[], failed: Failed) {
  if (addresses === undefined) return
  const { datastore, node } = addresses
  try {
    const held = await releaseTunnelAddresses({ datastore, now: Date.now }, node, dryRun)
    removed.push(...held.map(({ kind, address }) => `${kind} tunnel address ${address} of Node ${node} in IPAM`))
  } catch (error) {
    failed.push({
      what: `tunnel addresses of Node ${node} in IPAM`,
      why: error instanceof Error ? error.message : String(error),
    })
  }
}

/** Only a file that we wrote: its list is called `starling`. */
async function cni({ dryRun, cniConf }: CleanupOptions, removed: string[], failed: Failed) {
  const what = `CNI configuration ${cniConf}`
  const text = await readFile(cniConf, 'utf8').catch(() => undefined)
  if (text === undefined) return
  if (!isOurs(text)) {
    failed.push({ what, why: 'not written by starling; left alone' })
    return
  }
  try {
    if (!dryRun) await rm(cniConf)
    removed.push(what)
  } catch (error) {
    failed.push({ what, why: error instanceof Error ? error.message : String(error) })
  }
}

function isOurs(text: string): boolean {
  try {
    return (JSON.parse(text) as { name?: unknown } | null)?.name === 'starling'
  } catch {
    return false
  }
}

/** As `ip route` would say it. */
function routeText(route: KernelRoute, interfaceName: (index: number) => string): string {
  const { destination, kind, metric, nextHops, table, tos } = route
  const hops = nextHops.map(({ gateway, ifindex, onlink }) =>
    [
      gateway === undefined ? '' : `via ${formatAddress(gateway)} `,
      `dev ${interfaceName(ifindex)}`,
      onlink ? ' onlink' : '',
    ].join(''),
  )
  return [
    `route ${kind === 'unicast' ? '' : `${kind} `}${formatAddress(destination.address)}/${destination.length}`,
    ...(tos === undefined ? [] : [`tos 0x${tos.toString(16)}`]),
    ...hops,
    ...(table === TABLE_MAIN ? [] : [`table ${table}`]),
    ...(metric === 0 ? [] : [`metric ${metric}`]),
  ].join(' ')
}

function operationText(operation: TunnelOperation): string {
  if (operation.op === 'remove-address') {
    return `address ${formatAddress(operation.bytes)}/${operation.length} of ${operation.device}`
  }
  return operation.op === 'create' ? `device ${operation.tunnel.name}` : `device ${operation.device}`
}
