/**
 * Tunnels on the wire of `starling programmer`: the same frames, addresses as hex. The privileged side makes only what it
 * would make itself: devices of three names, of two kinds, with checked numbers.
 *
 *   client -> server   {id, op: "tunnels", names: [...]} | {id, op: "tunnel-apply", operations: [...]}
 *   server -> client   {id, tunnels: [...]} | {id, outcomes: [...]} | {id, error}
 */

import { hex } from '../reconciler/way.js'
import type { ActualTunnel, DesiredTunnel, TunnelOperation, VxlanParameters } from '../tunnels/types.js'
import { bytes, integer, ipBytes, list, object, WireError } from './wire.js'

/** Every device Calico makes that we may have to make (calico.md 4.2). */
export const TUNNEL_DEVICES: readonly string[] = ['tunl0', 'vxlan.calico', 'vxlan-v6.calico']
/** A VTEP per node of a large cluster. */
const ENTRIES_LIMIT = 65_536
const MTU_LIMIT = 65_535

export type TunnelRequest = { readonly names: readonly string[] } | { readonly operations: readonly TunnelOperation[] }

/** Bytes become `{"hex": ...}` wherever they stand: both directions share it. */
export function tunnelsToWire(value: unknown): unknown {
  return JSON.parse(
    JSON.stringify(value, (_key, member: unknown) => (member instanceof Uint8Array ? { hex: hex(member) } : member)),
  )
}

const raw = (value: unknown, what: string): Uint8Array => bytes(object(value, what)['hex'], what)
const ip = (value: unknown, what: string): Uint8Array => ipBytes(object(value, what)['hex'], what)

function mac(value: unknown): Uint8Array {
  const octets = raw(value, 'MAC')
  if (octets.length !== 6) throw new WireError('a MAC has six octets')
  return octets
}

function device(value: unknown): string {
  if (typeof value !== 'string' || !TUNNEL_DEVICES.includes(value)) throw new WireError('a device that is not ours')
  return value
}

function prefix(value: unknown): { bytes: Uint8Array; length: number } {
  const wire = object(value, 'address')
  const address = ip(wire['bytes'], 'address')
  return { bytes: address, length: integer(wire['length'], 0, address.length * 8, 'prefix length') }
}

function vxlan(value: unknown): VxlanParameters {
  const wire = object(value, 'vxlan')
  const parent = wire['parent']
  if (typeof parent !== 'string' || parent.length === 0 || parent.length > 15) throw new WireError('no parent')
  return {
    id: integer(wire['id'], 0, 0xffffff, 'VNI'),
    port: integer(wire['port'], 0, 65_535, 'port'),
    parent,
    local: ip(wire['local'], 'local'),
  }
}

const mtuOf = (value: unknown): number => integer(value, 0, MTU_LIMIT, 'MTU')

/** What a creation uses; addresses and entries come as operations of their own. */
function creation(value: unknown): DesiredTunnel {
  const wire = object(value, 'tunnel')
  const { kind } = wire
  if (kind !== 'ipip' && kind !== 'vxlan') throw new WireError('unknown kind of tunnel')
  return {
    name: device(wire['name']),
    kind,
    mtu: mtuOf(wire['mtu']),
    ...(wire['mac'] === undefined ? {} : { mac: mac(wire['mac']) }),
    ...(kind === 'vxlan' ? { vxlan: vxlan(wire['vxlan']) } : {}),
  }
}

function operation(value: unknown): TunnelOperation {
  const wire = object(value, 'operation')
  const { op } = wire
  switch (op) {
    case 'create':
      return { op, tunnel: creation(wire['tunnel']) }
    case 'delete':
      return { op, device: device(wire['device']) }
    case 'configure': {
      const own = wire['mac'] === undefined ? {} : { mac: mac(wire['mac']) }
      return { op, device: device(wire['device']), mtu: mtuOf(wire['mtu']), ...own }
    }
    case 'add-address':
    case 'remove-address':
      return { op, device: device(wire['device']), ...prefix(wire) }
    case 'add-neighbour':
    case 'remove-neighbour':
      return { op, device: device(wire['device']), address: ip(wire['address'], 'address'), mac: mac(wire['mac']) }
    case 'add-forwarding':
    case 'remove-forwarding':
      return { op, device: device(wire['device']), mac: mac(wire['mac']), node: ip(wire['node'], 'node') }
    default:
      throw new WireError('unknown tunnel operation')
  }
}

/** Undefined when the request is about something else. */
export function tunnelRequestFromWire(value: unknown): ({ readonly id: number } & TunnelRequest) | undefined {
  const wire = object(value, 'request')
  if (wire['op'] !== 'tunnels' && wire['op'] !== 'tunnel-apply') return undefined
  const id = integer(wire['id'], 0, Number.MAX_SAFE_INTEGER, 'id')
  if (wire['op'] === 'tunnels') return { id, names: list(wire['names'], TUNNEL_DEVICES.length, 'names').map(device) }
  return { id, operations: list(wire['operations'], ENTRIES_LIMIT, 'operations').map(operation) }
}

/** The client trusts the privileged side's shapes, not its bytes. */
export function tunnelsFromWire(value: unknown): readonly ActualTunnel[] {
  return list(value, TUNNEL_DEVICES.length, 'tunnels').map((entry) => {
    const wire = object(entry, 'tunnel')
    const entries = (name: string) => list(wire[name], ENTRIES_LIMIT, name).map((each) => object(each, name))
    return {
      name: device(wire['name']),
      index: integer(wire['index'], 0, 0x7fffffff, 'index'),
      kind: String(wire['kind']),
      up: wire['up'] === true,
      mtu: integer(wire['mtu'], 0, 0xffffffff, 'MTU'),
      ...(wire['mac'] === undefined ? {} : { mac: raw(wire['mac'], 'MAC') }),
      ...(wire['vxlan'] === undefined
        ? {}
        : { vxlan: { ...vxlan({ ...object(wire['vxlan'], 'vxlan'), parent: parentName(wire['vxlan']) }) } }),
      addresses: list(wire['addresses'], ENTRIES_LIMIT, 'addresses').map(prefix),
      neighbours: entries('neighbours').map((each) => ({
        address: ip(each['address'], 'address'),
        mac: mac(each['mac']),
      })),
      forwarding: entries('forwarding').map((each) => ({ mac: mac(each['mac']), node: ip(each['node'], 'node') })),
    }
  })
}

/** A device may have lost its parent: then it has another one than anybody wants. */
function parentName(value: unknown): string {
  const { parent } = object(value, 'vxlan')
  return typeof parent === 'string' && parent !== '' ? parent : '?'
}
