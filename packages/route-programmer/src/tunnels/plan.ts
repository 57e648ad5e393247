/**
 * The difference between wanted and actual tunnels, as operations in a safe order: devices before their addresses and
 * entries, additions before removals. A VXLAN device with other parameters cannot be changed and is made anew; an IPIP
 * device nobody wants loses its addresses and stays, because the kernel owns `tunl0`.
 */
import { isLinkLocal } from '@starling/inet'
import { hex } from '../reconciler/way.js'
import type { ActualTunnel, DesiredTunnel, TunnelOperation, VxlanParameters } from './types.js'

/** Bytes each encapsulation takes from the host's MTU (calico.md 4.2). */
const OVERHEAD = { ipip: 20, vxlan: 50, 'vxlan-v6': 70 } as const

export function tunnelMtu(hostMtu: number, encapsulation: keyof typeof OVERHEAD): number {
  return hostMtu - OVERHEAD[encapsulation]
}

/** `ownedNames`: every device name we may ever have made; what is not wanted of these is cleaned. */
export function planTunnels(
  desired: readonly DesiredTunnel[],
  actual: readonly ActualTunnel[],
  ownedNames: readonly string[],
): TunnelOperation[] {
  const additions: TunnelOperation[] = []
  const removals: TunnelOperation[] = []
  for (const tunnel of desired) {
    const found = actual.find(({ name }) => name === tunnel.name)
    const fits = found !== undefined && sameDevice(tunnel, found)
    if (found !== undefined && !fits) additions.push({ op: 'delete', device: tunnel.name })
    if (!fits) additions.push({ op: 'create', tunnel })
    const present = fits ? found : undefined
    configure(tunnel, present, additions)
    addresses(tunnel, present, additions, removals)
    entries(tunnel, present, additions, removals)
  }
  for (const tunnel of actual) {
    if (desired.some(({ name }) => name === tunnel.name) || !ownedNames.includes(tunnel.name)) continue
    retire(tunnel, removals)
  }
  return [...additions, ...removals]
}

function sameDevice(tunnel: DesiredTunnel, found: ActualTunnel): boolean {
  return tunnel.kind === found.kind && vxlanText(tunnel.vxlan) === vxlanText(found.vxlan)
}

function vxlanText(vxlan: VxlanParameters | undefined): string {
  return vxlan === undefined ? '' : `${vxlan.id} ${vxlan.port} ${vxlan.parent} ${hex(vxlan.local)}`
}

function configure(tunnel: DesiredTunnel, found: ActualTunnel | undefined, additions: TunnelOperation[]): void {
  const { name, mtu, mac, mtuIsLimit } = tunnel
  const macFits = mac === undefined || (found?.mac !== undefined && hex(found.mac) === hex(mac))
  const mtuFits = found?.mtu === mtu || (mtuIsLimit === true && found !== undefined && found.mtu < mtu)
  if (found?.up === true && mtuFits && macFits) return
  // Setting even the same MAC makes the kernel drop every neighbour of the device.
  additions.push({ op: 'configure', device: name, mtu, ...(!macFits && mac !== undefined && { mac }) })
}

function addresses(
  { name, address }: DesiredTunnel,
  found: ActualTunnel | undefined,
  additions: TunnelOperation[],
  removals: TunnelOperation[],
): void {
  const text = (each: { bytes: Uint8Array; length: number }) => `${hex(each.bytes)}/${each.length}`
  const present = found?.addresses ?? []
  const same = (each: { bytes: Uint8Array; length: number }) => address !== undefined && text(each) === text(address)
  if (address !== undefined && !present.some(same)) {
    additions.push({ op: 'add-address', device: name, bytes: address.bytes, length: address.length })
  }
  for (const { bytes, length } of present) {
    if (same({ bytes, length }) || isLinkLocal(bytes)) continue
    removals.push({ op: 'remove-address', device: name, bytes, length })
  }
}

function entries(
  { name, mac: own, remotes = [] }: DesiredTunnel,
  found: ActualTunnel | undefined,
  additions: TunnelOperation[],
  removals: TunnelOperation[],
): void {
  // A new MAC drops the neighbours: they are written again, whatever was read.
  const keeps = found?.mac === undefined || own === undefined || hex(found.mac) === hex(own)
  const neighbours = new Map((keeps ? (found?.neighbours ?? []) : []).map((entry) => [hex(entry.address), entry]))
  const forwarding = new Map((found?.forwarding ?? []).map((entry) => [hex(entry.mac), entry]))
  for (const { address, mac, node } of remotes) {
    const neighbour = neighbours.get(hex(address))
    if (neighbour === undefined || hex(neighbour.mac) !== hex(mac)) {
      additions.push({ op: 'add-neighbour', device: name, address, mac })
    }
    neighbours.delete(hex(address))
    const entry = forwarding.get(hex(mac))
    if (entry === undefined || hex(entry.node) !== hex(node))
      additions.push({ op: 'add-forwarding', device: name, mac, node })
    forwarding.delete(hex(mac))
  }
  for (const { address, mac } of neighbours.values())
    removals.push({ op: 'remove-neighbour', device: name, address, mac })
  for (const { mac, node } of forwarding.values()) removals.push({ op: 'remove-forwarding', device: name, mac, node })
}

function retire(tunnel: ActualTunnel, removals: TunnelOperation[]): void {
  if (tunnel.kind === 'vxlan') {
    removals.push({ op: 'delete', device: tunnel.name })
    return
  }
  for (const { bytes, length } of tunnel.addresses) {
    if (!isLinkLocal(bytes)) removals.push({ op: 'remove-address', device: tunnel.name, bytes, length })
  }
}
