/**
 * The kernel side as the API shows it: one line per route from the reconciler's rows, in pages.
 *
 * A page is cut from rows in the reconciler's own order, so a cursor is a slot and a page costs what it shows; routes that
 * come and go between two pages may be missed or seen twice, as in any live table.
 */
import { networkInterfaces } from 'node:os'
import type {
  InterfaceView,
  KernelPage,
  KernelQuery,
  KernelRouteState,
  KernelRouteView,
  KernelView,
} from '@starling/api'
import { formatAddress } from '@starling/bgp-packet/address'
import { type KernelViews, now } from '@starling/daemon'
import { Prefix } from '@starling/inet'
import {
  countStates,
  type KernelRoute,
  type NextHop,
  type Reconciler,
  type RouteProgrammer,
  type RouteRow,
  type RouteState,
  type RowPlace,
  routeRows,
  TABLE_MAIN,
} from '@starling/route-programmer'

const LARGE = 20_000
const COUNT_MS = 1000

const SHOWN: Readonly<Record<RouteState, KernelRouteState>> = {
  installed: 'installed',
  pending: 'pending',
  unresolved: 'waiting',
  conflict: 'foreign',
  failed: 'failed',
  held: 'adopted',
  deleting: 'removing',
}

export interface KernelSource {
  readonly programmer: RouteProgrammer
  readonly lastSync: () => number
}

export function kernelViews({ programmer, lastSync }: KernelSource): KernelViews {
  const { reconciler } = programmer
  const interfaceName = (index: number): string | undefined => reconciler.links.get(index)?.name
  const states = sparing(() => countStates(reconciler), reconciler, now)
  return {
    view(): KernelView {
      const rows = states()
      const { counters } = reconciler
      return {
        driver: programmer.description,
        synchronized: counters.reads > 0 && reconciler.wantRead === undefined,
        desired: rows.installed + rows.pending + rows.unresolved + rows.conflict + rows.failed,
        installed: rows.installed,
        pending: rows.pending + rows.unresolved + rows.deleting,
        failed: rows.failed,
        drifted: rows.conflict + rows.failed,
        repairs: counters.repairs,
        errors: counters.failures,
        resyncs: counters.gaps,
        lastSync: lastSync(),
      }
    },
    routes(query: KernelQuery): KernelPage {
      const place = placeOf(query.match)
      if (place === 'nowhere') return { routes: [] }
      const first = /^[0-9]{1,9}$/.test(query.cursor ?? '') ? Number(query.cursor) : undefined
      const family = query.family === undefined ? undefined : query.family === 'ipv4' ? 4 : 6
      const leftover = leftoverWords(reconciler, now())
      const routes: KernelRouteView[] = []
      for (const row of routeRows(reconciler, (state) => stateWanted(query.state, state), first, place)) {
        if (family !== undefined && row.destination.family !== family) continue
        if (routes.length === query.limit) return { routes, next: String(row.slot) }
        routes.push(rowView(row, leftover, interfaceName))
      }
      return { routes }
    },
    interfaces: () => interfaceViews(reconciler),
  }
}

/** Links as the kernel's notifications tell them; addresses are asked for when somebody looks. */
function interfaceViews({ links }: Pick<Reconciler, 'links'>): readonly InterfaceView[] {
  const addresses = networkInterfaces()
  return [...links.values()].map(({ name, index, up, running, mtu, kind }) => ({
    ...{ name, index, up, running, mtu },
    loopback: name === 'lo',
    pointToPoint: POINT_TO_POINT.has(kind),
    addresses: (addresses[name] ?? []).map(({ address, cidr }) => {
      const length = Number(cidr?.split('/')[1] ?? (address.includes(':') ? 128 : 32))
      return { address, length }
    }),
  }))
}

const POINT_TO_POINT: ReadonlySet<string> = new Set(['ipip', 'ip6tnl', 'sit', 'gre', 'tun', 'wireguard', 'ppp'])

/** While a large table keeps changing it is counted once a second, not for everybody who asks. */
export function sparing<T>(
  count: () => T,
  { tables }: { readonly tables: { readonly slots: { readonly index: { readonly size: number } } } },
  clock: () => number,
): () => T {
  let last: { readonly at: number; readonly value: T } | undefined
  return () => {
    const at = clock()
    const fresh = last !== undefined && tables.slots.index.size > LARGE && at - last.at < COUNT_MS
    if (last === undefined || !fresh) last = { at, value: count() }
    return last.value
  }
}

function stateWanted(wanted: KernelQuery['state'], state: RouteState): boolean {
  if (wanted === undefined) return true
  return wanted === 'drift' ? state !== 'installed' : SHOWN[state] === wanted
}

/** Why a route that nobody wants is still there, and for how long at most. */
export function leftoverWords(
  { deletesAllowed, deleteDeadline }: Pick<Reconciler, 'deletesAllowed' | 'deleteDeadline'>,
  time: number,
): string {
  if (deletesAllowed) return 'ours from before, wanted by nobody now'
  if (deleteDeadline === Number.POSITIVE_INFINITY) return 'ours from before, kept until BGP begins'
  return `ours from before, kept until peers have answered, ${Math.max(0, Math.ceil((deleteDeadline - time) / 1000))} s at most`
}

function placeOf(match: KernelQuery['match']): RowPlace | 'nowhere' | undefined {
  if (match === undefined) return undefined
  const prefix = Prefix.parseOrHost(match.prefix)
  if (prefix === undefined) return 'nowhere'
  const { bytes: address, length, family } = prefix
  return { kind: match.kind, destination: { family: family === 'ipv4' ? 4 : 6, address, length } }
}

function rowView(
  row: RouteRow,
  leftover: string,
  interfaceName: (index: number) => string | undefined,
): KernelRouteView {
  const { destination, table, metric, state, desired, actual, reason } = row
  return {
    prefix: `${formatAddress(destination.address)}/${destination.length}`,
    family: destination.family === 4 ? 'ipv4' : 'ipv6',
    state: SHOWN[state],
    why: desired?.why ?? (actual?.tos === undefined ? leftover : `${leftover}; TOS 0x${actual.tos.toString(16)}`),
    ...(desired === undefined
      ? {}
      : { desired: { kind: desired.kind, metric, table, nextHops: desired.nextHops.map(desiredHop) } }),
    ...(actual === undefined ? {} : { actual: { ...shape(actual, interfaceName), protocol: actual.protocol } }),
    ...(reason === undefined ? {} : { lastError: { errno: row.errno ?? 0, text: reason } }),
    repairs: row.repairs,
  }
}

function desiredHop({ gateway, device, onlink, weight }: NextHop) {
  return {
    ...(gateway === undefined ? {} : { gateway: formatAddress(gateway) }),
    ...(device === undefined ? {} : { interface: device }),
    onlink: onlink ?? false,
    weight: weight ?? 1,
  }
}

function shape(route: KernelRoute, interfaceName: (index: number) => string | undefined) {
  return {
    kind: route.kind,
    metric: route.metric,
    table: route.table ?? TABLE_MAIN,
    nextHops: route.nextHops.map(({ gateway, ifindex, onlink, weight }) => ({
      ...(gateway === undefined ? {} : { gateway: formatAddress(gateway) }),
      interface: interfaceName(ifindex) ?? `if${ifindex}`,
      onlink,
      weight,
    })),
  }
}
