/**
 * The wire between the unprivileged client and `starling programmer`: frames of a 4-byte length and JSON. The privileged
 * side trusts nothing: every value is checked before it becomes a route, and lengths are bounded. Addresses are hex.
 *
 *   client -> server   {id, op: "claim", node} | {id, op: "read"} | {id, op: "write", writes: [...]}
 *   server -> client   {id, slice: [...]} | {id, state: {...}} | {id, outcomes: [...]} | {id, error} | {events: [...]}
 */

import type { KernelEvent, KernelState, Placing, RouteWrite, WriteOutcome } from '../driver.js'
import { hex } from '../reconciler/way.js'
import type { Destination, Family, KernelAddress, KernelLink, KernelRoute, KernelRouteKind } from '../routes.js'

/** A frame beyond this is an attack or a bug; a batch of 512 multipath routes is far below. */
export const FRAME_LIMIT = 8 << 20
const WRITES_LIMIT = 16_384
const HOPS_LIMIT = 256
const NAME_LIMIT = 253

export class WireError extends Error {}

type WireHop = [gateway: string, ifindex: number, onlink: 0 | 1, weight: number]

export interface WireRoute {
  d: [address: string, length: number]
  k: KernelRouteKind
  t: number
  m: number
  tos?: number
  p: number
  s: number
  h: WireHop[]
  src?: string
  mtu?: number
  nh?: number
  x?: 1
}

export type WireEvent =
  | { type: 'route'; removed: boolean; route: WireRoute; placing?: Placing }
  | { type: 'nexthop'; id: number }
  | { type: 'link'; removed: boolean; link: WireLink }
  | { type: 'address'; removed: boolean; address: WireAddress }
  | { type: 'gap'; reason: string }

export type WireLink = Omit<KernelLink, 'mac'> & { mac?: string }
export type WireAddress = Omit<KernelAddress, 'address' | 'family'> & { address: string }

export type Request =
  | { id: number; op: 'claim'; node: string }
  | { id: number; op: 'read' }
  | { id: number; op: 'write'; writes: { op: RouteWrite['op']; route: WireRoute }[] }

export type Reply =
  | { id: number; tunnels: unknown }
  | { id: number; slice: WireRoute[] }
  | { id: number; state: { links: WireLink[]; addresses: WireAddress[] } }
  /** Only failures: position and outcome. */
  | { id: number; outcomes: [index: number, outcome: WriteOutcome][] }
  | { id: number; error: string }
  | { events: WireEvent[] }

// ---- values to wire ----

export function routeToWire(route: KernelRoute): WireRoute {
  return {
    d: [hex(route.destination.address), route.destination.length],
    k: route.kind,
    t: route.table,
    m: route.metric,
    ...(route.tos !== undefined && { tos: route.tos }),
    p: route.protocol,
    s: route.scope,
    h: route.nextHops.map((hop) => [
      hop.gateway === undefined ? '' : hex(hop.gateway),
      hop.ifindex,
      hop.onlink ? 1 : 0,
      hop.weight,
    ]),
    ...(route.sourceAddress !== undefined && { src: hex(route.sourceAddress) }),
    ...(route.mtu !== undefined && { mtu: route.mtu }),
    ...(route.nexthopId !== undefined && { nh: route.nexthopId }),
    ...(route.extras === true && { x: 1 as const }),
  }
}

function linkToWire({ mac, ...link }: KernelLink): WireLink {
  return { ...link, ...(mac !== undefined && { mac: hex(mac) }) }
}

function addressToWire({ address, family: _family, ...rest }: KernelAddress): WireAddress {
  return { ...rest, address: hex(address) }
}

export function stateToWire(state: KernelState): { links: WireLink[]; addresses: WireAddress[] } {
  return { links: state.links.map(linkToWire), addresses: state.addresses.map(addressToWire) }
}

export function eventToWire(event: KernelEvent): WireEvent {
  switch (event.type) {
    case 'route':
      return { ...event, route: routeToWire(event.route) }
    case 'link':
      return { ...event, link: linkToWire(event.link) }
    case 'address':
      return { ...event, address: addressToWire(event.address) }
    case 'nexthop':
    case 'gap':
      return event
  }
}

// ---- wire to values, checked ----

export function bytes(text: unknown, what: string): Uint8Array {
  if (typeof text !== 'string' || !/^([0-9a-f]{2}){0,32}$/.test(text)) throw new WireError(`${what} is not hex`)
  const out = new Uint8Array(text.length / 2)
  for (let i = 0; i < out.length; i++) out[i] = Number.parseInt(text.slice(2 * i, 2 * i + 2), 16)
  return out
}

export function ipBytes(text: unknown, what: string): Uint8Array {
  const out = bytes(text, what)
  if (out.length !== 4 && out.length !== 16) throw new WireError(`${what} is no address`)
  return out
}

export function integer(value: unknown, least: number, most: number, what: string): number {
  if (typeof value !== 'number' || !Number.isInteger(value) || value < least || value > most) {
    throw new WireError(`${what} is out of range`)
  }
  return value
}

export function object(value: unknown, what: string): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new WireError(`${what} is no object`)
  return value as Record<string, unknown>
}

export function list(value: unknown, limit: number, what: string): unknown[] {
  if (!Array.isArray(value) || value.length > limit) throw new WireError(`${what} is no list or too long`)
  return value
}

const WRITABLE_KINDS: readonly string[] = ['unicast', 'blackhole', 'unreachable', 'prohibit']
const KINDS: readonly string[] = [...WRITABLE_KINDS, 'throw', 'local', 'other']
const U32 = 0xffffffff

function destination(value: unknown): Destination {
  const [address, length] = list(value, 2, 'destination')
  const checked = ipBytes(address, 'destination')
  const family: Family = checked.length === 4 ? 4 : 6
  return { family, address: checked, length: integer(length, 0, checked.length * 8, 'prefix length') }
}

export function routeFromWire(value: unknown, kinds = KINDS): KernelRoute {
  const wire = object(value, 'route')
  if (!kinds.includes(String(wire['k']))) throw new WireError('route kind is unknown')
  const hops = list(wire['h'], HOPS_LIMIT, 'next hops').map((hop) => {
    const [gateway, ifindex, onlink, weight] = list(hop, 4, 'next hop')
    return {
      gateway: gateway === '' ? undefined : ipBytes(gateway, 'gateway'),
      ifindex: integer(ifindex, 0, 0x7fffffff, 'ifindex'),
      onlink: onlink === 1,
      weight: integer(weight, 1, 256, 'weight'),
    }
  })
  return {
    destination: destination(wire['d']),
    kind: wire['k'] as KernelRouteKind,
    table: integer(wire['t'], 0, U32, 'table'),
    metric: integer(wire['m'], 0, U32, 'metric'),
    tos: wire['tos'] === undefined ? undefined : integer(wire['tos'], 0, 255, 'TOS'),
    protocol: integer(wire['p'], 0, 255, 'protocol'),
    scope: integer(wire['s'], 0, 255, 'scope'),
    nextHops: hops,
    sourceAddress: wire['src'] === undefined ? undefined : ipBytes(wire['src'], 'source'),
    mtu: wire['mtu'] === undefined ? undefined : integer(wire['mtu'], 0, 0x7fffffff, 'MTU'),
    nexthopId: wire['nh'] === undefined ? undefined : integer(wire['nh'], 0, U32, 'nexthop'),
    extras: wire['x'] === 1 || undefined,
  }
}

/** A client that says who it is; undefined for any other request. */
export function claimFromWire(value: unknown): { id: number; node: string } | undefined {
  const wire = object(value, 'request')
  if (wire['op'] !== 'claim') return undefined
  const { node } = wire
  if (typeof node !== 'string' || node === '' || node.length > NAME_LIMIT) throw new WireError('node is no name')
  return { id: integer(wire['id'], 0, Number.MAX_SAFE_INTEGER, 'id'), node }
}

/** `tables`: those the client may write in; anything else is refused as a whole. */
export function requestFromWire(value: unknown, tables: ReadonlySet<number>): { id: number; writes?: RouteWrite[] } {
  const wire = object(value, 'request')
  const id = integer(wire['id'], 0, Number.MAX_SAFE_INTEGER, 'id')
  if (wire['op'] === 'read') return { id }
  if (wire['op'] !== 'write') throw new WireError('unknown operation')
  const writes = list(wire['writes'], WRITES_LIMIT, 'writes').map((entry): RouteWrite => {
    const { op, route } = object(entry, 'write')
    if (op !== 'add' && op !== 'replace' && op !== 'delete') throw new WireError('unknown write')
    // A leftover may be of any kind; only its key counts.
    const checked = routeFromWire(route, op === 'delete' ? KINDS : WRITABLE_KINDS)
    if (!tables.has(checked.table)) throw new WireError(`table ${checked.table} is not ours`)
    return { op, route: checked }
  })
  return { id, writes }
}

function linkFromWire({ mac, ...link }: WireLink): KernelLink {
  return { ...link, ...(mac !== undefined && { mac: bytes(mac, 'mac') }) }
}

function addressFromWire({ address, ...rest }: WireAddress): KernelAddress {
  const checked = ipBytes(address, 'address')
  return { ...rest, address: checked, family: checked.length === 4 ? 4 : 6 }
}

/** The client trusts the privileged side's shapes, not its bytes. */
export function stateFromWire(wire: { links: WireLink[]; addresses: WireAddress[] }): KernelState {
  return { links: wire.links.map(linkFromWire), addresses: wire.addresses.map(addressFromWire), routes: [] }
}

export function eventFromWire(event: WireEvent): KernelEvent {
  switch (event.type) {
    case 'route':
      return { ...event, route: routeFromWire(event.route) }
    case 'link':
      return { ...event, link: linkFromWire(event.link) }
    case 'address':
      return { ...event, address: addressFromWire(event.address) }
    case 'nexthop':
    case 'gap':
      return event
  }
}
